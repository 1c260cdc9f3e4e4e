import { describe, expect, test } from 'vitest';
import { compareVersions, isVersion } from '../../../../src/root/alpine/version.ts';

// Each older than the next.
const ROWS: readonly (readonly string[])[] = [
  ['0.9-r0', '1.0-r0', '1.0-r1', '1.0-r10', '1.0.1-r0', '1.2-r0', '1.10-r0', '2-r0', '10-r0'],
  [
    '1.0_alpha',
    '1.0_alpha2',
    '1.0_beta',
    '1.0_pre1',
    '1.0_rc1',
    '1.0_rc2',
    '1.0',
    '1.0_cvs',
    '1.0_git20240101',
    '1.0_p1',
  ],
  ['1.0', '1.0a', '1.0b', '1.0b_p1', '1.1'],
  ['1.0_rc1-r5', '1.0-r0', '1.0_p1_alpha1', '1.0_p1', '1.0_p2'],
  ['1.01', '1.05', '1.1', '1.10'],
];

describe('compareVersions', () => {
  for (const row of ROWS) {
    test(row.join(' < '), () => {
      for (const [at, one] of row.entries()) {
        for (const [where, other] of row.entries()) {
          expect([one, other, Math.sign(compareVersions(one, other))]).toEqual([one, other, Math.sign(at - where)]);
        }
      }
    });
  }

  test('a commit behind ~ does not count', () => {
    expect(compareVersions('1.0~abc-r1', '1.0~def-r1')).toBe(0);
  });
});

test.each(['', 'a', '1.', '1.0_', '1.0_foo', '1.0-r', '1.0-1', '1.0 ', '-r1', '1..0'])('%j is no version', (text) => {
  expect(isVersion(text)).toBe(false);
  expect(() => compareVersions(text, '1')).toThrow(expect.objectContaining({ code: 'CHECK_FAILED' }));
});
