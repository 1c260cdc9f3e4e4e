// Owns: what provenance and bill of materials are made of: one image of a solved graph. Also one digest over all of it, by
// which a written copy is known to be up to date without being made again.

import { type Digest, digestOf } from '../../oci/digest.ts';
import { canonicalJson } from '../../oci/json.ts';
import { formatPlatform } from '../../oci/platform.ts';
import { imageFormat } from '../digests/digest-list.ts';
import { ACTION_VERSION } from '../graph/cache-key.ts';
import type { Graph } from '../graph/op.ts';
import { SANDBOX_VERSION } from '../sandbox/spec.ts';
import type { BuiltImage } from '../solver/services.ts';
import { type ClosureNode, closureOf, type PinnedSource, uniqueBy } from './closure.ts';

/** Raised when the same input gives other bytes of a statement, or of a bill of materials, than the release before. */
export const PROVENANCE_VERSION = 1;
export const SBOM_VERSION = 1;

/** What a build gave, and the builder that was used. */
export interface Made {
  /** The closure of the image, which is its node `index`. All of it recipes. */
  readonly nodes: ReadonlyMap<number, ClosureNode>;
  readonly index: number;
  /** Of every node, by position. */
  readonly images: ReadonlyMap<number, Pick<BuiltImage, 'indexDigest' | 'manifestDigest'>>;
  /** Recipe digests by folder, from when the recipes were read. */
  readonly recipes: ReadonlyMap<string, Digest>;
  /** Bytes of the image's manifest. */
  readonly manifestSize: number;
  /** Version of ocibuild. */
  readonly version: string;
}

/** `index` is the position of a recipe's target in `graph.targets`; `rest` as Made has it. */
export function madeOf(graph: Graph, index: number, rest: Omit<Made, 'nodes' | 'index'>): Made {
  return { nodes: closureOf(graph, index), index, ...rest };
}

/** Changes whenever a document made of the input could. The recipes' files, lock files included, count by their digests. */
export function inputsDigest({ nodes, index, images, recipes, manifestSize, version }: Made): Digest {
  const parts = [...nodes.values()].map(({ target, index: position, foreign, steps }) => ({
    name: target.name,
    // By version_from, it may come from a recipe that is not in the closure.
    recipeVersion: target.recipe!.version,
    recipe: recipes.get(target.recipe!.directory)!,
    platform: formatPlatform(target.platform),
    policy: { ...target.policy },
    stage: target.stage.name,
    manifest: images.get(position)!.manifestDigest,
    index: images.get(position)!.indexDigest,
    foreign: foreign.map(({ manifest }) => manifest),
    openSteps: steps.length,
  }));
  return digestOf(
    canonicalJson({
      versions: [version, PROVENANCE_VERSION, SBOM_VERSION, ACTION_VERSION, SANDBOX_VERSION, imageFormat()],
      image: nodes.get(index)!.target.name,
      manifestSize,
      parts,
    }),
  );
}

/** Every pinned file of several images, each recipe's once; sorted by recipe, file and digest. Throws BuildError RECIPE. */
export function sourcesOfAll(images: readonly Made[]): readonly PinnedSource[] {
  return uniqueBy(
    images.flatMap(({ nodes }) => [...nodes.values()]).flatMap((node) => node.sources()),
    ({ recipe, file, digest, locations }) => `${recipe} ${file} ${digest} ${locations.join(' ')}`,
  );
}
