// Owns: the canonical order of a layer: depth first, siblings by byte value, every parent directory before what is in it.

import { OciError } from '../errors.ts';
import { displayPath, parentRaw, type RawPath } from '../raw-path.ts';
import type { Entry } from './entry.ts';

/** Below, at or above 0, as `one` stands before, at or after `other`. A `/` sorts before every other byte. */
export function compareOrder(one: RawPath, other: RawPath): number {
  const length = Math.min(one.length, other.length);
  for (let i = 0; i < length; i++) {
    const a = one.charCodeAt(i);
    const b = other.charCodeAt(i);
    if (a !== b) return a === SLASH ? -1 : b === SLASH ? 1 : a - b;
  }
  return one.length - other.length;
}
const SLASH = 0x2f;

/** Checks entries one by one as they come. */
export interface OrderCheck {
  /** Throws OciError ENTRY_UNREPRESENTABLE for an entry that is not in its place, or a path no layer can carry. */
  next(entry: Entry): void;
}

export function createOrderCheck(): OrderCheck {
  // The directories from the root to where the last entry stood, and the last name seen in each.
  const open: { path: string; last: string }[] = [{ path: '', last: '' }];
  // Every name a hard link may point to, in the order of a layer: links are few, and a set of all names is dear.
  const linkable: RawPath[] = [];

  return {
    next({ path, type, target }) {
      const slash = path.lastIndexOf('/');
      const name = path.slice(slash + 1);
      if (slash === 0 || name === '' || name === '.' || name === '..')
        throw misplaced(path, 'not a path below the root');
      const length = Math.max(slash, 0);
      const isIn = (directory: string) => directory.length === length && path.startsWith(directory);
      let depth = open.length - 1;
      while (depth > 0 && !isIn(open[depth]!.path)) depth--;
      const parent = open[depth]!;
      if (!isIn(parent.path)) {
        throw misplaced(path, `its directory ${displayPath(parentRaw(path))} does not stand before it`);
      }
      if (name <= parent.last) {
        throw misplaced(
          path,
          name === parent.last ? 'it is there twice' : `it stands after ${JSON.stringify(parent.last)}`,
        );
      }
      parent.last = name;
      open.length = depth + 1;
      if (type === 'directory') open.push({ path, last: '' });
      else if (type === 'hardlink') {
        if (target === undefined || !contains(linkable, target)) {
          throw misplaced(
            path,
            `it is a hard link to ${displayPath(target ?? ('' as RawPath))}, which no entry before it is`,
          );
        }
      } else if (type !== 'whiteout') linkable.push(path);
    },
  };
}

/** Whether a path is among paths that stand in the order of a layer. */
function contains(paths: readonly RawPath[], path: RawPath): boolean {
  let low = 0;
  let high = paths.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (compareOrder(paths[middle]!, path) < 0) low = middle + 1;
    else high = middle;
  }
  return paths[low] === path;
}

function misplaced(path: RawPath, why: string): OciError {
  return new OciError('ENTRY_UNREPRESENTABLE', `${displayPath(path)}: not in a layer's order: ${why}`);
}
