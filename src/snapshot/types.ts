// Owns: what a rootfs state is. A diff is an immutable directory of the store, one step's changes; a snapshot is a stack
// of diffs. Both are named by content, so the same content reached twice is the same snapshot.

import type { Digest } from '../../oci/digest.ts';
import type { EntryType } from '../../oci/layer/entry.ts';
import type { RawPath } from '../../oci/raw-path.ts';

/** Digest over a diff's sorted entries: path, type, mode, owner, link group, content, xattrs; never times. */
export type DiffId = Digest;

export interface Snapshot {
  /** Digest of the stack: scratch is the digest of nothing, each diff folds in. What cache keys use. */
  readonly id: Digest;
  /** Bottom first. An empty diff (`RUN true`) stands in it like any other. */
  readonly diffs: readonly DiffId[];
}

/** What lstat says, for one path of a merged view. */
export interface Node {
  readonly type: Exclude<EntryType, 'hardlink' | 'whiteout' | 'opaque'> | 'socket';
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly size: number;
  readonly mtimeNs: bigint;
  /** Equal for two names of one file within a view, when nlink > 1. */
  readonly inode: string;
  readonly nlink: number;
  readonly device?: { readonly major: number; readonly minor: number };
  /** Absolute host path, for reading content. */
  readonly hostPath: Buffer;
  /** A descriptor of the file, open for reading; only from View.open, whose caller closes it. */
  readonly fd?: number | undefined;
}

/** A read-only rootfs: a stack of diffs, or a directory of the host. Paths are relative, '' is the root. */
export interface View {
  /** No symlink is followed, not even in parents: a path through one is undefined. */
  lstat(path: RawPath): Node | undefined;
  /** The same, for whoever reads the content next: a file comes open, with what fstat says of it, if it can be opened. */
  open?(path: RawPath): Node | undefined;
  /** Names in byte order; undefined when there is no such directory. */
  readdir(path: RawPath): readonly RawPath[] | undefined;
  readlink(path: RawPath): RawPath;
  readFile(path: RawPath): Buffer;
  /** sha256 of a file's bytes; from the diff's index where there is one, never read twice. */
  fileDigest(path: RawPath): Digest;
  /**
   * Follows symlinks the way a process chrooted into the view would: absolute targets start at the root again and `..`
   * stops there. Components that do not exist are kept as they are. Throws BuildError COPY after 255 links.
   */
  resolve(path: RawPath, followLast: boolean): RawPath;
  /** As lstat, without asking the file system again. */
  isDirectory?(path: RawPath): boolean;
  /** True for a stack of diffs; otherwise files may change under us, as those of a host directory do. */
  readonly isImmutable?: boolean;
  /** The digest fileDigest has given for this path, if it was asked. */
  knownDigest?(path: RawPath): Digest | undefined;
}

/** What a workspace became. */
export interface Committed {
  readonly diff: DiffId;
  /** The base with the diff on top. */
  readonly snapshot: Snapshot;
  /** Entries of the layer; 0 for a step that changed nothing. */
  readonly entries: number;
  /** Bytes of its files. */
  readonly bytes: number;
}

/** A place in the rootfs that must exist while a step runs and never reaches a diff. */
export interface MountPoint {
  /** Absolute, inside the rootfs; symlinks are followed. */
  readonly path: string;
  readonly type: 'directory' | 'file';
}
