// Owns: deciding whether COPY of a whole image can be its diffs laid over the stage's, with nothing copied, and mean the same.

import { joinRaw, type RawPath } from '../../oci/raw-path.ts';
import { LOWER_COUNT } from './overlay.ts';
import { mounted } from './short-names.ts';
import type { SnapshotStore } from './store.ts';
import type { Snapshot, View } from './types.ts';

/** Room for the steps that follow, before stacks have to be merged for a mount. */
const LIMIT = LOWER_COUNT - 90;

const verdicts = new WeakMap<SnapshotStore, Map<string, boolean>>();

/**
 * False when overlayfs would show something else than a copy gives: `top` deletes names or was written through an
 * overlay (whose new directories hide what is below them), one side has a directory where the other has something else,
 * or there would be too many layers. A stack of one diff and its own parts is compared only where both sides have names.
 */
export function isJoinable(store: SnapshotStore, base: Snapshot, top: Snapshot): boolean {
  const kept = verdicts.get(store) ?? new Map<string, boolean>();
  verdicts.set(store, kept);
  const key = `${base.id} ${top.id}`;
  const known = kept.get(key);
  if (known !== undefined) return known;
  const verdict = decide(store, base, top);
  kept.set(key, verdict);
  return verdict;
}

function decide(store: SnapshotStore, base: Snapshot, top: Snapshot): boolean {
  const diffs = mounted(top);
  if (diffs.some((diff) => !store.meta(diff).isPlain || store.meta(diff).hasWhiteouts)) return false;
  if (mounted(store.join(base, top)).length > LIMIT) return false;
  return agree([store.view(base), ...diffs.map((diff) => store.diffView(diff))], '' as RawPath);
}

/** No name is a directory in one of the views and something else in another. Goes down only where two have a directory. */
function agree(views: readonly View[], directory: RawPath): boolean {
  const holders = new Map<RawPath, View[]>();
  for (const view of views) {
    for (const name of view.readdir(directory) ?? []) {
      const list = holders.get(name);
      if (list === undefined) holders.set(name, [view]);
      else list.push(view);
    }
  }
  for (const [name, having] of holders) {
    if (having.length < 2) continue;
    const path = joinRaw(directory, name);
    const directories = having.filter((view) => view.isDirectory?.(path) ?? view.lstat(path)?.type === 'directory');
    if (directories.length === 0) continue;
    if (directories.length !== having.length || !agree(directories, path)) return false;
  }
  return true;
}
