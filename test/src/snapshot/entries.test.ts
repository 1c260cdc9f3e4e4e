// A walk that opens the files it comes by: the same entries as one that only looks, and no descriptor stays open.

import { linkSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { toEntries, walkView } from '../../../src/snapshot/entries.ts';
import { hostPath } from '../../../src/snapshot/raw-fs.ts';
import { hostView } from '../../../src/snapshot/view.ts';
import { tarOf } from '../../oci/layer/build.ts';

let directory: string;
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'entries-'));
  mkdirSync(join(directory, 'd/e'), { recursive: true });
  writeFileSync(join(directory, 'a'), 'one');
  writeFileSync(join(directory, 'd/e/empty'), '');
  writeFileSync(join(directory, 'd/large'), 'x'.repeat(100_000));
  linkSync(join(directory, 'a'), join(directory, 'd/z'));
  symlinkSync('nowhere', join(directory, 'link'));
});
afterAll(() => rmSync(directory, { recursive: true }));

function entries(files: 'seen' | 'open') {
  const view = hostView(hostPath(directory));
  return toEntries(view, walkView(view, files), () => {});
}

const openFiles = () => readdirSync('/proc/self/fd').length;

test('the same tar, read as the walk goes or from entries that were gathered first', async () => {
  const seen = await tarOf(entries('seen'));
  expect((await tarOf(entries('open'))).equals(seen)).toBe(true);
  const gathered = [...entries('open')];
  expect(gathered.every((entry) => entry.fd === undefined)).toBe(true);
  expect((await tarOf(gathered)).equals(seen)).toBe(true);
});

test('nothing stays open, wherever the walk ends', () => {
  const before = openFiles();
  for (let stop = 0; stop < 8; stop++) {
    let at = 0;
    for (const _ of entries('open')) if (at++ === stop) break;
    expect(openFiles(), String(stop)).toBe(before);
  }
});
