// A tar that says anything but its entries is refused, wherever it is cut into portions.

import { describe, expect, test } from 'vitest';
import type { TreeEntry } from '../../../oci/layer/entry.ts';
import { LayerProof } from '../../../oci/layer/proof.ts';
import { entry, file, KEEP, tarOf, ZERO } from './build.ts';

const ENTRIES: readonly TreeEntry[] = [
  entry('bin', 'directory', { owner: { uid: 3, gid: 4 } }),
  file('bin/a', 'x'.repeat(1500), { owner: { uid: 5, gid: 6 }, mtime: 9 }),
  entry('bin/b', 'hardlink', { target: 'bin/a', owner: { uid: 5, gid: 6 } }),
  entry('bin/c', 'symlink', { target: 'a', owner: { uid: 5, gid: 6 } }),
  entry('gone', 'whiteout', { owner: { uid: 0, gid: 0 } }),
  entry('null', 'char', { device: { major: 1, minor: 3 }, owner: { uid: 0, gid: 0 } }),
  file('o'.repeat(240), 'y', { owner: { uid: 0, gid: 3_000_000 } }),
  file('é', '', { owner: { uid: 0, gid: 0 } }),
];

function prove(entries: readonly TreeEntry[], tar: Buffer, policy = KEEP, portion = 512): void {
  const proof = new LayerProof(policy);
  for (const _ of proof.watch(entries));
  for (let at = 0; at < tar.length; at += portion) {
    const lent = Buffer.from(tar.subarray(at, at + portion));
    proof.take(lent);
    lent.fill(0xee);
  }
  proof.end();
}

describe('accepted', () => {
  test.each([1, 100, 512, 513, 1024, 1 << 20])('in portions of %i bytes', async (portion) => {
    prove(ENTRIES, await tarOf(ENTRIES, KEEP), KEEP, portion);
    prove(ENTRIES, await tarOf(ENTRIES, ZERO), ZERO, portion);
  });

  test('no entries', async () => {
    prove([], await tarOf([]));
  });

  test('more entries than are remembered in one piece', async () => {
    const many = Array.from({ length: 20_000 }, (_, at) => file(String(at).padStart(6, '0')));
    prove(many, await tarOf(many), ZERO, 1 << 20);
  });
});

describe('refused', () => {
  const changed = (at: number, change: Partial<TreeEntry>): TreeEntry[] =>
    ENTRIES.map((each, position) => (position === at ? ({ ...each, ...change } as TreeEntry) : each));
  const CASES: [string, TreeEntry[], string][] = [
    ['mode', changed(1, { mode: 0o600 }), 'bin/a: mode'],
    ['owner', changed(1, { owner: { uid: 7, gid: 6 } }), 'bin/a: uid'],
    ['group', changed(6, { owner: { uid: 0, gid: 1 } }), 'gid'],
    ['time', changed(1, { mtime: 8 }), 'bin/a: mtime'],
    ['size', changed(1, { bytes: Buffer.from('x'), size: 1 }), 'bin/a: size'],
    ['target of a symlink', changed(3, { target: 'b' as TreeEntry['path'] }), 'bin/c: target'],
    ['device', changed(5, { device: { major: 1, minor: 5 } }), 'null: device minor'],
    ['type', changed(4, { type: 'fifo' }), 'gone: type'],
    ['name', changed(7, { path: 'ê' as TreeEntry['path'] }), 'name'],
    ['an entry too many in the tree', [...ENTRIES, file('zz')], 'zz: missing from the layer'],
    ['an entry too few in the tree', ENTRIES.slice(0, -1), 'an entry too many'],
  ];
  test.each(CASES)('another %s', async (_, entries, message) => {
    const tar = await tarOf(ENTRIES, KEEP);
    expect(() => prove(entries, tar)).toThrow(
      expect.objectContaining({ code: 'DIGEST_MISMATCH', message: expect.stringContaining(message) }),
    );
  });

  test('an archive that is cut short at any block', async () => {
    const tar = await tarOf(ENTRIES, KEEP);
    for (let size = 0; size < tar.length - 1024; size += 512) {
      expect(() => prove(ENTRIES, tar.subarray(0, size)), String(size)).toThrow(
        expect.objectContaining({ code: expect.stringMatching(/^(TAR_INVALID|DIGEST_MISMATCH)$/) }),
      );
    }
  });

  test('any changed byte of a header', async () => {
    const tar = await tarOf(ENTRIES, KEEP);
    for (let at = 0; at < 512; at++) {
      const damaged = Buffer.from(tar);
      damaged[at]! ^= 0x11;
      expect(() => prove(ENTRIES, damaged), String(at)).toThrow();
    }
  });
});
