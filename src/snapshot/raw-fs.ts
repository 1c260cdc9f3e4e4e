// Owns: file system calls whose names are bytes. A HostPath is an absolute path of this machine with one char for each
// byte, like RawPath. Everything here is synchronous: for many small files the promise calls are ten times slower.

import { spawnSync } from 'node:child_process';
import {
  type BigIntStats,
  chmodSync,
  constants,
  type Dirent,
  lchownSync,
  lstatSync,
  lutimesSync,
  mkdirSync,
  openSync,
  readdirSync,
  readlinkSync,
  renameSync,
  rmdirSync,
  unlinkSync,
} from 'node:fs';
import type { RawPath } from '../../oci/raw-path.ts';
import { BuildError } from '../errors.ts';

/** Absolute, bytes as chars, no trailing `/`. */
export type HostPath = string & { readonly __hostPath: unique symbol };

/** From text, as users and the environment give paths. */
export function hostPath(text: string): HostPath {
  return Buffer.from(text, 'utf8').toString('latin1') as HostPath;
}

/** Back to text, for other programs' arguments; only for paths that were text (the store's own). */
export function hostText(path: HostPath): string {
  return Buffer.from(path, 'latin1').toString('utf8');
}

export function under(root: HostPath, path: RawPath | string): HostPath {
  return (path === '' ? root : `${root}/${path}`) as HostPath;
}

/** What node:fs takes. */
export function bytesOf(path: HostPath): Buffer {
  return Buffer.from(path, 'latin1');
}

export function isErrno(error: unknown, ...codes: string[]): boolean {
  return error instanceof Error && 'code' in error && codes.includes(String(error.code));
}

export function lstatRaw(path: HostPath | Buffer): BigIntStats | undefined {
  try {
    return lstatSync(typeof path === 'string' ? bytesOf(path) : path, STATS);
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR')) return undefined;
    throw error;
  }
}

const STATS = { bigint: true, throwIfNoEntry: false } as const;

export function existsRaw(path: HostPath): boolean {
  return lstatRaw(path) !== undefined;
}

const READ_ONLY = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;

/** Opens a file for reading, never through a symlink, and never waiting for a fifo; undefined where that fails. */
export function tryOpenRaw(path: Buffer): number | undefined {
  try {
    return openSync(path, READ_ONLY);
  } catch {
    return undefined;
  }
}

/** Names as bytes, in whatever order the file system gives. Throws what readdir throws. */
export function readdirRaw(path: HostPath): Dirent[] {
  // latin1 makes one char of each byte; the published types know only two of the encodings.
  return readdirSync(bytesOf(path), { encoding: 'latin1' as 'utf8', withFileTypes: true });
}

/** The same, undefined where there is no directory. */
export function tryReaddirRaw(path: HostPath): Dirent[] | undefined {
  try {
    return readdirRaw(path);
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR')) return undefined;
    throw error;
  }
}

export function readlinkRaw(path: HostPath): RawPath {
  return readlinkSync(bytesOf(path), { encoding: 'latin1' }) as RawPath;
}

/** glibc's makedev, split. */
export function deviceOf(rdev: bigint): { readonly major: number; readonly minor: number } {
  const major = ((rdev >> 8n) & 0xfffn) | ((rdev >> 32n) & ~0xfffn);
  const minor = (rdev & 0xffn) | ((rdev >> 12n) & ~0xffn);
  return { major: Number(major), minor: Number(minor) };
}

/** Overlay's mark for a deleted name: a character device 0:0. */
export function isKernelWhiteout(stats: BigIntStats): boolean {
  return stats.isCharacterDevice() && stats.rdev === 0n;
}

/**
 * Gives a path its owner, never through a symlink. In single-id mode every other id than 0 is EINVAL: BuildError
 * MACHINE, exit status 3.
 */
export function setOwner(path: HostPath, uid: number, gid: number): void {
  try {
    lchownSync(bytesOf(path), uid, gid);
  } catch (error) {
    if (!isErrno(error, 'EINVAL', 'EPERM')) throw error;
    throw new BuildError('MACHINE', `cannot give a file the owner ${uid}:${gid}`, {
      want: 'a range of subordinate user ids, so that this id exists',
      got: isErrno(error, 'EINVAL') ? 'a user namespace without it' : 'a process that may not change owners',
      hint: 'add a line for this user to /etc/subuid and /etc/subgid (usermod --add-subuids), and install newuidmap',
      cause: error,
    });
  }
}

/** Permission bits with setuid, setgid and sticky. Not for symlinks. Call it after setOwner, which clears setuid. */
export function setMode(path: HostPath, mode: number): void {
  chmodSync(bytesOf(path), mode);
}

/** Modification and access time of the path itself; exact to the microsecond, rounded down, which is as far as node goes. */
export function setTime(path: HostPath, mtimeNs: bigint): void {
  const seconds = timeNumber(mtimeNs);
  lutimesSync(bytesOf(path), seconds, seconds);
}

let lastTime = { nanoseconds: 0n, seconds: 0 };

/** Seconds as utimes takes them. Half a microsecond is added so that the cut to microseconds hits the right one. */
export function timeNumber(mtimeNs: bigint): number {
  // Most files that are copied get one and the same time.
  if (mtimeNs !== lastTime.nanoseconds) lastTime = { nanoseconds: mtimeNs, seconds: timeNumberOf(mtimeNs) };
  return lastTime.seconds;
}

function timeNumberOf(mtimeNs: bigint): number {
  const micros = mtimeNs >= 0n ? mtimeNs / 1000n : (mtimeNs - 999n) / 1000n;
  const whole = Number(micros / 1_000_000n);
  const part = Number(micros % 1_000_000n);
  return part === 0 ? whole : whole + (part + 0.5) / 1e6;
}

/** mkdir -p for the store's own directories. */
export function makeDirectories(path: HostPath, mode = 0o755): void {
  mkdirSync(bytesOf(path), { recursive: true, mode });
}

/** Deletes a tree without ever following a symlink. A path that does not exist is fine. Returns bytes freed. */
export function removeTree(path: HostPath): number {
  const stats = lstatRaw(path);
  if (stats === undefined) return 0;
  if (!stats.isDirectory()) {
    unlinkSync(bytesOf(path));
    return stats.nlink === 1n ? Number(stats.blocks) * 512 : 0;
  }
  let freed = 0;
  for (const entry of listForRemoval(path)) {
    if (entry.isDirectory()) freed += removeTree(under(path, entry.name));
    else {
      const child = under(path, entry.name);
      const size = lstatRaw(child);
      if (size === undefined) continue;
      unlinkSync(bytesOf(child));
      if (size.nlink === 1n) freed += Number(size.blocks) * 512;
    }
  }
  try {
    rmdirSync(bytesOf(path));
  } catch (error) {
    if (!isErrno(error, 'ENOENT')) throw error;
  }
  return freed;
}

function listForRemoval(path: HostPath): Dirent[] {
  try {
    return readdirRaw(path);
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return [];
    if (!isErrno(error, 'EACCES')) throw error;
    chmodSync(bytesOf(path), 0o700);
    return readdirRaw(path);
  }
}

/**
 * Makes a fifo or a device. The tools take text only, so the node is made under a plain name in `scratch` (same file
 * system) and moved. Returns false when this process may not make such a node.
 */
export function makeNode(
  scratch: HostPath,
  path: HostPath,
  node: { readonly type: 'fifo' } | { readonly type: 'char' | 'block'; readonly major: number; readonly minor: number },
): boolean {
  const name = under(scratch, `node-${process.pid}-${nodeCounter++}`);
  const done =
    node.type === 'fifo'
      ? spawnSync('mkfifo', [hostText(name)], { stdio: 'ignore' })
      : spawnSync('mknod', [hostText(name), node.type === 'char' ? 'c' : 'b', String(node.major), String(node.minor)], {
          stdio: 'ignore',
        });
  if (done.error !== undefined) {
    throw new BuildError('MACHINE', `cannot start ${node.type === 'fifo' ? 'mkfifo' : 'mknod'}`, {
      hint: 'install coreutils or busybox',
      cause: done.error,
    });
  }
  if (done.status !== 0) return false;
  renameSync(bytesOf(name), bytesOf(path));
  return true;
}
let nodeCounter = 0;

/** Turns what the kernel says of a full disk into BuildError DISK_FULL; everything else is handed back as it is. */
export function explainIo(error: unknown, doing: string): unknown {
  if (isErrno(error, 'ENOSPC', 'EDQUOT')) {
    return new BuildError('DISK_FULL', `${doing}: no space left on the store's file system`, {
      hint: '`ocibuild gc` frees what no recipe needs',
      cause: error,
    });
  }
  if (isErrno(error, 'ENAMETOOLONG')) {
    const { path = '' } = error as NodeJS.ErrnoException;
    return new BuildError('SNAPSHOT', `${doing}: a path is longer than the system takes`, {
      want: 'at most 255 bytes for each part and 4095 for the path, the way to the store before it included',
      got: `${path.length} bytes, ${path.slice(0, 120)}…`,
      cause: error,
    });
  }
  return error;
}
