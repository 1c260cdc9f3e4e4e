// Owns: Entry, one line of a layer, as the writer takes it and the reader gives it.
//
// The owner and the time are not part of an Entry: they are `Stamp`, which a writer makes from its policy. Whoever
// forgets a policy gets owner 0:0 and mtime 0, never the machine's.

import type { RawPath } from '../raw-path.ts';

/** A whiteout deletes `path` of the layers below (image-spec layer.md, "Whiteouts"); `opaque` is only ever read, never written. */
export type EntryType =
  | 'file'
  | 'directory'
  | 'symlink'
  | 'hardlink'
  | 'fifo'
  | 'char'
  | 'block'
  | 'whiteout'
  | 'opaque';

export interface Entry {
  /** Relative to the rootfs, bytes; for a whiteout the path that is deleted. Never '', except in an opaque of the root. */
  readonly path: RawPath;
  readonly type: EntryType;
  /** Permission bits with setuid, setgid and sticky, 0..0o7777. 0o777 for a symlink, 0 for a whiteout. */
  readonly mode: number;
  /** Bytes; 0 for everything but a file. */
  readonly size: number;
  /** symlink: the target's bytes as stored. hardlink: the path of the first name, relative to the rootfs. */
  readonly target?: RawPath;
  /** char and block only. */
  readonly device?: { readonly major: number; readonly minor: number };
  /** Owner as found; writers use it only under the policy `keep`. */
  readonly owner?: { readonly uid: number; readonly gid: number };
  /** Modification time as found, whole seconds since 1970; writers use it only under a clamping policy. */
  readonly mtime?: number;
  /** Name to raw value; `security.capability` is the only one a writer takes, and only when asked. */
  readonly xattrs?: ReadonlyMap<string, Uint8Array>;
}

/** An entry of a directory tree on disk, with the place to read a file's bytes from. */
export interface TreeEntry extends Entry {
  /** Absolute host path as bytes; present for files, unless `bytes` is. */
  readonly source?: Buffer;
  /** A descriptor of that file, open for reading, at its start; gone when the next entry is asked for. */
  readonly fd?: number | undefined;
  /** The content of a file that is on no disk. */
  readonly bytes?: Uint8Array;
}

/** What a writer stamps on every entry. */
export interface StampPolicy {
  /** `root`: 0:0 for all. `keep`: the entry's owner. */
  readonly owner: 'root' | 'keep';
  /** `set`: every mtime is the epoch. `clamp`: min(mtime, epoch). */
  readonly time: 'set' | 'clamp';
  /** SOURCE_DATE_EPOCH, whole seconds. */
  readonly epoch: number;
  /** Extended attributes that may be carried, by full name. Default none: an entry that has another is an error. */
  readonly xattrs?: readonly string[];
}
