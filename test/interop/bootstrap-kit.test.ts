// kit, the tool that builds the first compiler where there is no shell: each command against the tool it stands for. Compiled here by the
// machine's gcc, in the chain by tcc.

import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';

const SOURCE = join(import.meta.dirname, '../../bootstrap/tcc-source/kit.c');
const hasGcc = spawnSync('gcc', ['--version']).status === 0;
if (!hasGcc) console.warn('skipped: the tests of kit need gcc');

describe.skipIf(!hasGcc || process.arch !== 'x64')('kit', () => {
  let folder: string;
  let work: string;
  let count = 0;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'kit-'));
    const flags = ['-w', '-static', '-nostdlib', '-ffreestanding', '-fno-stack-protector', '-o', join(folder, 'kit')];
    expect(spawnSync('gcc', [...flags, SOURCE], { encoding: 'utf8' })).toMatchObject({ status: 0, stderr: '' });
  });
  afterAll(() => rmSync(folder, { recursive: true }));
  beforeEach(() => {
    work = join(folder, `work${count++}`);
    mkdirSync(work);
  });

  function kit(...words: string[]): { status: number | null; stderr: string } {
    const { status, stderr } = spawnSync(join(folder, 'kit'), words, { cwd: work, encoding: 'utf8' });
    return { status, stderr };
  }
  function write(name: string, text: string): void {
    mkdirSync(dirname(join(work, name)), { recursive: true });
    writeFileSync(join(work, name), text);
  }
  const read = (name: string): string => readFileSync(join(work, name), 'utf8');

  const OLD = Array.from({ length: 40 }, (_, index) => `line ${index}\n`).join('');
  const NEW = OLD.replace('line 3\n', '')
    .replace('line 20\n', 'line 20\nmore\nand more\n')
    .replace('line 39\n', 'last\n');

  function difference(): string {
    write('a/sub/file', OLD);
    write('b/sub/file', NEW);
    return spawnSync('diff', ['-u', 'a/sub/file', 'b/sub/file'], { cwd: work, encoding: 'utf8' }).stdout;
  }

  test('patch does what the diff says, words before it or not', () => {
    write('change.patch', `Why this is so.\n\n${difference()}`);
    write('sub/file', OLD);
    expect(kit('patch', 'change.patch')).toEqual({ status: 0, stderr: '' });
    expect(read('sub/file')).toBe(NEW);
  });
  test.each([
    ['a line that goes', OLD.replace('line 3\n', 'line three\n')],
    ['a line around it', OLD.replace('line 18\n', '')],
    ['a line before all of it', `first\n${OLD}`],
    ['a file that is cut short', OLD.slice(0, 60)],
  ])('patch refuses %s, and changes nothing', (_, text) => {
    write('change.patch', difference());
    write('sub/file', text);
    expect(kit('patch', 'change.patch')).toEqual({ status: 1, stderr: 'kit: does not fit: sub/file\n' });
    expect(read('sub/file')).toBe(text);
  });
  test('patch without the file', () => {
    write('change.patch', difference());
    expect(kit('patch', 'change.patch')).toEqual({ status: 1, stderr: 'kit: cannot open sub/file\n' });
  });

  test('types is what the sed script of musl makes of such lines', () => {
    write('in', 'TYPEDEF unsigned long size_t;\n#define X 1\nSTRUCT iovec { void *iov_base; size_t iov_len; };\n');
    write('more', 'UNION pair { int a; long b; };\n');
    expect(kit('types', 'out', 'in', 'more').status).toBe(0);
    const block = (tag: string, definition: string): string =>
      `#if defined(__NEED_${tag}) && !defined(__DEFINED_${tag})\n${definition};\n#define __DEFINED_${tag}\n#endif\n\n`;
    expect(read('out')).toBe(
      `${block('size_t', 'typedef unsigned long size_t')}#define X 1\n` +
        block('struct_iovec', 'struct iovec { void *iov_base; size_t iov_len; }') +
        block('union_pair', 'union pair { int a; long b; }'),
    );
  });
  test('syscalls names every number twice', () => {
    write('in', '/* numbers */\n#define __NR_read 0\n#define __NR_write\t1\n');
    expect(kit('syscalls', 'out', 'in').status).toBe(0);
    expect(read('out')).toBe(`${read('in')}#define SYS_read 0\n#define SYS_write\t1\n`);
  });

  test("list: the processor's own file in place of the portable one, what is skipped, names that meet twice", () => {
    const files = [
      'b/one.c',
      'b/two.c',
      'b/x86_64/two.s',
      'b/x86_64/own.S',
      'b/notes',
      'a/one.c',
      'a/x86_64/late.c',
      'c/out.c',
    ];
    for (const file of [...files, 'd/keep.c', 'd/x86_64/keep.s', 'malloc/mallocng/heap.c']) write(`src/${file}`, '');
    expect(kit('list', 'L', 'src/', 'c/', 'd/x86_64/').status).toBe(0);
    expect(read('L1').trim().split('\n')).toEqual([
      'src/a/one.c',
      'src/a/x86_64/late.c',
      'src/b/x86_64/own.S',
      'src/b/x86_64/two.s',
      'src/d/keep.c',
      'src/malloc/mallocng/heap.c',
    ]);
    expect(read('L2')).toBe('src/b/one.c\n');
    expect(read('Lo').trim().split('\n')).toEqual(['one.o', 'late.o', '2/one.o', 'own.o', 'two.o', 'keep.o', 'heap.o']);
    expect(kit('list', 'L', 'none/')).toEqual({ status: 1, stderr: 'kit: nothing in none/\n' });
  });

  test('run goes line by line, and no further than the first that fails', () => {
    write('tool', '#!/bin/sh\necho "$# $*" >>log\n[ "$1" != bad ]\n');
    chmodSync(join(work, 'tool'), 0o755);
    write('sub/here', '');
    write('list', '# what is done\n./tool -DX="a"  two\n\ncd sub\n../tool here\ncd ..\n./tool bad\n./tool never\n');
    const { status, stderr } = kit('run', 'list');
    expect([status, stderr.endsWith('./tool bad\nkit: failed: ./tool\n')]).toEqual([1, true]);
    expect(read('log')).toBe('2 -DX="a" two\n1 bad\n');
    expect(read('sub/log')).toBe('1 here\n');
    write('list', './none\n');
    expect(kit('run', 'list').status).toBe(1);
  });

  test.each([
    ['text', 'text', 0],
    ['text', 'texT', 1],
    ['text', 'text\n', 1],
    ['', '', 0],
  ])('same of %j and %j', (one, other, status) => {
    write('one', one);
    write('other', other);
    expect(kit('same', 'one', 'other').status).toBe(status);
  });
  test.each([[[]], [['dance']], [['same', 'one']]])('%j is no command', (words) => {
    expect(kit(...words).status).toBe(1);
  });
});
