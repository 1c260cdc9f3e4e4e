// Owns: the pipeline, top to bottom: requests to graph, graph to snapshots, snapshots to images.

import type { Digest } from '../oci/digest.ts';
import { formatPlatform } from '../oci/platform.ts';
import { recordRoots } from './build/roots-record.ts';
import type { OpenServices } from './build/services.ts';
import { recipeDigests } from './digests/recipe-digest.ts';
import { BuildError } from './errors.ts';
import { lower } from './graph/lower.ts';
import type { Graph, Target } from './graph/op.ts';
import type { BuildRequest, ImageFinder } from './graph/request.ts';
import { createAssembler } from './image/assemble.ts';
import type { BuiltImage } from './solver/services.ts';
import { type Solution, solve } from './solver/solve.ts';

export interface Built {
  readonly target: Target;
  readonly image: BuiltImage;
}

export interface BuildOutcome {
  readonly graph: Graph;
  readonly solution: Solution;
  /** Recipe digests by folder, from when the recipes were read: editing one while it is built changes nothing here. */
  readonly recipes: ReadonlyMap<string, Digest>;
  /** What was asked for, in the order it was asked. */
  readonly built: readonly Built[];
}

/** Builds every request and all it needs, in one solve. Throws the first failure once nothing runs any more. */
export async function build(
  requests: readonly BuildRequest[],
  finder: ImageFinder,
  services: OpenServices,
): Promise<BuildOutcome> {
  const graph = lower(requests, finder);
  const recipes = recipeDigests(graph.targets.flatMap(({ recipe }) => recipe ?? []));
  for (const warning of graph.warnings) services.watch({ type: 'warning', ...warning });
  for (const name of unknownStages(graph, services.noCache)) {
    services.watch({ type: 'warning', message: `--no-cache-filter: no step of this build is of a stage ${name}` });
  }
  for (const target of graph.targets) requirePlatform(target);
  services.watch({
    type: 'plan',
    ops: graph.ops.length,
    targets: graph.requested.map((index) => graph.targets[index]!.name),
  });
  const { layout, snapshots, profile, isReadOnly, watch } = services;
  const assemble = createAssembler({ graph, layout, snapshots, profile, isReadOnly, watch });
  const solution = await solve(graph, services, assemble);
  if (!services.isReadOnly) snapshots.flush();
  recordRoots(services.store, graph, solution);
  const built = graph.requested.map((index) => ({ target: graph.targets[index]!, image: solution.images.get(index)! }));
  return { graph, solution, recipes, built };
}

function unknownStages(graph: Graph, noCache: OpenServices['noCache']): readonly string[] {
  if (typeof noCache !== 'object') return [];
  const known = new Set(graph.ops.map((op) => op.label.stage.toLowerCase()));
  return [...noCache].filter((name) => !known.has(name));
}

/** A recipe may say for which platforms it is; planning it for another is fine, building it is not. */
function requirePlatform({ name, recipe, platform }: Target): void {
  const wanted = formatPlatform(platform);
  if (recipe === undefined || recipe.platforms.length === 0 || recipe.platforms.includes(wanted)) return;
  throw new BuildError('MACHINE', `${name} is not for ${wanted}`, {
    location: recipe.location,
    want: recipe.platforms.join(', '),
    got: wanted,
    hint: 'name one of them with --platform',
  });
}
