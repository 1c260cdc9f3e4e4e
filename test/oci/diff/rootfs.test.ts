import { linkSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test, vi } from 'vitest';
import { compareWhole } from '../../../oci/diff/diff.ts';
import { listTree, lookUp, mergeLayers, type RootfsNode, readDirectory } from '../../../oci/diff/rootfs.ts';
import { openSubject } from '../../../oci/diff/subject.ts';
import { type RawPath, rawPath } from '../../../oci/raw-path.ts';
import { archive, member, type RawFields, tarSubject } from './raw-tar.ts';

vi.setConfig({ testTimeout: 60_000 });

function run<T>(steps: Generator<undefined, T, void>): T {
  for (;;) {
    const step = steps.next();
    if (step.done === true) return step.value;
  }
}

const dir = (name: string): RawFields => ({ name: `${name}/`, typeflag: '5', mode: '0000755\0' });
const file = (name: string, data = name): RawFields => ({ name, data });
const link = (name: string, linkname: string): RawFields => ({ name, typeflag: '2', linkname });
const hard = (name: string, linkname: string): RawFields => ({ name, typeflag: '1', linkname });

const merge = (...layers: readonly (readonly RawFields[])[]): RootfsNode =>
  run(
    mergeLayers(
      layers.map((members) => tarSubject(archive(...members.map(member)))),
      { digests: true },
    ),
  );
const names = (root: RootfsNode): string[] => [...listTree(root)].map(({ path }) => path);
function read(root: RootfsNode, path: string): string | undefined {
  const open = lookUp(root, rawPath(path))?.node.inode.open;
  return open === undefined ? undefined : Buffer.concat([...open()].map((part) => Buffer.from(part))).toString();
}

describe('layers over one another', () => {
  test.each<[string, RawFields[][], string[]]>([
    ['one', [[dir('d'), file('d/a'), file('b')]], ['b', 'd', 'd/a']],
    ['a whiteout', [[file('a'), file('b')], [file('.wh.a', '')]], ['b']],
    ['a whiteout of a directory', [[dir('d'), file('d/a'), file('d/b')], [file('.wh.d', '')]], []],
    ['a whiteout is about lower layers only', [[file('a')], [file('a', 'new'), file('.wh.a', '')]], ['a']],
    ['in either order', [[file('a')], [file('.wh.a', ''), file('a', 'new')]], ['a']],
    [
      'an opaque directory',
      [
        [dir('d'), file('d/old')],
        [dir('d'), file('d/new'), file('d/.wh..wh..opq', '')],
      ],
      ['d', 'd/new'],
    ],
    ['an opaque root', [[file('old')], [file('.wh..wh..opq', ''), file('new')]], ['new']],
    ['a whiteout of nothing', [[file('a')], [file('.wh.b', '')]], ['a']],
    ['a file in place of a directory', [[dir('d'), file('d/a')], [file('d')]], ['d']],
    ['a directory in place of a file', [[file('d')], [dir('d'), file('d/a')]], ['d', 'd/a']],
    ['a directory again keeps what is in it', [[dir('d'), file('d/a')], [dir('d')]], ['d', 'd/a']],
    ['directories nobody wrote', [[file('x/y/z')]], ['x', 'x/y', 'x/y/z']],
    [
      'through a symlink',
      [[dir('usr'), dir('usr/bin'), link('bin', 'usr/bin')], [file('bin/a')]],
      ['bin', 'usr', 'usr/bin', 'usr/bin/a'],
    ],
    [
      'through a symlink that leaves',
      [[dir('usr'), link('up', '../../../usr')], [file('up/a')]],
      ['up', 'usr', 'usr/a'],
    ],
    ['the same name twice', [[file('a', '1'), file('a', '2')]], ['a']],
    [
      'siblings by bytes, children first',
      [[file('a-b'), dir('a'), file('a/z'), file('a.c')]],
      ['a', 'a/z', 'a-b', 'a.c'],
    ],
  ])('%s', (_, layers, want) => {
    expect(names(merge(...layers))).toEqual(want);
  });

  test('what counts is the last one', () => {
    expect(read(merge([file('a', '1'), file('a', '2')]), 'a')).toBe('2');
    expect(read(merge([file('a', '1')], [file('a', '2')]), 'a')).toBe('2');
    expect(read(merge([file('a', '1')], [file('b', '2')]), '/a')).toBe('1');
    expect(lookUp(merge([file('a', '1')], [file('b', '2')]), rawPath('b'))!.node.inode.layer).toBe(1);
  });

  test('hard links are one file', () => {
    const root = merge([file('a', 'x')], [hard('b', 'a'), hard('c', 'b')]);
    const [a, b, c] = ['a', 'b', 'c'].map((name) => lookUp(root, rawPath(name))!.node.inode);
    expect(b).toBe(a);
    expect(c).toBe(a);
    expect(read(root, 'c')).toBe('x');
    // To a symlink, too: the link itself is what has two names.
    expect(lookUp(merge([file('t'), link('l', 't'), hard('m', 'l')]), rawPath('m'))!.path).toBe('t');
  });

  test.each<[string, RawFields[][]]>([
    ['a hard link to nothing', [[hard('a', 'none')]]],
    ['a hard link to a directory', [[dir('d'), hard('a', 'd')]]],
    ['a path through a file', [[file('a'), file('a/b')]]],
    ['a path through a dangling link', [[link('l', 'none'), file('l/b')]]],
    ['a path through links in a circle', [[link('l', 'm'), link('m', 'l'), file('l/b')]]],
    ['a name that leaves the root', [[file('../a')]]],
    ['a whiteout that leaves the root', [[file('d/../../.wh.a', '')]]],
  ])('%s is an error', (_, layers) => {
    expect(() => merge(...layers)).toThrow(
      expect.objectContaining({ name: 'OciError', code: expect.stringMatching(/^TAR_/) }),
    );
  });

  test('too many entries are an error', () => {
    const layers = [tarSubject(archive(member(file('a')), member(file('b'))))];
    expect(() => run(mergeLayers(layers, { maxEntries: 1 }))).toThrow(/at most 1/);
  });

  test('a whiteout for each of many files takes no longer than they did', () => {
    const many = Array.from({ length: 20_000 }, (_, i) => `d/${i}`);
    const started = performance.now();
    const root = merge(
      many.map((name) => file(name, '')),
      many.map((name) => file(name.replace('/', '/.wh.'), '')),
    );
    expect(names(root)).toEqual(['d']);
    expect(performance.now() - started).toBeLessThan(30_000);
  });
});

describe('looking up', () => {
  const root = merge([
    dir('etc'),
    file('etc/passwd', 'inside'),
    dir('d'),
    link('d/up', '../../../../etc'),
    link('d/abs', '/etc/passwd'),
    link('loop', 'loop'),
    link('self', '.'),
    link('chain', 'd/up/../d/abs'),
  ]);
  test.each([
    ['etc/passwd', 'etc/passwd'],
    ['/etc/./passwd', 'etc/passwd'],
    ['//etc//passwd', 'etc/passwd'],
    ['../../etc/passwd', 'etc/passwd'],
    ['d/up/passwd', 'etc/passwd'],
    ['d/abs', 'etc/passwd'],
    ['chain', 'etc/passwd'],
    ['self/self/self/etc/passwd', 'etc/passwd'],
    ['d/../etc', 'etc'],
    ['/', ''],
    ['loop', undefined],
    ['loop/x', undefined],
    ['none', undefined],
    ['etc/passwd/x', undefined],
    ['none/../etc/passwd', undefined],
  ])('%s', (path, want) => {
    expect(lookUp(root, rawPath(path))?.path).toBe(want as RawPath | undefined);
  });
});

describe('directories', () => {
  const folder = mkdtempSync(join(tmpdir(), 'rootfs-'));
  afterAll(() => rmSync(folder, { recursive: true }));
  const make = (name: string, fill: (at: (path: string) => string) => void): string => {
    mkdirSync(join(folder, name));
    fill((path) => join(folder, name, path));
    return `dir:${name}`;
  };
  const one = make('one', (at) => {
    mkdirSync(at('d'));
    writeFileSync(at('d/a'), 'x\n');
    writeFileSync(at('d/b'), 'y\n');
    symlinkSync('/etc', at('link'));
    writeFileSync(at('first'), 'same');
    linkSync(at('first'), at('second'));
  });
  const two = make('two', (at) => {
    mkdirSync(at('d'));
    writeFileSync(at('d/a'), 'x\n', { mode: 0o600 });
    writeFileSync(at('d/b'), 'z\n');
    symlinkSync('/usr', at('link'));
    writeFileSync(at('first'), 'same');
    writeFileSync(at('second'), 'same');
    writeFileSync(at('new'), '');
  });
  test('every field, and names of one file', async () => {
    const open = (text: string) => openSubject(text, folder);
    const { findings } = await compareWhole(open(one), open(two), { ignore: ['mtime'] });
    expect(findings.map(({ path, field }) => `${path} ${field}`)).toEqual([
      'd/a mode',
      'd/b content',
      'link linkname',
      'new entry',
      'second hardlink',
    ]);
    expect(await compareWhole(open(one), open(one))).toMatchObject({ isEqual: true, findings: [] });
  });
  test('links are not followed', () => {
    expect(names(run(readDirectory(join(folder, 'one'))))).toEqual(['d', 'd/a', 'd/b', 'first', 'link', 'second']);
  });
});
