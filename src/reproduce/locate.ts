// Owns: finding where two builds of one image part: the first step, the files it made otherwise, what in them. Needs the
// snapshots of both. Knows nothing of why they differ.

import { readFileSync } from 'node:fs';
import { memoryBytes } from '../../oci/diff/bytes.ts';
import { createBudget } from '../../oci/diff/content.ts';
import type { Detail } from '../../oci/diff/finding.ts';
import type { TreeEntry } from '../../oci/layer/entry.ts';
import { displayPath, type RawPath } from '../../oci/raw-path.ts';
import type { SnapshotStore } from '../snapshot/store.ts';
import type { Snapshot } from '../snapshot/types.ts';
import type { Trace, TracedOp, TracedTarget } from './trace.ts';
import type { FileDifference, Place, StepPlace } from './verdict.ts';

/** A build, and the store that holds what it made. */
export interface Kept {
  readonly trace: Pick<Trace, 'ops' | 'targets'>;
  readonly snapshots: SnapshotStore;
  /** What the store's ids are more than those a step sees: a store made under other ids shows them so. */
  readonly idOffset: number;
}

/** Larger files are compared, but not looked into. */
const MAX_HELD = 256 << 20;
const STEPS: ReadonlySet<TracedOp['kind']> = new Set(['copy', 'root', 'run', 'workdir']);
/** So many files are described; the others are counted. */
const MAX_FILES = 20;

/** The place, for an image that both builds made and that differs. */
export function locate(first: Kept, second: Kept, name: string): Place {
  // Images and scratch are shared by all that begin with them: they are no steps.
  const ops = first.trace.ops.filter((op) => op.target === name && STEPS.has(op.kind));
  for (const op of ops) {
    const other = second.trace.ops.find((one) => one.key === op.key);
    if (other === undefined || sameStack(op.diffs, other.diffs)) continue;
    return { type: 'files', step: stepPlace(op), ...differingFiles(first, op, second, other) };
  }
  const [one, two] = [first, second].map(({ trace }) => trace.targets.find((target) => target.name === name)!);
  return { type: 'image', details: imageDetails(one!, two!) };
}

/** Where an op stands, for a report. */
export function stepPlace({ target, stage, step, text, location }: TracedOp): StepPlace {
  return { target, stage, step, text, location };
}

function sameStack(one: readonly string[], other: readonly string[]): boolean {
  return one.length === other.length && one.every((diff, index) => diff === other[index]);
}

/** No step differs: what is left is the writing of the image. diffIDs first, compression after. */
function imageDetails(one: TracedTarget, other: TracedTarget): string[] {
  const details: string[] = [];
  if (!sameStack(one.diffIds, other.diffIds)) {
    for (let at = 0; at < Math.max(one.diffIds.length, other.diffIds.length); at++) {
      const [left, right] = [one.diffIds[at], other.diffIds[at]];
      if (left !== right) details.push(`layer ${at + 1}: diffID ${left ?? 'none'} and ${right ?? 'none'}`);
    }
    return details;
  }
  if (one.config !== other.config) return [`the same layers, another config: ${one.config} and ${other.config}`];
  return ['the same diffIDs: the layers differ in compression only'];
}

function snapshotOf(snapshots: SnapshotStore, diffs: TracedOp['diffs']): Snapshot {
  return diffs.reduce((base, diff) => snapshots.extend(base, diff), snapshots.scratch());
}

/** Entries of what an op changed; of its whole stack where it only put others' changes on top of one another. */
function entriesOf({ snapshots }: Kept, op: TracedOp): Map<RawPath, TreeEntry> {
  const entries =
    op.diff === undefined
      ? snapshots.mergedEntries(snapshotOf(snapshots, op.diffs))
      : snapshots.entries(snapshotOf(snapshots, op.below), op.diff);
  return new Map([...entries].map((entry) => [entry.path, entry]));
}

function differingFiles(
  first: Kept,
  op: TracedOp,
  second: Kept,
  other: TracedOp,
): { files: readonly FileDifference[]; more: number } {
  const [one, two] = [entriesOf(first, op), entriesOf(second, other)];
  const found: { path: RawPath; left: TreeEntry | undefined; right: TreeEntry | undefined; fields: Fields }[] = [];
  for (const path of new Set([...one.keys(), ...two.keys()])) {
    const [left, right] = [one.get(path), two.get(path)];
    const fields = differingFields(left, right, first.idOffset, second.idOffset, op.epoch);
    if (fields.length > 0) found.push({ path, left, right, fields });
  }
  // Content tells more than a directory that is there once.
  const shown = found.slice(0, MAX_FILES).map(({ path, left, right, fields }) => ({
    path: displayPath(path),
    fields,
    inside: fields.some(({ field }) => field === 'content') ? insideOf(left!, right!) : [],
  }));
  return { files: shown, more: found.length - shown.length };
}

type Fields = FileDifference['fields'];

function differingFields(
  left: TreeEntry | undefined,
  right: TreeEntry | undefined,
  leftOffset: number,
  rightOffset: number,
  epoch: number,
): Fields {
  if (left === undefined || right === undefined) {
    return [
      {
        field: 'existence',
        ...(left === undefined ? {} : { first: left.type }),
        ...(right === undefined ? {} : { second: right.type }),
      },
    ];
  }
  const fields: { field: string; first: string; second: string }[] = [];
  const compare = (field: string, first: string, second: string): void => {
    if (first !== second) fields.push({ field, first, second });
  };
  const owner = (entry: TreeEntry, offset: number): string =>
    `${(entry.owner?.uid ?? 0) - offset}:${(entry.owner?.gid ?? 0) - offset}`;
  const target = (entry: TreeEntry): string => (entry.target === undefined ? '' : displayPath(entry.target));
  compare('type', left.type, right.type);
  compare('mode', modeText(left.mode), modeText(right.mode));
  // A whiteout has no owner of its own.
  if (left.type !== 'whiteout' && left.type !== 'hardlink') {
    compare('owner', owner(left, leftOffset), owner(right, rightOffset));
  }
  compare('target', target(left), target(right));
  compare('device', deviceText(left), deviceText(right));
  if (epoch > 0) compare('mtime', String(Math.min(left.mtime ?? 0, epoch)), String(Math.min(right.mtime ?? 0, epoch)));
  if (left.type === 'file' && right.type === 'file' && !sameContent(left, right)) {
    fields.push({ field: 'content', first: `${left.size} bytes`, second: `${right.size} bytes` });
  }
  return fields;
}

function modeText(mode: number): string {
  return mode.toString(8).padStart(4, '0');
}

function deviceText({ device }: TreeEntry): string {
  return device === undefined ? '' : `${device.major}:${device.minor}`;
}

function contentOf({ source, bytes }: TreeEntry): Buffer {
  return bytes === undefined ? readFileSync(source!) : Buffer.from(bytes);
}

function sameContent(left: TreeEntry, right: TreeEntry): boolean {
  return left.size === right.size && contentOf(left).equals(contentOf(right));
}

function insideOf(left: TreeEntry, right: TreeEntry): readonly Detail[] {
  if (Math.max(left.size, right.size) > MAX_HELD) {
    return [{ kind: 'changed', field: 'bytes', inner: [], note: 'too large to be looked into' }];
  }
  const steps = createBudget(1).look(memoryBytes(contentOf(left)), memoryBytes(contentOf(right)));
  for (;;) {
    const step = steps.next();
    if (step.done === true) return step.value;
  }
}
