import fc from 'fast-check';
import { parse } from 'smol-toml';
import { expect, test } from 'vitest';
import { locateToml, type TomlPath } from '../../../src/recipe/toml-location.ts';

const TEXT = `# a comment [not.a.table]
[package]
name = "a # no comment" # [nor.this]
text = """
[inside.a.string]
key = 1
""" 
'quoted key' = 1
"esc\\u0041ped" = 2

[sources.zlib]
hash = '''
x'''
mirrors = [ # one
  "a]", "b",

  [1, "["], # nested
  { k = 1, l.m = [
    2,
  ] },
]
dotted.deep.key = 1
[[many]]
a = 1
[[many]]
a = 2
[many.below]
b = 3
`;

test.each<[TomlPath, number]>([
  [['package'], 2],
  [['package', 'name'], 3],
  [['package', 'text'], 4],
  [['package', 'quoted key'], 8],
  [['package', 'escAped'], 9],
  [['sources', 'zlib'], 11],
  [['sources', 'zlib', 'hash'], 12],
  [['sources', 'zlib', 'mirrors'], 14],
  [['sources', 'zlib', 'mirrors', 0], 15],
  [['sources', 'zlib', 'mirrors', 1], 15],
  [['sources', 'zlib', 'mirrors', 2], 17],
  [['sources', 'zlib', 'mirrors', 2, 1], 17],
  [['sources', 'zlib', 'mirrors', 3, 'k'], 18],
  [['sources', 'zlib', 'mirrors', 3, 'l', 'm', 0], 19],
  [['sources', 'zlib', 'dotted', 'deep', 'key'], 22],
  [['many', 0, 'a'], 24],
  [['many', 1, 'a'], 26],
  [['many', 1, 'below', 'b'], 28],
  // Where nothing stands, what it would belong to.
  [['package', 'missing'], 2],
  [['nothing'], 1],
])('%j stands on line %i', (path, line) => {
  expect(locateToml(TEXT).lineOf(path)).toBe(line);
});

test('lines of a text with CRLF', () => {
  expect(locateToml('[a]\r\nb = 1\r\nc = 2\r\n').lineOf(['a', 'c'])).toBe(3);
});

test('any text ends, and every key of a sound text has the line it stands on', () => {
  fc.assert(
    fc.property(fc.string(), (text) => {
      expect(locateToml(text).lineOf(['a'])).toBeGreaterThan(0);
    }),
  );
  const key = fc.stringMatching(/^[a-z]{1,4}$/);
  const value = fc.oneof(fc.string(), fc.array(fc.string()), fc.integer()).map((one) => JSON.stringify(one));
  fc.assert(
    fc.property(fc.uniqueArray(fc.tuple(key, value), { selector: ([name]) => name }), (pairs) => {
      const lines = pairs.map(([name, text]) => `${name} = ${text.replace(/,/g, ',\n  ')}`);
      const text = lines.join('\n');
      try {
        parse(text);
      } catch {
        return; // a newline got into a string
      }
      let line = 1;
      for (const [index, [name]] of pairs.entries()) {
        expect(locateToml(text).lineOf([name])).toBe(line);
        line += lines[index]!.split('\n').length;
      }
    }),
  );
});
