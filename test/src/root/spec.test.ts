import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parsePackageToml } from '../../../src/recipe/package-toml.ts';
import { needLockFile, readKeyFiles, readLockFile } from '../../../src/root/folder.ts';
import { readPinnedKeys } from '../../../src/root/release.ts';
import type { DebianSpec } from '../../../src/root/types.ts';
import { codeOf } from './fixture.ts';

const REPOSITORY = join(import.meta.dirname, '../../..');
const FINGERPRINT = 'AB'.repeat(20);
const GOOD = `[package]
name = "test"
kind = "debian-root"
[root]
suite = "test"
components = ["main"]
architecture = "amd64"
packages = ["b", "aa", "cc"]
[root.keys]
"keys/a.asc" = "${FINGERPRINT}"
`.replace('"b"', '"bb"');

const parse = (text: string) => parsePackageToml(text, { file: 'package.toml' }).root;

describe('[root]', () => {
  test('is read, and sorted', () => {
    expect(parse(`${GOOD}[root.directories]\ntmp = "1777"\n[root.links]\n"usr/bin/awk" = "mawk"\n`)).toMatchObject({
      suite: 'test',
      packages: ['aa', 'bb', 'cc'],
      keys: [{ file: 'keys/a.asc', fingerprint: FINGERPRINT }],
      signatures: 1,
      directories: new Map([['tmp', 0o1777]]),
      links: new Map([['usr/bin/awk', 'mawk']]),
      files: new Map(),
      location: { file: 'package.toml', line: 4 },
    });
  });

  test.each([
    ['an unknown key', GOOD.replace('suite', 'siute'), 'unknown key "siute" in [root]', 5],
    ['no suite', GOOD.replace(/suite.*\n/, ''), 'root.suite is wrong or missing', 4],
    ['a suite with a slash', GOOD.replace('"test"\ncomp', '"../test"\ncomp'), 'root.suite', 5],
    ['no packages', GOOD.replace(/packages = .*/, 'packages = []'), 'root.packages', 8],
    ['a package twice', GOOD.replace('"cc"', '"aa"'), 'root.packages', 8],
    ['a package with a version', GOOD.replace('"cc"', '"cc=1"'), 'root.packages', 8],
    ['no keys', GOOD.replace(/\[root.keys\].*/s, ''), 'root.keys', 4],
    ['a short fingerprint', GOOD.replace(FINGERPRINT, 'ABAB'), 'root.keys.keys/a.asc', 10],
    ['a key outside', GOOD.replace('keys/a.asc', '../a.asc'), 'root.keys', 10],
    ['the same key twice', `${GOOD}"keys/b.asc" = "${FINGERPRINT}"\n`, 'each fingerprint once', 9],
    ['more signatures than keys', GOOD.replace('[root.keys]', 'signatures = 2\n[root.keys]'), 'root.signatures', 9],
    ['no signature', GOOD.replace('[root.keys]', 'signatures = 0\n[root.keys]'), 'root.signatures', 9],
    ['a mode that is none', `${GOOD}[root.directories]\ntmp = "rwx"\n`, 'root.directories.tmp', 12],
    ['an absolute path', `${GOOD}[root.files]\n"/etc/x" = ""\n`, 'root.files', 12],
    ['a path that leaves', `${GOOD}[root.links]\n"a/../../b" = "c"\n`, 'root.links', 12],
    ['an empty link', `${GOOD}[root.links]\n"a" = ""\n`, 'root.links', 12],
    ['no [root]', GOOD.replace(/\[root\].*/s, ''), 'a debian-root without [root]', 1],
    ['[root] in a recipe of another kind', GOOD.replace(/kind.*\n/, ''), '[root] belongs to distribution roots', 3],
  ])('refuses %s', (_name, text, message, line) => {
    expect(() => parse(text)).toThrow(message);
    expect(() => parse(text)).toThrow(
      expect.objectContaining({ code: 'RECIPE', location: { file: 'package.toml', line } }),
    );
  });
});

describe('bootstrap/debian12', () => {
  const directory = join(REPOSITORY, 'bootstrap/debian12');
  const spec = parse(readFileSync(join(directory, 'package.toml'), 'utf8')) as DebianSpec;

  test('has the keys it pins, all of which must sign', async () => {
    const keys = await readPinnedKeys(spec, readKeyFiles(directory, spec));
    expect(keys).toHaveLength(2);
    expect(spec.signatures).toBe(2);
  });

  test('has a lock that can be read and holds what is wanted', () => {
    const lock = readLockFile(directory, 'bootstrap/debian12', spec)!;
    const names = lock.packages.map((item) => item.name);
    expect(names).toEqual([...names].sort());
    expect(spec.packages.filter((name) => !names.includes(name))).toEqual([]);
    expect(lock.title).toMatch(new RegExp(`^${spec.suite} `));
    expect(lock.architecture).toBe(spec.architecture);
  });

  test('a folder without a lock says how to get one, and one without a key which', async () => {
    expect(() => needLockFile(join(directory, 'keys'), 'bootstrap/x', spec)).toThrow(
      'make one: ocibuild lock bootstrap/x',
    );
    expect(await codeOf(() => readKeyFiles(join(directory, 'keys'), spec))).toBe('RECIPE');
  });
});
