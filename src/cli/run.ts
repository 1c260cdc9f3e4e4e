// Owns: `ocibuild run`: recipes of a tree to images under out/.

import { statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { Layout } from '../../oci/layout/layout.ts';
import { observe } from '../build/observed.ts';
import { type BuildOutcome, type Built, build } from '../build.ts';
import { writeImageLayout } from '../image/output.ts';
import { requirePlace } from '../image/place.ts';
import { type Made, madeOf } from '../provenance/made.ts';
import { placeReferrers, referrersPath } from '../provenance/place.ts';
import { placeNameOf } from '../recipe/recipe.ts';
import type { Recipe } from '../recipe/types.ts';
import { callerId } from '../sandbox/userns.ts';
import { compressionOf, IMAGE_FLAGS, SOLVE_FLAGS, servicesOf } from './build-flags.ts';
import { answerFromCache, type BuildWork, buildInside } from './cached.ts';
import type { Command, CommandContext } from './command.ts';
import { resultLine, solveSummary } from './results.ts';
import { RECIPE_FLAGS, treeRequests } from './trees.ts';
import { programVersion } from './version.ts';

export const command: Command = {
  name: 'run',
  summary: 'build recipes and everything they need',
  usage: `RECIPE…
The image of recipes/NAME lies in out/NAME beside recipes/, as an OCI layout, and in out/NAME.referrers what refers to it:
its provenance and its bill of materials. That of bootstrap/NAME lies in out/bootstrap/NAME.`,
  flags: {
    ...RECIPE_FLAGS,
    ...IMAGE_FLAGS,
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
    const layoutOf = (recipe: Recipe): string => join(out, placeNameOf(recipe));
    for (const { recipe } of requests) {
      for (const path of [layoutOf(recipe!), referrersPath(layoutOf(recipe!))]) requirePlace(path, 'layout');
    }
    const observation = observe(context.storeDirectory, programVersion(), watch);
    const services = servicesOf(context, observation.watch, { isReadOnly, compression: compressionOf(context) });
    const outcome = await build(requests, finder, services).finally(() => observation.close());
    closeProgress();
    for (const made of outcome.built) {
      const path = layoutOf(made.target.recipe!);
      writeImageLayout(services.layout, made.image, path, callerId());
      await placeReferrers(referrersPath(path), madeFrom(outcome, made, services.layout), callerId());
      context.stdout.write(resultLine(outcome, made, performance.now() - started));
    }
    context.stdout.write(solveSummary(outcome));
    return 0;
  };
}

/** Provenance and bill of materials of one image of a build are made of this. */
function madeFrom({ graph, solution, recipes }: BuildOutcome, { target, image }: Built, layout: Layout): Made {
  return madeOf(graph, graph.targets.indexOf(target), {
    images: solution.images,
    recipes,
    manifestSize: statSync(layout.blobPath(image.manifestDigest)).size,
    version: programVersion(),
  });
}
