// Owns: archives becoming files: ADD into a workspace, image layers into diffs. Every name is resolved inside the rootfs
// before anything is written, so an archive reaches nothing outside the upper directory. Knows no compression.

import { createHash } from 'node:crypto';
import { chainIdOf } from '../../oci/chain-id.ts';
import { type Digest, digestOf, finishDigest } from '../../oci/digest.ts';
import { OciError } from '../../oci/errors.ts';
import { type ArchiveEntry, readTarSync } from '../../oci/layer/reader.ts';
import { baseRaw, displayPath, joinRaw, parentRaw, type RawPath, rawPath } from '../../oci/raw-path.ts';
import { BuildError } from '../errors.ts';
import { writeAll } from './file-digest.ts';
import { explainIo, isErrno } from './raw-fs.ts';
import { cleanPath } from './resolve.ts';
import type { SnapshotStore, Workspace } from './store.ts';
import type { DiffId, Snapshot } from './types.ts';
import { type Owner, type Stamp, UpperTree } from './upper-tree.ts';
import { openView } from './view.ts';

export interface UnpackLimits {
  /** Of the plain archive, and of all its files together. */
  readonly maxBytes: number;
  readonly maxEntries: number;
}

export interface UnpackOptions {
  readonly owner: 'archive' | Owner;
  /** Default: 64 GiB, four million members. */
  readonly limits?: UnpackLimits;
  /** Octal or symbolic modes are ADD --chmod's; absent: the archive's. */
  readonly mode?: (mode: number, isDirectory: boolean) => number;
  /** Told of every extended attribute that is left out; may throw. */
  readonly leftOut?: (path: RawPath, attribute: string) => void;
}

const LIMITS: UnpackLimits = { maxBytes: 64 * 2 ** 30, maxEntries: 4_000_000 };

/**
 * ADD of an archive: unpacks plain tar bytes below `dest` (absolute inside the rootfs), which becomes a directory. As
 * with BuildKit, a member takes the place of whatever has its name, except that two directories merge; members reached
 * through a symlink go where it leads inside the rootfs. Owner, mode and time are the archive's. Throws BuildError ADD
 * for a damaged archive, one that breaks a limit, a `..`, a device, a hard link to nothing, a name overlayfs or
 * the file system cannot hold.
 */
export function unpackArchive(
  workspace: Workspace,
  dest: string,
  tar: Iterable<Uint8Array>,
  options: UnpackOptions,
): void {
  const tree = new UpperTree(workspace, workspace.baseView(), 'ADD');
  const root = tree.resolve(cleanPath(rawPath(dest)), true);
  const made = options.owner === 'archive' ? { uid: 0, gid: 0 } : options.owner;
  adding(() => {
    tree.ensureDirectory(root, { ...made, mode: 0o755 });
    const unpacker = new Unpacker(tree, root, options, made);
    for (const { entry, content } of readTarSync(tar, {
      ...(options.limits ?? LIMITS),
      whiteouts: false,
      endMarker: 'optional',
    })) {
      unpacker.put(entry, content);
    }
    tree.finish();
  });
}

function adding(work: () => void): void {
  try {
    work();
  } catch (error) {
    // Following symlinks is the same for COPY, and reported as such there.
    if (error instanceof BuildError && error.code === 'COPY')
      throw new BuildError('ADD', error.message, { cause: error });
    if (error instanceof OciError) throw new BuildError('ADD', error.message, { cause: error });
    if (isErrno(error, 'ENAMETOOLONG')) {
      throw new BuildError('ADD', 'the archive has a name that is too long', {
        want: 'at most 255 bytes for each part and 4095 for the path',
        cause: error,
      });
    }
    throw explainIo(error, 'unpacking an archive');
  }
}

/** One layer of an image, or a source of one. */
export interface ImageLayer {
  readonly diffId: Digest;
  /** Plain tar bytes. */
  open(): Iterable<Uint8Array>;
}

/**
 * An image as a snapshot that shows exactly what unpacking its layers gives. Layers without whiteouts become a diff each
 * and are shared between images. If one deletes something, or cannot stand by itself (a directory or a hard link's first
 * name is only in a layer below), all are merged into one diff, kept by chainID.
 * Throws BuildError SNAPSHOT or OciError for a layer that cannot be unpacked or has not the bytes it is named after.
 */
export function importImage(store: SnapshotStore, layers: readonly ImageLayer[]): Snapshot {
  const chain = chainIdOf(layers.map((layer) => layer.diffId));
  if (chain === undefined) return store.scratch();
  const flat = store.lookup('flat', chain);
  if (flat !== undefined) return store.extend(store.scratch(), flat);
  const diffs: DiffId[] = [];
  for (const layer of layers) {
    const diff = importLayer(store, layer.diffId, layer.open);
    if (diff === undefined) return store.extend(store.scratch(), mergeLayers(store, chain, layers));
    diffs.push(diff);
  }
  return diffs.reduce((snapshot, diff) => store.extend(snapshot, diff), store.scratch());
}

/** The diff of one layer, unpacked now or before; undefined when the layer cannot stand by itself. */
export function importLayer(
  store: SnapshotStore,
  diffId: Digest,
  open: () => Iterable<Uint8Array>,
): DiffId | undefined {
  const known = store.lookup('layers', diffId);
  if (known !== undefined) return known;
  const workspace = store.begin(store.scratch());
  try {
    unpackLayers(workspace, [{ diffId, open }], true);
    const { diff } = store.commitExact(workspace);
    store.remember('layers', diffId, diff);
    return diff;
  } catch (error) {
    store.discard(workspace);
    if (error instanceof NotAlone) return undefined;
    throw explainIo(error, 'unpacking a layer');
  }
}

function mergeLayers(store: SnapshotStore, chain: Digest, layers: readonly ImageLayer[]): DiffId {
  const workspace = store.begin(store.scratch());
  try {
    unpackLayers(workspace, layers, false);
    const { diff } = store.commitExact(workspace);
    store.remember('flat', chain, diff);
    return diff;
  } catch (error) {
    store.discard(workspace);
    throw explainIo(error, 'unpacking layers');
  }
}

/** Thrown inside this file only: the layer needs the ones below it. */
class NotAlone extends Error {}

function unpackLayers(workspace: Workspace, layers: readonly ImageLayer[], alone: boolean): void {
  const tree = new UpperTree(workspace, openView([]), 'SNAPSHOT');
  for (const layer of layers) {
    const unpacker = new Unpacker(tree, '' as RawPath, { owner: 'archive' }, { uid: 0, gid: 0 });
    unpacker.alone = alone;
    for (const { entry, content } of readTarSync(verified(layer), LIMITS)) unpacker.put(entry, content);
  }
  tree.finish();
}

/** Passes bytes on and compares them with the diffID at the end. */
function* verified({ diffId, open }: ImageLayer): Generator<Uint8Array> {
  const hash = createHash('sha256');
  for (const chunk of open()) {
    hash.update(chunk);
    yield chunk;
  }
  const got = finishDigest(hash);
  if (got !== diffId)
    throw new OciError('DIGEST_MISMATCH', 'a layer is not what its config says', { want: diffId, got });
}

class Unpacker {
  /** True: a layer that needs another below it is NotAlone. */
  alone = false;
  readonly #tree: UpperTree;
  readonly #root: RawPath;
  readonly #options: UnpackOptions;
  readonly #implied: Owner;
  /** Paths this archive has brought: a whiteout in the same layer does not delete them. */
  readonly #brought = new Set<RawPath>();
  /** Directories of the base that a file of this archive hides. */
  readonly #hidden = new Set<RawPath>();
  /** Directories that came into being here: nothing is in them but what this archive brought. */
  readonly #fresh = new Set<RawPath>();
  /** The directory of the last member, while it is certain that no symlink leads there. */
  #plainDirectory: RawPath | undefined;

  constructor(tree: UpperTree, root: RawPath, options: UnpackOptions, implied: Owner) {
    this.#tree = tree;
    this.#root = root;
    this.#options = options;
    this.#implied = implied;
  }

  put(entry: ArchiveEntry, content: Iterable<Uint8Array>): void {
    const tree = this.#tree;
    if (entry.type === 'opaque') {
      if (this.alone) throw new NotAlone();
      this.#hideLower(tree.resolve(joinRaw(this.#root, entry.path), true), false);
      return;
    }
    const parent = this.#directoryOf(entry);
    const path = joinRaw(parent, baseRaw(entry.path));
    if (entry.type === 'whiteout') {
      if (this.alone) throw new NotAlone();
      this.#hideLower(path, true);
      return;
    }
    if (tree.ensureDirectory(parent, { ...this.#implied, mode: 0o755 })) {
      if (this.alone) throw new NotAlone();
      this.#fresh.add(parent);
    }
    const isFree = this.#fresh.has(parent) && !this.#brought.has(path);
    this.#brought.add(path);
    for (const name of entry.xattrs.keys()) this.#options.leftOut?.(path, name);
    if (entry.type === 'directory') this.#putDirectory(path, this.#stampOf(entry), isFree);
    else if (entry.type === 'hardlink') this.#putHardLink(path, entry.target!, isFree);
    else this.#putOther(path, entry, content, isFree);
  }

  /**
   * Where a member goes, symlinks followed. Files in one directory follow one another, and a file changes nothing about how
   * its own directory is reached, unless a symlink is on the way; anything else is looked up anew.
   */
  #directoryOf({ path, type }: ArchiveEntry): RawPath {
    const directory = joinRaw(this.#root, parentRaw(path));
    if (directory === this.#plainDirectory && type === 'file') return directory;
    const found = this.#tree.resolve(directory, true);
    this.#plainDirectory = type === 'file' && found === directory ? directory : undefined;
    return found;
  }

  #putDirectory(path: RawPath, stamp: Stamp, isFree: boolean): void {
    if (isFree) {
      this.#tree.newDirectory(path, stamp);
      this.#fresh.add(path);
      return;
    }
    const there = this.#tree.lstat(path);
    if (there !== undefined && there.type !== 'directory' && this.#tree.hasOwn(path)) this.#tree.remove(path);
    if (this.#hidden.has(path)) {
      throw new BuildError('ADD', `the archive puts a file and then a directory at /${displayPath(path)}`, {
        got: 'a directory there before the archive was unpacked',
        hint: 'unpack it with RUN tar, or make the archive again',
      });
    }
    this.#tree.putDirectory(path, stamp);
  }

  #putHardLink(path: RawPath, target: RawPath, isFree: boolean): void {
    const tree = this.#tree;
    const parent = tree.resolve(joinRaw(this.#root, parentRaw(target)), true);
    const first = joinRaw(parent, baseRaw(target));
    if (first === path) return;
    const node = tree.lstat(first);
    if (node === undefined || node.type === 'directory') {
      if (this.alone) throw new NotAlone();
      throw new BuildError('ADD', `/${displayPath(path)} is a hard link to /${displayPath(first)}`, {
        got: node === undefined ? 'nothing there' : 'a directory there',
        hint: 'the archive is damaged, or made to reach outside',
      });
    }
    if (!tree.hasOwn(first)) tree.copyUpFile(first);
    tree.writeHardLink(path, this.#room(path, isFree), first);
  }

  #putOther(path: RawPath, entry: ArchiveEntry, content: Iterable<Uint8Array>, isFree: boolean): void {
    const tree = this.#tree;
    const stamp = this.#stampOf(entry);
    if (entry.type === 'char' || entry.type === 'block') this.#refuseDevice(path, entry);
    const host = this.#room(path, isFree);
    if (entry.type === 'symlink') {
      tree.writeLink(host, entry.target!, stamp);
    } else if (entry.type === 'file') {
      tree.writeFile(path, host, stamp, (fd) => {
        if (entry.size === 0) return EMPTY_FILE;
        const hash = createHash('sha256');
        for (const bytes of content) {
          hash.update(bytes);
          writeAll(fd, bytes);
        }
        return finishDigest(hash);
      });
    } else {
      tree.writeNode(
        path,
        host,
        { type: entry.type as 'fifo', ...(entry.device === undefined ? {} : { device: entry.device }) },
        stamp,
      );
    }
  }

  /** A directory with the name goes, with what is in it. `isFree`: nothing can be there. */
  #room(path: RawPath, isFree: boolean): ReturnType<UpperTree['makeRoom']> {
    if (isFree) return this.#tree.makeRoom(path, 'a member', true);
    if (this.#tree.lstat(path)?.type === 'directory') {
      if (this.#tree.hasOwn(path)) this.#tree.remove(path);
      if (this.#tree.base.lstat(path)?.type === 'directory') this.#hidden.add(path);
    }
    return this.#tree.makeRoom(path, 'a member', this.#hidden.has(path));
  }

  #refuseDevice(path: RawPath, entry: ArchiveEntry): void {
    throw new BuildError(
      this.alone ? 'SNAPSHOT' : 'ADD',
      `the archive has the ${entry.type} device /${displayPath(path)}`,
      {
        want: 'files, directories, links and fifos',
        hint: 'a container gets its own /dev; make the archive again without the device',
      },
    );
  }

  /** What layers below brought at a path, or (`itself` false) in a directory, is gone; what this one brought stays. */
  #hideLower(path: RawPath, itself: boolean): void {
    if (itself && !this.#brought.has(path)) {
      if (this.#tree.hasOwn(path)) this.#tree.remove(path);
      return;
    }
    if (this.#tree.lstat(path)?.type !== 'directory') return;
    for (const name of this.#tree.ownNames(path)) this.#hideLower(joinRaw(path, name), true);
  }

  #stampOf(entry: ArchiveEntry): Stamp {
    const owner = this.#options.owner === 'archive' ? entry.owner : this.#options.owner;
    const isLink = entry.type === 'symlink';
    const mode = isLink ? entry.mode : (this.#options.mode?.(entry.mode, entry.type === 'directory') ?? entry.mode);
    return { uid: owner.uid, gid: owner.gid, mode, mtimeNs: BigInt(entry.mtime) * 1_000_000_000n };
  }
}

const EMPTY_FILE = digestOf('');
