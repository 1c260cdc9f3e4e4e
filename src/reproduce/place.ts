// Owns: the folder a reproduction works in: made for it alone, deleted when it ends, and deleted by the next one where it
// could not end in order.

import { chmodSync, existsSync, lstatSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { claimWork, sortOwners } from '../snapshot/owner.ts';
import { hostPath } from '../snapshot/raw-fs.ts';

const PREFIX = '.ocibuild-reproduce-';
/** A folder without a mark that is as young as this may just have been made by somebody who has not claimed it yet. */
const YOUNG_MILLISECONDS = 60_000;

export interface WorkPlace {
  /** Absolute; an empty folder of this process. */
  readonly directory: string;
  /** Deletes all of it. Inside the namespace, where whatever steps left may be deleted. */
  remove(): void;
}

/** Makes a folder below `beside`, which exists, and removes what dead processes of the same user left there. */
export function makeWorkPlace(beside: string): WorkPlace {
  for (const name of readdirSync(beside)) {
    if (name.startsWith(PREFIX) && isLeftBehind(join(beside, name))) remove(join(beside, name));
  }
  const outer = mkdtempSync(join(beside, PREFIX));
  const owner = claimWork(hostPath(outer));
  const directory = join(outer, 'builds');
  mkdirSync(directory);
  // A step's ids have to get through, whatever the caller's umask is.
  for (const path of [outer, directory]) chmodSync(path, 0o755);
  return {
    directory,
    remove: () => {
      // The mark goes last: while it is there and its process is not, everybody knows what this is.
      remove(directory);
      owner.release();
      remove(outer);
    },
  };
}

function isLeftBehind(path: string): boolean {
  const stats = lstatSync(path, { throwIfNoEntry: false });
  if (stats === undefined || !stats.isDirectory() || stats.uid !== process.getuid!()) return false;
  const { dead, alive } = sortOwners(hostPath(path), undefined);
  if (alive.length > 0) return false;
  const isMarked = dead.some((name) => existsSync(join(path, name, 'owner')));
  return isMarked || Date.now() - stats.mtimeMs > YOUNG_MILLISECONDS;
}

function remove(path: string): void {
  rmSync(path, { recursive: true, force: true });
}
