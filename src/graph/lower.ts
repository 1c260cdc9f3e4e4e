// Owns: the way from requests to a graph.

import { GraphBuilder } from './builder.ts';
import type { Graph } from './op.ts';
import type { BuildRequest, ImageFinder } from './request.ts';
import { lowerFile } from './stage.ts';

/** Requests to one graph that holds all of them and everything they need. Throws BuildError with a location. */
export function lower(requests: readonly BuildRequest[], finder: ImageFinder): Graph {
  const builder = new GraphBuilder(finder, lowerFile);
  // What `-t` calls a build is no recipe, even when one has that name.
  const keyOf = ({ name, recipe }: BuildRequest): string => (recipe === undefined ? `build ${name}` : name);
  const requested = requests.map((request) => builder.target(keyOf(request), () => request, undefined));
  return { ops: builder.ops, targets: builder.targets, requested, warnings: builder.warnings };
}
