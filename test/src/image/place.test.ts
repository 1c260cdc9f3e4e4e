// Places of outputs: checked before anything is written, taken by whole things only, by several at once.

import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import {
  makeDirectories,
  placeDirectory,
  placeFile,
  realPlace,
  requirePlace,
  swapInto,
} from '../../../src/image/place.ts';

const self = { uid: process.getuid!(), gid: process.getgid!() };
let lab: string;
beforeEach(() => {
  lab = mkdtempSync(join(tmpdir(), 'ocibuild-place-'));
  mkdirSync(join(lab, 'full'));
  writeFileSync(join(lab, 'full/file'), 'x');
  symlinkSync('full', join(lab, 'link'));
  symlinkSync('/dev/null', join(lab, 'null'));
  symlinkSync('round', join(lab, 'round'));
});
afterEach(() => rmSync(lab, { recursive: true, force: true }));

describe('requirePlace', () => {
  test.each([
    ['file', 'full', /a folder/],
    ['file', 'link', /a folder/],
    ['file', 'null', /a device/],
    ['file', 'round/x', /ELOOP|no folder/],
    ['file', 'full/file/x', /no folder|ENOTDIR/],
    ['layout', 'full/file', /is no folder/],
    ['layout', 'full', /no OCI layout/],
    ['folder', 'full', /not empty/],
    ['folder', '/proc/x/y', /EACCES|kernel/],
    ['layout', '/proc/x', /EACCES|kernel/],
    ['file', '/sys/x', /EACCES|EROFS|kernel/],
  ] as const)('a %s at %s: USAGE', (kind, path, message) => {
    const found = expect(() => requirePlace(path.startsWith('/') ? path : join(lab, path), kind));
    found.toThrow(expect.objectContaining({ code: 'USAGE', message: expect.stringMatching(message) }));
  });
  test.each([
    ['file', 'full/file'],
    ['file', 'a/b/c'],
    ['folder', 'a'],
    ['layout', 'full/a'],
  ] as const)('a %s at %s may be written, and nothing is made', (kind, path) => {
    const before = readdirSync(lab, { recursive: true });
    requirePlace(join(lab, path), kind);
    expect(readdirSync(lab, { recursive: true })).toEqual(before);
  });
});

test('makeDirectories ends where a folder cannot be made', () => {
  makeDirectories(join(lab, 'a/b/c'), self);
  makeDirectories(join(lab, 'a/b/c'), self);
  expect(existsSync(join(lab, 'a/b/c'))).toBe(true);
  for (const path of [join(lab, 'full/file/x'), '/proc/x/y']) {
    expect(() => makeDirectories(path, self)).toThrow(expect.objectContaining({ code: 'USAGE' }));
  }
});

test('a link to a place leads there', () => {
  expect(realPlace(join(lab, 'link'))).toBe(realPlace(join(lab, 'full')));
  expect(realPlace(join(lab, 'none'))).toBe(join(lab, 'none'));
});

describe('a directory takes its place', () => {
  const make = (name: string): string => {
    mkdirSync(join(lab, name));
    writeFileSync(join(lab, name, 'who'), name);
    return join(lab, name);
  };
  test('that is free, empty, or taken; the last one stays, and nothing else', () => {
    const place = join(lab, 'place');
    for (const name of ['one', 'two', 'three']) {
      swapInto(make(name), place);
      expect(readFileSync(join(place, 'who'), 'utf8')).toBe(name);
    }
    rmSync(join(place, 'who'));
    swapInto(make('four'), place);
    expect(readdirSync(lab).sort()).toEqual(['full', 'link', 'null', 'place', 'round']);
  });
  test('not when something else fails: what was there stays', () => {
    expect(() => swapInto(join(lab, 'none'), join(lab, 'full'))).toThrow();
    expect(readFileSync(join(lab, 'full/file'), 'utf8')).toBe('x');
    expect(() =>
      placeDirectory(join(lab, 'half'), (aside) => {
        writeFileSync(join(aside, 'x'), '');
        throw new Error('no');
      }),
    ).toThrow('no');
    expect(readdirSync(lab).sort()).toEqual(['full', 'link', 'null', 'round']);
  });
});

test('two files for one place at once: both are whole, one stays, nothing is left beside it', async () => {
  const write = (text: string): Promise<void> =>
    placeFile(join(lab, 'file'), self, async (write) => {
      write(Buffer.from(text));
      await new Promise((done) => setTimeout(done, 5));
      write(Buffer.from(text));
    });
  await Promise.all(['a', 'b', 'c'].map(write));
  expect(['aa', 'bb', 'cc']).toContain(readFileSync(join(lab, 'file'), 'utf8'));
  await expect(placeFile(join(lab, 'other'), self, () => Promise.reject(new Error('no')))).rejects.toThrow('no');
  expect(readdirSync(lab).sort()).toEqual(['file', 'full', 'link', 'null', 'round']);
});
