import { describe, expect, test } from 'vitest';
import { indexPackages, readStanzas } from '../../../src/root/packages-index.ts';
import { resolveClosure } from '../../../src/root/resolve.ts';

const LOCATION = { file: 'bootstrap/test/package.toml', line: 7 };

/** `name version; Field: value; …` for each package. */
function closureOf(lines: readonly string[], wanted: readonly string[]): string[] {
  const text = lines.map((line) => {
    const [head = '', ...fields] = line.split('; ');
    const [name, version = '1', architecture = 'amd64'] = head.split(' ');
    const rest = [
      `Filename: pool/${name}.deb`,
      'Size: 1',
      `SHA256: ${'0'.repeat(64)}`,
      `Architecture: ${architecture}`,
    ];
    return [`Package: ${name}`, `Version: ${version}`, ...fields, ...rest, ''].join('\n');
  });
  const index = indexPackages(readStanzas([Buffer.from(text.join('\n'))]), 'amd64');
  return resolveClosure(index, wanted, LOCATION).map((item) => `${item.name} ${item.version}`);
}

describe('resolveClosure', () => {
  test.each([
    ['what is wanted, sorted', ['b', 'a', 'c'], ['b', 'a'], ['a 1', 'b 1']],
    ['dependencies of dependencies', ['a; Depends: b', 'b; Pre-Depends: c', 'c', 'd'], ['a'], ['a 1', 'b 1', 'c 1']],
    ['nothing for recommendations', ['a; Recommends: b; Suggests: c', 'b', 'c'], ['a'], ['a 1']],
    ['circles', ['a; Depends: b', 'b; Depends: a'], ['a'], ['a 1', 'b 1']],
    ['the first alternative', ['a; Depends: b | c', 'b', 'c'], ['a'], ['a 1', 'b 1']],
    ['the first alternative there is', ['a; Depends: x | c', 'c'], ['a'], ['a 1', 'c 1']],
    ['the alternative that is wanted anyway', ['a; Depends: b | c', 'b', 'c'], ['a', 'c'], ['a 1', 'c 1']],
    [
      'the alternative something else needs',
      ['a; Depends: b | c', 'b', 'c', 'd; Depends: c'],
      ['a', 'd'],
      ['a 1', 'c 1', 'd 1'],
    ],
    ['an alternative whose version fits', ['a; Depends: b (>= 2) | c', 'b 1', 'c'], ['a'], ['a 1', 'c 1']],
    ['the newest of a name', ['a 1', 'a 3', 'a 2'], ['a'], ['a 3']],
    ['architecture all, and no foreign one', ['a 1 all', 'a 2 arm64'], ['a'], ['a 1']],
    ['a virtual package', ['a; Depends: v', 'p; Provides: v'], ['a'], ['a 1', 'p 1']],
    [
      'the provider of higher priority',
      ['a; Depends: v', 'p; Provides: v; Priority: optional', 'q; Provides: v; Priority: required'],
      ['a'],
      ['a 1', 'q 1'],
    ],
    ['the provider that sorts first', ['a; Depends: v', 'q; Provides: v', 'p; Provides: v'], ['a'], ['a 1', 'p 1']],
    ['the provider that is there', ['a; Depends: v', 'q; Provides: v', 'p; Provides: v'], ['a', 'q'], ['a 1', 'q 1']],
    [
      'a real package before a provider',
      ['a; Depends: v', 'v', 'p; Provides: v; Priority: required'],
      ['a'],
      ['a 1', 'v 1'],
    ],
    [
      'a provider of the right version',
      ['a; Depends: v (>= 2)', 'p; Provides: v (= 1)', 'q; Provides: v (= 2)', 'r; Provides: v'],
      ['a'],
      ['a 1', 'q 1'],
    ],
    ['a package that conflicts with what it provides', ['a; Provides: v; Conflicts: v'], ['a'], ['a 1']],
    ['a conflict with another version', ['a; Breaks: b (<< 1)', 'b'], ['a', 'b'], ['a 1', 'b 1']],
  ] as const)('%s', (_name, lines, wanted, want) => {
    expect(closureOf(lines, wanted)).toEqual(want);
    expect(closureOf([...lines].reverse(), [...wanted].reverse())).toEqual(want);
  });

  test.each([
    ['a wanted package that is not there', ['b'], ['a'], 'package a is not in the lists'],
    [
      'a dependency that is not there',
      ['a; Depends: b', 'b; Depends: c'],
      ['a'],
      'b 1 depends on what the lists do not have: want c, got no c; it is here because of b, a, wanted',
    ],
    ['a version that is not there', ['a; Depends: b (>= 2) | c', 'b'], ['a'], 'want b (>= 2) | c, got b 1, no c'],
    [
      'a provider without a version',
      ['a; Depends: v (>= 2)', 'p; Provides: v'],
      ['a'],
      'depends on what the lists do not have',
    ],
    ['a conflict', ['a; Conflicts: b', 'b'], ['a', 'b'], 'a and b exclude each other'],
    [
      'a conflict with a virtual package',
      ['a; Conflicts: v', 'b; Provides: v'],
      ['a', 'b'],
      'a and b exclude each other',
    ],
    ['a broken version', ['a; Breaks: b (<< 2)', 'b'], ['a', 'b'], 'want none of b (<< 2) beside a 1, got b 1'],
  ] as const)('refuses %s', (_name, lines, wanted, message) => {
    expect(() => closureOf(lines, wanted)).toThrow(expect.objectContaining({ code: 'RECIPE', location: LOCATION }));
    expect(() => closureOf(lines, wanted)).toThrow(message);
  });
});

describe('a Packages file', () => {
  const good = `Package: a\nVersion: 1\nArchitecture: amd64\nFilename: pool/a.deb\nSize: 1\nSHA256: ${'0'.repeat(64)}\n`;
  test.each([
    ['a line that is no field', good.replace('Version: 1', 'Version 1'), 'cannot be read'],
    ['a field twice', `${good}Size: 2\n`, 'two fields Size'],
    ['a missing digest', good.replace(/SHA256.*\n/, ''), 'a field SHA256'],
    ['a short digest', good.replace('0000\n', '\n'), 'wrong SHA256'],
    ['a path that leaves the pool', good.replace('pool/a.deb', 'pool/../a.deb'), 'wrong SHA256, Size or Filename'],
    [
      'a path of another host',
      good.replace('pool/a.deb', 'https://example.org/a.deb'),
      'wrong SHA256, Size or Filename',
    ],
  ])('refuses %s', (_name, text, message) => {
    const read = () => indexPackages(readStanzas([Buffer.from(text)]), 'amd64').find('a');
    expect(read).toThrow(message);
  });

  test('is read the same in any portions, continuation lines included', () => {
    const text = Buffer.from(`${good.replace('Version: 1', 'Depends: b,\n c,\n\td\nVersion: 1\nTag: é')}\n\n${good}`);
    const whole = [...readStanzas([text])];
    const bytes = [...readStanzas(Array.from(text, (byte) => Uint8Array.of(byte)))];
    expect(bytes).toEqual(whole);
    expect(whole.map((fields) => fields.get('Depends'))).toEqual(['b, c, d', undefined]);
  });
});
