// Owns: what WORKDIR and the heredocs of COPY put into a workspace: directories and files out of nothing.

import { digestOf } from '../../oci/digest.ts';
import { baseRaw, joinRaw, parentRaw, type RawPath, rawPath } from '../../oci/raw-path.ts';
import { writeAll } from './file-digest.ts';
import { parseFileMode } from './file-mode.ts';
import { explainIo } from './raw-fs.ts';
import { cleanPath } from './resolve.ts';
import type { SnapshotStore, Workspace } from './store.ts';
import { type Owner, UpperTree } from './upper-tree.ts';

/**
 * WORKDIR: makes an absolute path and what leads to it, 0755 and the owner's. Symlinks stay inside the rootfs. What
 * exists is left alone, and then nothing is written at all. Throws BuildError COPY where something else is in the way.
 */
export function makeDirectory(
  store: SnapshotStore,
  workspace: Workspace,
  path: string,
  owner: Owner,
  mtime?: number,
): void {
  const tree = new UpperTree(workspace, store.view(workspace.base), 'COPY');
  const target = tree.resolve(cleanPath(rawPath(path)), true);
  if (target === '' || tree.lstat(target)?.type === 'directory') return;
  try {
    tree.ensureDirectory(target, { ...owner, mode: 0o755, ...timeOf(mtime) });
    tree.finish();
  } catch (error) {
    throw explainIo(error, 'making a directory');
  }
}

export interface NewFile {
  /** Absolute inside the rootfs; with a trailing slash, or where a directory is, the file goes into it under `name`. */
  readonly dest: string;
  /** UTF-8, no slash. */
  readonly name: string;
  readonly bytes: Uint8Array;
  readonly owner: Owner;
  /** Octal or symbolic, over 0644; absent: 0644. */
  readonly chmod?: string;
  /** Without chmod: permission bits, 0644 when absent. */
  readonly mode?: number;
  /** Seconds since 1970. */
  readonly mtime: number;
  /** `--link`. */
  readonly link?: boolean;
}

/** COPY <<EOF, and ADD of a remote file that is in memory. Throws BuildError COPY. */
export function writeInto(store: SnapshotStore, workspace: Workspace, file: NewFile): void {
  const base = store.view(file.link === true ? store.scratch() : workspace.base);
  const tree = new UpperTree(workspace, base, 'COPY');
  const dest = tree.resolve(cleanPath(rawPath(file.dest)), true);
  const isDirectory = file.dest.endsWith('/') || dest === '' || tree.lstat(dest)?.type === 'directory';
  const path = isDirectory ? joinRaw(dest, baseRaw(rawPath(file.name))) : dest;
  const mode = file.chmod === undefined ? (file.mode ?? 0o644) : parseFileMode(file.chmod)(0o644, false);
  const mtimeNs = BigInt(file.mtime) * 1_000_000_000n;
  try {
    const parent: RawPath = parentRaw(path);
    tree.ensureDirectory(parent, { ...file.owner, mode: 0o755, mtimeNs });
    const host = tree.makeRoom(path, `the file ${file.name}`, false);
    tree.writeFile(path, host, { ...file.owner, mode, mtimeNs }, (fd) => {
      writeAll(fd, file.bytes);
      return digestOf(file.bytes);
    });
    tree.finish();
  } catch (error) {
    throw explainIo(error, 'writing a file');
  }
}

function timeOf(mtime: number | undefined): { mtimeNs?: bigint } {
  return mtime === undefined ? {} : { mtimeNs: BigInt(mtime) * 1_000_000_000n };
}
