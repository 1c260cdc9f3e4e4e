// A store that is only read: what it answers, what it refuses, and that nothing on the disk changes.

import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { digestOf, hexOf } from '../../../oci/digest.ts';
import { hostPath, lstatRaw } from '../../../src/snapshot/raw-fs.ts';
import { ReadOnlyStore } from '../../../src/snapshot/read-only.ts';
import { openStatCache } from '../../../src/snapshot/stat-cache.ts';
import { openSnapshotStore } from '../../../src/snapshot/store.ts';
import { asRoot, copyOnto, hostTree, listing, temporary, testStore } from './fixture.ts';

/** Every path with its type, size and times. */
function state(directory: string): string {
  const done = spawnSync('find', [directory, '-printf', '%P %y %s %T@ %C@\n'], { encoding: 'utf8' });
  expect(done.status).toBe(0);
  return done.stdout.split('\n').sort().join('\n');
}

asRoot(import.meta.url, () => {
  const directory = temporary();
  const writing = testStore(directory);
  const host = hostTree(directory, 'host', 'mkdir d; echo a > d/a; echo b > b');
  const { diff, snapshot } = copyOnto(writing, writing.scratch(), host, ['.']);
  const key = digestOf('a layer');
  writing.remember('layers', key, diff);
  writing.flush();
  const path = writing.path;
  const reading = () => openSnapshotStore(path, { skeleton: join(directory, 'skeleton'), readOnly: true });

  test('what has landed is there, and is read without a trace', () => {
    const before = state(path);
    const store = reading();
    expect(store.has(diff)).toBe(true);
    expect(store.hasAll(snapshot)).toBe(true);
    expect(store.lookup('layers', key)).toBe(diff);
    expect(store.lookup('layers', digestOf('another'))).toBeUndefined();
    expect(listing(store.view(snapshot))).toEqual(listing(writing.view(snapshot)));
    expect([...store.mergedEntries(snapshot)].map((entry) => entry.path)).toEqual(['b', 'd', 'd/a']);
    store.close();
    expect(state(path)).toBe(before);
  });

  test.each<[string, (store: ReturnType<typeof reading>) => unknown]>([
    ['begin', (store) => store.begin(snapshot)],
    ['remember', (store) => store.remember('flat', key, diff)],
    ['flush', (store) => store.flush()],
    ['ownerName', (store) => store.ownerName],
    ['driver', (store) => store.driver],
  ])('%s is refused', (_, use) => {
    const before = state(path);
    expect(() => use(reading())).toThrow(ReadOnlyStore);
    expect(state(path)).toBe(before);
  });

  test('digests of host files come from the stat cache, and new ones do not go there', () => {
    const file = hostPath(join(directory, 'cache'));
    const later = BigInt(Date.now() + 60_000) * 1_000_000n;
    const digests = { a: digestOf('not what is in it'), b: digestOf('b') };
    const stats = { a: lstatRaw(hostPath(join(host, 'd/a')))!, b: lstatRaw(hostPath(join(host, 'b')))! };
    const writer = openStatCache(file);
    writer.put(stats.a, digests.a, later);
    writer.save();
    const before = readFileSync(file);
    const reader = openStatCache(file, true);
    expect(reader.get(stats.a)).toBe(digests.a);
    reader.put(stats.b, digests.b, later);
    reader.save();
    expect(readFileSync(file)).toEqual(before);
    expect(openStatCache(file).get(stats.b)).toBeUndefined();
  });

  describe('what is not sound', () => {
    test('a diff another boot left is not there, and stays for who may delete it', () => {
      const other = copyOnto(writing, writing.scratch(), hostTree(directory, 'torn', 'echo t > t'), ['.']);
      const marker = join(path, 'diffs', hexOf(other.diff), 'unsynced');
      unlinkSync(marker);
      symlinkSync('another-boot', marker);
      expect(reading().has(other.diff)).toBe(false);
      expect(readdirSync(join(path, 'diffs'))).toContain(hexOf(other.diff));
    });

    test('a store that is missing, or held by a collection, is neither made nor waited for', () => {
      const nowhere = join(directory, 'nowhere');
      const store = openSnapshotStore(nowhere, { skeleton: join(directory, 'skeleton'), readOnly: true });
      expect(store.has(diff)).toBe(false);
      expect(store.lookup('layers', key)).toBeUndefined();
      expect(readdirSync(directory)).not.toContain('nowhere');
      mkdirSync(nowhere);
      writeFileSync(join(nowhere, 'gc.lock'), 'nobody');
      openSnapshotStore(nowhere, { skeleton: join(directory, 'skeleton'), readOnly: true });
      expect(readdirSync(nowhere)).toEqual(['gc.lock']);
    });
  });
});
