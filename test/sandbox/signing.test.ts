// What may be signed: images this machine made from sources, all of it, with the digest everybody expects.

import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { busybox, Lab, type Result } from './engine.ts';

describe.skipIf(busybox === undefined)('sign', () => {
  let lab: Lab;
  let tree: string;
  const fingerprints: string[] = [];
  const run = (...words: string[]): Result => lab.run(words, { cwd: tree, env: { XDG_STATE_HOME: lab.path('state') } });
  const sign = (...words: string[]): Result => run('sign', ...words, '--key-file', '../ann');
  const must = (result: Result): Result => {
    expect(result.status, result.stderr).toBe(0);
    return result;
  };
  const digests = (): string => join(tree, 'recipes/digests.txt');
  const signed = (): string[] =>
    existsSync(join(tree, 'signatures'))
      ? (readdirSync(join(tree, 'signatures'), { recursive: true }) as string[]).filter((name) =>
          /signature-/.test(name),
        )
      : [];

  beforeAll(() => {
    lab = new Lab();
    tree = lab.tree('tree', {
      lower: {
        Containerfile: 'FROM scratch\nCOPY --chmod=0755 busybox /bin/busybox\nRUN ["/bin/busybox", "touch", "/made"]\n',
        busybox: readFileSync(busybox!),
      },
      upper: { Containerfile: 'FROM recipes/lower\nCOPY text /text\n', text: 'hello\n' },
    });
    for (const name of ['ann', 'bob']) {
      const made = must(run('keygen', '--out', `../${name}`, '--name', `Somebody <${name}@example.org>`));
      lab.write('own', { [`keys/${name}.asc`]: readFileSync(lab.path(`${name}.pub`)) });
      fingerprints.push(made.stdout.slice(0, 40));
    }
  });
  afterAll(() => lab.remove());

  const refused = (result: Result, status: number, message: RegExp): void => {
    expect(result.stderr).toMatch(message);
    expect(result.status).toBe(status);
    expect(signed()).toEqual([]);
  };

  test('nothing without a name to sign for', () => {
    must(run('run', 'upper'));
    refused(sign('upper'), 2, /USAGE: the tree does not say under which name .*\[publish\] with repository and tag/);
    lab.write('tree', { 'ocibuild.toml': '[publish]\nrepository = "registry.example/ns"\ntag = "1"\n' });
  });
  test('nothing without a digest everybody expects', () => {
    refused(sign('upper'), 1, /recipes\/upper linux\/amd64 is not signed: .*want a line in digests.txt/);
    must(run('digests'));
    const text = readFileSync(digests(), 'utf8');
    writeFileSync(digests(), text.replace(/^sha256:\w+(?= recipes\/upper)/m, `sha256:${'0'.repeat(64)}`));
    refused(
      sign('upper'),
      1,
      /is not signed: its digest is not the one expected: want sha256:0000.*ocibuild reproduce/,
    );
    writeFileSync(digests(), text);
  });
  test('nothing that was not built as its files are', () => {
    const text = readFileSync(join(tree, 'recipes/upper/text'), 'utf8');
    lab.write('tree', { 'recipes/upper/text': 'changed\n' });
    refused(sign('upper'), 1, /not built here since its files are as they are; `ocibuild run recipes\/upper`/);
    lab.write('tree', { 'recipes/upper/text': text });
  });
  test('nothing that stands on what somebody else made, which is named', () => {
    const actions = join(lab.store, 'actions');
    const records = (readdirSync(actions, { recursive: true }) as string[]).filter((name) => name.endsWith('.json'));
    const touched = records
      .map((name) => join(actions, name))
      .filter((path) => /touch/.test(readFileSync(path, 'utf8')));
    expect(touched).toHaveLength(1);
    const before = readFileSync(touched[0]!, 'utf8');
    writeFileSync(touched[0]!, before.replace('"origin":"built"', '"origin":"imported"'));
    refused(
      sign('upper'),
      1,
      /not all of it was made on this machine: got .*touch.* \(sha256:\w{64}\); build it from sources/,
    );
    refused(sign('--all'), 1, /not all of it was made on this machine/);
    writeFileSync(touched[0]!, before);
  });
  test.each([
    [[], /no key is named/],
    [['--key-file', '../ann', '--key', 'A'.repeat(40)], /two keys are named/],
    [['--key', 'ann@example.org'], /--key: no fingerprint/],
    [['--key', 'DEADBEEF'], /a short key id, which anybody can make a key for/],
  ])('with %j: usage', (words, message) => {
    const result = run('sign', 'upper', ...words);
    expect(result.stderr).toMatch(message);
    expect(result.status).toBe(2);
  });
  test('manifest and index of what may be signed, once', () => {
    const first = must(sign('upper'));
    expect(first.stdout).toMatch(
      /^signed recipes\/upper linux\/amd64 manifest sha256:\w+ .*\nsigned recipes\/upper index /,
    );
    expect(signed()).toHaveLength(2);
    expect(must(sign('upper')).stdout).toMatch(/^signed before .*\nsigned before /);
    expect(signed()).toHaveLength(2);
    expect(signed().every((name) => /^ns\/upper@sha256=[0-9a-f]{64}\/signature-1$/.test(name))).toBe(true);
  });
  test('everything, and the release, by two: a tree somebody else can trust', () => {
    must(sign('--all'));
    const release = JSON.parse(readFileSync(join(tree, 'signatures/_release/1.json'), 'utf8'));
    expect(release).toMatchObject({ serial: 1, repository: 'registry.example/ns', tag: '1', format: 1 });
    expect(release.digests.map(({ recipe }: { recipe: string }) => recipe)).toEqual(['recipes/lower', 'recipes/upper']);
    expect(release.referrers).toHaveLength(2);
    must(run('sign', '--all', '--key-file', '../bob'));
    expect(readdirSync(join(tree, 'signatures/_release'))).toEqual(['1.json']);
    const { met, subjects, release: judged } = JSON.parse(must(verifyBoth(2)).stdout);
    expect(met).toBe(true);
    expect(subjects.map(({ part, signers }: { part: string; signers: string[] }) => [part, signers])).toEqual([
      ['manifest', ['ann', 'bob']],
      ['manifest', ['ann', 'bob']],
      // Only what was asked for lies in out/.
      ['index', ['ann', 'bob']],
    ]);
    expect(judged).toMatchObject({ serial: 1, met: true, differences: [] });
  });

  /** By a policy of one's own. */
  function verifyBoth(quorum: number): Result {
    const [ann, bob] = fingerprints.map((fingerprint) => `fingerprint = "${fingerprint}"\n`);
    const head = `serial = 1\nrepository = "registry.example/ns"\nquorum = ${quorum}\n`;
    lab.write('own', { 'trust.toml': `${head}[signers.ann]\n${ann}[signers.bob]\n${bob}` });
    return run('verify', '--json', '--policy', '../own/trust.toml');
  }

  test('and no more when a signature of a manifest is gone', () => {
    const line = / ?(sha256:\w+) recipes\/upper /.exec(readFileSync(digests(), 'utf8'))![1]!;
    rmSync(join(tree, `signatures/ns/upper@${line.replace(':', '=')}/signature-2`));
    expect(verifyBoth(2).status).toBe(1);
    expect(verifyBoth(1).status).toBe(0);
  });
  test('countersign builds it again, and signs what came out the same', () => {
    must(run('keygen', '--out', '../carl', '--name', 'Carl <carl@example.org>'));
    const before = signed().length;
    // What others built, or nobody, makes no difference: it begins with nothing.
    const fresh = { cwd: tree, store: lab.otherStore(lab.path('fresh')) };
    const words = ['countersign', 'upper', '--key-file', '../carl'];
    const done = must(lab.run(words, fresh));
    expect(done.stdout).toMatch(/recipes\/upper .* reproduced\n/);
    expect(done.stdout).toMatch(/0 cache hits/);
    expect(done.stdout).toMatch(/\nsigned recipes\/upper linux\/amd64 manifest .*\nsigned recipes\/upper index /);
    expect(signed()).toHaveLength(before + 2);
    expect(must(lab.run(words, fresh)).stdout).toMatch(/\nsigned before .*\nsigned before /);
  });
  test('countersign signs nothing that came out otherwise', () => {
    const before = signed().length;
    const text = readFileSync(digests(), 'utf8');
    writeFileSync(digests(), text.replace(/^sha256:\w+(?= recipes\/upper)/m, `sha256:${'0'.repeat(64)}`));
    const different = run('countersign', 'upper', '--key-file', '../bob');
    expect(different.status).toBe(1);
    expect(different.stdout).toMatch(/recipes\/upper/);
    writeFileSync(digests(), text.replace(/^sha256:\w+ recipes\/upper .*\n/m, ''));
    const unlisted = run('countersign', 'upper', '--key-file', '../bob');
    expect(unlisted.status).toBe(1);
    writeFileSync(digests(), text);
    expect(run('countersign', 'upper').status).toBe(2);
    expect(signed()).toHaveLength(before);
  });
});
