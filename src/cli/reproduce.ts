// Owns: `ocibuild reproduce`: recipes built again from nothing, and compared; in a hostile world, too. Flags and printing.

import { mkdirSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { formatPlatform } from '../../oci/platform.ts';
import { readDigests } from '../digests/digest-list.ts';
import { BuildError } from '../errors.ts';
import { lower } from '../graph/lower.ts';
import { makeDirectories, placeFile, requirePlace } from '../image/place.ts';
import { changedFiles, recipesOf, withDependents } from '../reproduce/changed.ts';
import { findEarlier } from '../reproduce/earlier.ts';
import { makeWorkPlace } from '../reproduce/place.ts';
import { verdictHtml } from '../reproduce/report-html.ts';
import { verdictText } from '../reproduce/report-text.ts';
import { reproduce, type VaryOptions } from '../reproduce/reproduce.ts';
import { namedVariations, VARIATIONS } from '../reproduce/variations.ts';
import type { Verdict } from '../reproduce/verdict.ts';
import { callerId } from '../sandbox/userns.ts';
import { distfilesOf, lookupServices, runtimeOf, SOLVE_FLAGS } from './build-flags.ts';
import type { Command, CommandContext } from './command.ts';
import { namedRecipes, platformOf, RECIPE_FLAGS, recipeOptionsOf, requireTree, treeRequests } from './trees.ts';

const NAMES = { value: 'NAME', repeatable: true } as const;

export const command: Command = {
  name: 'reproduce',
  summary: 'build recipes again from nothing, and compare',
  usage: `RECIPE… | --all | --changed REV
Recipes and all they need are built in a fresh store that holds nothing, and compared with recipes/digests.txt and
with the image under out/ (or in the store). diffIDs are compared first, compression after. Exit 1 when anything differs,
when there is nothing to compare with, when no step was executed, or when anything was a cache hit.

--vary builds twice: as always, and with everything varied that a result must not depend on. Where the two differ, more
builds find out which variation it is, which step, which file, and what in it. What could not be shown to have been
varied is called so. ${'`'}ocibuild reproduce --list${'`'} says what is varied, and why.`,
  flags: {
    ...RECIPE_FLAGS,
    changed: { summary: 'recipes that changed since this git revision, and what is built on them', value: 'REV' },
    vary: { summary: 'build once more, in a hostile world' },
    only: { summary: 'vary nothing else (more than once, or with commas)', ...NAMES },
    with: { summary: 'vary this too, which is not varied otherwise', ...NAMES },
    skip: { summary: 'do not vary this', ...NAMES },
    require: { summary: 'fail where this could not be varied', ...NAMES },
    list: { summary: 'say what can be varied, and why' },
    report: { summary: 'write a page with all of it', value: 'FILE.html' },
    json: { summary: 'print the verdict as JSON' },
    verbose: { summary: 'print what every witness said' },
    out: { summary: 'compare with images below this folder instead of out/', value: 'DIR' },
    work: {
      summary: 'a folder for the new stores (default: beside the store); what is made there goes again',
      value: 'DIR',
    },
    distfiles: SOLVE_FLAGS['distfiles']!,
    runtime: SOLVE_FLAGS['runtime']!,
    driver: SOLVE_FLAGS['driver']!,
  },
  needsNamespace: true,
  run: async (context) => {
    const { args, stdout } = context;
    if (args.is('list')) {
      stdout.write(listText());
      return 0;
    }
    const vary = varyOf(context);
    const page = args.text('report');
    if (page !== undefined) requirePlace(resolve(context.cwd, page), 'file');
    const recipes = wantedRecipes(context);
    if (recipes.length === 0) {
      stdout.write(`nothing has changed since ${args.text('changed')}\n`);
      return 0;
    }
    const verdict = await reproduceRecipes(context, recipes, vary);
    stdout.write(
      args.is('json') ? `${JSON.stringify(verdict, undefined, 2)}\n` : verdictText(verdict, args.is('verbose')),
    );
    if (page !== undefined) {
      const path = resolve(context.cwd, page);
      makeDirectories(dirname(path), callerId());
      await placeFile(path, callerId(), async (write) => write(Buffer.from(verdictHtml(verdict))));
    }
    return verdict.isReproduced ? 0 : 1;
  },
};

/** `recipes` are full names. */
async function reproduceRecipes(
  context: CommandContext,
  recipes: readonly string[],
  vary: VaryOptions | undefined,
): Promise<Verdict> {
  const { args, cwd, env, signal, jobs, offline, storeDirectory, stderr } = context;
  const tree = requireTree(context);
  const platform = formatPlatform(platformOf(context));
  const beside = resolve(cwd, args.text('work') ?? dirname(storeDirectory));
  makeDirectories(beside, callerId());
  const place = makeWorkPlace(beside);
  const { directory } = place;
  const scratch = join(directory, 'scratch');
  mkdirSync(scratch);
  try {
    return await reproduce({
      ...{ directory, tree: tree.directory, platform, offline, jobs, env, cwd, signal, recipes },
      // The sources of the caller's store lie in it as in a folder of distfiles, and are only read.
      distfiles: [join(storeDirectory, 'sources'), ...distfilesOf(context)],
      runtime: runtimeOf(context),
      driver: (args.text('driver') as 'auto' | 'overlay' | 'copy' | undefined) ?? 'auto',
      earlier: findEarlier({
        ...{ tree, platform, cwd, scratch },
        digests: readDigests(tree),
        services: lookupServices(context),
        out: resolve(cwd, args.text('out') ?? join(tree.directory, 'out')),
      }),
      ...(vary === undefined ? {} : { vary }),
      say: (line) => stderr.write(`${line}\n`),
      openProgress: context.openProgress,
    });
  } finally {
    place.remove();
  }
}

function wantedRecipes(context: CommandContext): readonly string[] {
  const revision = context.args.text('changed');
  const tree = requireTree(context);
  if (revision === undefined) return namedRecipes(context, tree);
  if (context.args.operands.length > 0 || context.args.is('all')) {
    throw new BuildError('USAGE', '--changed names the recipes itself', { got: context.args.operands.join(' ') });
  }
  const names = recipesOf(tree, tree.names(), changedFiles(tree.directory, revision));
  if (names.length === 0) return [];
  // Everything is lowered, to know what stands on what.
  const { requests, finder } = treeRequests(context, { operands: tree.names() });
  const platform = formatPlatform(recipeOptionsOf(context).platform);
  const possible = requests.filter(
    ({ recipe }) => recipe!.platforms.length === 0 || recipe!.platforms.includes(platform),
  );
  return withDependents(lower(possible, finder), names);
}

function varyOf({ args }: CommandContext): VaryOptions | undefined {
  const list = (flag: string): string[] =>
    args
      .list(flag)
      .flatMap((text) => text.split(','))
      .filter((name) => name !== '');
  const flags = ['only', 'with', 'skip', 'require'];
  const [only, extra, skip, required] = flags.map((flag) => namedVariations(list(flag), `--${flag}`));
  if (!args.is('vary')) {
    const given = flags.find((flag) => args.has(flag));
    if (given === undefined) return undefined;
    throw new BuildError('USAGE', `--${given} says what to vary`, { hint: 'say --vary too' });
  }
  const chosen = VARIATIONS.filter((variation) => {
    if (skip!.includes(variation)) return false;
    return only!.length > 0 ? only!.includes(variation) : variation.isDefault || extra!.includes(variation);
  });
  return { variations: chosen, required: required!.map(({ name }) => name) };
}

function listText(): string {
  return VARIATIONS.map(({ name, kind, reason, isDefault }) => {
    return `${name} (${kind}${isDefault ? '' : ', only --with'})\n    ${reason}\n`;
  }).join('');
}
