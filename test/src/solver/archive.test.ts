// ADD of archives that are large enough to be decoded on a thread, beside the same bytes without compression.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { addArchive, isArchive } from '../../../src/solver/archive.ts';
import { entry, file, tarOf } from '../../oci/layer/build.ts';
import { asRoot, inWorkspace, temporary, testStore } from '../snapshot/fixture.ts';

asRoot(import.meta.url, () => {
  const directory = temporary();
  const store = testStore(directory, 'overlay');
  // No two bytes in a row say anything of the next: it stays as long as it is.
  let seed = 1;
  const noise = Buffer.alloc(3 << 20);
  for (let at = 0; at < noise.length; at++) {
    seed = (Math.imul(seed, 1_103_515_245) + 12_345) | 0;
    noise[at] = seed >>> 16;
  }
  const entries = [file('a', 'one'), entry('b', 'file', { bytes: noise, size: noise.length }), file('c', 'three')];

  function add(name: string, bytes: Uint8Array) {
    const path = join(directory, name);
    writeFileSync(path, bytes);
    expect(isArchive(Buffer.from(path))).toBe(true);
    return inWorkspace(store, store.scratch(), (workspace) =>
      addArchive(workspace, '/', Buffer.from(path), { owner: 'archive', leftOut: () => {} }),
    );
  }

  test('the same files come out', async () => {
    const tar = await tarOf(entries);
    expect(add('compressed', gzipSync(tar)).diff).toBe(add('plain', tar).diff);
  });

  test('damage behind the last file, in the middle, and an end that is missing', async () => {
    const whole = gzipSync(await tarOf(entries));
    const changed = (at: number) => Buffer.from(whole).fill(whole[at]! ^ 0xff, at, at + 1);
    for (const bytes of [changed(whole.length - 6), changed(2 << 20), whole.subarray(0, whole.length - 1)]) {
      expect(() => add('damaged', bytes)).toThrow(
        expect.objectContaining({ code: 'ADD', message: expect.stringMatching(/^gzip data/) }),
      );
    }
  });

  test('an archive that is refused half-way leaves nobody waiting', async () => {
    const tar = await tarOf([entry('a', 'file', { bytes: noise, size: noise.length }), file('b', 'x')]);
    tar.write('..', 512 + noise.length, 'latin1');
    expect(() => add('refused', gzipSync(tar))).toThrow(expect.objectContaining({ code: 'ADD' }));
    expect(add('again', gzipSync(await tarOf(entries))).entries).toBe(3);
  });
});
