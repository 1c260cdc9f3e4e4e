// Owns: `<store>/trash/`: taking a directory out of the way by one rename, and deleting it after that.

import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { renameSync } from 'node:fs';
import { bytesOf, type HostPath, hostText, isErrno, readdirRaw, removeTree, under } from './raw-fs.ts';

/**
 * Renames a directory of the store into its trash, and deletes it in the background when it is large: some disks are
 * slow at that. A directory that does not exist is fine. `root` is the store's directory.
 */
export function throwAway(root: HostPath, directory: HostPath): void {
  const trash = under(root, `trash/${randomBytes(8).toString('hex')}`);
  try {
    renameSync(bytesOf(directory), bytesOf(trash));
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return;
    throw error;
  }
  if (isSmall(trash)) removeTree(trash);
  else
    spawn('rm', ['-rf', '--', hostText(trash)], { stdio: 'ignore', detached: false })
      .on('error', () => {})
      .unref();
}

/** What is left of a workspace once its upper is gone: a handful of empty directories. */
function isSmall(directory: HostPath): boolean {
  let count = 0;
  const ahead = [directory];
  while (ahead.length > 0) {
    const next = ahead.pop()!;
    for (const entry of readdirRaw(next)) {
      if (++count > 64) return false;
      if (entry.isDirectory()) ahead.push(under(next, entry.name));
    }
  }
  return true;
}
