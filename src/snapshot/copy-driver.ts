// Owns: steps where no overlay can be mounted: the rootfs is copied out, and what changed is found by comparing it with
// the base, name by name. Slow, and meant to be: it is for machines that allow nothing better.
//
// Layers come out as with overlayfs, except where they cannot:
//   - Writing to one of several hard-linked names of the base. Overlayfs changes that name only, a copy all of them, and
//     afterwards nobody can tell which was meant: refused, as is linking all of them anew to one file.
//   - A directory that is moved. Overlayfs makes rename(2) fail with EXDEV and mv(1) copies; here it just works. The
//     layer is the same; a program that gives up on EXDEV behaves differently.
//   - A file touched so that its time does not change is no change with either.

import { linkSync, mkdirSync, renameSync } from 'node:fs';
import { displayPath, joinRaw, parentRaw, type RawPath } from '../../oci/raw-path.ts';
import { BuildError } from '../errors.ts';
import { isUnchanged, sameOwnerAndMode } from './changes.ts';
import { materialise } from './copy.ts';
import { bytesOf, type HostPath, makeNode, readdirRaw, setMode, setOwner, setTime, under } from './raw-fs.ts';
import { components } from './resolve.ts';
import type { Workspace } from './store.ts';
import { makeStubs } from './stubs.ts';
import type { MountPoint, Node, View } from './types.ts';
import { hostView } from './view.ts';

/** Fills `rootfs` (an empty directory) with what the base shows and the mount points. Gives the paths of the latter. */
export function copyOut(workspace: Workspace, rootfs: HostPath, points: readonly MountPoint[]): RawPath[] {
  const base = workspace.baseView();
  materialise(base, { ...workspace, upper: rootfs, digests: new Map(), state: 'open' });
  const stubs = makeStubs(rootfs, base, points);
  for (const stub of stubs) {
    const parent = base.lstat(parentRaw(stub));
    if (parent !== undefined) setTime(under(rootfs, parentRaw(stub)), parent.mtimeNs);
  }
  return stubs;
}

/** What is to be done to make the upper directory from the rootfs. */
interface Plan {
  readonly move: RawPath[];
  readonly whiteout: RawPath[];
  /** Directories whose own mode or owner changed. */
  readonly stamp: RawPath[];
}

/**
 * Moves what a step changed out of `rootfs` into the workspace's upper directory, with whiteouts for what is gone; the
 * rootfs is worth nothing afterwards. Throws BuildError SNAPSHOT for what the list above refuses.
 */
export function collectCopied(workspace: Workspace, rootfs: HostPath, stubs: ReadonlySet<RawPath>): void {
  const base = workspace.baseView();
  // A step may have left directories unreadable to others; this process owns them.
  const now = hostView(rootfs);
  const plan = compare(base, now, stubs);
  const { upper } = workspace;
  const present = new Set<RawPath>(['' as RawPath]);
  const times: [HostPath, bigint][] = [];
  for (const path of plan.stamp) bring(path);
  for (const path of plan.move) {
    bring(parentRaw(path));
    renameSync(bytesOf(under(rootfs, path)), bytesOf(under(upper, path)));
  }
  let first: HostPath | undefined;
  for (const path of plan.whiteout) {
    bring(parentRaw(path));
    const host = under(upper, path);
    if (first !== undefined) linkSync(bytesOf(first), bytesOf(host));
    else if (makeNode(workspace.directory, host, { type: 'char', major: 0, minor: 0 })) first = host;
    else {
      throw new BuildError('MACHINE', `cannot record that a step deleted /${displayPath(path)}`, {
        want: 'a kernel that lets this user make a character device 0:0 (Linux 5.8)',
        hint: 'see `ocibuild doctor`',
      });
    }
  }
  for (const [path, mtimeNs] of times) setTime(path, mtimeNs);

  /** Makes the directories down to a path in the upper directory, as they are in the rootfs now. */
  function bring(path: RawPath): void {
    let here = '' as RawPath;
    for (const name of components(path)) {
      here = joinRaw(here, name);
      if (present.has(here)) continue;
      present.add(here);
      const node = now.lstat(here)!;
      const host = under(upper, here);
      mkdirSync(bytesOf(host));
      setOwner(host, node.uid, node.gid);
      setMode(host, node.mode);
      times.push([host, node.mtimeNs]);
    }
  }
}

function compare(base: View, now: View, stubs: ReadonlySet<RawPath>): Plan {
  const plan: Plan = { move: [], whiteout: [], stamp: [] };
  /** By inode of the base, the names of a link group, what inode they have now, and whether they changed. */
  const groups = new Map<string, { path: RawPath; inode: string; changed: boolean }[]>();
  walk('' as RawPath);
  for (const names of groups.values()) refuseShared(names);
  return plan;

  function walk(directory: RawPath): void {
    const before = base.readdir(directory) ?? [];
    const after = now.readdir(directory) ?? [];
    const kept = new Set(after);
    for (const name of before) if (!kept.has(name)) plan.whiteout.push(joinRaw(directory, name));
    for (const name of after) visit(joinRaw(directory, name));
  }

  function visit(path: RawPath): void {
    const node = now.lstat(path)!;
    const below = base.lstat(path);
    if (below === undefined) {
      if (!stubs.has(path)) plan.move.push(path);
      // Below a mount point everything that is none itself is real: `etc` is only there for `etc/hosts`.
      else if (node.type === 'directory') walk(path);
      return;
    }
    if (node.type === 'directory' && below.type === 'directory') {
      if (!sameOwnerAndMode(node, below)) plan.stamp.push(path);
      walk(path);
      return;
    }
    const changed = !isUnchanged(path, node, below, base, () => now.readlink(path));
    if (changed) plan.move.push(path);
    if (below.nlink > 1 && below.type !== 'directory') remember(below, { path, inode: node.inode, changed });
  }

  function remember(below: Node, name: { path: RawPath; inode: string; changed: boolean }): void {
    const names = groups.get(below.inode);
    if (names === undefined) groups.set(below.inode, [name]);
    else names.push(name);
  }
}

function refuseShared(names: readonly { path: RawPath; inode: string; changed: boolean }[]): void {
  const changed = names.filter((name) => name.changed);
  const shared = changed.filter((name) => changed.some((other) => other !== name && other.inode === name.inode));
  if (shared.length === 0) return;
  throw new BuildError(
    'SNAPSHOT',
    `a step changed a file of several names: ${shared.map((name) => `/${displayPath(name.path)}`).join(', ')}`,
    {
      want: 'an overlay, which tells which of the names was written to',
      got: 'the copying driver, which cannot',
      hint: 'write to a copy of the file, or build where an overlay can be mounted (`ocibuild doctor`)',
    },
  );
}

/** The mount points of a skeleton directory, as points of a step. */
export function pointsOf(skeleton: HostPath): MountPoint[] {
  const points: MountPoint[] = [];
  const walk = (at: string) => {
    for (const entry of readdirRaw(under(skeleton, at))) {
      const path = at === '' ? entry.name : `${at}/${entry.name}`;
      const isDirectory = entry.isDirectory();
      points.push({
        path: `/${Buffer.from(path, 'latin1').toString('utf8')}`,
        type: isDirectory ? 'directory' : 'file',
      });
      if (isDirectory) walk(path);
    }
  };
  walk('');
  return points;
}
