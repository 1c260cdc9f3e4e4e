import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { compareVersions } from '../../../src/root/deb-version.ts';

describe('compareVersions', () => {
  test.each([
    ['1.0', '<', '1.1'],
    ['1.9', '<', '1.10'],
    ['1.0', '=', '1.0-0'],
    ['1.0', '=', '0:1.0'],
    ['1.0-1', '<', '1.0-1+b1'],
    ['1.0-1', '<', '1.0-1.1'],
    ['1.0~rc1-1', '<', '1.0-1'],
    ['1.0~~', '<', '1.0~'],
    ['1.0~', '<', '1.0'],
    ['1.0-1~deb12u1', '<', '1.0-1'],
    ['12.4+deb12u5', '<', '12.4+deb12u15'],
    ['1:0.1', '>', '9999'],
    ['1.0a', '>', '1.0'],
    ['1.0a', '<', '1.0+'],
    ['1.0a', '<', '1.0.'],
    ['1.0Z', '<', '1.0a'],
    ['1.001', '=', '1.1'],
    ['1.0-', '!', '1.0'],
    ['1.99999999999999999999', '<', '1.100000000000000000000'],
    ['2.36-9+deb12u14', '<', '2.37'],
    ['1-2-3', '>', '1-1-4'],
    ['', '!', '1'],
    ['a1', '!', '1'],
    [':1', '!', '1'],
    ['x:1', '!', '1'],
    ['1 0', '!', '1'],
  ] as const)('%s %s %s', (a, relation, b) => {
    if (relation === '!') {
      expect(() => compareVersions(a, b)).toThrow('not a Debian version number');
      return;
    }
    const sign = { '<': -1, '=': 0, '>': 1 }[relation];
    expect(Math.sign(compareVersions(a, b))).toBe(sign);
    expect(Math.sign(compareVersions(b, a))).toBe(sign === 0 ? 0 : -sign);
  });

  test('is an order', () => {
    const version = fc.stringMatching(/^[0-2](:[0-9])?[0-9a.~+]{0,5}(-[01a~]{1,2})?$/);
    fc.assert(
      fc.property(version, version, version, (a, b, c) => {
        expect(compareVersions(a, a)).toBe(0);
        expect(Math.sign(compareVersions(a, b)) + Math.sign(compareVersions(b, a))).toBe(0);
        if (compareVersions(a, b) <= 0 && compareVersions(b, c) <= 0)
          expect(compareVersions(a, c)).toBeLessThanOrEqual(0);
      }),
      { numRuns: 500 },
    );
  });
});
