import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { digestOf, hexOf } from '../../../oci/digest.ts';
import { ActionCache, writeFileWhole } from '../../../src/solver/actions.ts';

let store: string;
beforeEach(() => {
  store = mkdtempSync(join(tmpdir(), 'actions-'));
});
afterEach(() => rmSync(store, { recursive: true }));

const KEY = digestOf('key');
const DIFF = digestOf('diff');
const fileOf = (key: string): string => {
  const hex = hexOf(key as typeof KEY);
  return join(store, 'actions', hex.slice(0, 2), `${hex.slice(2)}.json`);
};

describe('whether the work was done here', () => {
  const again = (): ActionCache => new ActionCache(store, false);

  test('a record of this machine says so, and is nothing to report', () => {
    again().put(KEY, { diff: DIFF, op: 'run', text: 'RUN make' });
    expect(JSON.parse(readFileSync(fileOf(KEY), 'utf8'))).toMatchObject({ diff: DIFF, origin: 'built' });
    const cache = again();
    expect(cache.get(KEY)).toMatchObject({ diff: DIFF });
    expect(cache.imported).toEqual([]);
  });
  test('an imported one is reported once it is used', () => {
    again().put(KEY, { diff: DIFF, op: 'run', text: 'RUN make\nmore' }, 'imported');
    const cache = again();
    expect(cache.imported).toEqual([]);
    cache.get(KEY);
    expect(cache.imported).toEqual([{ what: 'RUN make', key: KEY }]);
  });
  test('one that does not say counts as imported', () => {
    writeFileWhole(fileOf(KEY), JSON.stringify({ diff: DIFF, op: 'copy', text: '' }));
    const cache = again();
    cache.get(KEY);
    expect(cache.imported).toEqual([{ what: 'copy', key: KEY }]);
  });
  test.each(['"built"', 'null', '[]', '{"origin":"Built"}', '{"origin":["built"]}'])('nor does %s say', (text) => {
    writeFileWhole(fileOf(KEY), text);
    const cache = again();
    cache.get(KEY);
    expect(cache.imported).toHaveLength(1);
  });
  test('what was imported and then done again is done here', () => {
    again().put(KEY, { diff: DIFF }, 'imported');
    const cache = again();
    cache.get(KEY);
    cache.put(KEY, { diff: DIFF });
    expect(cache.imported).toEqual([]);
    const next = again();
    next.get(KEY);
    expect(next.imported).toEqual([]);
  });
  test('layers that came from outside', () => {
    const cache = again();
    cache.noteImport('FROM b');
    cache.noteImport('FROM a');
    cache.noteImport('FROM a');
    expect(cache.imported).toEqual([{ what: 'FROM a' }, { what: 'FROM b' }]);
  });
  test('a cache that may not be written notes and forgets', () => {
    new ActionCache(store, true).put(KEY, { diff: DIFF });
    expect(again().get(KEY)).toBeUndefined();
  });
});

test('bytes are written as they are, whole', () => {
  const bytes = Buffer.from([0xff, 0, 0x0a, 0xfe]);
  writeFileWhole(join(store, 'deep/er/file'), bytes);
  expect(readFileSync(join(store, 'deep/er/file')).equals(bytes)).toBe(true);
  writeFileWhole(join(store, 'deep/er/file'), 'text');
  expect(readFileSync(join(store, 'deep/er/file'), 'utf8')).toBe('text');
  writeFileSync(join(store, 'file'), 'x');
  expect(() => writeFileWhole(join(store, 'file/below'), 'x')).toThrow();
});
