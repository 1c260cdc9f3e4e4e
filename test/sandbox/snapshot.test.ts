// What a step's diff is: the table of BuildKit's semantics, run in a mounted overlay, and stacks of random steps.

import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { TreeEntry } from '../../oci/layer/entry.ts';
import { parentRaw, type RawPath, rawPath } from '../../oci/raw-path.ts';
import { EMPTY_DIFF } from '../../src/snapshot/diff-id.ts';
import { isJoinable } from '../../src/snapshot/join.ts';
import { hostPath } from '../../src/snapshot/raw-fs.ts';
import type { SnapshotStore } from '../../src/snapshot/store.ts';
import type { Snapshot, View } from '../../src/snapshot/types.ts';
import { hostView } from '../../src/snapshot/view.ts';
import {
  brief,
  copyOnto,
  hostTree,
  inNamespaces,
  inWorkspace,
  listing,
  namespaceKind,
  shell,
  step,
  temporary,
  testStore,
} from '../src/snapshot/fixture.ts';

const STUBS = new Set(['proc', 'dev', 'sys', 'etc', 'etc/hosts', 'etc/resolv.conf']);
const isStub = (path: RawPath) => STUBS.has(path);

/** The same rootfs as the kernel shows it. */
function mountedListing(store: SnapshotStore, snapshot: Snapshot): string[] {
  const workspace = store.begin(snapshot);
  try {
    const view = hostView(hostPath(store.mount(workspace)));
    return listing(view, { skip: (path) => isStub(path) && store.view(snapshot).lstat(path) === undefined });
  } finally {
    store.discard(workspace);
  }
}

inNamespaces(import.meta.url, () => {
  const directory = temporary();
  const store = testStore(directory);

  const CASES: readonly [name: string, base: string, script: string, entries: readonly string[]][] = [
    [
      'rm a directory, make it again, add a file',
      'mkdir d; echo a > d/a; echo b > d/b; mkdir d/sub; echo c > d/sub/c',
      'rm -r d; mkdir d; echo new > d/new',
      ['d 755 d', 'w d/a', 'w d/b', 'f 644 d/new', 'w d/sub'],
    ],
    [
      'the same with a directory inside that stays',
      'mkdir -p d/sub; echo c > d/sub/c; echo e > d/sub/e',
      'rm -r d; mkdir -p d/sub; echo c2 > d/sub/c',
      ['d 755 d', 'd 755 d/sub', 'f 644 d/sub/c', 'w d/sub/e'],
    ],
    ['rm a directory and make it again, empty below', 'mkdir d', 'rm -r d; mkdir d', []],
    ['rm a file', 'echo a > a; echo b > b', 'rm a', ['w a']],
    ['rm two files: whiteouts are one inode', 'echo a > a; echo b > b; echo c > c', 'rm a b', ['w a', 'w b']],
    ['rm a tree', 'mkdir -p d/e; echo a > d/e/f', 'rm -r d', ['w d']],
    ['a file becomes a directory', 'echo a > a', 'rm a; mkdir a; echo x > a/x', ['d 755 a', 'f 644 a/x']],
    ['a directory becomes a file', 'mkdir a; echo x > a/x', 'rm -r a; echo a > a', ['f 644 a']],
    ['a directory becomes a symlink', 'mkdir a b; echo x > a/x', 'rm -r a; ln -s b a', ['l a -> b']],
    ['ln to a lower file', 'echo a > a', 'ln a b', ['f 644 b']],
    ['ln to a file made in the step', 'echo a > a', 'echo b > b; ln b c', ['f 644 b', 'h c -> b']],
    ['ln to a symlink made in the step', 'echo a > a', 'ln -s a s; ln s t', ['l s -> a', 'h t -> s']],
    ['append to one of two lower hard links', 'echo a > a; ln a b', 'echo more >> a', ['f 644 a']],
    ['touch alone', 'echo a > a; touch -d @1000 a', 'touch a', ['f 644 a']],
    ['touch of a directory', 'mkdir d; touch -d @1000 d', 'touch d', []],
    ['chmod of a directory', 'mkdir -p d/e', 'chmod 700 d/e', ['d 755 d', 'd 700 d/e']],
    ['chmod of a file', 'echo a > a', 'chmod 4755 a', ['f 4755 a']],
    ['chmod to what it was', 'echo a > a', 'chmod 644 a', []],
    ['create and delete', 'mkdir d', 'echo x > d/x; rm d/x; echo y > y; rm y', []],
    ['delete and create the same', 'echo a > a; touch -d @1000 a', 'cp -p a b; rm a; mv b a', []],
    ['same content rewritten', 'echo a > a; touch -d @1000 a', 'echo a > a', ['f 644 a']],
    ['RUN true', 'echo a > a', 'true', []],
    ['opened for writing and nothing written', 'echo a > a; touch -d @1000 a', 'exec 3<>a', []],
    [
      'order: a directory before names its own name begins',
      '',
      'mkdir a; echo > a/z; echo > a.b; echo > a-b',
      ['d 755 a', 'f 644 a/z', 'f 644 a-b', 'f 644 a.b'],
    ],
    [
      'parents come from the top',
      'mkdir -p a/b/c',
      'echo > a/b/c/d',
      ['d 755 a', 'd 755 a/b', 'd 755 a/b/c', 'f 644 a/b/c/d'],
    ],
    [
      'fifo, setuid, mode 000',
      '',
      'mkfifo p; echo > s; chmod 6755 s; echo > n; chmod 0 n',
      ['f 0 n', 'fifo 644 p', 'f 6755 s'],
    ],
    ['mount points', '', 'chmod 700 proc; touch dev; touch etc', []],
    ['a file beside a mount point', '', 'echo x > etc/x', ['d 755 etc', 'f 644 etc/x']],
    ['rm of a mount point', '', 'rmdir sys', []],
    [
      'newline, backslash, Latin-1',
      '',
      `mkdir d; echo 1 > "$(printf 'd/a\\nb')"; echo 2 > 'd/c\\d'; echo 3 > "$(printf 'd/\\351')"`,
      ['d 755 d', 'f 644 d/a\\x0ab', 'f 644 d/c\\d', 'f 644 d/\\xe9'],
    ],
    ['a 255-byte name', '', `echo > "$(printf 'n%.0s' $(seq 255))"`, [`f 644 ${'n'.repeat(255)}`]],
    [
      'a socket is skipped',
      '',
      'python3 -c "import socket; socket.socket(socket.AF_UNIX).bind(\'s\')"; echo > t',
      ['f 644 t'],
    ],
  ];

  test.each(CASES)('%s', (name, base, script, entries) => {
    if (name === 'a socket is skipped' && spawnSync('python3', ['-V']).status !== 0) {
      console.warn('python3 is missing: the socket case is skipped');
      return;
    }
    const host = hostTree(directory, `case-${name.replace(/\W+/g, '-')}`, `${base || 'true'}`);
    const below = copyOnto(store, store.scratch(), host, ['.'], {}).snapshot;
    const done = step(store, below, script);
    const warnings: string[] = [];
    expect(brief(store.entries(below, done.diff, (text) => warnings.push(text)))).toEqual(entries);
    expect(done.diff === EMPTY_DIFF).toBe(entries.length === 0);
    expect(warnings).toHaveLength(name === 'a socket is skipped' ? 1 : 0);
    expect(listing(store.view(done.snapshot))).toEqual(mountedListing(store, done.snapshot));
    // The second time gives the same names.
    expect(step(store, below, script).snapshot.id).toBe(done.snapshot.id);
  });

  describe('the copying driver gives the same layers', () => {
    const copying = testStore(join(directory, 'copying'), 'copy');
    test.each(CASES)('%s', (name, base, script, entries) => {
      if (name === 'a socket is skipped') return;
      const host = hostTree(directory, `copied-${name.replace(/\W+/g, '-')}`, `${base || 'true'}`);
      const below = copyOnto(copying, copying.scratch(), host, ['.'], {}).snapshot;
      if (name === 'append to one of two lower hard links') {
        expect(() => step(copying, below, script)).toThrow(/a step changed a file of several names: \/a, \/b/);
        return;
      }
      const done = step(copying, below, script);
      expect(brief(copying.entries(below, done.diff))).toEqual(entries);
    });
  });

  test('append to one of two lower hard links leaves the other name alone', () => {
    const host = hostTree(directory, 'two-links', 'echo a > a; ln a b');
    const below = copyOnto(store, store.scratch(), host, ['.']).snapshot;
    const { snapshot } = step(store, below, 'echo more >> a');
    const view = store.view(snapshot);
    expect(view.readFile(rawPath('a')).toString()).toBe('a\nmore\n');
    expect(view.readFile(rawPath('b')).toString()).toBe('a\n');
  });

  test('extra mount points are there while it runs and leave nothing', () => {
    const below = step(store, store.scratch(), 'mkdir -p run/deep; touch -d @1000 run/deep run').snapshot;
    const done = inWorkspace(store, below, (workspace) => {
      const rootfs = store.mount(workspace, [
        { path: '/run/deep/secret', type: 'file' },
        { path: '/cache/here', type: 'directory' },
        { path: '/run', type: 'directory' },
      ]);
      shell(
        rootfs,
        'test -f run/deep/secret; test -d cache/here; test "$(stat -c %Y run/deep)" = 1000; echo x > run/x',
      );
    });
    expect(brief(store.entries(below, done.diff))).toEqual(['d 755 run', 'f 644 run/x']);
  });

  test('mount points inside directories a step made are seen, though these hide what lies below', () => {
    const below = step(store, store.scratch(), 'mkdir made').snapshot;
    inWorkspace(store, below, (workspace) => {
      shell(store.mount(workspace, [{ path: '/made/point', type: 'directory' }]), 'test -d made/point');
    });
  });

  describe('an overlay nothing was written to serves the next step', () => {
    const mountPointOf = (below: Snapshot, script: string) => {
      let at = '';
      const done = inWorkspace(store, below, (workspace) => {
        // Longer than the kernel's clock ticks, as the start of any container is.
        shell((at = store.mount(workspace)), `sleep 0.02; ${script}`);
      });
      return { at, ...done };
    };
    const USED: readonly [name: string, script: string, isUsedAgain: boolean][] = [
      ['nothing at all', 'ls >&2; cat a', true],
      ['a file made and deleted', 'echo > b; rm b', false],
      ['deep down', 'echo > d/e/f; rm d/e/f', false],
      ['the mode of the root', 'chmod 700 .', false],
      ['the owner of the root', 'chown 0:0 .; chmod 777 .; chmod 755 .', false],
      ['an extended attribute', 'setfattr -n user.x -v y . 2>&1 || touch .', false],
      ['a file', 'echo new > b', false],
    ];
    const base = copyOnto(store, store.scratch(), hostTree(directory, 'again', 'echo a > a; mkdir -p d/e'), ['.']);
    test.each(USED)('%s', (_, script, isUsedAgain) => {
      const first = mountPointOf(base.snapshot, script);
      const second = mountPointOf(base.snapshot, 'test "$(stat -c %a .)" = 755; test ! -e b; test ! -e d/e/f');
      expect(second.diff).toBe(EMPTY_DIFF);
      expect(second.at === first.at).toBe(isUsedAgain);
    });

    test('not by a step on another stack, nor by one with mount points; a copy into it is seen', () => {
      const first = mountPointOf(base.snapshot, 'true');
      const other = copyOnto(store, base.snapshot, hostTree(directory, 'again-2', 'echo 2 > two'), ['.']);
      expect(mountPointOf(other.snapshot, 'test -e two').at).not.toBe(first.at);
      inWorkspace(store, base.snapshot, (workspace) => {
        shell(store.mount(workspace, [{ path: '/point', type: 'directory' }]), 'test -d point');
      });
      expect(brief(store.entries(base.snapshot, step(store, base.snapshot, 'test ! -e point').diff))).toEqual([]);
      const written = inWorkspace(store, base.snapshot, (workspace) => {
        writeFileSync(join(workspace.upper, 'copied'), 'x');
        shell(store.mount(workspace), 'test -e copied');
      });
      expect(brief(store.entries(base.snapshot, written.diff))).toEqual(['f 644 copied']);
    });

    test('all of them are gone after a flush', () => {
      mountPointOf(base.snapshot, 'true');
      expect(mounts()).toBeGreaterThan(0);
      store.flush();
      expect(mounts()).toBe(0);
      expect(
        readdirSync(join(store.path, 'work', store.ownerName)).filter((name) => !['owner', 'alive'].includes(name)),
      ).toEqual([]);
      mountPointOf(base.snapshot, 'true');
    });

    const mounts = () =>
      readFileSync('/proc/self/mounts', 'latin1').split(`${store.path}/work/${store.ownerName}/`).length - 1;
  });

  test('160 diffs, and 520, are mounted', { timeout: 120_000 }, () => {
    let snapshot = store.scratch();
    const names: string[] = [];
    for (let i = 0; i < 520; i++) {
      const host = join(directory, `chain-${i}`);
      mkdirSync(host);
      writeFileSync(join(host, `f${i}`), `${i}`);
      snapshot = copyOnto(store, snapshot, host, ['.']).snapshot;
      names.push(`f${i}`);
      if (i !== 159 && i !== 519) continue;
      const done = step(store, snapshot, `test "$(ls | grep -c ^f)" = ${names.length}; rm f0; echo top > f1`);
      expect(brief(store.entries(snapshot, done.diff))).toEqual(['w f0', 'f 644 f1']);
    }
  });

  test('a diff that stands twice in a stack is mounted once', () => {
    const one = copyOnto(store, store.scratch(), hostTree(directory, 'twice', 'echo a > a'), ['.']);
    const other = step(store, one.snapshot, 'rm a; echo b > b');
    const again = store.extend(other.snapshot, one.diff);
    expect(listing(store.view(again)).map((line) => line.split(' ')[0])).toEqual(['a', 'b']);
    expect(listing(store.view(again))).toEqual(mountedListing(store, again));
  });

  test('a joined image shows what a copy gives; one that was written through an overlay is not joined', () => {
    const base = copyOnto(
      store,
      store.scratch(),
      hostTree(directory, 'join-base', 'mkdir -p usr/bin etc; echo a > usr/bin/a; chmod 700 usr'),
      ['.'],
    ).snapshot;
    const image = copyOnto(
      store,
      store.scratch(),
      hostTree(
        directory,
        'join-top',
        'mkdir -p usr/bin usr/lib; echo b > usr/bin/b; ln usr/bin/b usr/lib/b; echo a2 > usr/bin/a',
      ),
      ['.'],
    ).snapshot;
    expect(isJoinable(store, base, image)).toBe(true);
    const joined = store.join(base, image);
    const copied = copyOnto(store, base, store.view(image), ['.'], { dest: '/' }).snapshot;
    expect(listing(store.view(joined))).toEqual(listing(store.view(copied)));
    expect(mountedListing(store, joined)).toEqual(listing(store.view(copied)));
    const written = step(store, store.scratch(), 'mkdir -p usr/bin; echo c > usr/bin/c').snapshot;
    expect(isJoinable(store, base, written)).toBe(false);
    const clash = copyOnto(store, store.scratch(), hostTree(directory, 'join-clash', 'echo > usr'), ['.']).snapshot;
    expect(isJoinable(store, base, clash)).toBe(false);
    expect(isJoinable(store, clash, base)).toBe(false);
  });

  describe('random stacks', () => {
    const name = fc.constantFrom('a', 'b', 'c', 'd.x', 'é', 'w');
    const path = fc.array(name, { minLength: 1, maxLength: 3 }).map((parts) => parts.join('/'));
    const action = fc.oneof(
      fc.record({ do: fc.constant('write' as const), path, text: fc.constantFrom('1', '22', '333') }),
      fc.record({ do: fc.constant('mkdir' as const), path }),
      fc.record({ do: fc.constant('rm' as const), path }),
      fc.record({ do: fc.constant('link' as const), path, to: path }),
      fc.record({ do: fc.constant('symlink' as const), path, to: path }),
      fc.record({ do: fc.constant('mv' as const), path, to: path }),
      fc.record({ do: fc.constant('chmod' as const), path, mode: fc.constantFrom('700', '1777', '755') }),
    );
    type Action = typeof action extends fc.Arbitrary<infer T> ? T : never;
    const line = (one: Action): string => {
      const at = `./${one.path}`;
      switch (one.do) {
        case 'write':
          return `echo ${one.text} > ${at}`;
        case 'mkdir':
          return `mkdir -p ${at}`;
        case 'rm':
          return `rm -rf ${at}`;
        case 'link':
          return `ln ./${one.to} ${at}`;
        case 'symlink':
          return `ln -s ${one.to} ${at}`;
        case 'mv':
          return `mv -T ./${one.to} ${at}`;
        case 'chmod':
          return `chmod ${one.mode} ${at}`;
      }
    };

    test('the view is what the kernel mounts, and the layers applied in order give it', { timeout: 120_000 }, () => {
      fc.assert(
        fc.property(
          fc.array(fc.array(action, { minLength: 1, maxLength: 12 }), { minLength: 2, maxLength: 5 }),
          (steps) => {
            let snapshot = store.scratch();
            const model = new Map<string, string>();
            for (const actions of steps) {
              const script = actions.map((one) => `{ ${line(one)}; } 2>/dev/null || :`).join('\n');
              const done = step(store, snapshot, script);
              apply(model, [...store.entries(snapshot, done.diff)]);
              snapshot = done.snapshot;
              expect(listing(store.view(snapshot))).toEqual(mountedListing(store, snapshot));
              expect([...model.keys()].sort()).toEqual(paths(store.view(snapshot)));
            }
            for (const [at, what] of model) expect(describeNode(store.view(snapshot), at as RawPath)).toBe(what);
          },
        ),
        { numRuns: 12 },
      );
    });

    /** What an unpacker does with a layer. */
    function apply(model: Map<string, string>, entries: readonly TreeEntry[]): void {
      const drop = (at: string, itself: boolean) => {
        for (const key of model.keys()) if ((itself && key === at) || key.startsWith(`${at}/`)) model.delete(key);
      };
      // What the first names of this layer hold: a hard link may be one more name of a file or of a symbolic link.
      const inodes = new Map<string, string>();
      for (const entry of entries) {
        if (entry.type === 'whiteout') {
          expect(model.has(entry.path)).toBe(true);
          drop(entry.path, true);
          continue;
        }
        if (entry.path.includes('/')) expect(model.get(parentRaw(entry.path))).toMatch(/^directory/);
        if (entry.type !== 'directory') drop(entry.path, true);
        if (entry.type === 'hardlink') expect(inodes.has(entry.target!)).toBe(true);
        const text =
          entry.type === 'file' ? execFileSync('cat', [entry.source!.toString()]).toString() : (entry.target ?? '');
        const inode =
          entry.type === 'hardlink' ? inodes.get(entry.target!)! : `${entry.type} ${entry.mode.toString(8)} ${text}`;
        inodes.set(entry.path, inode);
        model.set(entry.path, inode);
      }
    }

    function paths(view: View): string[] {
      const out: string[] = [];
      const walk = (at: string) => {
        for (const child of view.readdir(at as RawPath) ?? []) {
          const below = at === '' ? child : `${at}/${child}`;
          out.push(below);
          walk(below);
        }
      };
      walk('');
      return out.sort();
    }

    function describeNode(view: View, at: RawPath): string {
      const node = view.lstat(at)!;
      const text =
        node.type === 'file' ? view.readFile(at).toString() : node.type === 'symlink' ? view.readlink(at) : '';
      return `${node.type} ${node.mode.toString(8)} ${text}`;
    }
  });

  test('an owner that does not exist here is explained, exit status 3', () => {
    if (namespaceKind() !== 'user') return;
    const host = hostTree(directory, 'owners', 'echo a > a');
    expect(() => copyOnto(store, store.scratch(), host, ['.'], { chown: { uid: 1000, gid: 1000 } })).toThrow(
      expect.objectContaining({ code: 'MACHINE' }),
    );
  });

  const WRITER = fileURLToPath(new URL('../src/snapshot/writer.mjs', import.meta.url));

  test('two processes committing at once', { timeout: 60_000 }, async () => {
    const shared = join(directory, 'shared');
    testStore(shared).close();
    const runs = [1, 2, 3].map(() => run([join(shared, 'store'), join(shared, 'skeleton'), '20']));
    const outputs = await Promise.all(runs);
    expect(new Set(outputs.map((output) => output.text)).size).toBe(1);
    expect(outputs[0]!.text.trim().split('\n')).toHaveLength(20);
    expect(readdirSync(join(shared, 'store', 'diffs'))).toHaveLength(20);
  });

  test('kill -9 in the middle leaves nothing half-landed', { timeout: 60_000 }, async () => {
    const shared = join(directory, 'killed');
    testStore(shared).close();
    const args = [join(shared, 'store'), join(shared, 'skeleton'), '150'];
    const first = run(args, 700);
    expect((await first).signal).toBe('SIGKILL');
    const again = testStore(shared);
    const landed = readdirSync(join(shared, 'store', 'diffs'));
    for (const hex of landed) {
      for (const part of ['fs', 'meta.json', 'index']) {
        expect(existsSync(join(shared, 'store', 'diffs', hex, part))).toBe(true);
      }
    }
    const whole = await run(args);
    expect(whole.text.trim().split('\n')).toHaveLength(150);
    again.close();
  });

  function run(args: string[], killAfter?: number): Promise<{ text: string; signal: NodeJS.Signals | null }> {
    return new Promise((resolve, reject) => {
      const child = spawn(process.execPath, [WRITER, ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
      let text = '';
      child.stdout.on('data', (chunk) => (text += chunk));
      child.on('error', reject);
      child.on('close', (_, signal) => resolve({ text, signal }));
      if (killAfter !== undefined) setTimeout(() => child.kill('SIGKILL'), killAfter);
    });
  }
});
