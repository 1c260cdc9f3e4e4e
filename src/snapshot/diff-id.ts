// Owns: what a diff and a snapshot are called. A diff's name is the sha256 of, for every entry in walk order,
//
//   type NUL mode NUL uid:gid NUL detail NUL [mtime ns NUL] path NUL LF
//
// where detail is a file's sha256, a symlink's target, a hard link's first name, a device's numbers, or `opaque`. Times
// are part of it for diffs that were unpacked from a layer, whose times are as much content as the rest; and, cut down
// to the epoch, for diffs whose layer will carry times up to an epoch that is not 0.

import { createHash } from 'node:crypto';
import { type Digest, digestOf, finishDigest } from '../../oci/digest.ts';
import type { RawPath } from '../../oci/raw-path.ts';
import { indexLine } from './digest-index.ts';
import type { Walked } from './entries.ts';
import { clampedSeconds } from './seconds.ts';
import type { DiffId, Node, Snapshot, View } from './types.ts';

const FORM = 'ocibuild diff 1\n';

/** The name of the diff that changes nothing. It has no directory and is never mounted. */
export const EMPTY_DIFF: DiffId = digestOf(FORM);

/** The empty rootfs. */
export const SCRATCH: Snapshot = { id: digestOf(''), diffs: [] };

/** One more diff on top; an empty one counts too. */
export function extendSnapshot(base: Snapshot, diff: DiffId): Snapshot {
  return { id: digestOf(`${base.id}\n${diff}\n`), diffs: [...base.diffs, diff] };
}

/** Which modification times a name holds: every one, to the nanosecond; none; or min(time, epoch) in whole seconds. */
export type Times = 'exact' | 'none' | { readonly epoch: number };

export interface Summary {
  readonly diff: DiffId;
  readonly entries: number;
  /** Bytes of files, each hard-link group once. */
  readonly bytes: number;
  /** The text of the diff's `index`. */
  readonly index: string;
  readonly hasWhiteouts: boolean;
}

/** Names what a walk gives. `digest` is asked once for each file that is not a later name of another. */
export function summarise(
  view: View,
  walked: Iterable<Walked>,
  options: {
    readonly opaque: ReadonlySet<RawPath>;
    readonly times: Times;
    digest(path: RawPath, node: Node): Digest;
  },
): Summary {
  const { times } = options;
  // Two epochs never share a name: a time that both cut down differently may hide behind the smaller one.
  const form = times === 'exact' ? 'times\n' : times === 'none' ? '' : `times to ${times.epoch}\n`;
  const hash = createHash('sha256').update(FORM + form);
  const known = new Map<RawPath, Digest>();
  const index: string[] = [];
  let pending = '';
  let entries = 0;
  let bytes = 0;
  let hasWhiteouts = options.opaque.size > 0;

  const detailOf = (path: RawPath, node: Node, linkTo: RawPath | undefined): string => {
    if (node.type === 'file') {
      const digest = (linkTo === undefined ? undefined : known.get(linkTo)) ?? options.digest(path, node);
      if (node.nlink > 1) known.set(path, digest);
      index.push(indexLine(path, digest));
      if (linkTo === undefined) bytes += node.size;
      return linkTo === undefined ? digest : `link\0${linkTo}`;
    }
    if (linkTo !== undefined) return `link\0${linkTo}`;
    if (node.type === 'symlink') return view.readlink(path);
    if (node.device !== undefined) return `${node.device.major}:${node.device.minor}`;
    return node.type === 'directory' && options.opaque.has(path) ? 'opaque' : '';
  };

  for (const step of walked) {
    const { path } = step;
    entries++;
    if (step.node === undefined) {
      hasWhiteouts = true;
      pending += `whiteout\0\0\0\0${path}\0\n`;
    } else {
      const { node, linkTo } = step;
      const time =
        times === 'none' ? '' : `${times === 'exact' ? node.mtimeNs : clampedSeconds(node.mtimeNs, times.epoch)}\0`;
      const detail = detailOf(path, node, linkTo);
      pending += `${node.type}\0${node.mode.toString(8)}\0${node.uid}:${node.gid}\0${detail}\0${time}${path}\0\n`;
    }
    if (pending.length > 1 << 16) {
      hash.update(pending, 'latin1');
      pending = '';
    }
  }
  hash.update(pending, 'latin1');
  const diff = entries === 0 ? EMPTY_DIFF : finishDigest(hash);
  return { diff, entries, bytes, index: index.join(''), hasWhiteouts };
}
