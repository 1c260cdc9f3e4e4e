// Owns: what an operand of diff, inspect, tree and cat means: a recipe or an image of the store by name, or any form that
// oci/diff/subject.ts opens.

import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { layoutSubject, openSubject, type Subject, splitSelector } from '../../oci/diff/subject.ts';
import { isDigest } from '../../oci/digest.ts';
import { readRoots } from '../build/roots-record.ts';
import { BuildError } from '../errors.ts';
import { didYouMean } from '../recipe/near-miss.ts';
import { placeNameOf } from '../recipe/recipe.ts';
import type { CommandContext } from './command.ts';
import { optionalTree } from './trees.ts';

/** For the help of a command that takes one. */
export const SUBJECT_HELP = [
  'An image is a recipe (out/NAME, else what the store has), a digest of the store, oci:DIR[:TAG], oci-archive:FILE[:TAG],',
  'docker-archive:FILE[:REFERENCE], a layer tar (any compression; tar:FILE), or a directory (dir:DIR).',
].join('\n');

const FORM = /^(oci|oci-archive|docker-archive|tar|dir):/;

/** Throws BuildError USAGE for a name that is nothing, and OciError for what cannot be read. */
export function subjectOf(operand: string, context: CommandContext): Subject {
  const { storeDirectory, cwd } = context;
  const form = FORM.exec(operand);
  if (form !== null) {
    const { path } = splitSelector(operand.slice(form[0].length), cwd);
    if (!existsSync(path)) {
      throw new BuildError('USAGE', `${operand} is not there`, { want: `a file or directory ${path}` });
    }
    return openSubject(operand, cwd);
  }
  const store = join(storeDirectory, 'layout');
  if (isDigest(operand)) return layoutSubject(operand, store, operand);
  const recipe = findRecipe(operand, context);
  const fault = recipe instanceof BuildError ? recipe : undefined;
  const known = recipe instanceof BuildError ? undefined : recipe;
  if (known?.directory !== undefined) return layoutSubject(operand, known.directory);
  const records = readRoots(storeDirectory);
  const name = known?.name ?? operand.replace(/^\.\//, '').replace(/\/+$/, '');
  const record =
    records.find(({ target }) => target === name) ?? records.find(({ target }) => target.split('/').at(-1) === name);
  if (record !== undefined) return layoutSubject(operand, store, record.index);
  if (known !== undefined) {
    throw new BuildError('USAGE', `${known.name} is a recipe, and its image is not here`, {
      hint: `build it: \`ocibuild run ${known.name}\`; its folder is dir:${operand}`,
    });
  }
  if (existsSync(resolve(cwd, operand))) return openSubject(operand, cwd);
  const near = didYouMean(
    name,
    records.map(({ target }) => target),
  );
  throw new BuildError('USAGE', `there is no image, file or directory called ${operand}`, {
    ...(fault === undefined ? {} : { got: fault.message }),
    hint: near ?? 'see `ocibuild ls`; a layout in a folder is named oci:DIR',
  });
}

/** A recipe, and the folder of its image where that is in out/; or why the name is none. Undefined where no tree is. */
function findRecipe(
  operand: string,
  context: CommandContext,
): { readonly name: string; readonly directory?: string } | BuildError | undefined {
  try {
    const tree = optionalTree(context);
    if (tree === undefined) return undefined;
    const name = tree.resolve(operand);
    const directory = join(tree.directory, 'out', placeNameOf(tree.recipe(name)));
    return existsSync(join(directory, 'oci-layout')) ? { name, directory } : { name };
  } catch (error) {
    if (error instanceof BuildError && error.code === 'UNKNOWN_RECIPE') return error;
    throw error;
  }
}

/** The layout an operand names, beside which its referrers may lie; undefined for every other form. */
export function imageDirectoryOf(operand: string, context: CommandContext): string | undefined {
  const form = FORM.exec(operand)?.[1];
  if (form !== undefined && form !== 'oci') return undefined;
  if (form === 'oci') return splitSelector(operand.slice('oci:'.length), context.cwd).path;
  const recipe = findRecipe(operand, context);
  if (recipe !== undefined && !(recipe instanceof BuildError) && recipe.directory !== undefined)
    return recipe.directory;
  const path = resolve(context.cwd, operand);
  return existsSync(join(path, 'oci-layout')) ? path : undefined;
}
