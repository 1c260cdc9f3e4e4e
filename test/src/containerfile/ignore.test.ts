import { describe, expect, it } from 'vitest';
import { rawPath } from '../../../oci/raw-path.ts';
import { parseIgnore } from '../../../src/containerfile/ignore.ts';

describe('what is ignored', () => {
  const cases: [string, string[], string[]][] = [
    // rules, ignored, visible
    ['', [], ['a']],
    ['# a\n\n  \na', ['a', 'a/b', 'a/b/c'], ['b', 'b/a', 'ab']],
    [' # a', ['# a'], ['a']],
    ['/a', ['a', 'a/b'], ['b/a']],
    ['a/', ['a', 'a/b'], []],
    ['./a//b/../c', ['a/c'], ['a', 'a/b']],
    ['  a  ', ['a'], []],
    ['a\r\nb\r\n', ['a', 'b'], ['c']],
    ['\ufeffa', ['a'], []],
    ['*', ['a', 'a/b', '.x'], []],
    ['*.o', ['a.o', '.o'], ['a/b.o', 'a.oo']],
    ['*/*.o', ['a/b.o'], ['b.o', 'a/b/c.o']],
    ['**/*.o', ['a.o', 'a/b.o', 'a/b/c.o'], ['a.oo']],
    ['**/x', ['x', 'a/x', 'a/b/x', 'a/x/y'], ['ax', 'a/bx']],
    ['**.o', ['a.o', 'a/b.o', 'x.o/y'], ['a.oo']],
    ['**', ['a', 'a/b'], []],
    ['a/**', ['a/b', 'a/b/c'], ['a', 'ab']],
    ['a/**/b', ['a/b', 'a/x/b', 'a/x/y/b'], ['a/bc', 'a', 'ab']],
    ['a**', ['a', 'ab', 'a/b'], ['ba']],
    ['a?c', ['abc'], ['a/c', 'ac', 'abbc']],
    ['[a-c]', ['a', 'c'], ['d', 'ab']],
    ['[^a-c]', ['d'], ['a']],
    ['a\\*', ['a*'], ['ab']],
    ['a.b', ['a.b'], ['axb']],
    ['a+(b)|{c}$', ['a+(b)|{c}$'], []],
    ['*\n!a', ['b', 'b/a'], ['a', 'a/b']],
    ['a\n!a/b\na/b/c', ['a', 'a/x', 'a/b/c', 'a/b/c/d'], ['a/b', 'a/b/x']],
    ['!a\na', ['a'], []],
    ['*\n!**/*.c', ['a', 'a/b.h'], ['x.c', 'a/b.c']],
    ['*.md\n!README*.md\nREADME-secret.md', ['a.md', 'README-secret.md'], ['README.md', 'README-x.md']],
    ['! a\na/b', ['a/b'], ['a']],
    ['.', [], ['a']],
    ['/', [], ['a']],
    ['a?', ['aé'], ['aéé']],
    ['*é', ['aé'], ['aè']],
    ['[à-ï]', ['é'], ['z', 'ö']],
    ['..', [], ['a']],
  ];
  it.each(cases)('%j', (text, ignored, visible) => {
    const rules = parseIgnore(text);
    const judged = (paths: string[]) => paths.filter((path) => rules.ignores(rawPath(path), false));
    expect(judged(ignored)).toEqual(ignored);
    expect(judged(visible)).toEqual([]);
  });

  it('a stray byte is one character', () => {
    expect(parseIgnore('a?').ignores('a\xff', false)).toBe(true);
    expect(parseIgnore('a?').ignores('a\xff\xfe', false)).toBe(false);
  });

  it('the root is never ignored', () => {
    expect(parseIgnore('**').ignores('', true)).toBe(false);
  });

  it.each([
    ['a\n[', 2],
    ['[]', 1],
    ['[b-a]', 1],
    ['a\\', 1],
    ['a\n\n!', 3],
  ])('%j is malformed', (text, line) => {
    expect(() => parseIgnore(text, 'x.dockerignore')).toThrow(
      expect.objectContaining({ code: 'PARSE', location: { file: 'x.dockerignore', line } }),
    );
  });
});

describe('whether an ignored directory may hold something visible', () => {
  const cases: [string, string, boolean][] = [
    ['a', 'a', false],
    ['a\n!a/b', 'a', true],
    ['a\n!a/b/c', 'a/b', true],
    ['a\n!a/b', 'a/c', false],
    ['*\n!b', 'a', false],
    ['*\n!b/c', 'b', true],
    ['*\n!**/*.c', 'a', true],
    ['*\n!a*/x', 'ab', true],
    ['*\n!a*/x', 'b', false],
    ['!a/b\na', 'a', false],
  ];
  it.each(cases)('%j, %s: %s', (text, directory, want) => {
    const rules = parseIgnore(text);
    expect(rules.ignores(directory, true)).toBe(true);
    expect(rules.mayContainExceptions(directory)).toBe(want);
  });
});
