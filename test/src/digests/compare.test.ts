import { describe, expect, test } from 'vitest';
import { digestOf } from '../../../oci/digest.ts';
import { compareDigests, findingText, type RecipeState } from '../../../src/digests/compare.ts';
import { formatDigests, imageFormat, parseDigests } from '../../../src/digests/digest-list.ts';

const [A, B] = [digestOf('a'), digestOf('b')];
const platform = 'linux/amd64';
const listOf = (...names: readonly string[]) =>
  parseDigests(formatDigests(names.map((name) => ({ name, platform, digest: A }))), 'f');
const built = (name: string, digest = A): RecipeState => ({ name, platform, outcome: 'built', digest });

describe('what is as expected', () => {
  test('gives nothing', () => {
    const states = [built('recipes/a'), built('recipes/b')];
    expect(compareDigests(listOf('recipes/a', 'recipes/b'), { states, isKnown: () => true })).toEqual([]);
  });
  test('lines nobody asked about are left alone without isKnown', () => {
    expect(compareDigests(listOf('recipes/a', 'recipes/b'), { states: [built('recipes/a')] })).toEqual([]);
  });
});

describe('each thing that is not', () => {
  const cases: readonly (readonly [string, RecipeState, readonly string[], RegExp])[] = [
    [
      'another digest',
      built('recipes/a', B),
      ['recipes/a'],
      new RegExp(`^recipes/a ${platform}: want ${A}, got ${B}: ocibuild reproduce recipes/a$`),
    ],
    [
      'no line',
      built('recipes/a'),
      [],
      new RegExp(`^recipes/a ${platform}: no line in the list, got ${A}: ocibuild digests recipes/a$`),
    ],
    [
      'no result',
      { name: 'recipes/a', platform, outcome: 'not built' },
      ['recipes/a'],
      new RegExp(`want ${A}, got nothing: .*ocibuild run recipes/a$`),
    ],
    [
      'neither line nor result',
      { name: 'recipes/a', platform, outcome: 'not built' },
      [],
      /no line in the list, got nothing/,
    ],
    [
      'a recipe that is wrong',
      { name: 'recipes/a', platform, outcome: 'failed', reason: 'recipes/a/Containerfile:1: PARSE: x' },
      ['recipes/a'],
      /got an error: recipes\/a\/Containerfile:1: PARSE: x: ocibuild lint recipes\/a$/,
    ],
  ];
  test.each(cases)('%s', (_, state, names, text) => {
    const findings = compareDigests(listOf(...names), { states: [state] });
    expect(findings.map(findingText)).toEqual([expect.stringMatching(text)]);
  });

  test('no list at all is a missing line for each', () => {
    expect(compareDigests(undefined, { states: [built('recipes/a')] })).toMatchObject([{ kind: 'unlisted' }]);
  });
  test('a line the tree has no recipe for', () => {
    const findings = compareDigests(listOf('recipes/gone'), { states: [], isKnown: () => false });
    expect(findings.map(findingText)).toEqual([expect.stringMatching(/^recipes\/gone .*no such recipe/)]);
  });
  test('a list for images of another format', () => {
    const list = { ...listOf('recipes/a'), format: 'native/0/x' };
    const [first, ...more] = compareDigests(list, { states: [built('recipes/a')] });
    expect(findingText(first!)).toContain(`want native/0/x, got ${imageFormat()}`);
    expect(more).toEqual([]);
  });
});
