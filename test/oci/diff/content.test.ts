import { gzipSync } from 'node:zlib';
import { describe, expect, test, vi } from 'vitest';
import { createCompressor } from '../../../oci/codec/load.ts';
import { type Bytes, compareBytes, memoryBytes, sliceBytes, streamBytes } from '../../../oci/diff/bytes.ts';
import { compareContents } from '../../../oci/diff/content.ts';
import type { Detail } from '../../../oci/diff/finding.ts';
import { ar, elf, zip } from './files.ts';
import { archive, member } from './raw-tar.ts';

vi.setConfig({ testTimeout: 60_000 });

function run<T>(steps: Generator<undefined, T, void>): T {
  for (;;) {
    const step = steps.next();
    if (step.done === true) return step.value;
  }
}

/** A content as a stream that can only be read from its start, in odd portions. */
function streamed(bytes: Buffer): Bytes {
  return streamBytes(bytes.length, function* () {
    for (let at = 0; at < bytes.length; at += 777) yield bytes.subarray(at, at + 777);
  });
}

function compare(left: Buffer, right: Buffer): Detail[] {
  const details = run(compareContents(memoryBytes(left), memoryBytes(right)));
  // What is too large for memory is read from the stream again and again, and says the same.
  expect(run(compareContents(streamed(left), streamed(right)))).toEqual(details);
  expect(run(compareContents(memoryBytes(left), memoryBytes(left)))).toEqual([]);
  return details;
}

/** `ar member x.o > elf section .text`, then the field. */
const places = (details: readonly Detail[]): string[] =>
  details.map(({ inner, field }) => [...inner.map(({ kind, name }) => `${kind} ${name}`), field].join(' > '));

async function zstd(bytes: Buffer): Promise<Buffer> {
  const parts: Buffer[] = [];
  const compressor = await createCompressor('zstd', (part) => void parts.push(Buffer.from(part)), { workers: 0 });
  await compressor.write(bytes);
  await compressor.finish();
  return Buffer.concat(parts);
}

const binary = (text: string): Buffer => Buffer.from(`\0\x01\x02${text}\0`);

describe('bytes', () => {
  test('offset, and what stands around it', () => {
    const left = Buffer.from(Array.from({ length: 300 }, (_, i) => i % 7));
    const right = Buffer.from(left);
    right[200] = 99;
    right[201] = 98;
    const [detail] = compare(left, right);
    expect(detail).toMatchObject({ field: 'content', offset: 200, note: '2 of 300 bytes differ', inner: [] });
    // Lines of 16: the one before, and two behind.
    expect(detail!.hex!.left).toEqual({ at: 176, bytes: left.subarray(176, 240).toString('hex') });
    expect(detail!.hex!.right).toEqual({ at: 176, bytes: right.subarray(176, 240).toString('hex') });
    expect(detail!.left).toBeUndefined();
  });
  test.each([
    ['at the start', '', '\0', 0],
    ['at the end', '\0abc', '\0abcd', 4],
    ['in the first byte', '\0abc', '\x01abc', 0],
  ])('a difference %s', (_, left, right, offset) => {
    const [detail] = compare(Buffer.from(left), Buffer.from(right));
    expect(detail).toMatchObject({ offset });
    if (left.length !== right.length) {
      expect(detail).toMatchObject({ left: `${left.length} bytes`, right: `${right.length} bytes` });
    }
  });
  test('streams that are cut differently are the same bytes', () => {
    const bytes = Buffer.alloc(100_000, 'abcdefg');
    const cut = function* (size: number): Generator<Buffer> {
      for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
    };
    expect(run(compareBytes(cut(1000), cut(313)))).toBeUndefined();
    const other = Buffer.from(bytes);
    other[99_999] = 0;
    expect(run(compareBytes(cut(4096), [other]))).toMatchObject({ offset: 99_999 });
  });
  test('parts of a content, forwards and backwards', () => {
    const bytes = Buffer.from(Array.from({ length: 10_000 }, (_, i) => i & 255));
    const stream = streamed(bytes);
    for (const [at, length] of [
      [0, 10],
      [5000, 100],
      [4000, 2000],
      [9990, 100],
      [20_000, 5],
    ] as const) {
      expect(stream.read(at, length)).toEqual(bytes.subarray(at, at + length));
      expect(sliceBytes(stream, at, length).read(0, length)).toEqual(bytes.subarray(at, at + length));
    }
    const slice = sliceBytes(stream, 100, 5000);
    expect(Buffer.concat([...slice.chunks()].map((part) => Buffer.from(part)))).toEqual(bytes.subarray(100, 5100));
    expect(slice.read(4990, 100)).toEqual(bytes.subarray(5090, 5100));
  });
});

describe('text', () => {
  test('lines, with two around them', () => {
    const lines = Array.from({ length: 50 }, (_, i) => `line ${i + 1}`);
    const left = Buffer.from(`${lines.join('\n')}\n`);
    const right = Buffer.from(`${lines.with(19, 'other').toSpliced(20, 0, 'more').join('\n')}\n`);
    expect(compare(left, right)).toEqual([
      {
        kind: 'changed',
        field: 'content',
        offset: left.indexOf('line 20'),
        inner: [{ kind: 'text line', name: '20' }],
        text: {
          line: 20,
          before: ['line 18', 'line 19'],
          left: ['line 20'],
          right: ['other', 'more'],
          after: ['line 21', 'line 22'],
        },
      },
    ]);
  });
  test.each([
    ['a line more at the end', 'a\nb\n', 'a\nb\nc\n', [], ['c']],
    ['a line less', 'a\nb\nc\n', 'a\nc\n', ['b'], []],
    ['no newline at the end', 'a\nb', 'a\nb\n', ['b'], ['b']],
    ['everything else', 'x\n', 'y\n', ['x'], ['y']],
  ])('%s', (_, left, right, one, other) => {
    expect(compare(Buffer.from(left), Buffer.from(right))[0]!.text).toMatchObject({ left: one, right: other });
  });
  test('a newline that is missing at the end is said to be', () => {
    expect(compare(Buffer.from('a\nb'), Buffer.from('a\nb\n'))[0]!.note).toBe('the left has no newline at its end');
    expect(compare(Buffer.from('a\nb'), Buffer.from('a\nc'))[0]!.note).toBeUndefined();
  });
  test('what a terminal would obey is escaped, and long lines are cut around the difference', () => {
    const [detail] = compare(Buffer.from('a\n\x1b[31mred\u202e\n'), Buffer.from('a\n\x1b[32mred\n'));
    expect(detail!.text).toMatchObject({ left: ['\\x1b[31mred\\u{202e}'], right: ['\\x1b[32mred'] });
    const long = `${'x'.repeat(5000)}Y${'x'.repeat(5000)}`;
    const [cut] = compare(Buffer.from(long), Buffer.from(long.replace('Y', 'Z')));
    expect(cut!.text!.left[0]).toMatch(/^\.\.\.x+Yx+\.\.\.$/);
    expect(cut!.text!.left[0]!.length).toBeLessThan(300);
  });
  test('a NUL makes it bytes', () => {
    expect(compare(Buffer.from('a\0b'), Buffer.from('a\0c'))[0]).toMatchObject({ offset: 2, inner: [] });
  });
});

describe('ar', () => {
  const members = (change: object = {}, data = binary('code')) => [
    { name: 'first.o', data: binary('1') },
    { name: 'a-name-that-is-longer-than-fifteen.o', data, ...change },
  ];
  const LONG = 'ar member a-name-that-is-longer-than-fifteen.o';
  test.each([
    ['mtime', ar(members({ mtime: '1700000000' })), [`${LONG} > ar.mtime`]],
    ['uid', ar(members({ uid: '1000' })), [`${LONG} > ar.uid`]],
    ['mode', ar(members({ mode: '100600' })), [`${LONG} > ar.mode`]],
    ['content', ar(members({}, binary('cope'))), [`${LONG} > content`]],
    ['size', ar(members({}, binary('codes'))), [`${LONG} > ar.size`, `${LONG} > content`]],
    ['a member less', ar(members().slice(1)), ['ar member first.o > ar']],
    ['order', ar(members().reverse()), ['ar.order']],
  ])('%s', (_, other, want) => {
    expect(places(compare(ar(members()), other))).toEqual(want);
  });
  test('a symbol table is told only where the members are the same', () => {
    const table = (text: string) => ({ name: '', data: Buffer.from(text) });
    const left = [table('one'), ...members()];
    expect(places(compare(ar(left), ar([table('two'), ...members()])))).toEqual([
      'ar member / > text line 1 > content',
    ]);
    expect(places(compare(ar(left), ar([table('two'), ...members({ uid: '1' })])))).toEqual([`${LONG} > ar.uid`]);
  });
  test('a damaged one is bytes', () => {
    const left = ar(members());
    const right = Buffer.from(left);
    right.write('xx', 8 + 58);
    expect(places(compare(left, right))).toEqual(['content']);
  });
});

describe('ELF', () => {
  const symbols = { start: [0, 4], work: [4, 8] } as const;
  const base = { sections: { '.text': binary('0123456789'), '.rodata': 'hello\0', '.comment': 'GCC\0' }, symbols };
  const change = (sections: Record<string, string | Buffer>) =>
    elf({ ...base, sections: { ...base.sections, ...sections } });
  test('the section and the symbol', () => {
    const text = binary('0123456789');
    text[6] = 0x21;
    const [detail] = compare(elf(base), change({ '.text': text }));
    expect(detail).toMatchObject({
      offset: 6,
      inner: [
        { kind: 'elf section', name: '.text', offset: 64 },
        { kind: 'elf symbol', name: 'work', offset: 4 },
      ],
    });
  });
  test.each([
    ['a section without symbols', change({ '.comment': 'GCD\0' }), ['elf section .comment > content']],
    [
      'two sections',
      change({ '.comment': 'GCD\0', '.rodata': 'hellO\0' }),
      ['elf section .rodata > content', 'elf section .comment > content'],
    ],
    [
      'a section more',
      change({ '.note': 'x' }),
      ['elf section .note > elf.section', 'elf section .symtab > content', 'elf section .shstrtab > content'],
    ],
    ['the entry point', elf({ ...base, entry: 64 }), ['elf header entry > elf.entry']],
  ])('%s', (_, other, want) => {
    const found = places(compare(elf(base), other));
    for (const place of want.slice(0, want[0]!.includes('.note') ? 1 : undefined)) expect(found).toContain(place);
    if (!want[0]!.includes('.note')) expect(found).toHaveLength(want.length);
  });
  test('in an archive', () => {
    const text = binary('0123456789');
    text[1] = 0x21;
    const lib = (object: Buffer) => ar([{ name: 'x.o', data: object }]);
    expect(places(compare(lib(elf(base)), lib(change({ '.text': text }))))).toEqual([
      'ar member x.o > elf section .text > elf symbol start > content',
    ]);
  });
  test('what lies is bytes: sections that are not there, numbers that cannot be', () => {
    for (const [at, bytes] of [
      [40, 'ffffffffffffff7f'],
      [60, 'ffff'],
      [58, '0100'],
      [64 + 26 + 0, 'ff'],
    ] as const) {
      const broken = elf(base);
      Buffer.from(bytes, 'hex').copy(broken, at);
      expect(compare(elf(base), broken).length).toBeGreaterThan(0);
      const other = Buffer.from(broken);
      other[70] = other[70]! ^ 1;
      expect(compare(broken, other).length).toBeGreaterThan(0);
    }
  });
});

describe('compressed files', () => {
  const withHeader = (bytes: Buffer, at: number, value: number): Buffer => {
    const copy = Buffer.from(gzipSync(bytes));
    copy[at] = value;
    return copy;
  };
  const text = Buffer.from('one\ntwo\n');
  test.each([
    ['MTIME', withHeader(text, 4, 1), 'gzip header MTIME > gzip.mtime'],
    ['XFL', withHeader(text, 8, 2), 'gzip header XFL > gzip.xfl'],
    ['OS', withHeader(text, 9, 11), 'gzip header OS > gzip.os'],
  ])('gzip %s', (_, other, want) => {
    expect(places(compare(gzipSync(text), other))).toEqual([want]);
  });
  test('the name in a gzip header', () => {
    const named = (name: string): Buffer => {
      const plain = gzipSync(text);
      plain[3] = 8;
      return Buffer.concat([plain.subarray(0, 10), Buffer.from(`${name}\0`), plain.subarray(10)]);
    };
    const [detail] = compare(named('a'), named('b\x1b'));
    expect(detail).toMatchObject({ field: 'gzip.name', left: 'a', right: 'b\\x1b' });
    expect(places(compare(gzipSync(text), named('a')))).toContain('gzip header NAME > gzip.name');
  });
  test('what is compressed', async () => {
    const other = Buffer.from('one\nToo\n');
    const line = 'text line 2 > content';
    expect(places(compare(gzipSync(text), gzipSync(other)))).toEqual([`compressed content gzip > ${line}`]);
    expect(places(compare(await zstd(text), await zstd(other)))).toEqual([`compressed content zstd > ${line}`]);
  });
  test('the same, compressed in another way', async () => {
    const long = Buffer.alloc(50_000, 'abcdefghij');
    const [detail] = compare(gzipSync(long, { level: 1 }), gzipSync(long, { level: 2 }));
    const details = compare(await zstd(text), gzipSync(text));
    expect(details.map(({ field, left, right }) => [field, left, right])).toEqual([['compression', 'zstd', 'gzip']]);
    expect(detail?.field).toMatch(/compression|gzip\.xfl/);
  });
  test('a tar in it', () => {
    const tar = (mtime: string, data: string) => gzipSync(archive(member({ name: 'in/side', mtime, data })));
    expect(places(compare(tar('00000000000\0', 'a\n'), tar('00000000001\0', 'b\n')))).toEqual([
      'compressed content gzip > archive entry in/side > mtime',
      'compressed content gzip > archive entry in/side > text line 1 > content',
    ]);
  });
  test('one that is damaged is bytes', () => {
    const good = gzipSync(text);
    expect(places(compare(good, good.subarray(0, -3)))).toEqual(['content']);
  });
});

describe('zip', () => {
  const entry = { name: 'dir/a', data: Buffer.from('text\n') };
  test.each([
    ['mtime', [{ ...entry, time: 0x22_0000 }], ['archive entry dir/a > zip.mtime']],
    ['content', [{ ...entry, data: Buffer.from('test\n') }], ['archive entry dir/a > text line 1 > content']],
    ['method', [{ ...entry, stored: true }], ['archive entry dir/a > zip.method']],
    ['an entry more', [entry, { ...entry, name: 'b' }], ['archive entry b > zip']],
  ])('%s', (_, other, want) => {
    expect(places(compare(zip([entry]), zip(other)))).toEqual(want);
  });
  test('order', () => {
    const two = [entry, { ...entry, name: 'b' }];
    expect(places(compare(zip(two), zip([...two].reverse())))).toEqual(['zip.order']);
  });
  test('an entry that unpacks to more than it says is bytes', () => {
    const bomb = (text: string) => zip([{ name: 'a', data: Buffer.alloc(500_000, text), claimed: 100 }]);
    expect(places(compare(bomb('x'), bomb('y')))).toEqual(['content']);
  });
});

describe('how deep, and how much', () => {
  test('archives in archives end somewhere', () => {
    let [left, right] = [Buffer.from('a'), Buffer.from('b')];
    for (let i = 0; i < 12; i++) [left, right] = [gzipSync(left), gzipSync(right)];
    const [detail] = compare(left, right);
    expect(detail!.inner.length).toBeLessThanOrEqual(4);
    expect(detail!.inner.length).toBeGreaterThan(1);
  });
  test('a bomb is said to be one', () => {
    // Members one behind the other are one stream.
    const bomb = (byte: number): Buffer => {
      const one = gzipSync(Buffer.alloc(16 << 20, byte));
      return Buffer.concat(Array.from({ length: 10 }, () => one));
    };
    const started = performance.now();
    const details = run(compareContents(memoryBytes(bomb(1)), memoryBytes(bomb(2))));
    expect(details.at(-1)!.note).toMatch(/unpacks to more than/);
    expect(performance.now() - started).toBeLessThan(30_000);
  }, 60_000);
  test('a file with thousands of differences tells some', () => {
    const many = (mtime: string) => archive(...Array.from({ length: 500 }, (_, i) => member({ name: `f${i}`, mtime })));
    expect(compare(many('00000000000\0'), many('00000000001\0')).length).toBeLessThanOrEqual(50);
  });
});
