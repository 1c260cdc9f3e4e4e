// Owns: `<store>/l/<short>`: symlinks to diffs, since all options of a mount share one page, and the choice of what is
// mounted for a stack.

import { readlinkSync, symlinkSync } from 'node:fs';
import { type Digest, digestOf, hexOf } from '../../oci/digest.ts';
import { materialise } from './copy.ts';
import { EMPTY_DIFF, extendSnapshot, SCRATCH } from './diff-id.ts';
import { LOWER_BYTES, LOWER_COUNT } from './overlay.ts';
import { bytesOf, type HostPath, hostPath, hostText, isErrno, under } from './raw-fs.ts';
import type { SnapshotStore } from './store.ts';
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

/** The same for snapshots that mount the same diffs. */
export function stackOf(snapshot: Snapshot): string {
  return mounted(snapshot).join(' ');
}

/** What is mounted below a base, topmost first, relative to the store; the skeleton, an absolute directory, is the last. */
export function lowersOf(store: SnapshotStore, skeleton: HostPath, base: Snapshot): string[] {
  const last = shortName(store, digestOf(skeleton), hostText(skeleton));
  const diffs = mounted(base);
  const names = (stack: readonly DiffId[]) => [...stack].reverse().map((diff) => nameOf(store, diff));
  const all = [...names(diffs), last];
  if (all.length <= LOWER_COUNT && all.join(':').length <= LOWER_BYTES) return all;
  // Too many for one mount: the older half is merged into one directory, once.
  const cut = diffs.length - 100;
  return [...names(diffs.slice(cut)), nameOf(store, flatten(store, diffs.slice(0, cut))), last];
}

/** One plain diff that shows what a stack shows. Used for mounting only; snapshots keep their stack. */
function flatten(store: SnapshotStore, diffs: readonly DiffId[]): DiffId {
  const key = digestOf(`flatten\n${diffs.join('\n')}\n`);
  const known = store.lookup('flat', key);
  if (known !== undefined) return known;
  const workspace = store.begin(SCRATCH);
  try {
    materialise(store.view(diffs.reduce(extendSnapshot, SCRATCH)), workspace);
    const { diff } = store.commitExact(workspace);
    store.remember('flat', key, diff);
    return diff;
  } catch (error) {
    store.discard(workspace);
    throw error;
  }
}

/** The name of a diff's tree. Throws BuildError SNAPSHOT: a name is given only to what is there. */
function nameOf(store: SnapshotStore, diff: DiffId): string {
  store.meta(diff);
  return shortName(store, diff, `../diffs/${hexOf(diff)}/fs`);
}

/** A symlink under `l/` to `target`, as short as no other key has it; relative to the store. */
function shortName(store: SnapshotStore, key: Digest, target: string): string {
  const text = Buffer.from(hexOf(key), 'hex').toString('base64url');
  for (let length = 4; ; length++) {
    const name = `l/${text.slice(0, length)}`;
    const path = bytesOf(under(hostPath(store.path), name));
    try {
      symlinkSync(target, path);
      return name;
    } catch (error) {
      if (!isErrno(error, 'EEXIST')) throw error;
      if (readlinkSync(path, 'utf8') === target) return name;
    }
  }
}
