import { expect, test } from 'vitest';
import { BuildError } from '../../../src/errors.ts';
import { decodeHexSource } from '../../../src/recipe/hex-source.ts';

const at = { file: 'recipes/hello/hello.hex', line: 1 };

test.each([
  ['', ''],
  ['7f 45 4C 46', '7f454c46'],
  ['7f454c46', '7f454c46'],
  ['b8 01 00 00 00   ; mov eax, 1   # write\n\n0f 05 ; syscall\n', 'b8010000000f05'],
  ['; only a comment, zz', ''],
  ['# another ; comment\r\n90\t90\r\n', '9090'],
  ['90# right behind', '90'],
])('%j is %s', (text, hex) => {
  expect(decodeHexSource(text, at).toString('hex')).toBe(hex);
});

test.each([
  ['90\n9g', 2, 'this is no hex text: want hex digits, blanks, and comments after ; or #, got "g" in "9g"'],
  ['90\n\n909', 3, 'half a byte: want an even count of hex digits in every word, got "909"'],
  ['start: 90', 1, 'this is no hex text'],
  ['0x90', 1, 'this is no hex text'],
  ['9\n0', 1, 'half a byte'],
  ['９０', 1, 'this is no hex text'],
])('%j is refused on line %i', (text, line, message) => {
  let error: unknown;
  try {
    decodeHexSource(text, at);
  } catch (caught) {
    error = caught;
  }
  expect(error).toBeInstanceOf(BuildError);
  expect((error as BuildError).location).toEqual({ file: at.file, line });
  expect((error as BuildError).message).toContain(message);
});
