import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { OciError } from '../../oci/errors.ts';
import { formatReference, parseReference } from '../../oci/reference.ts';

const HEX = 'a'.repeat(64);
const DIGEST = `sha256:${HEX}`;

describe('accepted', () => {
  const cases: [string, object][] = [
    ['busybox', { repository: 'busybox' }],
    ['busybox:1.36', { repository: 'busybox', tag: '1.36' }],
    ['library/busybox', { repository: 'library/busybox' }],
    ['localhost/busybox', { registry: 'localhost', repository: 'busybox' }],
    ['localhost:5000/a/b:t', { registry: 'localhost:5000', repository: 'a/b', tag: 't' }],
    ['example.org/a', { registry: 'example.org', repository: 'a' }],
    ['example.org:80/a:b', { registry: 'example.org:80', repository: 'a', tag: 'b' }],
    ['HOST/a', { registry: 'HOST', repository: 'a' }],
    ['[::1]:5000/a', { registry: '[::1]:5000', repository: 'a' }],
    [`a@${DIGEST}`, { repository: 'a', digest: DIGEST }],
    [`example.org/a:t@${DIGEST}`, { registry: 'example.org', repository: 'a', tag: 't', digest: DIGEST }],
    ['a:5000', { repository: 'a', tag: '5000' }],
    ['a--b/c__d/e.f', { repository: 'a--b/c__d/e.f' }],
    [`a:${'t'.repeat(128)}`, { repository: 'a', tag: 't'.repeat(128) }],
    [HEX, { repository: HEX }],
  ];
  test.each(cases)('%s', (text, expected) => {
    expect(parseReference(text)).toEqual(expected);
    expect(formatReference(parseReference(text))).toBe(text);
  });
});

describe('refused', () => {
  test.each([
    '',
    ':tag',
    '@',
    'A',
    'Busybox',
    'a/B',
    'a//b',
    '/a',
    'a/',
    'a:',
    'a:t:u',
    'a:-t',
    `a:${'t'.repeat(129)}`,
    'a@sha256:abc',
    `a@${DIGEST}@${DIGEST}`,
    `a@sha512:${HEX}`,
    '-a',
    'a-',
    'a___b',
    'a..b',
    'a b',
    'a\n',
    'ex_ample.org/a',
    '-example.org/a',
    'example.org:x/a',
    'example.org/',
    'https://example.org/a',
    '../a',
    'a/../b',
    `${'a/'.repeat(130)}a`,
    'ü',
  ])('%j', (text) => {
    expect(() => parseReference(text)).toThrow(expect.objectContaining({ code: 'REFERENCE_INVALID' }));
  });
  test('capitals get a hint', () => {
    expect(() => parseReference('Busybox')).toThrow(/lower case/);
  });
});

test('whatever the text is, an error is ours, and what is accepted is written back', () => {
  const text = fc.oneof(fc.string(), fc.stringMatching(/^[a-zA-Z0-9:/@._-]{0,30}$/));
  fc.assert(
    fc.property(text, (any) => {
      try {
        expect(formatReference(parseReference(any))).toBe(any);
      } catch (error) {
        expect(error).toBeInstanceOf(OciError);
      }
    }),
    { numRuns: 1000 },
  );
});
