// Owns: the digest of a recipe's own folder, and of all of a tree: what a maintainer's word on a change is about.
// Computed from the files alone; needs no store and builds nothing.
//
//   recipe   sha256 of   "ocibuild recipe 1\n" { MODE " " HEX "  " PATH "\n" }       sorted by the bytes of PATH
//   tree     sha256 of   "ocibuild tree 1\n" { HEX "  " PATH "\n" }                  likewise
//
// MODE is git's: 100755 for a file its owner may execute, 100644 for any other, 120000 for a symlink (HEX: of its
// target). HEX of a file is the sha256 of its bytes. PATH is relative to the folder. Folders do not count, as in git;
// neither do a checkout's owners, times and umask. Everything in the folder counts, whether the Containerfile uses it or not.
// What other recipes hold does not: their digests are theirs.
// In a tree's text, PATH is a recipe's folder with HEX its recipe digest, or `ocibuild.toml` with HEX that of its bytes.

import { type Dirent, lstatSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { join, relative } from 'node:path';
import { type Digest, digestOf, hexOf } from '../../oci/digest.ts';
import { BuildError } from '../errors.ts';
import { showPath } from '../recipe/recipe.ts';
import { TREE_FILE } from '../recipe/tree-settings.ts';
import type { Recipe, Tree } from '../recipe/types.ts';

/** Media type of the text that a recipe digest is the digest of. */
export const RECIPE_LISTING_TYPE = 'application/vnd.ocibuild.recipe.v1+text';

/** The text above. Throws BuildError RECIPE for what has no place in it: devices, sockets, names with a newline or not in UTF-8. */
export function recipeListing(directory: string): string {
  const lines = filesBelow(directory, '').map((path) => `${lineOf(join(directory, path))}  ${path}\n`);
  return `ocibuild recipe 1\n${lines.join('')}`;
}

/** Digest of a recipe's own folder. Recipes that share a folder (subpackages) share it. */
export function recipeDigest(recipe: Pick<Recipe, 'directory'>): Digest {
  return digestOf(recipeListing(recipe.directory));
}

/** Digest over every recipe folder of a tree and its settings. Throws what recipeListing and Tree.recipe throw. */
export function treeDigest(tree: Tree): Digest {
  const folders = new Map<string, string>();
  for (const name of tree.names()) {
    const { directory } = tree.recipe(name);
    folders.set(relative(tree.directory, directory), directory);
  }
  const lines = [...folders].map(([path, directory]) => ({ path, hex: hexOf(digestOf(recipeListing(directory))) }));
  const settings = join(tree.directory, TREE_FILE);
  if (lstatSync(settings, { throwIfNoEntry: false }) !== undefined) {
    lines.push({ path: TREE_FILE, hex: hexOf(digestOf(readFileSync(settings))) });
  }
  lines.sort((a, b) => Buffer.compare(Buffer.from(a.path), Buffer.from(b.path)));
  return digestOf(`ocibuild tree 1\n${lines.map(({ hex, path }) => `${hex}  ${path}\n`).join('')}`);
}

/** Paths of everything but folders, relative, sorted by their bytes. */
function filesBelow(directory: string, prefix: string): string[] {
  const found: string[] = [];
  for (const entry of readdirSync(join(directory, prefix), { withFileTypes: true, encoding: 'buffer' })) {
    const path = prefix === '' ? nameOf(entry, directory) : `${prefix}/${nameOf(entry, join(directory, prefix))}`;
    if (entry.isDirectory()) found.push(...filesBelow(directory, path));
    else found.push(path);
  }
  return prefix === '' ? found.sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b))) : found;
}

function nameOf(entry: Dirent<Buffer>, folder: string): string {
  const name = entry.name.toString('utf8');
  if (Buffer.from(name).equals(entry.name) && !name.includes('\n')) return name;
  throw new BuildError('RECIPE', 'a name no list of files can hold', {
    location: { file: join(showPath(folder), name.replaceAll('\n', '?')), line: 1 },
    want: 'UTF-8 without a newline',
  });
}

function lineOf(path: string): string {
  const stats = lstatSync(path);
  if (stats.isSymbolicLink()) return `120000 ${hexOf(digestOf(readlinkSync(path, { encoding: 'buffer' })))}`;
  if (!stats.isFile()) {
    throw new BuildError('RECIPE', 'a recipe holds files, folders and symlinks', {
      location: { file: showPath(path), line: 1 },
    });
  }
  return `${(stats.mode & 0o100) === 0 ? '100644' : '100755'} ${hexOf(digestOf(readFileSync(path)))}`;
}
