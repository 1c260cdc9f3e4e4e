// Owns: the names by which a layer deletes what lies below it; image-spec layer.md, "Whiteouts".

import { baseRaw, joinRaw, parentRaw, type RawPath } from '../raw-path.ts';

const PREFIX = '.wh.';
/** AUFS kept its own files under names like `.wh..wh.plnk`; one of them, opq, became the opaque whiteout. */
const META_PREFIX = '.wh..wh.';
const OPAQUE = '.wh..wh..opq';

/** Would an unpacker take a file of this path for a whiteout? */
export function isWhiteoutPath(path: RawPath): boolean {
  return path.startsWith(PREFIX, path.lastIndexOf('/') + 1);
}

/** The name under which a layer says that `path` is gone. */
export function whiteoutPath(path: RawPath): RawPath {
  return joinRaw(parentRaw(path), `${PREFIX}${baseRaw(path)}`);
}

/**
 * What an archive member's name says: `whiteout` of a path, `opaque` directory ('' is the root), `meta` of another
 * program that unpackers skip, or undefined for an ordinary name. A whiteout's path may end in `.` or `..` or be
 * nameless: the caller checks it like any other.
 */
export function parseWhiteout(path: RawPath): { type: 'whiteout' | 'opaque' | 'meta'; path: RawPath } | undefined {
  if (!isWhiteoutPath(path)) return undefined;
  const name = baseRaw(path);
  const directory = parentRaw(path);
  if (name === OPAQUE) return { type: 'opaque', path: directory };
  if (name.startsWith(META_PREFIX)) return { type: 'meta', path };
  return { type: 'whiteout', path: joinRaw(directory, name.slice(PREFIX.length)) };
}
