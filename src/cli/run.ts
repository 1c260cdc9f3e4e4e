// Owns: `ocibuild run`: recipes of a tree to images under out/.

import { join, resolve } from 'node:path';
import { build } from '../build.ts';
import { writeImageLayout } from '../image/output.ts';
import { requirePlace } from '../image/place.ts';
import type { Recipe } from '../recipe/types.ts';
import { callerId } from '../sandbox/userns.ts';
import { SOLVE_FLAGS, servicesOf } from './build-flags.ts';
import { answerFromCache, type BuildWork, buildInside } from './cached.ts';
import type { Command, CommandContext } from './command.ts';
import { resultLine, solveSummary } from './results.ts';
import { RECIPE_FLAGS, treeRequests } from './trees.ts';

export const command: Command = {
  name: 'run',
  summary: 'build recipes and everything they need',
  usage: 'RECIPE…\nThe image of recipes/NAME lies in out/NAME beside recipes/, as an OCI layout.',
  flags: {
    ...RECIPE_FLAGS,
    ...SOLVE_FLAGS,
    out: { summary: 'put images below this folder instead of out/', value: 'DIR' },
  },
  needsNamespace: true,
  answerFromCache: (context) => answerFromCache(context, runRecipes(context)),
  run: (context) => buildInside(context, runRecipes(context)),
};

function runRecipes(context: CommandContext): BuildWork {
  return async (watch, isReadOnly, closeProgress) => {
    const started = performance.now();
    const { tree, requests, finder } = treeRequests(context);
    const out = resolve(context.cwd, context.args.text('out') ?? join(tree.directory, 'out'));
    const layoutOf = (recipe: Recipe): string => join(out, recipe.shortName);
    for (const { recipe } of requests) requirePlace(layoutOf(recipe!), 'layout');
    const services = servicesOf(context, watch, { isReadOnly });
    const outcome = await build(requests, finder, services);
    closeProgress();
    for (const made of outcome.built) {
      writeImageLayout(services.layout, made.image, layoutOf(made.target.recipe!), callerId());
      context.stdout.write(resultLine(outcome, made, performance.now() - started));
    }
    context.stdout.write(solveSummary(outcome));
    return 0;
  };
}
