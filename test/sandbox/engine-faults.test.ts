// What goes wrong from outside: kills, full disks, damaged stores, bad downloads. Nothing is left running, nothing half
// done is taken for done, and the next build is right.

import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { busybox, checkout, isRoot, Lab, parseBuild } from './engine.ts';
import { processesWith, testRuntimes } from './harness.ts';

const wait = (milliseconds: number) => new Promise((done) => setTimeout(done, milliseconds));

async function noneLeft(marker: string, milliseconds: number): Promise<void> {
  const end = performance.now() + milliseconds;
  while (processesWith(marker).length > 0 && performance.now() < end) await wait(50);
  expect(processesWith(marker)).toEqual([]);
}

describe.skipIf(busybox === undefined || testRuntimes().length === 0)('the engine', () => {
  let lab: Lab;
  beforeAll(() => {
    lab = new Lab();
    lab.base();
  });
  afterAll(() => lab.remove());

  /** A step that waits the first time it runs and not the second: a cache mount is in no key. */
  const slowly = (name: string, marker: string) => `FROM base
RUN echo ${name} >/before
RUN --mount=type=cache,id=${name},target=/c if [ -e /c/again ]; then echo done >/middle; \\
  else touch /c/again; echo half >/half; ( sleep ${marker} & ); trap "" INT TERM HUP; echo waiting; while :; do sleep ${marker}; done; fi
RUN cat /middle >/after
`;

  describe('stopped in the middle of a step', () => {
    const ENDS: readonly [signal: NodeJS.Signals, status: number | null, within: number][] = [
      ['SIGKILL', null, 3000],
      ['SIGINT', 130, 2000],
      ['SIGTERM', 130, 2000],
    ];
    test.each(ENDS)('by %s', async (signal, status, within) => {
      const marker = `${5000 + process.pid}.${signal.length}${signal.charCodeAt(3)}`;
      const context = lab.context(slowly(signal, marker));
      const running = lab.start(lab.buildArgs(context, ['--progress', 'plain']));
      await running.printed('waiting');
      for (let tries = 0; processesWith(`sleep ${marker}`).length === 0 && tries < 100; tries++) await wait(20);
      expect(processesWith(`sleep ${marker}`).length).toBeGreaterThan(0);
      const started = performance.now();
      running.child.kill(signal);
      const ended = await running.ended;
      expect(performance.now() - started).toBeLessThan(within);
      expect({ status: ended.status, signal: ended.signal }).toEqual({
        status,
        signal: status === null ? signal : null,
      });
      await noneLeft(`sleep ${marker}`, 1000);
      if (status !== null) expect(ended.stderr).toContain('INTERRUPTED');

      // It goes on at the step it was in, and what that had half done is not there.
      const again = lab.build(context);
      expect({ ran: again.ran, cached: again.cached }, again.stderr).toEqual({ ran: 2, cached: 1 });
      expect(lab.build(context).ran).toBe(0);
      const out = lab.path(`after-${signal}`);
      expect(lab.build(context, ['--output', `rootfs:${out}`]).status).toBe(0);
      expect(readFileSync(join(out, 'after'), 'utf8')).toBe('done\n');
      expect(existsSync(join(out, 'half'))).toBe(false);
    });

    test('what a killed build left is freed by gc, and nothing is in the way of one that ended in order', () => {
      const store = lab.otherStore(lab.path('collected'));
      const context = lab.context('FROM base\nRUN false\n');
      expect(lab.build(context, [], { store }).status).toBe(1);
      expect(lab.run(['gc'], { store })).toMatchObject({ status: 0, stderr: '' });
      expect(lab.run(['gc'])).toMatchObject({ status: 0, stderr: '' });
      expect(readdirSync(join(lab.store, 'work'))).toEqual([]);
    });
  });

  test('two processes build the same thing on one store at once', async () => {
    const text = 'FROM base\n' + [1, 2, 3, 4].map((n) => `RUN echo ${n} >/f${n}; sleep 0.2\n`).join('');
    const context = lab.context(text);
    const both = await Promise.all([1, 2].map(() => lab.start(lab.buildArgs(context)).ended));
    const [first, second] = both.map(parseBuild);
    expect([first!.status, second!.status], first!.stderr + second!.stderr).toEqual([0, 0]);
    expect(second!.digest).toBe(first!.digest);
    const third = lab.build(context);
    expect({ ran: third.ran, digest: third.digest }).toEqual({ ran: 0, digest: first!.digest });
    const fresh = lab.otherStore(lab.path('fresh'));
    expect(lab.build(context, [], { store: fresh }).digest).toBe(first!.digest);
  });

  test('gc does not touch what a running build needs', async () => {
    const marker = `${6000 + process.pid}.5`;
    const context = lab.context(slowly('gc', marker));
    const running = lab.start(lab.buildArgs(context, ['--progress', 'plain']));
    await running.printed('waiting');
    const refused = lab.run(['gc', '--all']);
    expect(refused.status).toBe(1);
    expect(refused.stderr).toContain('STORE: another build is using the store');
    running.child.kill('SIGINT');
    await running.ended;
    expect(lab.build(context).ran).toBe(2);
  });

  describe('a full disk', () => {
    /** Root mounts in a mount namespace of its own, anybody else in a user namespace besides. */
    const own = isRoot ? ['unshare', '-m'] : ['unshare', '-rm'];

    test.for([
      ['a step fills it', 'RUN dd if=/dev/zero of=/big bs=1M count=60', 4],
      ['a COPY fills it', 'COPY big /big', 4],
    ] as const)('when %s', ([name, line, at], context) => {
      if (spawnSync(own[0]!, [...own.slice(1), 'true']).status !== 0) context.skip('this machine allows no namespaces');
      const full = lab.path(`full-${at}-${name.length}`);
      lab.write(full.slice(lab.directory.length + 1), {});
      const folder = lab.context(`FROM base\nRUN echo 1 >/1\nRUN echo 2 >/2\n${line}\nRUN echo 3 >/3\n`, {
        big: Buffer.alloc(60 << 20, 7),
      });
      const args = lab.buildArgs(folder);
      const script = `mkdir -p "$1"; mount -t tmpfs -o size=300m tmpfs "$1" || exit 99; shift
        head -c 252m /dev/zero >"$OCIBUILD_STORE/ballast"
        echo "status $("$@" >&2; echo $?)"; rm "$OCIBUILD_STORE/ballast"; "$@"; echo "status $?"; "$@"`;
      const main = join(checkout(), 'dist/src/main.js');
      const result = spawnSync(
        own[0]!,
        [...own.slice(1), 'sh', '-c', script, 'sh', full, process.execPath, main, ...args],
        {
          cwd: lab.directory,
          env: { ...process.env, HOME: lab.directory, OCIBUILD_STORE: full },
          encoding: 'utf8',
        },
      );
      if (result.status === 99) context.skip(`no tmpfs: ${result.stderr}`);
      expect(result.stderr).toMatch(/Containerfile:4: DISK_FULL: /);
      const [first, second, third] = result.stdout.split(/status \d+\n/);
      expect(first).toBe('');
      expect(result.stdout).toMatch(/^status 1\n[\s\S]*status 0\n/);
      // The first two steps were good, and stay.
      expect(second).toContain('steps: 2 run, 2 cached');
      expect(third).toContain('steps: 0 run, 4 cached');
      expect(parseBuild({ ...result, stdout: second! }).digest).toBe(lab.build(folder).digest);
    });
  });

  describe('a damaged store', () => {
    const text =
      'FROM base\nRUN echo one >/1; dd if=/dev/urandom of=/r bs=1k count=64 2>/dev/null; echo fix >/r\nRUN echo 2 >/2\n';
    const layout = () => lab.path('damaged-out');
    let context: string;
    let digest: string;
    beforeAll(() => {
      context = lab.context(text);
      digest = lab.build(context).digest;
    });
    afterEach(() => rmSync(layout(), { recursive: true, force: true }));

    const blobs = () =>
      lab
        .inside(['ls', join(lab.store, 'layout/blobs/sha256')])
        .trim()
        .split('\n');
    /** Digests of the blobs of the image, the index first. */
    function imageBlobs(): string[] {
      const out = lab.path('damaged-whole');
      expect(lab.build(context, ['--output', `oci:${out}`]).digest).toBe(digest);
      const names = readdirSync(join(out, 'blobs/sha256'));
      rmSync(out, { recursive: true });
      return names;
    }
    const isWhole = (directory: string): boolean =>
      readdirSync(join(directory, 'blobs/sha256')).every(
        (name) =>
          createHash('sha256')
            .update(readFileSync(join(directory, 'blobs/sha256', name)))
            .digest('hex') === name,
      );

    // A blob and its name in an output are one file: what is damaged here is a new one.
    const DAMAGES: readonly [name: string, script: string][] = [
      [
        'a byte differs',
        'cp "$1" "$2"; chmod u+w "$2"; printf X | dd of="$2" bs=1 seek=9 conv=notrunc; mv -f "$2" "$1"',
      ],
      ['it is cut short', 'head -c 10 "$1" >"$2"; mv -f "$2" "$1"'],
      ['it is gone', 'rm -f "$1"'],
    ];
    test.each(DAMAGES)('each blob in turn, %s: nothing damaged comes out, and it is made again', (_, script) => {
      const wanted = imageBlobs();
      for (const name of wanted) {
        const path = join(lab.store, 'layout/blobs/sha256', name);
        lab.inside(['sh', '-c', script, 'sh', path, `${path}.x`]);
        let result = lab.build(context, ['--output', `oci:${layout()}`]);
        if (result.status !== 0) {
          expect(result.stderr).toMatch(/^STORE: .*damaged/m);
          expect(existsSync(layout())).toBe(false);
          result = lab.build(context, ['--output', `oci:${layout()}`]);
        }
        expect(result.status, result.stderr).toBe(0);
        expect(result.digest).toBe(digest);
        expect(isWhole(layout())).toBe(true);
        rmSync(layout(), { recursive: true });
      }
      expect(blobs()).toEqual(expect.arrayContaining(wanted));
    });

    test('diffs are gone, one by one and all', () => {
      const diffs = lab
        .inside(['ls', join(lab.store, 'diffs')])
        .trim()
        .split('\n');
      for (const name of diffs) {
        lab.inside(['rm', '-rf', join(lab.store, 'diffs', name)]);
        const result = lab.build(context, ['--output', `oci:${layout()}`]);
        expect(result.digest, result.stderr).toBe(digest);
        rmSync(layout(), { recursive: true });
      }
      lab.inside(['sh', '-c', 'rm -rf "$1"/diffs/*', 'sh', lab.store]);
      const result = lab.build(context);
      expect({ digest: result.digest, ran: result.ran }).toEqual({ digest, ran: 2 });
    });

    test('action records are cut short', () => {
      lab.inside([
        'sh',
        '-c',
        'find "$1"/actions -name "*.json" | while read f; do printf "{" >"$f"; done',
        'sh',
        lab.store,
      ]);
      expect(lab.build(context).digest).toBe(digest);
    });
  });

  describe('a download', () => {
    const good = Buffer.from('the file that was pinned\n'.repeat(2000));
    const answers: Record<string, (response: ServerResponse) => void> = {
      wrong: (response) => response.end(Buffer.from(good).fill(65, 7, 8)),
      short: (response) => response.end(good.subarray(0, 100)),
      long: (response) => response.end(Buffer.concat([good, good])),
      broken: (response) => {
        response.writeHead(200, { 'content-length': good.length });
        response.write(good.subarray(0, 1000));
        setTimeout(() => response.destroy(), 50);
      },
      nothing: (response) => response.writeHead(404).end(),
      good: (response) => response.end(good),
    };
    let answer = 'good';
    let server: Server;
    let tree: string;
    beforeAll(async () => {
      server = createServer((_, response) => answers[answer]!(response));
      await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
      const { port } = server.address() as AddressInfo;
      tree = lab.tree('fetching', {
        it: {
          Containerfile: 'FROM scratch\nCOPY fetch/ /\n',
          'package.toml': `[package]\nname = "it"\nversion = "1"\ndescription = "d"\nlicense = "none"\n
[sources.it]\nhash = "${createHash('sha256').update(good).digest('hex')}"\nfile = "it"\nmirrors = ["http://127.0.0.1:${port}/it"]\n`,
        },
      });
    });
    afterAll(() => server.close());

    const sources = () =>
      lab.inside(['sh', '-c', 'ls "$1/sources/sha256" 2>/dev/null || true', 'sh', lab.store]).trim();

    test.each([
      ['wrong', 'SOURCE_MISMATCH'],
      ['short', 'SOURCE_MISMATCH'],
      ['long', 'SOURCE_MISMATCH'],
      ['broken', 'SOURCE_MISSING|NETWORK|SOURCE_MISMATCH'],
      ['nothing', 'SOURCE_MISSING|NETWORK'],
    ])('that is %s never lands', async (kind, code) => {
      answer = kind;
      const { status, stderr } = await lab.start(['--tree', tree, 'run', 'it']).ended;
      expect(status).toBe(1);
      expect(stderr).toMatch(new RegExp(`package.toml:\\d+: (${code}): `));
      expect(sources()).toBe('');
    });

    test('that is right lands, and is not fetched again', async () => {
      answer = 'good';
      expect((await lab.start(['--tree', tree, 'run', 'it']).ended).status).toBe(0);
      expect(sources()).toBe(createHash('sha256').update(good).digest('hex'));
      answer = 'wrong';
      expect((await lab.start(['--tree', tree, 'run', 'it', '--no-cache']).ended).status).toBe(0);
    });
  });
});
