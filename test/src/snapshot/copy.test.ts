// COPY as BuildKit does it: what patterns select, where things go, and that nothing leaves the rootfs.

import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { digestOf } from '../../../oci/digest.ts';
import { rawPath } from '../../../oci/raw-path.ts';
import { copySelection, writeInto } from '../../../src/snapshot/copy.ts';
import { parseFileMode } from '../../../src/snapshot/file-mode.ts';
import { makeDirectory } from '../../../src/snapshot/mkdir.ts';
import { hostPath } from '../../../src/snapshot/raw-fs.ts';
import { selectFiles, selectionDigest } from '../../../src/snapshot/select.ts';
import type { Snapshot } from '../../../src/snapshot/types.ts';
import { hostView } from '../../../src/snapshot/view.ts';
import {
  asRoot,
  brief,
  copyOnto,
  GLOBS,
  hostTree,
  inWorkspace,
  KEEP,
  listing,
  shell,
  temporary,
  testStore,
} from './fixture.ts';

asRoot(import.meta.url, () => {
  const directory = temporary();
  const store = testStore(directory, 'overlay');
  const scratch = store.scratch();
  const ROOT = { uid: 0, gid: 0 };
  let count = 0;
  const tree = (script: string) => hostTree(directory, `tree-${++count}`, script);
  const made = (base: Snapshot, done: { diff: Snapshot['id'] }) => brief(store.entries(base, done.diff));
  const base = (script: string) => copyOnto(store, scratch, tree(script), ['.']).snapshot;

  const SOURCE = tree(
    'mkdir -p d/sub e; echo 1 > d/a.txt; echo 2 > d/sub/b.txt; echo 3 > d/c.md; echo 4 > f; echo 5 > g.txt; ln -s d link; ln -s f flink; ln -s /etc/passwd out; chmod 750 d/sub',
  );

  describe('what goes where', () => {
    const CASES: readonly [
      name: string,
      patterns: string[],
      dest: string,
      want: string[],
      extra?: { parents?: boolean; exclude?: string[]; onto?: string; link?: boolean },
    ][] = [
      ['a file to a name', ['f'], '/x', ['f 644 x']],
      ['a file into a directory', ['f'], '/x/', ['d 755 x', 'f 644 x/f']],
      ['a file onto an existing directory', ['f'], '/x', ['d 711 x', 'f 644 x/f'], { onto: 'mkdir x; chmod 711 x' }],
      [
        'a directory is its contents',
        ['d'],
        '/x',
        ['d 755 x', 'f 644 x/a.txt', 'f 644 x/c.md', 'd 750 x/sub', 'f 644 x/sub/b.txt'],
      ],
      [
        'a trailing /. changes nothing',
        ['d/.'],
        '/x/',
        ['d 755 x', 'f 644 x/a.txt', 'f 644 x/c.md', 'd 750 x/sub', 'f 644 x/sub/b.txt'],
      ],
      ['a wildcard', ['*.txt'], '/x/', ['d 755 x', 'f 644 x/g.txt']],
      ['a wildcard in a directory', ['d/*.txt'], '/', ['f 644 a.txt']],
      ['a wildcard that matches a directory takes its contents', ['d/s*'], '/', ['f 644 b.txt']],
      ['** goes down', ['d/**/*.txt'], '/', ['f 644 a.txt', 'f 644 b.txt']],
      ['one of two wildcards is empty', ['*.none', 'f'], '/', ['f 644 f']],
      ['a symlink named itself is followed', ['flink'], '/', ['f 644 flink']],
      [
        'a symlink to a directory gives its contents',
        ['link'],
        '/',
        ['f 644 a.txt', 'f 644 c.md', 'd 750 sub', 'f 644 sub/b.txt'],
      ],
      [
        'symlinks below stay',
        ['.'],
        '/',
        [
          'd 755 d',
          'f 644 d/a.txt',
          'f 644 d/c.md',
          'd 750 d/sub',
          'f 644 d/sub/b.txt',
          'd 755 e',
          'f 644 f',
          'l flink -> f',
          'f 644 g.txt',
          'l link -> d',
          'l out -> /etc/passwd',
        ],
      ],
      ['--exclude', ['d'], '/', ['f 644 c.md', 'd 750 sub'], { exclude: ['**/*.txt', '*.txt'] }],
      ['--exclude of a directory', ['d'], '/', ['f 644 a.txt', 'f 644 c.md'], { exclude: ['sub'] }],
      ['--exclude of a file among sources', ['f', '*.txt'], '/', ['f 644 f'], { exclude: ['*.txt'] }],
      [
        '--parents',
        ['d/sub/b.txt', 'f'],
        '/x',
        ['d 755 x', 'd 755 x/d', 'd 750 x/d/sub', 'f 644 x/d/sub/b.txt', 'f 644 x/f'],
        { parents: true },
      ],
      ['--parents with a pivot', ['d/./sub/b.txt'], '/', ['d 750 sub', 'f 644 sub/b.txt'], { parents: true }],
      ['--parents of a directory', ['d/sub'], '/', ['d 755 d', 'd 750 d/sub', 'f 644 d/sub/b.txt'], { parents: true }],
      [
        'through a symlink in the target',
        ['f'],
        '/lib/',
        ['d 755 usr', 'd 755 usr/lib', 'f 644 usr/lib/f'],
        { onto: 'mkdir -p usr/lib; ln -s usr/lib lib' },
      ],
      [
        'through an absolute symlink',
        ['f'],
        '/lib/',
        ['d 755 usr', 'd 755 usr/lib', 'f 644 usr/lib/f'],
        { onto: 'mkdir -p usr; ln -s /usr/lib lib' },
      ],
      [
        'through one that leaves the rootfs',
        ['f'],
        '/up/',
        ['d 755 tmp', 'd 755 tmp/away', 'f 644 tmp/away/f'],
        { onto: 'ln -s ../../../../tmp/away up' },
      ],
      ['onto a symlink to a file', ['f'], '/a', ['f 644 b'], { onto: 'echo b > b; ln -s b a' }],
      ['into a directory, over a symlink of its name', ['f'], '/', ['f 644 f'], { onto: 'echo b > b; ln -s b f' }],
      [
        '--link does not follow',
        ['f'],
        '/lib/',
        ['d 755 lib', 'f 644 lib/f'],
        { onto: 'mkdir -p usr/lib; ln -s usr/lib lib', link: true },
      ],
      [
        "directories merge and take the source's metadata",
        ['d'],
        '/',
        ['f 644 a.txt', 'f 644 c.md', 'd 750 sub', 'f 644 sub/b.txt'],
        { onto: 'mkdir sub; chmod 700 sub; echo > sub/old' },
      ],
      ['nothing into what exists', ['e'], '/x', [], { onto: 'mkdir x' }],
    ];
    test.each(CASES)('%s', (_, patterns, dest, want, extra = {}) => {
      const below = extra.onto === undefined ? scratch : base(extra.onto);
      const done = copyOnto(store, below, SOURCE, patterns, { dest, link: extra.link === true }, extra);
      expect(made(below, done)).toEqual(want);
    });
  });

  describe('errors name both sides', () => {
    const CASES: readonly [name: string, patterns: string[], dest: string, onto: string, message: RegExp][] = [
      ['a missing source', ['nope'], '/', '', /nope is not there/],
      ['no wildcard matches', ['*.none', 'x*'], '/', '', /no file matches \*\.none x\*/],
      ['a symlink to nothing in the context', ['out'], '/', '', /out is not there.*etc\/passwd/],
      ['a file over a directory', ['.'], '/', 'mkdir f', /file f over the directory \/f/],
      ['a directory over a file', ['.'], '/', 'echo > d', /directory d over the file \/d/],
      ['a directory over a symlink', ['.'], '/', 'mkdir x; ln -s x d', /directory d over the symlink \/d/],
      ['a destination below a file', ['f'], '/g/h', 'echo > g', /cannot make the directory \/g.*a file at \/g/],
      ['two files into one', ['f', 'g.txt'], '/one', '', /2 files cannot become the one file \/one/],
      ['symlinks in a circle', ['f'], '/a/', 'ln -s b a; ln -s a b', /too many symlinks/],
    ];
    test.each(CASES)('%s', (_, patterns, dest, onto, message) => {
      const below = onto === '' ? scratch : base(onto);
      expect(() => copyOnto(store, below, SOURCE, patterns, { dest })).toThrow(
        expect.objectContaining({ code: 'COPY', message: expect.stringMatching(message) }),
      );
    });
    test('a socket, with python', () => {
      const host = tree('true');
      const done = spawnSync('python3', ['-c', 'import socket; socket.socket(socket.AF_UNIX).bind("s")'], {
        cwd: host,
      });
      if (done.status !== 0) return console.warn('python3 is missing: skipped');
      expect(() => copyOnto(store, scratch, host, ['.'])).toThrow(/s is a socket/);
    });
  });

  test('nothing outside the upper directory changes, whatever the symlinks say', () => {
    const outside = join(directory, 'outside');
    mkdirSync(outside);
    const below = base(`ln -s ${outside} abs; ln -s ../../../../../../../../${outside} rel; ln -s abs chain`);
    for (const dest of ['/abs/', '/rel/', '/chain/', '/abs/x/../../rel/']) {
      copyOnto(store, below, SOURCE, ['f'], { dest });
      inWorkspace(store, below, (workspace) => {
        makeDirectory(workspace, `${dest}/deep`, ROOT);
        writeInto(workspace, `${dest}doc`, Buffer.from('x'), { mode: 0o644, owner: ROOT, time: 0 });
      });
    }
    expect(readdirSync(outside)).toEqual([]);
  });

  test('owners, modes and times', () => {
    const host = tree(
      'mkdir d; echo x > d/s; chmod 4755 d/s; ln -s s d/l; touch -d @1000 d/s; touch -h -d @2000 d/l; touch -d @3000 d',
    );
    const kept = copyOnto(store, scratch, host, ['.']);
    expect([...store.entries(scratch, kept.diff)].map((entry) => [entry.path, entry.mtime, entry.mode])).toEqual([
      ['d', 3000, 0o755],
      ['d/l', 2000, 0o777],
      ['d/s', 1000, 0o4755],
    ]);
    const set = copyOnto(store, scratch, host, ['.'], { dest: '/x/y/', time: 7, chmod: 'go-rx,u+s' });
    expect([...store.entries(scratch, set.diff)].map((entry) => [entry.path, entry.mtime, entry.mode])).toEqual([
      ['x', 7, 0o755],
      ['x/y', 7, 0o755],
      ['x/y/d', 7, 0o4700],
      ['x/y/d/l', 7, 0o777],
      ['x/y/d/s', 7, 0o4700],
    ]);
  });

  test('parents keep owner, mode and time', () => {
    const below = base('mkdir -p a/b; chmod 1770 a; touch -d @5000 a/b a');
    const done = copyOnto(store, below, SOURCE, ['f'], { dest: '/a/b/c' });
    const entries = [...store.entries(below, done.diff)].map((entry) => [entry.path, entry.mode, entry.mtime === 5000]);
    expect(entries).toEqual([
      ['a', 0o1770, true],
      ['a/b', 0o755, false],
      ['a/b/c', 0o644, false],
    ]);
  });

  test('hard links stay together, and apart from the source', () => {
    const host = tree('echo 1 > a; ln a b; mkdir c; ln a c/d');
    const done = copyOnto(store, scratch, host, ['.']);
    expect(made(scratch, done)).toEqual(['f 644 a', 'h b -> a', 'd 755 c', 'h c/d -> a']);
    const again = copyOnto(store, scratch, store.view(done.snapshot), ['.'], { dest: '/n' });
    expect(made(scratch, again)).toEqual(['d 755 n', 'f 644 n/a', 'h n/b -> n/a', 'd 755 n/c', 'h n/c/d -> n/a']);
    expect(store.view(again.snapshot).lstat(rawPath('n/a'))!.nlink).toBe(3);
  });

  test('a file that changes between its digest and its copying is an error', () => {
    const host = tree('echo 1 > a');
    const view = hostView(hostPath(host));
    view.fileDigest(rawPath('a'));
    writeFileSync(join(host, 'a'), '2');
    expect(() => copyOnto(store, scratch, view, ['a'])).toThrow(/a changed while it was being copied/);
  });

  test('a file nobody may read is a clear error', () => {
    const view = {
      ...bindAll(hostView(hostPath(SOURCE))),
      lstat: (path: Parameters<ReturnType<typeof hostView>['lstat']>[0]) => {
        const node = hostView(hostPath(SOURCE)).lstat(path);
        return node?.type === 'file' ? { ...node, hostPath: Buffer.from('/proc/1/nothing-here') } : node;
      },
    };
    expect(() => copyOnto(store, scratch, view, ['f'])).toThrow(/cannot read f/);
  });

  test('the selection digest sees path, mode, links and content, not times', () => {
    const digest = (script: string) =>
      selectionDigest(selectFiles(hostView(hostPath(tree(script))), ['.'], GLOBS), { dest: '/' });
    const first = digest('echo a > a; echo a > b');
    expect(digest('echo a > a; echo a > b; touch -d @1 a b')).toBe(first);
    for (const other of [
      'echo a > a; ln a b',
      'echo a > a; echo b > b',
      'echo a > a; echo a > c',
      'echo a > a; echo a > b; chmod 600 b',
      'echo a > a; ln -s a b',
    ]) {
      expect(digest(other)).not.toBe(first);
    }
  });

  describe('times in names', () => {
    const selected = (script: string, epoch: number) =>
      selectionDigest(selectFiles(hostView(hostPath(tree(script))), ['.'], GLOBS), {}, epoch);
    const committed = (script: string, epoch: number) => {
      const workspace = store.begin(scratch);
      copySelection(store, workspace, selectFiles(hostView(hostPath(tree(script))), ['.'], GLOBS), KEEP);
      return store.commit(workspace, epoch).diff;
    };
    const NAMES = [
      ['a selection', selected],
      ['a diff', committed],
    ] as const;
    const at = (seconds: number | string) => `echo named > a; touch -d @${seconds} a`;
    describe.each(NAMES)('%s', (_, name) => {
      test('an epoch tells earlier times apart, by the second', () => {
        expect(name(at(1000), 5000)).not.toBe(name(at(2000), 5000));
        expect(name(at(1000), 5000)).toBe(name(at('1000.9'), 5000));
      });
      test('later times are all the same', () => {
        expect(name(at(6000), 5000)).toBe(name(at(7000), 5000));
        expect(name(at(5000), 5000)).toBe(name(at(7000), 5000));
      });
      test('two epochs share no name: what is later than the one may be earlier than the other', () => {
        expect(name(at(1000), 5000)).not.toBe(name(at(1000), 6000));
      });
      test('without an epoch no time counts', () => {
        expect(name(at(1000), 0)).toBe(name(at(2000), 0));
        expect(name(at(1000), 0)).not.toBe(name(at(1000), 5000));
      });
    });
    test('a name without an epoch is what it always was', () => {
      expect(committed('echo named > a; chmod 644 a', 0)).toBe(
        digestOf(`ocibuild diff 1\nfile\x00644\x000:0\0${digestOf('named\n')}\0a\0\n`),
      );
    });
  });

  test('WORKDIR: symlinks inside, what exists is left alone', () => {
    const below = base('mkdir -p usr/lib; ln -s /usr/lib lib; chmod 700 usr/lib');
    const done = inWorkspace(store, below, (workspace) => makeDirectory(workspace, '/lib/a/../b', ROOT));
    expect(made(below, done)).toEqual(['d 755 usr', 'd 700 usr/lib', 'd 755 usr/lib/b']);
    expect(inWorkspace(store, below, (workspace) => makeDirectory(workspace, '/lib', ROOT)).entries).toBe(0);
  });

  describe('--chmod is chmod(1)', () => {
    const MODES = ['u+rwX,go=rX', 'a-w', 'g=u', 'o=', '+x', 'u+s,g+s', '+t', 'ug=rw,o-rwx', 'u=rwx,g=rx,o=r', 'a=rX'];
    test.each(MODES)('%s', (mode) => {
      for (const start of [0o644, 0o755, 0o600, 0o4711, 0o1777]) {
        const host = tree('echo > f; mkdir d');
        chmodSync(join(host, 'f'), start);
        chmodSync(join(host, 'd'), start);
        shell(host, `umask 0; chmod '${mode}' f d`);
        const [d, f] = ['d', 'f'].map((name) => hostView(hostPath(host)).lstat(rawPath(name))!.mode);
        expect([parseFileMode(mode)(start, true), parseFileMode(mode)(start, false)]).toEqual([d, f]);
      }
    });
    test.each(['999', 'u+q', '', '77777'])('not a mode: %j', (mode) =>
      expect(() => parseFileMode(mode)).toThrow(/not a file mode/),
    );
  });

  test('random trees arrive as cp -a brings them', { timeout: 60_000 }, () => {
    let run = 0;
    const name = fc.constantFrom('a', 'b', 'c.d', 'é', 'x\ny', '\\n');
    const node = fc.record({
      path: fc.array(name, { minLength: 1, maxLength: 3 }).map((parts) => parts.join('/')),
      kind: fc.constantFrom('file', 'file', 'directory', 'symlink', 'link'),
      mode: fc.constantFrom(0o644, 0o755, 0o400, 0o4755, 0o2750, 0),
      size: fc.constantFrom(0, 1, 5000),
      time: fc.integer({ min: 0, max: 2_000_000_000 }),
    });
    fc.assert(
      fc.property(fc.array(node, { maxLength: 25 }), (nodes) => {
        // Diffs are named without times: a content of its own keeps an earlier run's times away.
        const host = tree(`echo ${++run} > unique`);
        const files: string[] = [];
        for (const { path, kind, mode, size, time } of nodes) {
          const at = join(host, path);
          if (existsSync(at)) continue;
          try {
            mkdirSync(join(at, '..'), { recursive: true });
            if (kind === 'directory') mkdirSync(at);
            else if (kind === 'symlink') symlinkSync(path, at);
            else if (kind === 'link' && files.length > 0) linkSync(files[0]!, at);
            else writeFileSync(at, Buffer.alloc(size, 1));
          } catch (error) {
            // A file or a dangling symlink is in the way.
            if (['EEXIST', 'ENOENT', 'ENOTDIR', 'ELOOP'].includes(String((error as NodeJS.ErrnoException).code)))
              continue;
            throw error;
          }
          if (kind === 'symlink') continue;
          if (kind !== 'directory') files.push(at);
          chmodSync(at, mode);
          utimesSync(at, time, time);
        }
        const copied = join(directory, `cp-${count}`);
        expect(spawnSync('cp', ['-a', host, copied]).status).toBe(0);
        const done = copyOnto(store, scratch, host, ['.']);
        expect(listing(store.view(done.snapshot))).toEqual(listing(hostView(hostPath(copied))));
      }),
      { numRuns: 30 },
    );
  });

  function bindAll<T extends ReturnType<typeof hostView>>(view: T) {
    return {
      readdir: view.readdir.bind(view),
      readlink: view.readlink.bind(view),
      readFile: view.readFile.bind(view),
      fileDigest: view.fileDigest.bind(view),
      resolve: view.resolve.bind(view),
    };
  }
});
