import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, describe, expect, test } from 'vitest';
import { type Digest, digestOf } from '../../../oci/digest.ts';
import {
  byNameAndPlatform,
  digestListPath,
  type ExpectedDigest,
  expectedOf,
  formatDigests,
  imageFormat,
  parseDigests,
  readDigests,
} from '../../../src/digests/digest-list.ts';

const [A, B] = [digestOf('a'), digestOf('b')];
const HEAD = `# ocibuild digests 1, images ${imageFormat()}\n`;
const line = (name: string, platform = 'linux/amd64', digest: string = A): string => `${digest} ${name} ${platform}\n`;

describe('a list that is read', () => {
  test('names, platforms, digests, lines', () => {
    const text = `${HEAD}${line('bootstrap/a')}${line('recipes/b', 'linux/386', B)}${line('recipes/b')}`;
    expect(parseDigests(text, 'f')).toEqual({
      format: imageFormat(),
      lines: [
        { name: 'bootstrap/a', platform: 'linux/amd64', digest: A, line: 2 },
        { name: 'recipes/b', platform: 'linux/386', digest: B, line: 3 },
        { name: 'recipes/b', platform: 'linux/amd64', digest: A, line: 4 },
      ],
    });
    expect(expectedOf(parseDigests(text, 'f'), 'recipes/b', 'linux/386')?.digest).toBe(B);
    expect(expectedOf(parseDigests(text, 'f'), 'recipes/b', 'linux/arm64')).toBeUndefined();
    expect(expectedOf(undefined, 'recipes/b', 'linux/386')).toBeUndefined();
  });
  test('an empty one', () => expect(parseDigests(HEAD, 'f').lines).toEqual([]));
  test('one of another image format is read, and says so', () => {
    expect(parseDigests('# ocibuild digests 1, images native/9/x\n', 'f').format).toBe('native/9/x');
  });

  const faults: readonly (readonly [string, string, number, RegExp])[] = [
    ['an empty file', '', 1, /no list of digests/],
    ['no first line', line('recipes/a'), 1, /no list of digests/],
    ['another version', '# ocibuild digests 2, images x\n', 1, /another version.*want 1, got "2"/],
    ['a first line without an end', HEAD.trimEnd(), 2, /last line has no end/],
    ['a last line without an end', HEAD + line('recipes/a').trimEnd(), 2, /last line has no end/],
    ['an empty line', `${HEAD}${line('recipes/a')}\n${line('recipes/b')}`, 3, /not a digest/],
    ['a comment further down', `${HEAD}# x\n`, 2, /not a digest/],
    ['Windows line ends', `${HEAD}${line('recipes/a').replace('\n', '\r\n')}`, 2, /not a digest/],
    ['two blanks', `${HEAD}${A}  recipes/a linux/amd64\n`, 2, /not a digest/],
    ['a digest in capitals', HEAD + line('recipes/a', 'linux/amd64', A.toUpperCase()), 2, /not a digest/],
    ['a digest that is too short', HEAD + line('recipes/a', 'linux/amd64', A.slice(0, -1)), 2, /not a digest/],
    ['no platform', `${HEAD}${A} recipes/a\n`, 2, /not a digest/],
    ['a platform in other words', HEAD + line('recipes/a', 'linux/x86_64'), 2, /not a digest/],
    ['a baseline variant', HEAD + line('recipes/a', 'linux/arm64/v8'), 2, /not a digest/],
    ['an architecture alone', HEAD + line('recipes/a', 'amd64'), 2, /not a digest/],
    ['an absolute name', HEAD + line('/recipes/a'), 2, /not a digest/],
    ['a name with an escape', HEAD + line('recipes/\u001b[2J'), 2, /not a digest/],
    ['names out of order', HEAD + line('recipes/b') + line('recipes/a'), 3, /not sorted/],
    ['platforms out of order', HEAD + line('recipes/a') + line('recipes/a', 'linux/386'), 3, /not sorted/],
    ['a line twice', HEAD + line('recipes/a') + line('recipes/a'), 3, /stand twice/],
    ['two digests for one', HEAD + line('recipes/a') + line('recipes/a', 'linux/amd64', B), 3, /stand twice/],
  ];
  test.each(faults)('%s is an error with its line', (_, text, at, message) => {
    expect(() => parseDigests(text, 'recipes/digests.txt')).toThrow(
      expect.objectContaining({
        code: 'RECIPE',
        location: { file: 'recipes/digests.txt', line: at },
        message: expect.stringMatching(message),
      }),
    );
  });
});

test('what is written is read as it was, in one order', () => {
  const name = fc.stringMatching(/^(recipes|bootstrap)\/[a-z][a-z0-9._+-]{0,8}$/);
  const platform = fc.constantFrom('linux/amd64', 'linux/386', 'linux/arm/v7', 'linux/arm64');
  const digest = fc.stringMatching(/^[0-9a-f]{64}$/).map((hex): Digest => `sha256:${hex}` as Digest);
  const keyOf = (one: ExpectedDigest): string => `${one.name} ${one.platform}`;
  const lists = fc.uniqueArray(fc.record({ name, platform, digest }), { selector: keyOf, maxLength: 8 });
  fc.assert(
    fc.property(lists, (lines) => {
      const read = parseDigests(formatDigests(lines), 'f').lines.map(({ line: _, ...rest }) => rest);
      expect(read).toEqual([...lines].sort(byNameAndPlatform));
      expect(formatDigests([...lines].reverse())).toBe(formatDigests(lines));
    }),
  );
});

describe('in a tree', () => {
  const directory = mkdtempSync(join(tmpdir(), 'digests-'));
  afterAll(() => rmSync(directory, { recursive: true }));
  mkdirSync(join(directory, 'recipes'));

  test('no file is no list', () => expect(readDigests({ directory })).toBeUndefined());
  test('its place depends on the form of the tree', () => {
    expect(digestListPath({ directory, form: 'own' })).toBe(join(directory, 'recipes/digests.txt'));
    expect(digestListPath({ directory, form: 'foreign' })).toBe(join(directory, 'packages/digests.txt'));
  });
  test('it is read', () => {
    writeFileSync(digestListPath({ directory }), HEAD + line('recipes/a'));
    expect(readDigests({ directory })?.lines).toHaveLength(1);
  });
  test('what cannot be read is an error', () => {
    expect(() => readDigests({ directory: join(directory, 'recipes'), form: 'own' })).not.toThrow();
    rmSync(digestListPath({ directory }));
    mkdirSync(digestListPath({ directory }));
    expect(() => readDigests({ directory })).toThrow(expect.objectContaining({ code: 'RECIPE' }));
  });
});
