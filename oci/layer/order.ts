// Owns: the canonical order of a layer: depth first, siblings by byte value, every parent directory before what is in it.

import { OciError } from '../errors.ts';
import { displayPath, type RawPath } from '../raw-path.ts';
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
  // Every name a hard link may point to.
  const linkable = new Set<string>();

  return {
    next(entry) {
      const path = entry.path;
      const slash = path.lastIndexOf('/');
      const directory = slash < 0 ? '' : path.slice(0, slash);
      const name = slash < 0 ? path : path.slice(slash + 1);
      if (slash === 0 || name === '' || name === '.' || name === '..')
        throw misplaced(path, 'not a path below the root');
      let depth = open.length - 1;
      while (depth > 0 && open[depth]!.path !== directory) depth--;
      const parent = open[depth]!;
      if (parent.path !== directory) {
        throw misplaced(path, `its directory ${displayPath(directory as RawPath)} does not stand before it`);
      }
      if (name <= parent.last) {
        throw misplaced(
          path,
          name === parent.last ? 'it is there twice' : `it stands after ${JSON.stringify(parent.last)}`,
        );
      }
      parent.last = name;
      open.length = depth + 1;
      if (entry.type === 'directory') open.push({ path, last: '' });
      else if (entry.type === 'hardlink') {
        if (entry.target === undefined || !linkable.has(entry.target)) {
          throw misplaced(
            path,
            `it is a hard link to ${displayPath(entry.target ?? ('' as RawPath))}, which no entry before it is`,
          );
        }
      } else if (entry.type !== 'whiteout') linkable.add(path);
    },
  };
}

function misplaced(path: RawPath, why: string): OciError {
  return new OciError('ENTRY_UNREPRESENTABLE', `${displayPath(path)}: not in a layer's order: ${why}`);
}
