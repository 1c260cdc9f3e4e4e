// Owns: which variation makes images differ: builds with fewer and fewer of them. Pure but for the builds it is handed.

/** Builds `recipes` with these variations, and names those that came out otherwise than in the first build. */
export type Trial<T> = (recipes: readonly string[], variations: readonly string[]) => Promise<TrialResult<T>>;

export interface TrialResult<T> {
  readonly differing: ReadonlySet<string>;
  /** Whatever is to be remembered of this build. */
  readonly build: T;
}

export interface Attribution<T> {
  /** Variations that change it, each alone, with the build that shows it. */
  readonly culprits: readonly { readonly variation: string; readonly build: T }[];
  /** Sets that change it only as a whole, where a part of the search ended so. */
  readonly together: readonly { readonly variations: readonly string[]; readonly build: T }[];
  /** In a build with these it was the same. */
  readonly survived: ReadonlySet<string>;
}

interface Found<T> {
  culprits: { variation: string; build: T }[];
  together: { variations: readonly string[]; build: T }[];
  survived: Set<string>;
}

/**
 * `recipes` all differ in `build`, made with all `variations`. Halves the variations where recipes are few, and takes them
 * one by one where they are many: each build serves all recipes at once. `unlikely` ones are tried together first.
 */
export async function attribute<T>(
  recipes: readonly string[],
  variations: readonly string[],
  build: T,
  trial: Trial<T>,
  unlikely: ReadonlySet<string> = new Set(),
): Promise<ReadonlyMap<string, Attribution<T>>> {
  const found = new Map<string, Found<T>>(
    recipes.map((name) => [name, { culprits: [], together: [], survived: new Set<string>() }]),
  );
  const search = async (names: readonly string[], among: readonly string[], shown: T): Promise<void> => {
    if (names.length === 0) return;
    if (among.length <= 1) {
      for (const variation of among)
        for (const name of names) found.get(name)!.culprits.push({ variation, build: shown });
      return;
    }
    const before = new Map(names.map((name) => [name, countOf(found.get(name)!)]));
    for (const part of partsOf(among, names.length, unlikely)) {
      const { differing, build: tried } = await trial(names, part);
      for (const name of names) if (!differing.has(name)) for (const one of part) found.get(name)!.survived.add(one);
      await search(
        names.filter((name) => differing.has(name)),
        part,
        tried,
      );
    }
    for (const name of names) {
      const own = found.get(name)!;
      if (countOf(own) === before.get(name)) own.together.push({ variations: among, build: shown });
    }
  };
  await search(recipes, variations, build);
  return found;
}

function countOf<T>({ culprits, together }: Found<T>): number {
  return culprits.length + together.length;
}

function partsOf(
  variations: readonly string[],
  recipes: number,
  unlikely: ReadonlySet<string>,
): readonly (readonly string[])[] {
  // Halving costs about 2·log2(n) builds a recipe, one by one n for all of them.
  if (recipes * 2 * Math.log2(variations.length) >= variations.length) {
    const rare = variations.filter((one) => unlikely.has(one));
    const rest = variations.filter((one) => !unlikely.has(one)).map((one) => [one]);
    if (rare.length === 0 || rest.length === 0) return variations.map((one) => [one]);
    return [rare, ...rest];
  }
  const middle = variations.length >> 1;
  return [variations.slice(0, middle), variations.slice(middle)];
}
