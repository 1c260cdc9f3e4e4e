// Owns: `ocibuild digests`: recipes/digests.txt written from what was built here, or compared with it. Builds nothing.

import { chownSync, readFileSync } from 'node:fs';
import { formatPlatform, type Platform } from '../../oci/platform.ts';
import { lookUp, reasonOf } from '../build/lookup.ts';
import { createFinder, recipeRequest } from '../build/requests.ts';
import { compareDigests, findingText, type RecipeState } from '../digests/compare.ts';
import {
  type DigestList,
  digestListPath,
  type ExpectedDigest,
  expectedOf,
  formatDigests,
  imageFormat,
  readDigests,
} from '../digests/digest-list.ts';
import { BuildError, formatError } from '../errors.ts';
import type { BuildRequest } from '../graph/request.ts';
import { showPath } from '../recipe/recipe.ts';
import type { Recipe, Tree } from '../recipe/types.ts';
import { callerId } from '../sandbox/userns.ts';
import { writeFileWhole } from '../solver/actions.ts';
import { lookupServices } from './build-flags.ts';
import type { Command, CommandContext } from './command.ts';
import { namedRecipes, platformOf, RECIPE_FLAGS, recipeOptionsOf, requireTree } from './trees.ts';

export const command: Command = {
  name: 'digests',
  summary: 'write recipes/digests.txt from what was built here, or check it',
  usage: `[RECIPE…]
No recipe means every one of the tree. Nothing is built: what counts is the result that the store holds of a recipe as its
files are now. One line a recipe and platform, sorted: the digest of the image's manifest, the recipe, the platform.

Writing: a line is changed, added or, for a recipe the tree no longer has, dropped, and each such line is printed. The line
of a recipe that was not built here stays as it is and is named; a list for images of another format is replaced whole or
not at all. Exit 1 when a recipe that was named has no result, or one without a line has none.
With --check nothing is written. Exit 1 when a digest differs, when anything has no line or no result (a recipe whose
build failed has none), or when a line names what the tree does not have; each is printed with the recipe, what was
wanted, what was got, and the command that shows why.`,
  flags: {
    ...RECIPE_FLAGS,
    check: { summary: 'compare only; exit 1 on any difference and on anything missing' },
  },
  needsNamespace: true,
  run: async (context) => {
    const tree = requireTree(context);
    const isEverything = context.args.operands.length === 0;
    const list = readDigests(tree);
    const { states, elsewhere } = await statesOf(context, tree);
    for (const name of elsewhere) context.stderr.write(`${name} is not for ${formatPlatform(platformOf(context))}\n`);
    const known = isEverything ? knownLines(tree) : undefined;
    return context.args.is('check')
      ? check(context, tree, list, states, known)
      : write(context, tree, list, states, known);
  },
};

/** What the store holds of every recipe the command line means, and which of those are for other platforms alone. */
async function statesOf(
  context: CommandContext,
  tree: Tree,
): Promise<{ readonly states: readonly RecipeState[]; readonly elsewhere: readonly string[] }> {
  const options = recipeOptionsOf(context);
  const unreadable: RecipeState[] = [];
  const elsewhere: string[] = [];
  const requests: BuildRequest[] = [];
  for (const name of namedRecipes(context, tree, { everything: true })) {
    try {
      const recipe = tree.recipe(name);
      const request = recipeRequest(recipe, options);
      if (isFor(recipe, request.platform)) requests.push(request);
      else elsewhere.push(name);
    } catch (error) {
      if (!(error instanceof BuildError)) throw error;
      unreadable.push({
        name,
        platform: formatPlatform(options.platform),
        outcome: 'failed',
        reason: formatError(error),
      });
    }
  }
  const found = await lookUp(requests, createFinder(tree, options), lookupServices(context));
  const states = found.map((one): RecipeState => {
    const { name, platform } = one;
    if (one.outcome === 'built') return { name, platform, outcome: 'built', digest: one.image.manifestDigest };
    if (one.outcome === 'failed') return { name, platform, outcome: 'failed', reason: reasonOf(one.error) };
    return { name, platform, outcome: 'not built' };
  });
  return { states: [...unreadable, ...states], elsewhere };
}

function isFor(recipe: Recipe, platform: Platform): boolean {
  return recipe.platforms.length === 0 || recipe.platforms.includes(formatPlatform(platform));
}

/** A recipe that cannot be read is known: what is wrong with it is said elsewhere. */
function knownLines(tree: Tree): (line: ExpectedDigest) => boolean {
  return ({ name, platform }) => {
    if (!tree.has(name)) return false;
    try {
      const { platforms } = tree.recipe(name);
      return platforms.length === 0 || platforms.includes(platform);
    } catch (error) {
      if (error instanceof BuildError) return true;
      throw error;
    }
  };
}

type Known = ((line: ExpectedDigest) => boolean) | undefined;

function check(
  context: CommandContext,
  tree: Tree,
  list: DigestList | undefined,
  states: readonly RecipeState[],
  known: Known,
): number {
  const findings = compareDigests(list, { states, ...(known === undefined ? {} : { isKnown: known }) });
  for (const finding of findings) context.stdout.write(`${findingText(finding)}\n`);
  const shown = showPath(digestListPath(tree));
  const counted = `${states.length} recipe${states.length === 1 ? '' : 's'}`;
  const outcome = findings.length === 0 ? 'as expected' : `${findings.length} not as expected`;
  context.stdout.write(`${shown}: ${counted}, ${outcome}\n`);
  return findings.length === 0 ? 0 : 1;
}

function write(
  context: CommandContext,
  tree: Tree,
  list: DigestList | undefined,
  states: readonly RecipeState[],
  known: Known,
): number {
  const isEverything = known !== undefined;
  const lines: ExpectedDigest[] = (list?.lines ?? []).filter((line) => {
    const stays = known === undefined || known(line);
    if (!stays) context.stdout.write(`dropped ${line.name} ${line.platform} ${line.digest}: not in the tree\n`);
    return stays;
  });
  let missing = 0;
  for (const state of states) {
    const { name, platform } = state;
    const old = expectedOf(list, name, platform)?.digest;
    if (state.outcome !== 'built') {
      if (!isEverything || old === undefined) missing++;
      const why = state.outcome === 'failed' ? state.reason : `not built here: ocibuild run ${name}`;
      context.stderr.write(`${old === undefined ? 'missing' : 'kept'} ${name} ${platform}: ${why}\n`);
      continue;
    }
    if (old === state.digest) continue;
    const at = lines.findIndex((line) => line.name === name && line.platform === platform);
    lines.splice(at < 0 ? lines.length : at, at < 0 ? 0 : 1, { name, platform, digest: state.digest });
    context.stdout.write(
      old === undefined
        ? `added ${name} ${platform} ${state.digest}\n`
        : `changed ${name} ${platform} ${old} to ${state.digest}\n`,
    );
  }
  if (list === undefined && lines.length === 0) return 1;
  if (list !== undefined && list.format !== imageFormat()) {
    const built = new Set(states.map((state) => (state.outcome === 'built' ? `${state.name} ${state.platform}` : '')));
    const stale = lines.filter(({ name, platform }) => !built.has(`${name} ${platform}`));
    if (stale.length > 0) {
      // One list is of one format: what was not built again cannot stay, and nothing is thrown away unasked.
      throw new BuildError('CHECK_FAILED', 'the list was made for images of another format, and was not written', {
        want: imageFormat(),
        got: `${list.format}, and no new result of ${stale.map(({ name }) => name).join(', ')}`,
        hint: 'build those too, then call `ocibuild digests` without names',
      });
    }
  }
  const isChanged = writeList(digestListPath(tree), formatDigests(lines));
  context.stdout.write(
    `${showPath(digestListPath(tree))}: ${lines.length} digests, ${isChanged ? 'written' : 'unchanged'}\n`,
  );
  return missing === 0 ? 0 : 1;
}

/** Whole or not at all, and only when it differs; owned by whoever called. */
function writeList(path: string, text: string): boolean {
  let old: string | undefined;
  try {
    old = readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
  if (old === text) return false;
  try {
    writeFileWhole(path, text);
    const { uid, gid } = callerId();
    chownSync(path, uid, gid);
  } catch (cause) {
    throw new BuildError('USAGE', `cannot write ${showPath(path)}`, {
      got: (cause as NodeJS.ErrnoException).code ?? String(cause),
      cause,
    });
  }
  return true;
}
