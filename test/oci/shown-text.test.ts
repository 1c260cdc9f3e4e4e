import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { displayPath, rawPath } from '../../oci/raw-path.ts';
import { shownBytes, shownJson, shownLine, shownLines, shownText } from '../../oci/shown-text.ts';
import { BuildError, formatError } from '../../src/errors.ts';

describe('text fit to be shown', () => {
  test.each([
    ['plain', 'plain', 'plain'],
    ['ünï 漢字 🙂', 'ünï 漢字 🙂', 'ünï 漢字 🙂'],
    ['\x1b[31m', '\\x1b[31m', '\\x1b[31m'],
    ['C1: \x9b2J', 'C1: \\x9b2J', 'C1: \\x9b2J'],
    ['DEL \x7f', 'DEL \\x7f', 'DEL \\x7f'],
    ['a\tb', 'a\\x09b', 'a\tb'],
    ['a\nb', 'a\\x0ab', 'a\\x0ab'],
    ['back\\slash', 'back\\\\slash', 'back\\slash'],
    ['\u202egnp.exe', '\\u{202e}gnp.exe', '\\u{202e}gnp.exe'],
    ['\u2066\u2069\u200b\u2028\ufeff\u00ad', '\\u{2066}\\u{2069}\\u{200b}\\u{2028}\\u{feff}\\xad', undefined],
    ['\u{e0041}', '\\u{e0041}', undefined],
    ['\ud800x', '\\u{d800}x', undefined],
    ['\ue000', '\\u{e000}', undefined],
    ['\u3164\u115f\ufe0f', '\\u{3164}\\u{115f}\\u{fe0f}', undefined],
  ])('%j', (text, shown, line = shown) => {
    expect(shownText(text)).toBe(shown);
    expect(shownLine(text)).toBe(line);
  });
  test('bytes that are no UTF-8', () => {
    expect(shownBytes(Buffer.from('a\xff\\\x1b', 'latin1'))).toBe('a\\xff\\\\\\x1b');
    expect(shownBytes(Buffer.from('é'))).toBe('é');
  });
  test('lines stay lines', () => {
    expect(shownLines('a\nb\x1b\n\tc')).toBe('a\nb\\x1b\n\tc');
  });
  test('JSON is ASCII, and means the same', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const text = shownJson(value);
        expect(text).toMatch(/^[\x20-\x7e]*$/);
        expect(JSON.parse(text)).toEqual(JSON.parse(JSON.stringify(value)));
      }),
    );
  });
  test('two texts are never shown alike', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.string({ unit: 'binary' }), (one, other) => {
        if (one !== other) expect(shownText(one)).not.toBe(shownText(other));
      }),
    );
  });
});

test('names in messages, and messages, drive no terminal', () => {
  expect(displayPath(rawPath('a\x9b31m\u202eb\x1b'))).toBe('a\\x9b31m\\u{202e}b\\x1b');
  const error = new BuildError('CHECK_FAILED', 'a\x1b]0;title\x07', {
    got: '\u202ex',
    location: { file: 'f\x1b', line: 1 },
  });
  expect(formatError(error)).toBe('f\\x1b:1: CHECK_FAILED: a\\x1b]0;title\\x07: got \\u{202e}x');
});
