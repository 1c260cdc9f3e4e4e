import { expect, test } from 'vitest';
import { didYouMean, nearMisses } from '../../../src/recipe/near-miss.ts';

test.each([
  ['verison', ['version', 'website'], ['version']],
  ['VERSION', ['version'], ['version']],
  ['lisence', ['licenses', 'license'], ['license']],
  ['xyzzy', ['version'], []],
  ['', ['a'], ['a']],
  ['a'.repeat(1000), ['a'.repeat(999)], []],
])('%s among %j', (wrong, words, near) => {
  expect(nearMisses(wrong, words)).toEqual(near);
});

test('as a question', () => {
  expect(didYouMean('busibox', ['busybox', 'toybox'])).toBe('did you mean "busybox"?');
  expect(didYouMean('xyzzy', ['busybox'])).toBeUndefined();
});
