// Owns: `<store>/l/<short>`: symlinks to diffs, since all options of a mount share one page, and the choice of what is
// mounted for a stack.

import { readlinkSync, symlinkSync } from 'node:fs';
import { type Digest, hexOf } from '../../oci/digest.ts';
import { EMPTY_DIFF } from './diff-id.ts';
import { bytesOf, type HostPath, isErrno, under } from './raw-fs.ts';
import type { DiffId, Snapshot } from './types.ts';

/** The diffs that are mounted, bottom first: none that is empty, each once, at its topmost place. */
export function mounted(snapshot: Snapshot): DiffId[] {
  const seen = new Set<DiffId>([EMPTY_DIFF]);
  const out: DiffId[] = [];
  for (const diff of snapshot.diffs.toReversed()) {
    if (seen.has(diff)) continue;
    seen.add(diff);
    out.push(diff);
  }
  return out.reverse();
}

/** The name of a diff's tree, relative to the store. */
export function shortNameOf(root: HostPath, diff: DiffId): string {
  return shortName(root, diff, `../diffs/${hexOf(diff)}/fs`);
}

/** A symlink under `l/` to `target`, as short as no other key has it; relative to the store. */
export function shortName(root: HostPath, key: Digest, target: string): string {
  const text = Buffer.from(hexOf(key), 'hex').toString('base64url');
  for (let length = 4; ; length++) {
    const name = `l/${text.slice(0, length)}`;
    const path = bytesOf(under(root, name));
    try {
      symlinkSync(target, path);
      return name;
    } catch (error) {
      if (!isErrno(error, 'EEXIST')) throw error;
      if (readlinkSync(path, 'utf8') === target) return name;
    }
  }
}
