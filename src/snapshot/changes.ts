// Owns: finding out what a step changed. Works on an overlay's upper directory after the step, and takes out of it
// everything that is no change, so that the directory itself is the diff: files copied up and left as they were,
// directories in which a file came and went, whiteouts of nothing, mount points.
//
// The rules are BuildKit's: a directory counts as changed by mode or owner, not by time; anything else also by time.

import { rmdirSync, unlinkSync } from 'node:fs';
import { joinRaw, type RawPath } from '../../oci/raw-path.ts';
import { digestFile } from './file-digest.ts';
import {
  bytesOf,
  type HostPath,
  isKernelWhiteout,
  lstatRaw,
  readdirRaw,
  readlinkRaw,
  setTime,
  under,
} from './raw-fs.ts';
import type { Node, View } from './types.ts';
import { toNode } from './view.ts';

export interface Changes {
  /** Directories that hide what the base has below them. */
  readonly opaque: Set<RawPath>;
  /** True when nothing is left: the step changed nothing. */
  readonly isEmpty: boolean;
}

/**
 * Prunes `upper` (see above). `merged` is where the overlay is mounted; it tells an opaque directory from a merged one,
 * since node cannot read the xattr. `stubs` are the mount points: they never stay, unless something real is in them.
 */
export function pruneUpper(upper: HostPath, merged: HostPath, base: View, stubs: ReadonlySet<RawPath>): Changes {
  const opaque = new Set<RawPath>();
  const left = pruneDirectory('' as RawPath, false);
  return { opaque, isEmpty: left === 0 };

  /** Gives the number of names left. Inside an opaque directory nothing is dropped: nothing shines through. */
  function pruneDirectory(directory: RawPath, hidden: boolean): number {
    const path = under(upper, directory);
    const time = lstatRaw(path)!.mtimeNs;
    const entries = readdirRaw(path);
    let left = entries.length;
    for (const entry of entries) {
      const child = joinRaw(directory, entry.name);
      const isKept = entry.isDirectory() ? keepsDirectory(child, hidden) : keepsOther(child, hidden);
      if (!isKept) left--;
    }
    if (left !== entries.length) setTime(path, time);
    return left;
  }

  function keepsDirectory(path: RawPath, hidden: boolean): boolean {
    const below = hidden ? undefined : base.lstat(path);
    const wasDirectory = below?.type === 'directory';
    const isOpaque = wasDirectory && hides(path);
    if (isOpaque) opaque.add(path);
    const left = pruneDirectory(path, hidden || isOpaque);
    if (left > 0 || isOpaque) return true;
    const host = under(upper, path);
    const isStub = below === undefined && !hidden && stubs.has(path);
    const isSame = wasDirectory && sameOwnerAndMode(toNode(lstatRaw(host)!, bytesOf(host)), below);
    if (!isStub && !isSame) return true;
    rmdirSync(bytesOf(host));
    return false;
  }

  /** Whether a directory that the base has too is opaque: a name the base has and the upper lacks is then not merged. */
  function hides(path: RawPath): boolean {
    const names = base.readdir(path) ?? [];
    if (names.length === 0) return false;
    const own = new Set(readdirRaw(under(upper, path)).map((entry) => entry.name));
    const probes = names.filter((name) => !own.has(name));
    const probe = probes.find((name) => !stubs.has(joinRaw(path, name))) ?? probes[0];
    return probe !== undefined && lstatRaw(under(merged, joinRaw(path, probe))) === undefined;
  }

  function keepsOther(path: RawPath, hidden: boolean): boolean {
    const host = under(upper, path);
    const stats = lstatRaw(host)!;
    const below = hidden ? undefined : base.lstat(path);
    const isNothing = isKernelWhiteout(stats)
      ? below === undefined
      : below === undefined
        ? !hidden && stubs.has(path)
        : isUnchanged(path, toNode(stats, bytesOf(host)), below, base, () => readlinkRaw(host));
    if (isNothing) unlinkSync(bytesOf(host));
    return !isNothing;
  }
}

/** Same type, owner, mode, time and content. `readlink` gives the new target; `node` tells where the new bytes are. */
export function isUnchanged(path: RawPath, node: Node, below: Node, base: View, readlink: () => RawPath): boolean {
  if (node.type !== below.type || !sameOwnerAndMode(node, below)) return false;
  if (node.size !== below.size || node.mtimeNs !== below.mtimeNs) return false;
  if (node.device?.major !== below.device?.major || node.device?.minor !== below.device?.minor) return false;
  if (node.type === 'symlink') return readlink() === base.readlink(path);
  return node.type !== 'file' || digestFile(node.hostPath) === base.fileDigest(path);
}

export function sameOwnerAndMode(one: Node, other: Node): boolean {
  return one.mode === other.mode && one.uid === other.uid && one.gid === other.gid;
}
