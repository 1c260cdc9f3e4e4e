// Owns: walking a diff, or a whole rootfs, in the order of the canonical layer: depth first, siblings by byte value,
// parents before children, a whiteout where the deleted name would sort. Gives entries as the layer writer takes them.

import type { Entry, TreeEntry } from '../../oci/layer/entry.ts';
import { displayPath, joinRaw, type RawPath } from '../../oci/raw-path.ts';
import { wholeSeconds } from './seconds.ts';
import type { Node, View } from './types.ts';
import { compareBytes } from './view.ts';

/** Called with one sentence for each thing a layer cannot carry and drops. */
export type Warn = (message: string) => void;

/** A step of a walk: what is there, or that something is gone. Sockets are part of it. */
export type Walked =
  | { readonly path: RawPath; readonly node: Node; readonly linkTo: RawPath | undefined }
  | { readonly path: RawPath; readonly node: undefined };

/**
 * One diff. `diff` is its own view (openDiff); `opaque` the directories that hide what lies below, for which the names
 * of `below` that are gone come out one by one. The first name of a hard-link group has no `linkTo`, the others name it.
 */
export function* walkDiff(diff: View, opaque: ReadonlySet<RawPath>, below: View): Generator<Walked> {
  yield* walk(diff, '' as RawPath, new Map(), (path, names) => {
    if (!opaque.has(path)) return names;
    const kept = new Set(names);
    const hidden = (below.readdir(path) ?? []).filter((name) => !kept.has(name));
    return hidden.length === 0 ? names : [...names, ...hidden].sort(compareBytes);
  });
}

/** A whole rootfs: no whiteouts. */
export function* walkView(view: View): Generator<Walked> {
  yield* walk(view, '' as RawPath, new Map(), (_, names) => names);
}

function* walk(
  view: View,
  directory: RawPath,
  links: Map<string, RawPath>,
  namesOf: (directory: RawPath, names: readonly RawPath[]) => readonly RawPath[],
): Generator<Walked> {
  for (const name of namesOf(directory, view.readdir(directory) ?? [])) {
    const path = joinRaw(directory, name);
    const node = view.lstat(path);
    // A whiteout is seen before hard links are: overlayfs links all its whiteouts to one inode.
    if (node === undefined || isWhiteout(node)) {
      yield { path, node: undefined };
      continue;
    }
    if (node.type === 'directory') {
      yield { path, node, linkTo: undefined };
      yield* walk(view, path, links, namesOf);
      continue;
    }
    const linkTo = node.nlink > 1 ? links.get(node.inode) : undefined;
    if (node.nlink > 1 && linkTo === undefined) links.set(node.inode, path);
    yield { path, node, linkTo };
  }
}

export function isWhiteout(node: Node): boolean {
  return node.type === 'char' && node.device?.major === 0 && node.device.minor === 0;
}

/** A walk as layer entries. Sockets are left out, with a warning. */
export function* toEntries(view: View, walked: Iterable<Walked>, warn: Warn): Generator<TreeEntry> {
  for (const step of walked) {
    const { path } = step;
    if (step.node === undefined) {
      yield { path, type: 'whiteout', mode: 0, size: 0, owner: { uid: 0, gid: 0 } };
      continue;
    }
    const { node, linkTo } = step;
    if (node.type === 'socket') {
      warn(`/${displayPath(path)} is a socket, which a layer cannot carry: left out`);
      continue;
    }
    const { type, mode } = node;
    const owner = { uid: node.uid, gid: node.gid };
    const mtime = wholeSeconds(node.mtimeNs);
    // Files are nearly all there is: theirs is made in one piece.
    if (type === 'file' && linkTo === undefined) {
      yield { path, type, mode, size: node.size, owner, mtime, source: node.hostPath };
      continue;
    }
    const common: Entry = { path, type, mode, size: 0, owner, mtime };
    if (linkTo !== undefined) yield { ...common, type: 'hardlink', target: linkTo };
    else if (node.type === 'symlink') yield { ...common, target: view.readlink(path) };
    else if (node.device !== undefined) yield { ...common, device: node.device };
    else yield common;
  }
}
