// Owns: walking a diff, or a whole rootfs, in the order of the canonical layer: depth first, siblings by byte value,
// parents before children, a whiteout where the deleted name would sort. Gives entries as the layer writer takes them.

import { closeSync } from 'node:fs';
import type { Entry, TreeEntry } from '../../oci/layer/entry.ts';
import { displayPath, joinRaw, type RawPath } from '../../oci/raw-path.ts';
import { wholeSeconds } from './seconds.ts';
import type { Node, View } from './types.ts';
import { compareBytes } from './view.ts';

/** Called with one sentence for each thing a layer cannot carry and drops. */
export type Warn = (message: string) => void;

/** What a walk does with files: look at them, or open them too, for whoever reads each of them as it comes. */
export type Files = 'seen' | 'open';

/** A step of a walk: what is there, or that something is gone. Sockets are part of it. */
export type Walked =
  | { readonly path: RawPath; readonly node: Node; readonly linkTo: RawPath | undefined }
  | { readonly path: RawPath; readonly node: undefined };

/**
 * One diff. `diff` is its own view (openDiff); `opaque` the directories that hide what lies below, for which the names
 * of `below` that are gone come out one by one. The first name of a hard-link group has no `linkTo`, the others name it.
 */
export function walkDiff(
  diff: View,
  opaque: ReadonlySet<RawPath>,
  below: View,
  files: Files = 'seen',
): Generator<Walked> {
  return walk(diff, files, (path, names) => {
    if (!opaque.has(path)) return names;
    const kept = new Set(names);
    const hidden = (below.readdir(path) ?? []).filter((name) => !kept.has(name));
    return hidden.length === 0 ? names : [...names, ...hidden].sort(compareBytes);
  });
}

/** A whole rootfs: no whiteouts. */
export function walkView(view: View, files: Files = 'seen'): Generator<Walked> {
  return walk(view, files, (_, names) => names);
}

function* walk(
  view: View,
  files: Files,
  namesOf: (directory: RawPath, names: readonly RawPath[]) => readonly RawPath[],
): Generator<Walked> {
  // The first name of each hard-link group, by inode.
  const links = new Map<string, RawPath>();
  const enter = (path: RawPath) => ({ path, names: namesOf(path, view.readdir(path) ?? []), at: 0 });
  // The directories from the root to where the walk stands; a generator in a generator for each would cost more.
  const open = [enter('' as RawPath)];
  for (let here = open[0]; here !== undefined; here = open.at(-1)) {
    const name = here.names[here.at++];
    if (name === undefined) {
      open.pop();
      continue;
    }
    const path = joinRaw(here.path, name);
    const node = files === 'open' && view.open !== undefined ? view.open(path) : view.lstat(path);
    // A whiteout is seen before hard links are: overlayfs links all its whiteouts to one inode.
    if (node === undefined || isWhiteout(node)) {
      yield { path, node: undefined };
    } else if (node.type === 'directory') {
      yield { path, node, linkTo: undefined };
      open.push(enter(path));
    } else {
      const linkTo = node.nlink > 1 ? links.get(node.inode) : undefined;
      if (node.nlink > 1 && linkTo === undefined) links.set(node.inode, path);
      yield { path, node, linkTo };
    }
  }
}

export function isWhiteout(node: Node): boolean {
  return node.type === 'char' && node.device?.major === 0 && node.device.minor === 0;
}

/** A walk as layer entries. Sockets are left out, with a warning. Files that the walk has opened are closed here. */
export function* toEntries(view: View, walked: Iterable<Walked>, warn: Warn): Generator<TreeEntry> {
  for (const step of walked) {
    const fd = step.node?.fd;
    let entry: { -readonly [key in keyof TreeEntry]: TreeEntry[key] } | undefined;
    try {
      entry = entryOf(view, step, warn);
      if (entry !== undefined) yield entry;
    } finally {
      if (fd !== undefined) {
        if (entry !== undefined) entry.fd = undefined;
        closeSync(fd);
      }
    }
  }
}

function entryOf(view: View, step: Walked, warn: Warn): TreeEntry | undefined {
  const { path, node } = step;
  if (node === undefined) return { path, type: 'whiteout', mode: 0, size: 0, owner: { uid: 0, gid: 0 } };
  const { linkTo } = step;
  if (node.type === 'socket') {
    warn(`/${displayPath(path)} is a socket, which a layer cannot carry: left out`);
    return undefined;
  }
  const { type, mode } = node;
  const owner = { uid: node.uid, gid: node.gid };
  const mtime = wholeSeconds(node.mtimeNs);
  // Files are nearly all there is: theirs is made in one piece.
  if (type === 'file' && linkTo === undefined) {
    return { path, type, mode, size: node.size, owner, mtime, source: node.hostPath, fd: node.fd };
  }
  const common: Entry = { path, type, mode, size: 0, owner, mtime };
  if (linkTo !== undefined) return { ...common, type: 'hardlink', target: linkTo };
  if (node.type === 'symlink') return { ...common, target: view.readlink(path) };
  return node.device === undefined ? common : { ...common, device: node.device };
}
