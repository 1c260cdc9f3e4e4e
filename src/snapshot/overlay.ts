// Owns: mounting and unmounting an overlay with mount(8), inside the mount namespace of this process, so that nothing is
// left mounted when the process dies. Knows nothing of diffs: it is given names relative to the store.

import { spawnSync } from 'node:child_process';
import { BuildError } from '../errors.ts';

/** One page, less what the other options and the names of upper and work need. */
export const LOWER_BYTES = 3800;
/** The kernel takes 500. */
export const LOWER_COUNT = 490;

export interface OverlayMount {
  /** Absolute; the names below are relative to it, without `:` and `,`. */
  readonly store: string;
  /** Topmost first, each once. */
  readonly lowers: readonly string[];
  readonly upper: string;
  readonly work: string;
  readonly merged: string;
}

/** Undefined when it is mounted, otherwise what mount(8) said. */
export function tryMountOverlay(mount: OverlayMount): string | undefined {
  const lower = mount.lowers.join(':');
  // userxattr: what an unprivileged mount is allowed to store. volatile: no fsync at unmount; flush() does it for all.
  const options = `userxattr,volatile,lowerdir=${lower},upperdir=${mount.upper},workdir=${mount.work}`;
  const done = spawnSync('mount', ['-n', '-t', 'overlay', 'overlay', '-o', options, mount.merged], {
    cwd: mount.store,
    // mount(8) from 2.39 on hands each option over separately, at most 256 bytes of it, unless told not to.
    env: { ...process.env, LIBMOUNT_FORCE_MOUNT2: 'always', LC_ALL: 'C' },
    encoding: 'utf8',
  });
  if (done.error !== undefined) return `mount: ${done.error.message}`;
  return done.status === 0 ? undefined : done.stderr.trim() || `mount exited with ${done.status}`;
}

/** Throws BuildError MACHINE. */
export function mountOverlay(mount: OverlayMount): void {
  const problem = tryMountOverlay(mount);
  if (problem === undefined) return;
  throw new BuildError('MACHINE', `cannot mount an overlay of ${mount.lowers.length} directories`, {
    got: problem,
    hint: '`ocibuild doctor` says what this machine lacks; a store on overlayfs or NFS cannot hold one',
  });
}

/** A mount that something still uses is detached: it goes when its last user does. */
export function unmountOverlay(store: string, merged: string): void {
  for (const flags of [['-n'], ['-n', '-l']]) {
    const done = spawnSync('umount', [...flags, merged], {
      cwd: store,
      encoding: 'utf8',
      env: { ...process.env, LC_ALL: 'C' },
    });
    if (done.status === 0) return;
    if (flags.length === 1 && done.error === undefined) continue;
    throw new BuildError('SNAPSHOT', `cannot unmount ${merged}`, { got: done.error?.message ?? done.stderr.trim() });
  }
}
