// Owns: writing into a workspace that is not mounted. The rootfs is the base with the upper directory over it; a
// directory is copied up, with its metadata and time, before anything is put into it. Paths here are resolved: no
// component but the last is a symlink, so nothing outside the upper directory can ever be reached.

import {
  closeSync,
  constants,
  copyFileSync,
  fchmodSync,
  fchownSync,
  futimesSync,
  linkSync,
  mkdirSync,
  openSync,
  symlinkSync,
  unlinkSync,
} from 'node:fs';
import type { Digest } from '../../oci/digest.ts';
import { displayPath, parentRaw, type RawPath } from '../../oci/raw-path.ts';
import { BuildError, type BuildErrorCode } from '../errors.ts';
import { copyAndDigest } from './file-digest.ts';
import {
  bytesOf,
  type HostPath,
  isKernelWhiteout,
  lstatRaw,
  makeNode,
  readlinkRaw,
  removeTree,
  setMode,
  setOwner,
  setTime,
  timeNumber,
  tryReaddirRaw,
  under,
} from './raw-fs.ts';
import { components, resolveIn } from './resolve.ts';
import type { Workspace } from './store.ts';
import type { Node, View } from './types.ts';
import { toNode } from './view.ts';

export interface Owner {
  readonly uid: number;
  readonly gid: number;
}

/** What a new name gets. */
export interface Stamp extends Owner {
  readonly mode: number;
  readonly mtimeNs: bigint;
}

/** Owner, mode and no time: for directories that nobody described. */
export interface DirectoryStamp extends Owner {
  readonly mode: number;
  readonly mtimeNs?: bigint;
}

export class UpperTree {
  readonly base: View;
  readonly #upper: HostPath;
  readonly #scratch: HostPath;
  readonly #digests: Map<RawPath, Digest>;
  readonly #code: BuildErrorCode;
  /** Directories known to be in the upper directory. */
  readonly #present = new Set<RawPath>(['' as RawPath]);
  /** Times of directories that were copied up and in which nothing has changed since. */
  readonly #untouched = new Map<RawPath, bigint>();
  /** Times that somebody asked for: they hold whatever happens in the directory. */
  readonly #stamped = new Map<RawPath, bigint>();

  /** `code` is what faults of the user's are reported as. `base` may differ from the workspace's (COPY --link). */
  constructor(workspace: Workspace, base: View, code: BuildErrorCode) {
    if (workspace.state !== 'open') throw new Error(`files cannot be put into a workspace that is ${workspace.state}`);
    this.base = base;
    this.#upper = workspace.upper;
    this.#scratch = workspace.directory;
    this.#digests = workspace.digests;
    this.#code = code;
  }

  lstat(path: RawPath): Node | undefined {
    const own = this.#ownNode(path);
    return own ?? this.base.lstat(path);
  }

  readlink(path: RawPath): RawPath {
    return this.#ownNode(path) === undefined ? this.base.readlink(path) : readlinkRaw(under(this.#upper, path));
  }

  /** See View.resolve. */
  resolve(path: RawPath, followLast: boolean): RawPath {
    return resolveIn(this, path, followLast);
  }

  /**
   * Makes sure a directory is in the upper directory, with everything above it. What exists is copied up as it is; what
   * does not is made with `stamp`. Throws when something else than a directory stands in the way. True when it is new.
   */
  ensureDirectory(path: RawPath, stamp: DirectoryStamp): boolean {
    if (this.#present.has(path)) return false;
    let isNew = false;
    let here = '' as RawPath;
    for (const name of components(path)) {
      const parent = here;
      here = (here === '' ? name : `${here}/${name}`) as RawPath;
      if (this.#present.has(here)) continue;
      const node: Node | undefined = isNew ? undefined : this.lstat(here);
      if (node !== undefined && node.type !== 'directory') {
        throw new BuildError(this.#code, `cannot make the directory /${displayPath(path)}`, {
          got: `a ${node.type} at /${displayPath(here)}`,
          hint: 'choose another destination, or remove it in an earlier step',
        });
      }
      isNew = node === undefined;
      if (isNew) this.#makeNew(here, parent, stamp);
      else this.#copyUp(here, node!);
    }
    return isNew;
  }

  /** A directory that takes the name, whatever else the base has there; one that is there already gets the stamp. */
  putDirectory(path: RawPath, stamp: Stamp): void {
    if (!this.#present.has(path)) {
      const there = this.lstat(path);
      if (there?.type === 'directory') this.#copyUp(path, there);
      else this.#makeNew(path, parentRaw(path), stamp);
    }
    this.stampDirectory(path, stamp);
  }

  /** A directory under a name that is known to be free, in a directory that is there. */
  newDirectory(path: RawPath, stamp: Stamp): void {
    this.#makeNew(path, parentRaw(path), stamp);
  }

  #makeNew(path: RawPath, parent: RawPath, stamp: DirectoryStamp): void {
    this.#untouched.delete(parent);
    const host = under(this.#upper, path);
    mkdirSync(bytesOf(host));
    setOwner(host, stamp.uid, stamp.gid);
    setMode(host, stamp.mode);
    this.#present.add(path);
    if (stamp.mtimeNs !== undefined) this.#stamped.set(path, stamp.mtimeNs);
  }

  #copyUp(path: RawPath, node: Node): void {
    const host = under(this.#upper, path);
    if (lstatRaw(host) === undefined) {
      mkdirSync(bytesOf(host));
      setOwner(host, node.uid, node.gid);
      setMode(host, node.mode);
    }
    this.#untouched.set(path, node.mtimeNs);
    this.#present.add(path);
  }

  /** Gives a directory of the upper tree its final metadata. The time is set by finish(), after everything is in it. */
  stampDirectory(path: RawPath, stamp: Stamp): void {
    const host = under(this.#upper, path);
    setOwner(host, stamp.uid, stamp.gid);
    setMode(host, stamp.mode);
    this.#stamped.set(path, stamp.mtimeNs);
  }

  /**
   * Frees a name for something that is no directory, in a directory that ensureDirectory has made. `isFresh` says that
   * nothing can be there. Throws when a directory is; `what` names what was to be put there.
   */
  makeRoom(path: RawPath, what: string, isFresh: boolean): HostPath {
    this.#untouched.delete(parentRaw(path));
    const host = under(this.#upper, path);
    if (isFresh) return host;
    const there = this.lstat(path);
    if (there?.type === 'directory') {
      throw new BuildError(this.#code, `cannot put ${what} over the directory /${displayPath(path)}`, {
        hint: 'a file never replaces a directory; choose another destination, or remove it in an earlier step',
      });
    }
    if (lstatRaw(host) !== undefined) {
      unlinkSync(bytesOf(host));
      this.#digests.delete(path);
    }
    return host;
  }

  /** Copies a file whose digest is known and whose bytes cannot change: out of a diff. */
  cloneFile(path: RawPath, host: HostPath, source: Buffer, digest: Digest, stamp: Stamp): void {
    copyFileSync(source, bytesOf(host), constants.COPYFILE_FICLONE | constants.COPYFILE_EXCL);
    setOwner(host, stamp.uid, stamp.gid);
    setMode(host, stamp.mode);
    setTime(host, stamp.mtimeNs);
    this.#digests.set(path, digest);
  }

  /** Writes a file with whatever `write` puts into the descriptor, and remembers the digest that it returns. */
  writeFile(
    path: RawPath,
    host: HostPath,
    stamp: Stamp,
    write: (fd: number) => Digest | undefined,
  ): Digest | undefined {
    const fd = openSync(
      bytesOf(host),
      constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW,
      0o600,
    );
    try {
      const digest = write(fd);
      // The checked call first, by name: it explains a missing id. The descriptor's own is the same file.
      if (stamp.uid !== 0 || stamp.gid !== 0) setOwner(host, stamp.uid, stamp.gid);
      else fchownSync(fd, 0, 0);
      fchmodSync(fd, stamp.mode);
      const seconds = timeNumber(stamp.mtimeNs);
      futimesSync(fd, seconds, seconds);
      if (digest !== undefined) this.#digests.set(path, digest);
      return digest;
    } finally {
      closeSync(fd);
    }
  }

  /** Copies a file of the host, and gives the digest of the bytes that were written. */
  copyFile(path: RawPath, host: HostPath, source: Pick<Node, 'hostPath' | 'size'>, stamp: Stamp): Digest {
    return this.writeFile(path, host, stamp, (fd) => copyAndDigest(source.hostPath, fd, source.size))!;
  }

  writeLink(host: HostPath, target: RawPath, stamp: Stamp): void {
    symlinkSync(Buffer.from(target, 'latin1'), bytesOf(host));
    setOwner(host, stamp.uid, stamp.gid);
    setTime(host, stamp.mtimeNs);
  }

  /** `first` is a path of the upper tree that was written before. */
  writeHardLink(path: RawPath, host: HostPath, first: RawPath): void {
    linkSync(bytesOf(under(this.#upper, first)), bytesOf(host));
    const digest = this.#digests.get(first);
    if (digest !== undefined) this.#digests.set(path, digest);
  }

  /** fifo, char or block. Throws where this process may not make devices. */
  writeNode(path: RawPath, host: HostPath, node: Pick<Node, 'type' | 'device'>, stamp: Stamp): void {
    const device = node.device ?? { major: 0, minor: 0 };
    if (node.type === 'char' && device.major === 0 && device.minor === 0) {
      throw new BuildError(this.#code, `/${displayPath(path)} is a character device 0:0`, {
        hint: 'overlayfs takes it for a deleted file; leave it out',
      });
    }
    const done =
      node.type === 'fifo'
        ? makeNode(this.#scratch, host, { type: 'fifo' })
        : makeNode(this.#scratch, host, { type: node.type === 'char' ? 'char' : 'block', ...device });
    if (!done) {
      throw new BuildError(this.#code, `cannot make the ${node.type} device /${displayPath(path)}`, {
        want: 'a process that may make devices, which an unprivileged user is not',
        hint: 'leave the device out: a container gets its own /dev',
      });
    }
    setOwner(host, stamp.uid, stamp.gid);
    setMode(host, stamp.mode);
    setTime(host, stamp.mtimeNs);
  }

  /** True when the upper directory itself has this path. */
  hasOwn(path: RawPath): boolean {
    return this.#ownNode(path) !== undefined;
  }

  /** Names of the upper directory's own, in no order. */
  ownNames(path: RawPath): RawPath[] {
    return (tryReaddirRaw(under(this.#upper, path)) ?? []).map((entry) => entry.name as RawPath);
  }

  /** Takes a path and everything below it out of the upper directory. What the base has there shows again. */
  remove(path: RawPath): void {
    removeTree(under(this.#upper, path));
    this.#untouched.delete(parentRaw(path));
    const isBelow = (other: RawPath) => other === path || other.startsWith(`${path}/`);
    for (const table of [this.#present, this.#untouched, this.#stamped, this.#digests]) {
      for (const other of table.keys()) if (isBelow(other)) table.delete(other);
    }
  }

  /** Copies a file of the base up, so that it can be linked to. */
  copyUpFile(path: RawPath): void {
    const node = this.base.lstat(path)!;
    this.ensureDirectory(parentRaw(path), { uid: 0, gid: 0, mode: 0o755 });
    const host = under(this.#upper, path);
    const stamp = { uid: node.uid, gid: node.gid, mode: node.mode, mtimeNs: node.mtimeNs };
    if (node.type === 'file') this.cloneFile(path, host, node.hostPath, this.base.fileDigest(path), stamp);
    else if (node.type === 'symlink') this.writeLink(host, this.base.readlink(path), stamp);
    else this.writeNode(path, host, node, stamp);
  }

  /** Sets the times of directories, which writing into them has changed. Call it once, last. */
  finish(): void {
    for (const [path, mtimeNs] of this.#untouched) setTime(under(this.#upper, path), mtimeNs);
    for (const [path, mtimeNs] of this.#stamped) setTime(under(this.#upper, path), mtimeNs);
  }

  #ownNode(path: RawPath): Node | undefined {
    const host = bytesOf(under(this.#upper, path));
    const stats = lstatRaw(host);
    return stats === undefined || isKernelWhiteout(stats) ? undefined : toNode(stats, host);
  }
}
