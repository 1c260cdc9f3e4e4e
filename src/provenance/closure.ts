// Owns: what an image is made from, down the whole graph: input images, pinned sources, images from outside, and the steps
// that were let out of the sandbox's isolation. Computed from the graph alone: no store, no cache, no clock.

import { basename } from 'node:path';
import type { Digest } from '../../oci/digest.ts';
import { type Graph, inputsOf, isLayerOp, type Op, type RunOp, type Target } from '../graph/op.ts';
import type { Recipe } from '../recipe/types.ts';
import { needLockFile } from '../root/folder.ts';

export interface DistributionPackage {
  /** The recipe's kind: which distribution it is. */
  readonly distribution: 'debian-root' | 'alpine-root';
  readonly name: string;
  readonly version: string;
  /** As the distribution calls it. */
  readonly architecture: string;
}

/** A file that is pinned by its digest. */
export interface PinnedSource {
  /** Name of the recipe that wants it. */
  readonly recipe: string;
  /** `[sources.NAME]`; absent for files of a distribution root and for what ADD names. */
  readonly name?: string;
  readonly file: string;
  /** '' where nobody said. */
  readonly version: string;
  readonly digest: Digest;
  /** Where it is said to lie, in order of preference, as package.toml, the lock file or ADD has it. Never where it was found. */
  readonly locations: readonly string[];
  /** The package of a distribution, where it is one. */
  readonly package?: DistributionPackage;
}

/** A RUN that may see more than its rootfs. */
export interface OpenStep {
  readonly recipe: string;
  readonly stage: string;
  /** `recipes/busybox/Containerfile`, whatever the user's working directory. */
  readonly file: string;
  readonly line: number;
  /** First line of the instruction. */
  readonly instruction: string;
  /** `none` for a step that is listed for its mounts. */
  readonly network: 'none' | 'default' | 'host';
  /** Types of its mounts that bring in what no digest pins: cache, secret, ssh. Sorted. */
  readonly mounts: readonly string[];
}

/** An image read from a layout outside the tree. */
export interface ForeignImage {
  readonly recipe: string;
  /** Of its manifest. */
  readonly manifest: Digest;
}

/**
 * How a target uses an image. `base`: its layers lie below the target's. `content`: files are copied from it. `build`: it only
 * helps to make them. `same`: the target is an agreement, and this is one of the builds that had to give it.
 */
export type ImageUse = 'base' | 'content' | 'build' | 'same';

/** One image of a closure and what its own recipe brings in. */
export interface ClosureNode {
  /** Position in `Graph.targets`. */
  readonly index: number;
  readonly target: Target;
  /** Positions of the images it reads itself, by how. */
  readonly inputs: ReadonlyMap<number, ImageUse>;
  /** Sorted. Reads lock files, so it is asked for when it is needed; throws BuildError RECIPE. */
  sources(): readonly PinnedSource[];
  readonly foreign: readonly ForeignImage[];
  readonly steps: readonly OpenStep[];
}

/** A target and everything below it, sorted by name; the target itself is `nodes.get(index)`. */
export function closureOf(graph: Graph, index: number): ReadonlyMap<number, ClosureNode> {
  const nodes = new Map<number, ClosureNode>();
  const waiting = [index];
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    if (nodes.has(next)) continue;
    const node = nodeOf(graph, next);
    nodes.set(next, node);
    waiting.push(...node.inputs.keys());
  }
  return new Map([...nodes].sort(([, a], [, b]) => (a.target.name < b.target.name ? -1 : 1)));
}

function nodeOf(graph: Graph, index: number): ClosureNode {
  const target = graph.targets[index]!;
  const { recipe, members } = target;
  if (members !== undefined) {
    // Its members have the agreement's recipe, and all that this brings in.
    const inputs = new Map(members.map((member) => [member, 'same'] as const));
    return { index, target, inputs, sources: () => [], foreign: [], steps: [] };
  }
  const name = recipe?.name ?? target.name;
  const ops = opsOf(graph, target);
  const remotes = ops.flatMap((op) => (op.kind === 'copy' ? op.remotes : []));
  const added = remotes.map(
    ({ url, digest }): PinnedSource => ({ recipe: name, file: basename(url), version: '', digest, locations: [url] }),
  );
  return {
    index,
    target,
    inputs: inputsUsed(graph, target, ops),
    sources: () =>
      uniqueBy(
        [...(recipe === undefined ? [] : sourcesOf(recipe)), ...added],
        ({ file, digest, locations }) => `${file} ${digest} ${locations.join(' ')}`,
      ),
    foreign: uniqueBy(
      ops.flatMap((op) => (op.kind === 'layout-image' ? [{ recipe: name, manifest: op.manifest }] : [])),
      ({ manifest }) => manifest,
    ),
    steps: ops.flatMap((op) => (op.kind === 'run' ? openStepOf(op, name) : [])),
  };
}

/** The ops of a target's own file, in the order of the graph: it stops at other targets' images. */
function opsOf(graph: Graph, target: Target): readonly Op[] {
  const seen = new Set<number>();
  const waiting = [target.op];
  for (let id = waiting.pop(); id !== undefined; id = waiting.pop()) {
    if (seen.has(id)) continue;
    seen.add(id);
    waiting.push(...inputsOf(graph.ops[id]!));
  }
  // Ids follow the order in which files were lowered, which depends on what else was asked for; places in a file do not.
  const place = ({ label: { location, step, text } }: Op): string =>
    `${String(location.line).padStart(9, '0')} ${String(step).padStart(9, '0')} ${text}`;
  return [...seen].map((id) => graph.ops[id]!).sort((a, b) => (place(a) < place(b) ? -1 : 1));
}

function inputsUsed(graph: Graph, target: Target, ops: readonly Op[]): ReadonlyMap<number, ImageUse> {
  const rank: readonly ImageUse[] = ['build', 'content', 'base'];
  const uses = new Map<number, ImageUse>();
  const note = (op: Op | undefined, use: ImageUse): void => {
    if (op?.kind !== 'target-image') return;
    const known = uses.get(op.target);
    if (known === undefined || rank.indexOf(use) > rank.indexOf(known)) uses.set(op.target, use);
  };
  for (const op of ops) note(op, 'build');
  let op = graph.ops[target.op]!;
  for (; isLayerOp(op); op = graph.ops[op.base]!) {
    if (op.kind === 'copy' && op.origin.type === 'op') note(graph.ops[op.origin.op], 'content');
  }
  note(op, 'base');
  const nameOf = (index: number): string => graph.targets[index]!.name;
  return new Map([...uses].sort(([a], [b]) => (nameOf(a) < nameOf(b) ? -1 : 1)));
}

/** Every file a recipe pins: its sources, and for a distribution root all that its lock file names. Throws BuildError RECIPE. */
export function sourcesOf(recipe: Recipe): readonly PinnedSource[] {
  const own = recipe.sources.map(
    ({ name, file, version, digest, mirrors }): PinnedSource => ({
      recipe: recipe.name,
      name,
      file,
      version,
      digest,
      locations: mirrors,
    }),
  );
  if (recipe.root === undefined) return own;
  const root = needLockFile(recipe.directory, recipe.shown, recipe.root);
  const distribution = recipe.root.kind;
  const packages = new Map(root.packages.map((each) => [each.digest, each]));
  const files = root.sources.map(({ digest, file, mirrors }): PinnedSource => {
    const found = packages.get(digest);
    const common = { recipe: recipe.name, file, version: found?.version ?? root.version, digest, locations: mirrors };
    if (found === undefined) return common;
    const { name, version } = found;
    return { ...common, package: { distribution, name, version, architecture: root.architecture } };
  });
  return [...own, ...files];
}

function openStepOf(op: RunOp, recipe: string): readonly OpenStep[] {
  const mounts = [...new Set(op.mounts.map(({ type }) => type))].filter((type) =>
    ['cache', 'secret', 'ssh'].includes(type),
  );
  if (op.network === 'none' && mounts.length === 0) return [];
  const { stage, location, text } = op.label;
  return [
    {
      recipe,
      stage,
      file: `${recipe}/${basename(location.file)}`,
      line: location.line,
      instruction: text.split('\n', 1)[0]!,
      network: op.network,
      mounts: mounts.sort(),
    },
  ];
}

/** One value of each key, sorted by it. */
export function uniqueBy<T>(values: Iterable<T>, keyOf: (value: T) => string): readonly T[] {
  const byKey = new Map([...values].map((value) => [keyOf(value), value] as const));
  return [...byKey].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, value]) => value);
}
