import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { digestOf } from '../../../oci/digest.ts';
import { compareTars, formatDifference, verifyLayer } from '../../../oci/layer/compare.ts';
import type { TreeEntry } from '../../../oci/layer/entry.ts';
import { entry, file, KEEP, tarOf, ZERO } from './build.ts';

const owner = { uid: 1, gid: 2 };
const BASE = [
  entry('d', 'directory', { owner }),
  file('d/f', 'content', { owner }),
  entry('d/l', 'symlink', { target: 'f', owner }),
  file('e', '', { owner }),
];

function* small(bytes: Buffer): Generator<Buffer> {
  for (let at = 0; at < bytes.length; at += 100) yield bytes.subarray(at, at + 100);
}

describe('compareTars names the first difference', () => {
  const change = (i: number, change: Partial<TreeEntry>) =>
    BASE.map((one, k) => (k === i ? { ...one, ...change } : one));
  const cases: [string, TreeEntry[], object][] = [
    ['mode', change(1, { mode: 0o755 }), { path: 'd/f', field: 'mode', left: '0644', right: '0755' }],
    ['owner', change(0, { owner: { uid: 1, gid: 3 } }), { path: 'd', field: 'owner', left: '1:2', right: '1:3' }],
    ['mtime', change(3, { mtime: 7 }), { path: 'e', field: 'mtime', left: '1000000000', right: '7' }],
    ['size', change(1, { size: 3, bytes: Buffer.from('con') }), { path: 'd/f', field: 'size', left: '7', right: '3' }],
    [
      'content',
      change(1, { bytes: Buffer.from('conTent') }),
      { path: 'd/f', field: 'content', left: '0x74', right: '0x54', offset: 3 },
    ],
    [
      'target',
      change(2, { target: 'g' as TreeEntry['path'] }),
      { path: 'd/l', field: 'target', left: 'f', right: 'g' },
    ],
    ['type', change(3, { type: 'fifo' }), { path: 'e', field: 'type', left: 'file', right: 'fifo' }],
    ['missing on the right', BASE.slice(0, 3), { path: 'e', field: 'missing', left: 'there', right: 'missing' }],
    [
      'missing on the right, in the middle',
      [BASE[0]!, BASE[1]!, BASE[3]!],
      { path: 'd/l', field: 'missing', right: 'missing' },
    ],
    [
      'missing on the left',
      [...BASE, file('z', '', { owner })],
      { path: 'z', field: 'missing', left: 'missing', right: 'there' },
    ],
  ];
  test.each(cases)('%s', async (_, other, expected) => {
    const [left, right] = [await tarOf(BASE, KEEP), await tarOf(other, KEEP)];
    expect(compareTars([left], [right])).toMatchObject(expected);
    expect(compareTars(small(left), [right])).toMatchObject(expected);
  });

  test('nothing, when they are equal', async () => {
    const bytes = await tarOf(BASE, KEEP);
    expect(compareTars(small(bytes), [bytes])).toBeUndefined();
  });

  test('order', async () => {
    const part = async (entries: TreeEntry[]) => (await tarOf(entries, KEEP)).subarray(0, -1024);
    const [a, b] = [await part([file('a', '1', { owner })]), await part([file('b', '2', { owner })])];
    const end = Buffer.alloc(1024);
    expect(compareTars([a, b, end], [b, a, end])).toMatchObject({ path: 'a', field: 'order' });
  });

  test('the same said in other bytes', async () => {
    const left = await tarOf(BASE, KEEP);
    const named = Buffer.from(left);
    named.write('root', 512 + 265);
    named.fill(' ', 512 + 148, 512 + 156);
    const sum = named.subarray(512, 1024).reduce((total, byte) => total + byte);
    named.write(`${sum.toString(8).padStart(6, '0')}\0 `, 512 + 148);
    expect(compareTars([left], [named])).toMatchObject({ path: 'd/f', field: 'encoding' });
    expect(compareTars([left], [left, Buffer.alloc(8192)])).toMatchObject({ field: 'encoding' });
  });

  test('in words', () => {
    expect(formatDifference({ path: 'a\xff' as never, field: 'content', left: '0x01', right: '0x02', offset: 9 })).toBe(
      'a\\xff: content at byte 9: 0x01 on the left, 0x02 on the right',
    );
  });
});

describe('verifyLayer', () => {
  let root: string;
  let entries: TreeEntry[];
  let bytes: Buffer;
  beforeAll(async () => {
    root = mkdtempSync(join(tmpdir(), 'verify-'));
    const content = Buffer.alloc(3_000_000, 'verify');
    writeFileSync(join(root, 'big'), content);
    entries = [
      file('a', 'x'),
      entry('big', 'file', { size: content.length, source: Buffer.from(join(root, 'big')) }),
      entry('gone', 'whiteout'),
      entry('l', 'symlink', { target: 'big' }),
    ];
    bytes = await tarOf(entries);
  });
  afterAll(() => rmSync(root, { recursive: true }));

  const verify = (tar: Iterable<Uint8Array>, change: object = {}) =>
    verifyLayer({ tar, diffId: digestOf(bytes), entries, policy: ZERO, ...change });

  test('accepts the layer of the tree', async () => {
    await verify([bytes]);
    await verify(small(bytes), { content: 'sizes' });
  });

  const spoiled = (at: number, value: number) => {
    const copy = Buffer.from(bytes);
    copy[at] = value;
    return copy;
  };
  const cases: [string, () => Promise<void>, RegExp][] = [
    ['a byte inside a file', () => verify([spoiled(2_000_000, 0)]), /big: content/],
    [
      'a byte inside a file, by digest alone',
      () => verify([spoiled(2_000_000, 0)], { content: 'sizes' }),
      /layer read back: want diffID/,
    ],
    ['a layer cut short', () => verify([bytes.subarray(0, 1_000_000)]), /cut short/],
    [
      'a layer cut between two members',
      () => verify([Buffer.concat([bytes.subarray(0, 1024), Buffer.alloc(1024)])]),
      /big: missing from the layer/,
    ],
    ['another policy', () => verify([bytes], { policy: { ...ZERO, epoch: 5 } }), /a: mtime: want 5, got 0/],
    ['an entry too few', () => verify([bytes], { entries: entries.slice(0, 3) }), /l: an entry too many/],
    [
      'an entry too many',
      () => verify([bytes], { entries: [...entries, file('z')] }),
      /z: missing from the layer: want file, got the end/,
    ],
    ['another diffID', () => verify([bytes], { diffId: digestOf('') }), /want diffID/],
    [
      'a file that changed since',
      () => verify([bytes], { entries: [file('a', 'y'), ...entries.slice(1)] }),
      /a: content/,
    ],
  ];
  test.each(cases)('refuses %s', async (_, run, message) => {
    await expect(run()).rejects.toThrow(message);
  });
});
