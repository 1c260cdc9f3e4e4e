// Owns: what a garbage collection must keep: for every target built, the diffs, actions and blobs its last build used.

import { existsSync, readdirSync, readFileSync, statSync, utimesSync } from 'node:fs';
import { join } from 'node:path';
import { type Digest, digestOf, hexOf, isDigest } from '../../oci/digest.ts';
import type { Graph, Target } from '../graph/op.ts';
import type { DiffId } from '../snapshot/types.ts';
import { writeFileWhole } from '../solver/actions.ts';
import type { Solution } from '../solver/solve.ts';

/** One target's roots, as they lie in `<store>/roots/`. */
export interface RootRecord {
  readonly target: string;
  /** False for what was only ever built because something else needed it. */
  readonly isRequested: boolean;
  /** Image index. */
  readonly index: Digest;
  /** Image indexes to keep: the target's own, and of what was asked for those of all its solve too. */
  readonly images: readonly Digest[];
  readonly diffs: readonly DiffId[];
  readonly actions: readonly Digest[];
  /** Digests of every pinned source of the recipe, and of what was asked for those of all its solve too. */
  readonly sources: readonly Digest[];
}

function directoryOf(store: string): string {
  return join(store, 'roots');
}

/** Readable, and one for each target: what stands for odd characters is told apart by the hash. */
function fileOf({ name, identity }: Target): string {
  const hash = hexOf(digestOf(`${name}\n${identity}`)).slice(0, 16);
  return `${name.replace(/[^\w.-]+/g, '_').slice(0, 100)}-${hash}.json`;
}

/**
 * Replaces the records of what was asked for. A dependency's record is only replaced when it was never asked for itself:
 * otherwise it goes on keeping what that build used.
 */
export function recordRoots(store: string, graph: Graph, solution: Solution): void {
  const sorted = <T extends string>(values: Iterable<T>): T[] => [...new Set(values)].sort();
  const actions = sorted(solution.actions);
  const diffs = sorted([...solution.results.values()].flatMap((result) => result.snapshot.diffs));
  const images = sorted([...solution.images.values()].map((image) => image.indexDigest));
  const sourcesOf = (index: number): readonly Digest[] =>
    graph.targets[index]!.recipe?.sources.map((source) => source.digest) ?? [];
  const sources = sorted([...solution.images.keys()].flatMap(sourcesOf));
  for (const [position, { indexDigest: index }] of solution.images) {
    const target = graph.targets[position]!;
    const isRequested = graph.requested.includes(position);
    // What was asked for keeps all its dependencies' work too: they were solved together.
    const record: RootRecord = isRequested
      ? { target: target.name, isRequested, index, images, diffs, actions, sources }
      : {
          target: target.name,
          isRequested,
          index,
          images: [index],
          diffs: [],
          actions: [],
          sources: sourcesOf(position),
        };
    const path = join(directoryOf(store), fileOf(target));
    if (!isRequested && readRecord(path)?.isRequested === true) continue;
    const text = `${JSON.stringify(record)}\n`;
    if (existsSync(path) && readFileSync(path, 'utf8') === text) {
      // Says which of several targets of one name was built last.
      const now = new Date();
      utimesSync(path, now, now);
    } else writeFileWhole(path, text);
  }
}

/** Undefined for what is no record; one that another version wrote is none either. */
function readRecord(path: string): RootRecord | undefined {
  if (!existsSync(path)) return undefined;
  let read: Partial<RootRecord> | null;
  try {
    read = JSON.parse(readFileSync(path, 'utf8')) as Partial<RootRecord> | null;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
  const lists = [read?.images, read?.diffs, read?.actions, read?.sources];
  const isWhole =
    typeof read?.target === 'string' &&
    typeof read.index === 'string' &&
    isDigest(read.index) &&
    lists.every(
      (list) => Array.isArray(list) && list.every((digest) => typeof digest === 'string' && isDigest(digest)),
    );
  return isWhole ? (read as RootRecord) : undefined;
}

/** Every record that can be read, by name, of equal names the last built first. `warn` hears of the others. */
export function readRoots(store: string, warn: (message: string) => void = () => {}): readonly RootRecord[] {
  const directory = directoryOf(store);
  if (!existsSync(directory)) return [];
  const found: { readonly record: RootRecord; readonly time: number }[] = [];
  for (const name of readdirSync(directory).sort()) {
    if (!name.endsWith('.json')) continue;
    const path = join(directory, name);
    const record = readRecord(path);
    if (record === undefined) warn(`${path} is no record of a build: what that build made is not kept`);
    else found.push({ record, time: statSync(path).mtimeMs });
  }
  const compare = (one: string, other: string): number => (one < other ? -1 : one > other ? 1 : 0);
  return found
    .sort((one, other) => compare(one.record.target, other.record.target) || other.time - one.time)
    .map(({ record }) => record);
}
