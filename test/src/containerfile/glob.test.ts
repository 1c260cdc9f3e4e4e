import { describe, expect, it } from 'vitest';
import { rawPath } from '../../../oci/raw-path.ts';
import { hasWildcard, matchGlob } from '../../../src/containerfile/glob.ts';

describe('matchGlob', () => {
  const cases: [string, string[], string[]][] = [
    ['a', ['a'], ['b', 'aa', '']],
    ['', [''], ['a']],
    ['*', ['', 'a', 'abc'], ['a/b', '/']],
    ['a*', ['a', 'ab'], ['ba', 'a/b']],
    ['*a*b*', ['ab', 'xaxbx'], ['ba']],
    ['?', ['a', 'é', '€', '😀'], ['', 'ab', '/']],
    ['a/?/c', ['a/b/c'], ['a//c', 'a/bb/c']],
    ['[abc]', ['a', 'c'], ['d', '']],
    ['[^abc]', ['d', 'é'], ['a', '/']],
    ['[!abc]', ['d'], ['a']],
    ['[a-cx-z]', ['b', 'y'], ['m']],
    ['[\\]]', [']'], ['\\']],
    ['[a\\-c]', ['-', 'a', 'c'], ['b']],
    ['[é]', ['é'], ['e']],
    ['\\[a]', ['[a]'], ['a']],
    ['\\*', ['*'], ['a']],
    ['[', [], ['[', 'a']],
    ['[a', [], ['a']],
    ['a\\', [], ['a', 'a\\']],
    ['**', ['', 'a', 'a/b'], []],
    ['**/a', ['a', 'b/a', 'b/c/a'], ['ba']],
    ['a/**', ['a/', 'a/b', 'a/b/c'], ['a', 'b']],
    ['a/**/b', ['a/b', 'a/c/b'], ['ab', 'a/cb']],
    ['**/*.c', ['x.c', 'a/x.c'], ['x.h']],
    ['**/a/**/b', ['a/b', 'x/a/y/b'], ['b/a']],
  ];
  it.each(cases)('%s', (pattern, yes, no) => {
    const matched = (paths: string[]) => paths.filter((path) => matchGlob(rawPath(pattern), rawPath(path)));
    expect(matched(yes)).toEqual(yes);
    expect(matched(no)).toEqual([]);
  });

  it('takes time linear in the path', () => {
    const path = 'a'.repeat(20_000);
    expect(matchGlob('*a'.repeat(30) + 'b', path)).toBe(false);
    expect(matchGlob('**/'.repeat(30) + 'b', path)).toBe(false);
  });
});

describe('hasWildcard', () => {
  it.each([
    ['a', false],
    ['a*', true],
    ['?', true],
    ['[a]', true],
    ['a]', false],
    ['\\*', false],
    ['\\\\*', true],
    ['\\a?', true],
    ['\\', false],
  ])('%s: %s', (path, want) => {
    expect(hasWildcard(path)).toBe(want);
  });
});
