// Owns: the digest of a recipe's own folder, and of all of a tree: what a maintainer's word on a change is about.
// Computed from the files alone; needs no store and builds nothing.
//
//   recipe   sha256 of   "ocibuild recipe 1\n" { MODE " " HEX "  " PATH "\n" }       sorted by the bytes of PATH
//   tree     sha256 of   "ocibuild tree 1\n" { HEX "  " PATH "\n" }                  likewise
//
// MODE is git's: 100755 for a file its owner may execute, 100644 for any other, 120000 for a symlink (HEX: of its
// target), and 000000 for what git would not carry (a socket; HEX: of nothing). HEX of a file is the sha256 of its bytes. PATH
// is relative to the folder; in it, `%`, control characters and bytes that are no UTF-8 stand as %XX. Folders do not count, as
// in git; neither do a checkout's owners, times and umask. Everything in the folder counts, whether the Containerfile uses it or
// not. What other recipes hold does not: their digests are theirs.
// In a tree's text, PATH is a recipe's folder with HEX its recipe digest, or `ocibuild.toml` with HEX that of its bytes.

import { lstatSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { join, relative } from 'node:path';
import { type Digest, digestOf, hexOf } from '../../oci/digest.ts';
import { BuildError } from '../errors.ts';
import { showPath } from '../recipe/recipe.ts';
import { TREE_FILE } from '../recipe/tree-settings.ts';
import type { Recipe, Tree } from '../recipe/types.ts';

/** Media type of the text that a recipe digest is the digest of. */
export const RECIPE_LISTING_TYPE = 'application/vnd.ocibuild.recipe.v1+text';

/** The text above. Throws BuildError RECIPE for what cannot be read. */
export function recipeListing(directory: string): string {
  const paths = filesBelow(Buffer.from(`${directory}/`), Buffer.alloc(0)).sort(Buffer.compare);
  const lines = paths.map((path) => `${lineOf(Buffer.concat([Buffer.from(`${directory}/`), path]))}  ${shown(path)}\n`);
  return `ocibuild recipe 1\n${lines.join('')}`;
}

/** Digest of a recipe's own folder. Recipes that share a folder (subpackages) share it. */
export function recipeDigest(recipe: Pick<Recipe, 'directory'>): Digest {
  return digestOf(recipeListing(recipe.directory));
}

/** Recipe digests by folder, each read once. */
export function recipeDigests(recipes: Iterable<Pick<Recipe, 'directory'>>): ReadonlyMap<string, Digest> {
  const digests = new Map<string, Digest>();
  for (const recipe of recipes) {
    if (!digests.has(recipe.directory)) digests.set(recipe.directory, recipeDigest(recipe));
  }
  return digests;
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

/** Paths of everything but folders, relative to `root`, which ends in a slash; `prefix` is empty or does too. */
function filesBelow(root: Buffer, prefix: Buffer): Buffer[] {
  const folder = Buffer.concat([root, prefix]);
  const entries = reading(folder, () => readdirSync(folder, { withFileTypes: true, encoding: 'buffer' }));
  return entries.flatMap((entry) => {
    const path = Buffer.concat([prefix, entry.name]);
    return entry.isDirectory() ? filesBelow(root, Buffer.concat([path, Buffer.from('/')])) : [path];
  });
}

/** MODE and HEX. */
function lineOf(path: Buffer): string {
  const stats = lstatSync(path);
  if (stats.isSymbolicLink()) return `120000 ${hexOf(digestOf(readlinkSync(path, { encoding: 'buffer' })))}`;
  if (!stats.isFile()) return `000000 ${hexOf(digestOf(''))}`;
  const bytes = reading(path, () => readFileSync(path));
  return `${(stats.mode & 0o100) === 0 ? '100644' : '100755'} ${hexOf(digestOf(bytes))}`;
}

function reading<T>(path: Buffer, read: () => T): T {
  try {
    return read();
  } catch (cause) {
    throw new BuildError('RECIPE', 'the recipe cannot be read', {
      location: { file: showPath(path.toString()), line: 1 },
      got: (cause as NodeJS.ErrnoException).code ?? String(cause),
      cause,
    });
  }
}

const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

function shown(path: Buffer): string {
  const hex = (bytes: Iterable<number>): string =>
    [...bytes].map((byte) => `%${byte.toString(16).toUpperCase().padStart(2, '0')}`).join('');
  let text = '';
  for (let at = 0, end = 0; at < path.length; at = end) {
    const first = path[at]!;
    end = at + (first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4);
    try {
      const character = UTF8.decode(path.subarray(at, end));
      text += /[%\p{Cc}]/u.test(character) ? hex(Buffer.from(character)) : character;
    } catch {
      end = at + 1;
      text += hex([first]);
    }
  }
  return text;
}
