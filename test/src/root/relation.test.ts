import { describe, expect, test } from 'vitest';
import { fitsVersion, formatRelation, parseProvisions, parseRelations } from '../../../src/root/relation.ts';

describe('parseRelations', () => {
  test.each([
    ['', []],
    ['libc6', [['libc6']]],
    ['libc6 (>= 2.34), libacl1', [['libc6 (>= 2.34)'], ['libacl1']]],
    ['a|b (<<1) | c:any (= 2:1.0-1)', [['a', 'b (<< 1)', 'c (= 2:1.0-1)']]],
    [' perl:any ,\n python3 , ', [['perl'], ['python3']]],
  ])('%j', (field, want) => {
    expect(parseRelations(field).map((group) => group.map(formatRelation))).toEqual(want);
  });

  test.each(['a (> 1)', 'a [amd64]', 'a <!nocheck>', 'a (>= )', 'A', 'a b', '| a', 'a (>= 1) (<< 2)'])(
    'refuses %j',
    (field) => {
      expect(() => parseRelations(field)).toThrow('a package relation that cannot be read');
    },
  );

  test('provisions carry a version or none', () => {
    expect(parseProvisions('awk, libfoo (= 1.2)')).toEqual([{ name: 'awk' }, { name: 'libfoo', version: '1.2' }]);
  });
});

test.each([
  ['a', '1', true],
  ['a (<< 2)', '1', true],
  ['a (<< 2)', '2', false],
  ['a (<= 2)', '2', true],
  ['a (= 2)', '2-0', true],
  ['a (= 2)', '2-1', false],
  ['a (>= 2)', '2~', false],
  ['a (>> 2)', '2-0', false],
  ['a (>> 2)', '1:0', true],
])('%s fits %s: %s', (text, version, want) => {
  expect(fitsVersion(parseRelations(text)[0]![0]!, version)).toBe(want);
});
