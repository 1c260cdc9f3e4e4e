// Owns: every pinned file that recipes and all they need are made of, into the store: sources, and for distribution roots
// their lists and packages.

import type { Digest } from '../../oci/digest.ts';
import { fetchSources } from '../fetch/fetch.ts';
import { sourcePath } from '../fetch/source-store.ts';
import { lower } from '../graph/lower.ts';
import type { BuildRequest, ImageFinder } from '../graph/request.ts';
import type { Recipe, Source } from '../recipe/types.ts';
import { fetchRoot, type RootSettings, sourcesOfRoot } from './roots.ts';

/** A pinned file that lies in the store, verified. */
export interface PinnedFile {
  /** Name of a recipe that pins it. */
  readonly recipe: string;
  readonly file: string;
  readonly digest: Digest;
  readonly size: number;
  /** Absolute path in the store. */
  readonly path: string;
}

/** Fetches what is missing. One entry for each recipe and file, recipes before those that need them. Throws what fetchSources throws. */
export async function fetchEverything(
  requests: readonly BuildRequest[],
  finder: ImageFinder,
  settings: RootSettings,
): Promise<readonly PinnedFile[]> {
  // An agreement is several targets of one recipe.
  const targets = lower(requests, finder).targets;
  const recipes = new Set<Recipe>(targets.flatMap(({ recipe }) => (recipe === undefined ? [] : [recipe])));
  const owners = new Map<Source, Recipe>();
  for (const recipe of recipes) for (const source of recipe.sources) owners.set(source, recipe);
  const roots = [...recipes].filter(({ root }) => root !== undefined);
  const recipeDirectory = (source: Source): string => owners.get(source)!.directory;
  const fetched = await fetchSources([...owners.keys()], { ...settings, recipeDirectory });
  for (const recipe of roots) await fetchRoot(recipe, settings);
  return [
    ...[...owners].map(([source, recipe]) => [recipe, source.file, fetched.get(source.digest)!] as const),
    ...roots.flatMap((recipe) => sourcesOfRoot(recipe).map((source) => [recipe, source.file, source] as const)),
  ].map(([recipe, file, { digest, size }]) => ({
    recipe: recipe.name,
    file,
    digest,
    size,
    path: sourcePath(settings.store, digest),
  }));
}
