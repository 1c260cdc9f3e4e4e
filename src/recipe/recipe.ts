// Owns: one recipe folder to a Recipe. Knows nothing of other folders; the tree does.

import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { BuildError, type SourceLocation } from '../errors.ts';
import { type Package, parsePackageToml } from './package-toml.ts';
import type { Recipe } from './types.ts';

export const PACKAGE_FILE = 'package.toml';
export const CONTAINER_FILE = 'Containerfile';

/** What a recipe gets from the tree it lies in. */
export interface RecipePlace {
  /** Image name, e.g. `recipes/busybox`. */
  readonly name: string;
  readonly shortName: string;
  /** Absolute host path. */
  readonly directory: string;
  /** Stage to build, when it is not the last one. */
  readonly target?: string;
  readonly ownership: Recipe['ownership'];
  readonly epoch: number;
  readonly versionOf: (recipe: string) => string | undefined;
}

/**
 * Where a recipe's image lies below out/, and below the repository it is published in: `busybox` for recipes/busybox,
 * `bootstrap/busybox` for its namesake there.
 */
export function placeNameOf({ name, shortName }: Pick<Recipe, 'name' | 'shortName'>): string {
  return name.startsWith('bootstrap/') ? name : shortName;
}

/** True for a folder that holds a recipe. */
export function isRecipeDirectory(directory: string): boolean {
  return existsSync(path.join(directory, CONTAINER_FILE)) || existsSync(path.join(directory, PACKAGE_FILE));
}

/** A host path as the user would type it: relative to the working directory where that is shorter. */
export function showPath(absolute: string): string {
  const relative = path.relative(process.cwd(), absolute);
  return relative !== '' && relative.length < absolute.length ? relative : absolute;
}

/** Text of a file, or undefined when there is none. Throws BuildError RECIPE when it cannot be read. */
export function readTextIfThere(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    throw new BuildError('RECIPE', 'cannot read the file', {
      got: code ?? String(error),
      location: { file: showPath(file), line: 1 },
      cause: error,
    });
  }
}

const WITHOUT_FILE: Package = {
  kind: 'containerfile',
  version: '',
  description: '',
  license: '',
  website: '',
  platforms: [],
  subpackages: [],
  sources: [],
  allow: { network: [], mounts: [], xattrs: [], binaries: [] },
  buildArgs: new Map(),
};

/** Reads a recipe folder. Throws BuildError RECIPE with a location. The Containerfile is not read, only looked for. */
export function readRecipe(place: RecipePlace): Recipe {
  const shown = showPath(place.directory);
  const packageFile = path.join(shown, PACKAGE_FILE);
  const text = readTextIfThere(path.join(place.directory, PACKAGE_FILE));
  const read =
    text === undefined ? WITHOUT_FILE : parsePackageToml(text, { file: packageFile, versionOf: place.versionOf });
  const location: SourceLocation = {
    file: text === undefined ? path.join(shown, CONTAINER_FILE) : packageFile,
    line: 1,
  };
  if (read.kind === 'containerfile' && !existsSync(path.join(place.directory, CONTAINER_FILE))) {
    throw new BuildError('RECIPE', `no ${CONTAINER_FILE} in ${shown}`, {
      hint: 'add one, or say kind = "debian-root" in its package.toml if it is a distribution root',
      location,
    });
  }
  const { packageName, ownership, epoch, ...rest } = read;
  return {
    ...rest,
    name: place.name,
    shortName: place.shortName,
    directory: place.directory,
    shown,
    ...(packageName === undefined ? {} : { packageName }),
    ...(place.target === undefined ? {} : { target: place.target }),
    ownership: ownership ?? place.ownership,
    epoch: epoch ?? place.epoch,
    location,
  };
}
