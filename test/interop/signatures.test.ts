// Signatures among the programs that know them: skopeo and podman take ours from a lookaside, with a real registry on
// loopback, and refuse what they should; ours takes what gpg and skopeo sign.

import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { digestOf } from '../../oci/digest.ts';
import { Lab, type Result, readImage } from '../sandbox/engine.ts';

const has = (program: string): boolean => spawnSync(program, ['--version']).error === undefined;
const WANTED = ['skopeo', 'gpg', 'gpg-agent', 'docker-registry'];
const missing = WANTED.filter((program) => !has(program));
if (missing.length > 0) console.log(`signatures among clients are not covered: there is no ${missing.join(', no ')}`);

interface GpgKey {
  readonly home: string;
  readonly fingerprint: string;
  readonly armored: string;
}

describe.skipIf(missing.length > 0)('signatures', () => {
  let lab: Lab;
  let scratch: string;
  let registry: ChildProcess;
  let host: string;
  let tree: string;
  let reference: string;
  let ann: string;
  let rsa: GpgKey;
  let index: string;
  let manifest: string;
  const homes: string[] = [];

  function run(program: string, args: readonly string[], env: NodeJS.ProcessEnv = {}): Result {
    const ran = spawnSync(program, args, {
      encoding: 'utf8',
      env: { ...process.env, HOME: scratch, XDG_RUNTIME_DIR: scratch, ...env },
    });
    return { status: ran.status, stdout: ran.stdout ?? '', stderr: ran.stderr ?? String(ran.error) };
  }
  const must = (result: Result): Result => {
    expect(result.status, result.stderr).toBe(0);
    return result;
  };
  const ocibuild = (args: readonly string[], env: NodeJS.ProcessEnv = {}): Result =>
    lab.run(args, { cwd: tree, env: { XDG_STATE_HOME: join(scratch, 'state'), ...env } });

  /** A key of gpg's own making. Its socket's path must be short. */
  function gpgKey(kind: string, usage = 'sign'): GpgKey {
    const home = mkdtempSync(join(tmpdir(), 'ocb-gpg-'));
    homes.push(home);
    const gpg = (...args: string[]): string =>
      must(run('gpg', ['--homedir', home, '--batch', '--no-tty', ...args])).stdout;
    gpg('--passphrase', '', '--quick-generate-key', `${kind} <${kind}@example.org>`, kind, usage, 'never');
    const fingerprint = /^fpr:+([0-9A-F]{40}):/m.exec(gpg('--with-colons', '--list-secret-keys'))![1]!;
    return { home, fingerprint, armored: gpg('--armor', '--export', fingerprint) };
  }

  /** A client's settings: whose key may sign, and where the lookaside is. */
  function client(name: string, key: string, lookaside: string): { policy: string; registries: string; home: string } {
    const home = join(scratch, name);
    const registries = join(home, '.config/containers/registries.d');
    mkdirSync(registries, { recursive: true });
    writeFileSync(
      join(registries, 'ns.yaml'),
      `docker:\n  ${host}/ns:\n    lookaside: ${lookaside.replace(/^\//, 'file:///')}\n`,
    );
    writeFileSync(join(home, 'key.asc'), key);
    const policy = join(home, 'policy.json');
    const signedBy = { type: 'signedBy', keyType: 'GPGKeys', keyPath: join(home, 'key.asc') };
    writeFileSync(
      policy,
      JSON.stringify({ default: [{ type: 'reject' }], transports: { docker: { [`${host}/ns`]: [signedBy] } } }),
    );
    return { policy, registries, home };
  }
  let copies = 0;
  const pull = (name: string, key: string, lookaside: string, from = reference): Result => {
    const { policy, registries } = client(name, key, lookaside);
    return run('skopeo', [
      ...['--policy', policy, '--registries.d', registries, 'copy', '--src-tls-verify=false'],
      ...[`docker://${from}`, `dir:${scratch}/copy-${++copies}`],
    ]);
  };
  const push = (layout: string, to: string): void => {
    must(
      run('skopeo', [
        'copy',
        '--insecure-policy',
        '--all',
        '--dest-tls-verify=false',
        `oci:${layout}`,
        `docker://${to}`,
      ]),
    );
  };
  const signatures = (): string => join(tree, 'signatures');
  const folderOf = (digest: string): string => join(signatures(), `ns/hello@${digest.replace(':', '=')}`);

  beforeAll(async () => {
    lab = new Lab();
    scratch = mkdtempSync(join(tmpdir(), 'ocibuild-signatures-'));
    const port = await freePort();
    host = `127.0.0.1:${port}`;
    reference = `${host}/ns/hello:1`;
    const config = `version: 0.1\nlog: {level: error}\nstorage: {filesystem: {rootdirectory: ${scratch}/registry}}\nhttp: {addr: "${host}"}\n`;
    writeFileSync(join(scratch, 'registry.yml'), config);
    registry = spawn('docker-registry', ['serve', join(scratch, 'registry.yml')], { stdio: 'ignore' });
    await answering(host);

    tree = lab.tree('tree', {
      hello: { Containerfile: 'FROM scratch\nCOPY text /text\n', text: 'hello\n' },
      other: { Containerfile: 'FROM scratch\nCOPY text /text\n', text: 'something else\n' },
    });
    lab.write('tree', { 'ocibuild.toml': `[publish]\nrepository = "${host}/ns"\ntag = "1"\n` });
    must(ocibuild(['run', '--all']));
    must(ocibuild(['digests']));
    must(ocibuild(['keygen', '--out', '../ann', '--name', 'Ann <ann@example.org>']));
    ann = readFileSync(lab.path('ann.pub'), 'utf8');
    must(ocibuild(['sign', 'hello', '--key-file', '../ann']));
    index = readImage(join(tree, 'out/hello')).index.digest;
    manifest = manifestOf(join(tree, 'out/hello'), index);
    push(join(tree, 'out/hello'), reference);
    rsa = gpgKey('rsa3072');
  });
  afterAll(() => {
    registry?.kill();
    for (const home of homes) {
      run('gpgconf', ['--homedir', home, '--kill', 'all']);
      rmSync(home, { recursive: true, force: true });
    }
    lab?.remove();
    rmSync(scratch, { recursive: true, force: true });
  });

  describe('skopeo', () => {
    test('standalone-verify takes the manifest and the index', () => {
      const home = mkdtempSync(join(tmpdir(), 'ocb-gpg-'));
      homes.push(home);
      must(run('gpg', ['--homedir', home, '--batch', '--import', lab.path('ann.pub')]));
      const fingerprint = must(run('gpg', ['--homedir', home, '--with-colons', '--list-keys'])).stdout;
      const [, wanted] = /^fpr:+([0-9A-F]{40}):/m.exec(fingerprint)!;
      for (const digest of [index, manifest]) {
        const blob = join(tree, 'out/hello/blobs/sha256', digest.slice(7));
        const args = ['standalone-verify', blob, reference, wanted!, join(folderOf(digest), 'signature-1')];
        must(run('skopeo', args, { GNUPGHOME: home }));
        const other = run('skopeo', args.with(2, reference.replace('hello', 'other')), { GNUPGHOME: home });
        expect(other.status).not.toBe(0);
      }
    });
    test('copies what was signed', () => {
      must(pull('good', ann, signatures()));
      must(pull('good', ann, signatures(), `${host}/ns/hello@${manifest}`));
    });
    test('finds signatures by HTTP as well', async () => {
      const port = await freePort();
      const server = spawn(process.execPath, ['-e', FILE_SERVER, signatures(), String(port)], { stdio: 'ignore' });
      try {
        await answering(`127.0.0.1:${port}`, '/');
        must(pull('by-http', ann, `http://127.0.0.1:${port}`));
        const nothing = pull('by-http', ann, `http://127.0.0.1:${port}/nowhere`);
        expect(nothing.stderr).toMatch(/no signature exists/);
      } finally {
        server.kill();
      }
    });
    test('refuses what was not signed', () => {
      mkdirSync(join(scratch, 'none'));
      const refused = pull('unsigned', ann, join(scratch, 'none'));
      expect(refused.status).not.toBe(0);
      expect(refused.stderr).toMatch(/signature was required, but no signature exists/i);
    });
    test('refuses the wrong key', () => {
      const refused = pull('wrong', rsa.armored, signatures());
      expect(refused.status).not.toBe(0);
      expect(refused.stderr).toMatch(/signature/i);
    });
    test('refuses another name for the same image', () => {
      push(join(tree, 'out/hello'), `${host}/ns/hello:2`);
      const refused = pull('good', ann, signatures(), `${host}/ns/hello:2`);
      expect(refused.status).not.toBe(0);
      expect(refused.stderr).toMatch(/identity .* is not accepted/i);
    });
    test('refuses another image under the name, with the signature copied to it', () => {
      push(join(tree, 'out/other'), `${host}/ns/hello:3`);
      const other = readImage(join(tree, 'out/other'));
      const forged = join(scratch, 'forged');
      cpSync(folderOf(index), join(forged, `ns/hello@${other.index.digest.replace(':', '=')}`), {
        recursive: true,
      });
      const refused = pull('forged', ann, forged, `${host}/ns/hello:3`);
      expect(refused.status).not.toBe(0);
      expect(refused.stderr).toMatch(/digest .* is not accepted|signature/i);
    });
    test('refuses a signature with a changed byte', () => {
      const damaged = join(scratch, 'damaged');
      cpSync(signatures(), damaged, { recursive: true });
      for (const digest of [index, manifest]) {
        const file = join(damaged, `ns/hello@${digest.replace(':', '=')}/signature-1`);
        const bytes = readFileSync(file);
        bytes[bytes.length - 5]! ^= 1;
        writeFileSync(file, bytes);
      }
      expect(pull('damaged', ann, damaged).status).not.toBe(0);
    });
  });

  describe.skipIf(!has('podman'))('podman', () => {
    const podman = (key: string, lookaside: string, name: string): Result => {
      const { policy, home } = client(`podman-${name}`, key, lookaside);
      // podman takes no run root longer than 50 characters.
      const root = mkdtempSync(join(tmpdir(), 'ocb-pod-'));
      homes.push(root);
      const storage = ['--root', join(home, 'root'), '--runroot', root, '--storage-driver', 'vfs'];
      const global = ['--runtime', 'runc', '--cgroup-manager=cgroupfs', '--events-backend=none'];
      const words = [
        ...storage,
        ...global,
        'pull',
        '-q',
        '--tls-verify=false',
        '--signature-policy',
        policy,
        reference,
      ];
      const pulled = run('podman', words, { HOME: home });
      if (pulled.status === 0) run('podman', [...storage, ...global, 'rmi', '-af'], { HOME: home });
      return pulled;
    };
    const cannot = /cannot re-exec|newuidmap|cgroup|permission denied|unprivileged/i;

    test('pulls what was signed, and nothing else', (context) => {
      const pulled = podman(ann, signatures(), 'good');
      if (pulled.status !== 0 && cannot.test(pulled.stderr))
        context.skip(`podman cannot run here: ${pulled.stderr.trim()}`);
      must(pulled);
      const empty = join(scratch, 'empty');
      mkdirSync(empty);
      const unsigned = podman(ann, empty, 'unsigned');
      expect(unsigned.status).not.toBe(0);
      expect(unsigned.stderr).toMatch(/signature was required/i);
      const wrong = podman(rsa.armored, signatures(), 'wrong');
      expect(wrong.status).not.toBe(0);
      expect(wrong.stderr).toMatch(/signature/i);
    });
  });

  describe('verify', () => {
    const trust = (quorum: number, keys: Readonly<Record<string, string>>): string => {
      const folder = mkdtempSync(join(scratch, 'trust-'));
      mkdirSync(join(folder, 'keys'));
      const tables = Object.entries(keys).map(([name, armored]) => {
        writeFileSync(join(folder, `keys/${name}.asc`), armored);
        return `[signers.${name}]\nfingerprint = "${fingerprintIn(armored)}"\n`;
      });
      const head = `serial = 1\nrepository = "${host}/ns"\nquorum = ${quorum}\n`;
      writeFileSync(join(folder, 'trust.toml'), head + tables.join(''));
      return join(folder, 'trust.toml');
    };
    const fingerprintIn = (armored: string): string => {
      const shown = spawnSync('gpg', ['--batch', '--with-colons', '--show-keys'], { input: armored, encoding: 'utf8' });
      return /^fpr:+([0-9A-F]{40}):/m.exec(shown.stdout)![1]!;
    };
    const verify = (policy: string, what = 'hello'): { met: boolean; subjects: { signers: string[] }[] } => {
      const ran = ocibuild(['verify', '--json', '--policy', policy, what]);
      expect([0, 1], ran.stderr).toContain(ran.status);
      const read = JSON.parse(ran.stdout);
      expect(read.met).toBe(ran.status === 0);
      return read;
    };

    test('counts what gpg signed for us: RSA, Ed25519, P-256, a subkey', () => {
      const keys = { rsa, ed: gpgKey('ed25519'), p: gpgKey('nistp256') };
      for (const { home, fingerprint } of Object.values(keys)) {
        must(ocibuild(['sign', 'hello', '--key', fingerprint], { GNUPGHOME: home }));
      }
      // The clock has moved, the key and the text have not.
      const again = must(ocibuild(['sign', 'hello', '--key', rsa.fingerprint], { GNUPGHOME: rsa.home }));
      expect(again.stdout).toMatch(/^signed before .*\nsigned before .*\n$/);
      const sub = gpgKey('ed25519', 'cert');
      must(
        run('gpg', [
          '--homedir',
          sub.home,
          '--batch',
          '--passphrase',
          '',
          '--quick-add-key',
          sub.fingerprint,
          'ed25519',
          'sign',
          'never',
        ]),
      );
      const armored = must(run('gpg', ['--homedir', sub.home, '--armor', '--export', sub.fingerprint])).stdout;
      const bySubkey = must(ocibuild(['sign', 'hello', '--key', sub.fingerprint], { GNUPGHOME: sub.home }));
      expect(bySubkey.stderr).toMatch(/warning: the subkey [0-9A-F]{40} signed: .* skopeo 1.9 refuses it/);
      const policy = trust(5, { ann, rsa: keys.rsa.armored, ed: keys.ed.armored, p: keys.p.armored, sub: armored });
      const { met, subjects } = verify(policy);
      expect(met).toBe(true);
      for (const { signers } of subjects) expect(signers).toEqual(['ann', 'rsa', 'ed', 'p', 'sub']);
      // And skopeo takes one that gpg made through us.
      must(pull('by-gpg', keys.p.armored, signatures()));
    });

    test('counts what skopeo signed, and what plain gpg signed, compressed as it likes', () => {
      const lookaside = join(scratch, 'theirs');
      const blob = join(tree, 'out/hello/blobs/sha256', manifest.slice(7));
      const folder = join(lookaside, `ns/hello@${manifest.replace(':', '=')}`);
      mkdirSync(folder, { recursive: true });
      const env = { GNUPGHOME: rsa.home };
      must(
        run('skopeo', ['standalone-sign', blob, reference, rsa.fingerprint, '-o', join(folder, 'signature-1')], env),
      );
      const ed = gpgKey('ed25519');
      const payload = join(scratch, 'payload');
      writeFileSync(
        payload,
        `{"critical":{"identity":{"docker-reference":"${reference}"},"image":{"docker-manifest-digest":"${manifest}"},"type":"atomic container signature"},"optional":{}}`,
      );
      must(
        run('gpg', [
          '--homedir',
          ed.home,
          '--batch',
          '-u',
          ed.fingerprint,
          '-o',
          join(folder, 'signature-2'),
          '--sign',
          payload,
        ]),
      );
      const policy = trust(2, { rsa: rsa.armored, ed: ed.armored });
      const ran = ocibuild(['verify', '--json', '--signatures', lookaside, '--policy', policy, 'hello']);
      expect(ran.status, ran.stdout + ran.stderr).toBe(0);
      expect(JSON.parse(ran.stdout).subjects[0].signers).toEqual(['rsa', 'ed']);
    });

    test('a key of keygen goes into gpg, and its certificate ends it', () => {
      const home = mkdtempSync(join(tmpdir(), 'ocb-gpg-'));
      homes.push(home);
      const gpg = (...args: string[]): Result => must(run('gpg', ['--homedir', home, '--batch', '--no-tty', ...args]));
      must(ocibuild(['keygen', '--out', '../gone', '--name', 'Gone <gone@example.org>']));
      gpg('--import', lab.path('gone'));
      const fingerprint = fingerprintIn(readFileSync(lab.path('gone.pub'), 'utf8'));
      must(ocibuild(['sign', 'hello', '--key', fingerprint], { GNUPGHOME: home }));
      expect(verify(trust(1, { gone: readFileSync(lab.path('gone.pub'), 'utf8') })).met).toBe(true);
      gpg('--import', lab.path('gone.revoke'));
      const revoked = gpg('--armor', '--export', fingerprint).stdout;
      const ran = ocibuild(['verify', '--policy', trust(1, { gone: revoked }), 'hello']);
      expect(ran.status).toBe(1);
      expect(ran.stdout).toMatch(/gone +[0-9A-F]{40} +refused: the key has been revoked/);
      const refused = ocibuild(['sign', 'hello', '--key', fingerprint], { GNUPGHOME: home });
      expect(refused.status).toBe(1);
      expect(refused.stderr).toMatch(/SIGNATURE: .*revoked/);
    });

    test('a manifest pulled from a registry', () => {
      const raw = must(run('skopeo', ['inspect', '--raw', '--tls-verify=false', `docker://${reference}`])).stdout;
      const file = join(scratch, 'index.json');
      writeFileSync(file, raw);
      expect(digestOf(raw)).toBe(index);
      expect(verify(trust(1, { ann }), file).met).toBe(true);
      expect(verify(trust(1, { rsa: gpgKey('ed25519').armored }), file).met).toBe(false);
      const pulled = `oci:${join(scratch, 'pulled')}`;
      const copy = ['copy', '--insecure-policy', '--all', '--src-tls-verify=false', `docker://${reference}`, pulled];
      must(run('skopeo', copy));
      expect(verify(trust(1, { ann }), pulled).met).toBe(true);
      expect(verify(trust(2, { ann, rsa: gpgKey('ed25519').armored }), pulled).met).toBe(false);
    });
  });
});

/** Of the only manifest of a layout's index. */
function manifestOf(layout: string, index: string): string {
  return JSON.parse(readFileSync(join(layout, 'blobs/sha256', index.slice(7)), 'utf8')).manifests[0].digest;
}

/** A port nobody listens on, or did a moment ago. */
async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const address = server.address();
  await new Promise((done) => server.close(done));
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}

/** Serves a folder; in a process of its own, because skopeo is waited for in this one. */
const FILE_SERVER = `
const { createServer } = require('node:http');
const { readFile } = require('node:fs');
const [root, port] = process.argv.slice(1);
createServer((request, response) => {
  if (request.url === '/') return response.end();
  readFile(root + decodeURIComponent(request.url), (error, bytes) => {
    response.statusCode = error ? 404 : 200;
    response.end(bytes);
  });
}).listen(Number(port), '127.0.0.1');
`;

async function answering(host: string, path = '/v2/'): Promise<void> {
  for (let wait = 0; wait < 100; wait++) {
    if (
      await fetch(`http://${host}${path}`).then(
        ({ ok }) => ok,
        () => false,
      )
    )
      return;
    await setTimeout(100);
  }
  throw new Error(`${host} does not answer`);
}
