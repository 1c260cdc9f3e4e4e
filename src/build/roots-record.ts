// Owns: what a garbage collection must keep: for every target built, the diffs, actions and blobs its last build used.

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Digest } from '../../oci/digest.ts';
import type { Graph } from '../graph/op.ts';
import type { DiffId } from '../snapshot/types.ts';
import { writeFileWhole } from '../solver/actions.ts';
import type { Solution } from '../solver/solve.ts';

/** One target's roots, as they lie in `<store>/roots/`. */
export interface RootRecord {
  readonly target: string;
  /** Image index. */
  readonly index: Digest;
  readonly diffs: readonly DiffId[];
  readonly actions: readonly Digest[];
  /** Digests of every pinned source of the recipe. */
  readonly sources: readonly Digest[];
}

function directoryOf(store: string): string {
  return join(store, 'roots');
}

/** Replaces the records of every target of a solved graph. Unchanged ones are left alone. */
export function recordRoots(store: string, graph: Graph, solution: Solution): void {
  const actions = [...solution.actions].sort();
  const diffs = [...new Set([...solution.results.values()].flatMap((result) => result.snapshot.diffs))].sort();
  for (const [index, image] of solution.images) {
    const target = graph.targets[index]!;
    const isRequested = graph.requested.includes(index);
    const record: RootRecord = {
      target: target.name,
      index: image.indexDigest,
      // What was asked for keeps all its dependencies' work too: they were solved together.
      diffs: isRequested ? diffs : [],
      actions: isRequested ? actions : [],
      sources: target.recipe?.sources.map((source) => source.digest) ?? [],
    };
    const path = join(directoryOf(store), `${target.name.replace(/[^\w.-]+/g, '_')}.json`);
    const text = `${JSON.stringify(record)}\n`;
    if (existsSync(path) && (!isRequested || readFileSync(path, 'utf8') === text)) continue;
    writeFileWhole(path, text);
  }
}

/** Every record that can be read. */
export function readRoots(store: string): readonly RootRecord[] {
  const directory = directoryOf(store);
  if (!existsSync(directory)) return [];
  return readdirSync(directory)
    .filter((name) => name.endsWith('.json'))
    .sort()
    .map((name) => JSON.parse(readFileSync(join(directory, name), 'utf8')) as RootRecord);
}
