// Owns: WORKDIR: a directory made out of nothing, with everything that leads to it.

import { rawPath } from '../../oci/raw-path.ts';
import { explainIo } from './raw-fs.ts';
import { cleanPath } from './resolve.ts';
import type { Workspace } from './store.ts';
import { type Owner, UpperTree } from './upper-tree.ts';

/**
 * Makes an absolute path of the rootfs, and what leads to it, with this owner and mode. Symlinks stay inside the rootfs.
 * What exists is left alone; when all of it does, nothing is written. Throws BuildError COPY where something else than a
 * directory is in the way.
 */
export function makeDirectory(workspace: Workspace, path: string, owner: Owner, mode = 0o755, time?: number): void {
  const tree = new UpperTree(workspace, workspace.baseView(), 'COPY');
  const target = tree.resolve(cleanPath(rawPath(path)), true);
  if (target === '' || tree.lstat(target)?.type === 'directory') return;
  const mtime = time === undefined ? {} : { mtimeNs: BigInt(time) * 1_000_000_000n };
  try {
    tree.ensureDirectory(target, { ...owner, mode, ...mtime });
    tree.finish();
  } catch (error) {
    throw explainIo(error, 'making a directory');
  }
}
