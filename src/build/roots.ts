// Owns: distribution roots as the solver wants them: a key from the lock file, and an unpacking that verifies everything
// from the signature down, every time.

import type { Digest } from '../../oci/digest.ts';
import { BuildError } from '../errors.ts';
import { type FetchSettings, fetchPinned } from '../fetch/fetch.ts';
import { fileChunks } from '../fetch/file-chunks.ts';
import { sourcePath } from '../fetch/source-store.ts';
import type { Recipe } from '../recipe/types.ts';
import { needLockFile, readKeyFiles } from '../root/folder.ts';
import type { RootSource } from '../root/types.ts';
import { unpackArchive } from '../snapshot/unpack.ts';
import type { RootBuilder } from '../solver/services.ts';

export interface RootSettings extends FetchSettings {
  /** How many downloads run side by side. */
  readonly jobs: number;
}

/** Brings files of a root into the store, some side by side. Throws what fetchPinned throws. */
export async function fetchRootSources(
  recipe: Recipe,
  sources: readonly RootSource[],
  command: string,
  settings: RootSettings,
): Promise<void> {
  const waiting = [...sources];
  const worker = async (): Promise<void> => {
    for (let source = waiting.shift(); source !== undefined; source = waiting.shift()) {
      const { digest, mirrors, file, size } = source;
      await fetchPinned(digest, mirrors, { ...settings, file, size, location: recipe.location, command });
    }
  };
  await Promise.all(Array.from({ length: settings.jobs }, worker));
}

/** Brings every file of a root into the store. */
export async function fetchRoot(recipe: Recipe, settings: RootSettings): Promise<void> {
  await fetchRootSources(recipe, sourcesOfRoot(recipe), `ocibuild fetch ${recipe.shown}`, settings);
}

/** Every file a root is made of: the archive's lists, and packages. Throws BuildError RECIPE when it was never locked. */
export function sourcesOfRoot(recipe: Recipe): readonly RootSource[] {
  return needLockFile(recipe.directory, recipe.shown, specOf(recipe)).sources;
}

/** A root ready to be unpacked. Throws BuildError RECIPE when it was never locked. */
export async function openRoot(recipe: Recipe, settings: RootSettings): Promise<RootBuilder> {
  const spec = specOf(recipe);
  const root = needLockFile(recipe.directory, recipe.shown, spec);
  const bytesOf = (digest: Digest): Iterable<Uint8Array> => fileChunks(sourcePath(settings.store, digest));
  return {
    key: root.key,
    unpack: async (workspace) => {
      await fetchRoot(recipe, settings);
      await root.verify(readKeyFiles(recipe.directory, spec), bytesOf);
      for (const archive of root.unpack(bytesOf)) {
        settings.signal.throwIfAborted();
        unpackArchive(workspace, '/', archive.tar, { owner: 'archive' });
      }
    },
  };
}

function specOf(recipe: Recipe): NonNullable<Recipe['root']> {
  if (recipe.root !== undefined) return recipe.root;
  throw new BuildError('RECIPE', `${recipe.name} has no [root]`, { location: recipe.location });
}
