import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { attribute } from '../../../src/reproduce/attribute.ts';

const NAMES = Array.from({ length: 16 }, (_, index) => `v${index}`);

/** Recipes that differ when any set of theirs is varied as a whole. */
type Faults = Readonly<Record<string, readonly (readonly string[])[]>>;

async function search(faults: Faults, variations: readonly string[], unlikely?: ReadonlySet<string>) {
  let builds = 0;
  const found = await attribute(
    Object.keys(faults),
    variations,
    variations,
    async (recipes, among) => {
      builds++;
      const isHit = (name: string): boolean => faults[name]!.some((set) => set.every((one) => among.includes(one)));
      return { differing: new Set(recipes.filter(isHit)), build: among };
    },
    unlikely,
  );
  return { found, builds };
}

describe('the variation that changes a recipe', () => {
  test.each([
    ['the only one there is', ['v3'], [['v3']], ['v3'], 0],
    ['one of sixteen', NAMES, [['v11']], ['v11'], 8],
    ['two of sixteen', NAMES, [['v0'], ['v15']], ['v0', 'v15'], 16],
  ] as const)('%s', async (_, variations, faults, want, most) => {
    const { found, builds } = await search({ r: faults }, variations);
    const { culprits, together, survived } = found.get('r')!;
    expect(culprits.map(({ variation }) => variation)).toEqual(want);
    expect(together).toEqual([]);
    expect([...survived].sort()).toEqual(variations.filter((one) => !(want as readonly string[]).includes(one)).sort());
    expect(builds).toBeLessThanOrEqual(most);
  });

  test('a pair that does nothing alone is told as a pair', async () => {
    const { found } = await search({ r: [['v1', 'v14']] }, NAMES);
    const { culprits, together } = found.get('r')!;
    expect(culprits).toEqual([]);
    expect(together).toHaveLength(1);
    expect(together[0]!.variations).toEqual(expect.arrayContaining(['v1', 'v14']));
  });

  test('many recipes share the builds, and the unlikely ones are tried as one', async () => {
    const faults = Object.fromEntries(NAMES.slice(6).map((name) => [`r-${name}`, [[name]]]));
    const { found, builds } = await search(faults, NAMES, new Set(NAMES.slice(0, 6)));
    expect(builds).toBe(1 + 10);
    for (const name of NAMES.slice(6)) {
      expect(found.get(`r-${name}`)!.culprits.map(({ variation }) => variation)).toEqual([name]);
    }
  });

  test('every single culprit is found, whatever else there is', async () => {
    const subset = fc.uniqueArray(fc.constantFrom(...NAMES), { minLength: 1, maxLength: 5 });
    await fc.assert(
      fc.asyncProperty(fc.array(subset, { minLength: 1, maxLength: 6 }), async (culprits) => {
        const faults = Object.fromEntries(culprits.map((set, index) => [`r${index}`, set.map((one) => [one])]));
        const { found } = await search(faults, NAMES, new Set(['v0', 'v1', 'v2']));
        for (const [index, set] of culprits.entries()) {
          const own = found.get(`r${index}`)!;
          expect(own.culprits.map(({ variation }) => variation).sort()).toEqual([...set].sort());
          for (const one of set) expect(own.survived.has(one)).toBe(false);
        }
      }),
    );
  });
});
