// Owns: `ocibuild fetch`: pinned sources into the store, verified, so that a later build needs no network.

import { resolve } from 'node:path';
import { fetchRoot, sourcesOfRoot } from '../build/roots.ts';
import { distfilesFrom, fetchSources } from '../fetch/fetch.ts';
import { sourcePath } from '../fetch/source-store.ts';
import { lower } from '../graph/lower.ts';
import { formatBytes } from '../progress/text.ts';
import type { Recipe, Source } from '../recipe/types.ts';
import type { Command } from './command.ts';
import { tableText } from './table.ts';
import { RECIPE_FLAGS, treeRequests } from './trees.ts';

/** Downloads side by side, at least: they wait for others, not for processors. */
const PARALLEL = 4;

export const command: Command = {
  name: 'fetch',
  summary: 'get and check the sources of recipes and of everything they need',
  usage: '[RECIPE… | --all]\nNo recipe means every one of the tree.',
  flags: {
    ...RECIPE_FLAGS,
    distfiles: { summary: 'look for sources in this folder first', value: 'DIR', repeatable: true },
    json: { summary: 'as a list of {"recipe","file","digest","size","path"}' },
  },
  needsNamespace: false,
  run: async (context) => {
    const { args, cwd, env, signal } = context;
    const { requests, finder } = treeRequests(context, { everything: true });
    const recipes = lower(requests, finder).targets.flatMap(({ recipe }) => (recipe === undefined ? [] : [recipe]));
    const owners = new Map<Source, Recipe>();
    for (const recipe of recipes) for (const source of recipe.sources) owners.set(source, recipe);
    const roots = recipes.filter(({ root }) => root !== undefined);
    const given = args.list('distfiles').map((folder) => resolve(cwd, folder));
    const progress = context.openProgress();
    try {
      const settings = {
        store: context.storeDirectory,
        distfiles: distfilesFrom(given, env),
        offline: context.offline,
        jobs: Math.max(context.jobs, PARALLEL),
        onEvent: progress.watch,
        signal,
        env,
      };
      const recipeDirectory = (source: Source): string => owners.get(source)!.directory;
      const fetched = await fetchSources([...owners.keys()], { ...settings, recipeDirectory });
      for (const recipe of roots) await fetchRoot(recipe, settings);
      progress.close();
      const rows = [
        ...[...owners].map(([source, recipe]) => [recipe, source.file, fetched.get(source.digest)!] as const),
        ...roots.flatMap((recipe) => sourcesOfRoot(recipe).map((source) => [recipe, source.file, source] as const)),
      ].map(([recipe, file, { digest, size }]) => ({ recipe: recipe.name, file, digest, size }));
      const located = rows.map((row) => ({ ...row, path: sourcePath(context.storeDirectory, row.digest) }));
      const cells = rows.map(({ recipe, file, digest, size }) => [recipe, file, formatBytes(size), digest]);
      context.stdout.write(args.is('json') ? `${JSON.stringify(located, undefined, 2)}\n` : tableText(cells, [2]));
      return 0;
    } finally {
      progress.close();
    }
  },
};
