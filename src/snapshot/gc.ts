// Owns: what of the store's snapshot half may go: diffs nobody reaches, workspaces of dead processes, the trash. Each is
// first renamed into the trash, so that an interrupted collection leaves nothing half there; the next one goes on.

import { randomBytes } from 'node:crypto';
import { readFileSync, readlinkSync, renameSync, rmSync, unlinkSync, writeFileSync } from 'node:fs';
import { type Digest, hexOf, isDigest } from '../../oci/digest.ts';
import { BuildError } from '../errors.ts';
import { createExclusive, isOwnerAlive, sortOwners } from './owner.ts';
import {
  bytesOf,
  existsRaw,
  type HostPath,
  hostPath,
  isErrno,
  lstatRaw,
  readdirRaw,
  removeTree,
  tryReaddirRaw,
  under,
} from './raw-fs.ts';
import type { SnapshotStore } from './store.ts';
import type { DiffId } from './types.ts';

export interface Reachable {
  readonly diffs: ReadonlySet<DiffId>;
  /** diffIDs of image layers whose unpacked diffs are kept too. */
  readonly layers?: ReadonlySet<Digest>;
}

export interface Collected {
  readonly diffs: number;
  /** Workspaces of dead processes. */
  readonly workspaces: number;
  /** Bytes freed on the disk. */
  readonly bytes: number;
  /** Other processes were building: nothing but what dead ones left was touched. */
  readonly isBusy: boolean;
}

export interface CollectOptions {
  /** Counts and touches nothing. */
  readonly dryRun?: boolean;
  /** Called at the end, while no build can begin, and only if none is under way: for what else the store holds. */
  readonly alone?: () => void;
}

/**
 * Deletes what `findReachable` does not name. It is asked once it is certain who else uses the store, so that a build that
 * ended before counts, and one that begins later waits. While another process uses the store, only leftovers go: what
 * that one needs is not known here. Throws BuildError STORE when another collection is running.
 */
export function collectGarbage(
  store: SnapshotStore,
  findReachable: () => Reachable,
  options: CollectOptions = {},
): Collected {
  const root = hostPath(store.path);
  const isDry = options.dryRun === true;
  const unlock = lock(root, store.ownerName);
  try {
    let bytes = 0;
    const { dead, alive } = sortOwners(under(root, 'work'), store.ownerName);
    const kept = withLayers(root, findReachable());
    const lost = alive.length > 0 ? [] : diffNames(root).filter((hex) => !kept.has(`sha256:${hex}` as DiffId));
    if (isDry) {
      for (const hex of lost) bytes += sizeOf(under(root, `diffs/${hex}`));
      for (const name of dead) bytes += sizeOf(under(root, `work/${name}`));
      bytes += sizeOf(under(root, 'trash'));
      if (alive.length === 0) options.alone?.();
      return { diffs: lost.length, workspaces: dead.length, bytes, isBusy: alive.length > 0 };
    }
    for (const hex of lost) toTrash(root, `diffs/${hex}`);
    for (const name of dead) toTrash(root, `work/${name}`);
    if (alive.length === 0) dropNames(root);
    store.forget();
    if (alive.length === 0) options.alone?.();
    for (const entry of readdirRaw(under(root, 'trash'))) bytes += removeTree(under(root, `trash/${entry.name}`));
    return { diffs: lost.length, workspaces: dead.length, bytes, isBusy: alive.length > 0 };
  } finally {
    unlock();
  }
}

export interface DiskUsage {
  readonly diffs: number;
  /** On the disk, in bytes. */
  readonly diffBytes: number;
  readonly workBytes: number;
  readonly trashBytes: number;
}

/** Walks everything: takes its time. */
export function diskUsage(store: SnapshotStore): DiskUsage {
  const root = hostPath(store.path);
  return {
    diffs: diffNames(root).length,
    diffBytes: sizeOf(under(root, 'diffs')),
    workBytes: sizeOf(under(root, 'work')),
    trashBytes: sizeOf(under(root, 'trash')),
  };
}

/** Blocks until no collection is running: called by a process that has just marked itself as alive. */
export function waitForCollection(root: HostPath): void {
  const file = under(root, 'gc.lock');
  const idle = new Int32Array(new SharedArrayBuffer(4));
  while (existsRaw(file)) {
    if (!isLockHeld(root, file)) {
      rmSync(bytesOf(file), { force: true });
      return;
    }
    Atomics.wait(idle, 0, 0, 50);
  }
}

function lock(root: HostPath, ownerName: string): () => void {
  const file = under(root, 'gc.lock');
  if (existsRaw(file) && !isLockHeld(root, file)) rmSync(bytesOf(file), { force: true });
  if (!createExclusive(file)) {
    throw new BuildError(
      'STORE',
      `another process is collecting garbage in ${Buffer.from(root, 'latin1').toString()}`,
      {
        hint: 'wait until it is done',
      },
    );
  }
  writeFileSync(bytesOf(file), ownerName);
  return () => rmSync(bytesOf(file), { force: true });
}

function isLockHeld(root: HostPath, file: HostPath): boolean {
  let name: string;
  try {
    name = readFileSync(bytesOf(file), 'latin1');
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return false;
    throw error;
  }
  // Between its making and its writing the lock is empty: held, as long as it is young.
  return isOwnerAlive(name === '' ? file : under(root, `work/${name}`));
}

function withLayers(root: HostPath, reachable: Reachable): ReadonlySet<DiffId> {
  const kept = new Set(reachable.diffs);
  for (const layer of reachable.layers ?? []) {
    const diff = readName(under(root, `layers/${hexOf(layer)}`));
    if (diff !== undefined) kept.add(diff);
  }
  return kept;
}

function readName(file: HostPath): DiffId | undefined {
  try {
    const text = readFileSync(bytesOf(file), 'latin1');
    return isDigest(text) ? text : undefined;
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return undefined;
    throw error;
  }
}

function diffNames(root: HostPath): string[] {
  return readdirRaw(under(root, 'diffs'))
    .map((entry) => entry.name)
    .filter((name) => /^[0-9a-f]{64}$/.test(name));
}

/** Short names, and names of layers and merged stacks, whose diff is gone. */
function dropNames(root: HostPath): void {
  for (const entry of readdirRaw(under(root, 'l'))) {
    const link = under(root, `l/${entry.name}`);
    const hex = /^\.\.\/diffs\/([0-9a-f]{64})\/fs$/.exec(readlinkSync(bytesOf(link), 'latin1'))?.[1];
    if (hex !== undefined && !existsRaw(under(root, `diffs/${hex}`))) unlinkSync(bytesOf(link));
  }
  for (const kind of ['layers', 'flat']) {
    for (const entry of readdirRaw(under(root, kind))) {
      const file = under(root, `${kind}/${entry.name}`);
      const diff = readName(file);
      if (diff === undefined || !existsRaw(under(root, `diffs/${hexOf(diff)}`))) unlinkSync(bytesOf(file));
    }
  }
}

function toTrash(root: HostPath, name: string): void {
  try {
    renameSync(bytesOf(under(root, name)), bytesOf(under(root, `trash/${randomBytes(8).toString('hex')}`)));
  } catch (error) {
    if (!isErrno(error, 'ENOENT')) throw error;
  }
}

function sizeOf(path: HostPath): number {
  let bytes = 0;
  const seen = new Set<string>();
  const ahead = [path];
  while (ahead.length > 0) {
    const next = ahead.pop()!;
    const stats = lstatRaw(next);
    if (stats === undefined) continue;
    const key = `${stats.dev}:${stats.ino}`;
    if (!stats.isDirectory() && stats.nlink > 1n && seen.has(key)) continue;
    seen.add(key);
    bytes += Number(stats.blocks) * 512;
    if (stats.isDirectory()) for (const entry of tryReaddirRaw(next) ?? []) ahead.push(under(next, entry.name));
  }
  return bytes;
}
