// Owns: the mount points a step's rootfs must have. They are the lowest layer of every overlay, so that no mount point
// ever reaches the upper directory and thereby an image. Knows nothing of overlays.

import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Directories end in `/`; parents come first; everything is owned 0:0, directories are 0755, files empty and 0644. */
export const SKELETON_PATHS: readonly string[] = ['dev/', 'etc/', 'etc/hosts', 'etc/resolv.conf', 'proc/', 'sys/'];

/** Fills an existing empty directory. */
export function writeSkeleton(directory: string): void {
  chmodSync(directory, 0o755);
  for (const path of SKELETON_PATHS) {
    const target = join(directory, path);
    if (path.endsWith('/')) mkdirSync(target);
    else writeFileSync(target, '', { flag: 'wx' });
    // The umask of whoever calls must not show in any rootfs.
    chmodSync(target, path.endsWith('/') ? 0o755 : 0o644);
  }
}
