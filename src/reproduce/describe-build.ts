// Owns: a solved graph as the documents that builds are compared by.

import { parseConfig } from '../../oci/config.ts';
import type { Layout } from '../../oci/layout/layout.ts';
import { parseManifest } from '../../oci/manifest.ts';
import { formatPlatform } from '../../oci/platform.ts';
import { type Graph, isLayerOp } from '../graph/op.ts';
import type { Solution } from '../solver/solve.ts';
import type { TracedOp, TracedTarget } from './trace.ts';

/** A key for each op, by its number: the number itself is another one in a graph of other recipes. */
export function keysOf(graph: Graph): readonly string[] {
  const counts = new Map<string, number>();
  return graph.ops.map(({ kind, label: { target, stage, step, text } }) => {
    const label = JSON.stringify([target, stage, step, kind, text]);
    // ONBUILD may put the same instruction into one place twice.
    const count = (counts.get(label) ?? 0) + 1;
    counts.set(label, count);
    return `${label} ${count}`;
  });
}

/** Every image that was made, and every op that was solved. */
export function describeBuild(
  graph: Graph,
  solution: Solution,
  layout: Layout,
): { targets: TracedTarget[]; ops: TracedOp[] } {
  const targets: TracedTarget[] = [];
  for (const [position, target] of graph.targets.entries()) {
    const image = solution.images.get(position);
    if (image === undefined) continue;
    const manifest = parseManifest(layout.readBytes(image.manifestDigest));
    const config = parseConfig(layout.readBytes(manifest.config.digest));
    targets.push({
      name: target.name,
      recipe: target.recipe?.name ?? target.name,
      index: image.indexDigest,
      manifest: image.manifestDigest,
      config: manifest.config.digest,
      diffIds: config.rootfs.diff_ids,
      platform: formatPlatform(target.platform),
      dependencies: target.dependencies.map((each) => graph.targets[each]!.name),
    });
  }
  const ops: TracedOp[] = [];
  const keys = keysOf(graph);
  for (const op of graph.ops) {
    const result = solution.results.get(op.id);
    if (result === undefined) continue;
    const policy = graph.targets.find((target) => target.name === op.label.target)?.policy;
    const { target, stage, step, text, location } = op.label;
    ops.push({
      key: keys[op.id]!,
      kind: op.kind,
      ...{ target, stage, step, text, location },
      diffs: result.snapshot.diffs,
      diff: result.diff,
      below: isLayerOp(op) ? solution.results.get(op.base)!.snapshot.diffs : [],
      epoch: policy?.time === 'clamp' ? policy.epoch : 0,
    });
  }
  return { targets, ops };
}
