// Owns: looking at a rootfs without mounting it: a stack of diffs merged as overlayfs merges them, or one directory of
// the host. Directories are read when first asked for and kept; a diff never changes. Knows nothing of how diffs are
// made; which directories of a diff are opaque is told, because node cannot read xattrs.

import { type BigIntStats, closeSync, fstatSync, readFileSync } from 'node:fs';
import type { Digest } from '../../oci/digest.ts';
import { baseRaw, displayPath, joinRaw, parentRaw, type RawPath } from '../../oci/raw-path.ts';
import { BuildError } from '../errors.ts';
import type { DigestIndex } from './digest-index.ts';
import { digestAndStat, digestFile } from './file-digest.ts';
import {
  bytesOf,
  deviceOf,
  type HostPath,
  isErrno,
  isKernelWhiteout,
  lstatRaw,
  readlinkRaw,
  tryOpenRaw,
  tryReaddirRaw,
  under,
} from './raw-fs.ts';
import { resolveIn } from './resolve.ts';
import type { StatCache } from './stat-cache.ts';
import type { Node, View } from './types.ts';

/** One diff as a view sees it. */
export interface Layer {
  /** The diff's `fs` directory. */
  readonly root: HostPath;
  /** Directories that hide what lies below them. */
  readonly opaque: ReadonlySet<RawPath>;
  /** Digests of its files, where they are known. Called at most once for each file asked about. */
  readonly index?: () => DigestIndex;
}

/** Decides what of a host directory belongs to a build context: `descend` hides a directory with no visible child. */
export type Ignore = (path: RawPath, isDirectory: boolean) => boolean | 'descend';

/** Where a name of a merged directory comes from: positions in the stack, topmost first; one for all but directories. */
interface Place {
  readonly layers: readonly number[];
  readonly type: 'directory' | 'file' | 'other';
}

const PLACE_TYPES = ['directory', 'file', 'other'] as const;

interface MergedDirectory {
  readonly places: ReadonlyMap<RawPath, Place>;
  sorted: readonly RawPath[] | undefined;
}

interface Source {
  readonly layers: readonly Layer[];
  /** True: 0:0 character devices and opaque directories mean what they mean to overlayfs. */
  readonly overlay: boolean;
  /** True: diffs of a store. */
  readonly isStack: boolean;
  readonly ignore: Ignore | undefined;
  readonly cache: StatCache | undefined;
}

/** A view over diffs, bottom first. An empty stack is an empty rootfs. */
export function openView(layers: readonly Layer[]): MergedView {
  return new MergedView({ layers, overlay: true, isStack: true, ignore: undefined, cache: undefined });
}

/**
 * One diff as it lies on disk: kernel whiteouts show up as character devices 0:0 and hide nothing.
 * For walking a diff, not for building on it.
 */
export function openDiff(layer: Layer): View {
  return new MergedView({ layers: [layer], overlay: false, isStack: true, ignore: undefined, cache: undefined });
}

/** A build context. `directory` is absolute. Unreadable files are BuildError COPY when they are read, not before. */
export function hostView(directory: HostPath, ignore?: Ignore, cache?: StatCache): View {
  const layer: Layer = { root: directory, opaque: new Set() };
  return new MergedView({ layers: [layer], overlay: false, isStack: false, ignore, cache });
}

export class MergedView implements View {
  readonly #source: Source;
  readonly #directories = new Map<RawPath, MergedDirectory | undefined>();
  readonly #digests = new Map<string, Digest>();
  readonly #below: MergedView | undefined;
  /** What was asked for last: whoever wants a file's digest has just looked at it. */
  #last: { readonly host: HostPath; readonly stats: BigIntStats } | undefined;
  readonly isImmutable: boolean;

  constructor(source: Source, below?: MergedView) {
    this.#source = source;
    this.#below = below;
    this.isImmutable = source.isStack;
  }

  lstat(path: RawPath): Node | undefined {
    if (path === '' && this.#source.layers.length === 0) return EMPTY_ROOT;
    const host = this.#hostOf(path);
    if (host === undefined) return undefined;
    const bytes = bytesOf(host);
    const stats = reading(path, () => lstatRaw(bytes));
    if (stats === undefined) return undefined;
    this.#last = { host, stats };
    return toNode(stats, bytes);
  }

  /** One walk down the path instead of two: half of what a small file costs. */
  open(path: RawPath): Node | undefined {
    const place = this.#placeOf(path);
    if (place?.type !== 'file') return this.lstat(path);
    const bytes = bytesOf(under(this.#source.layers[place.layers[0]!]!.root, path));
    const fd = tryOpenRaw(bytes);
    if (fd === undefined) return this.lstat(path);
    const stats = fstatSync(fd, { bigint: true });
    if (stats.isFile()) return toNode(stats, bytes, fd);
    closeSync(fd);
    return this.lstat(path);
  }

  readdir(path: RawPath): readonly RawPath[] | undefined {
    const directory = this.#directory(path);
    if (directory === undefined) return undefined;
    directory.sorted ??= [...directory.places.keys()].sort(compareBytes);
    return directory.sorted;
  }

  readlink(path: RawPath): RawPath {
    const host = this.#hostOf(path);
    if (host === undefined) throw missing(path);
    return readlinkRaw(host);
  }

  readFile(path: RawPath): Buffer {
    const host = this.#hostOf(path);
    if (host === undefined) throw missing(path);
    return reading(path, () => readFileSync(bytesOf(host)));
  }

  fileDigest(path: RawPath): Digest {
    const layer = this.#layerOf(path);
    if (layer === undefined) throw missing(path);
    const host = under(layer.root, path);
    const indexed = layer.index?.().get(path);
    if (indexed !== undefined) return indexed;
    const known = this.#digests.get(host);
    if (known !== undefined) return known;
    const seen = this.#last?.host === host ? this.#last.stats : undefined;
    const digest = reading(path, () => digestCached(host, this.#source.cache, seen));
    this.#digests.set(host, digest);
    return digest;
  }

  knownDigest(path: RawPath): Digest | undefined {
    const host = this.#hostOf(path);
    return host === undefined ? undefined : this.#digests.get(host);
  }

  resolve(path: RawPath, followLast: boolean): RawPath {
    return resolveIn(
      {
        lstat: (at) => (this.isDirectory(at) ? { type: 'directory' } : this.lstat(at)),
        readlink: (at) => this.readlink(at),
      },
      path,
      followLast,
    );
  }

  isDirectory(path: RawPath): boolean {
    if (path === '') return true;
    return this.#placeOf(path)?.type === 'directory';
  }

  #layerOf(path: RawPath): Layer | undefined {
    const { layers } = this.#source;
    if (path === '') return layers.at(-1);
    const place = this.#placeOf(path);
    return place === undefined ? undefined : layers[place.layers[0]!];
  }

  #placeOf(path: RawPath): Place | undefined {
    return this.#directory(parentRaw(path))?.places.get(baseRaw(path));
  }

  #hostOf(path: RawPath): HostPath | undefined {
    const layer = this.#layerOf(path);
    return layer === undefined ? undefined : under(layer.root, path);
  }

  #directory(path: RawPath): MergedDirectory | undefined {
    const known = this.#directories.get(path);
    if (known !== undefined || this.#directories.has(path)) return known;
    const directory = this.#read(path);
    this.#directories.set(path, directory);
    return directory;
  }

  /** The same stack with one more layer: what was read of this one is not read again. */
  with(layer: Layer): MergedView {
    return new MergedView({ ...this.#source, layers: [...this.#source.layers, layer] }, this);
  }

  #read(path: RawPath): MergedDirectory | undefined {
    const { layers } = this.#source;
    let from: readonly number[];
    if (path === '') {
      from = layers.map((_, position) => layers.length - 1 - position);
    } else {
      const place = this.#placeOf(path);
      if (place?.type !== 'directory') return undefined;
      from = place.layers;
    }
    const top = layers.length - 1;
    if (this.#below === undefined || (from.length === 1 && from[0] === top)) {
      return { places: this.#merge(path, from).places, sorted: undefined };
    }
    const below = this.#below.#directory(path)!;
    if (from[0] !== top) return below;
    const { places, closed } = this.#merge(path, [top]);
    for (const [name, place] of below.places) {
      if (closed.has(name)) continue;
      const own = places.get(name);
      if (own === undefined) places.set(name, place);
      else if (place.type === 'directory') places.set(name, { layers: [top, ...place.layers], type: 'directory' });
    }
    return { places, sorted: undefined };
  }

  /**
   * Reads one directory in the layers that have it, topmost first, as overlayfs looks names up. `closed` are the names
   * that layers further down can add nothing to.
   */
  #merge(path: RawPath, from: readonly number[]): { places: Map<RawPath, Place>; closed: Set<RawPath> } {
    const { layers, overlay } = this.#source;
    const places = new Map<RawPath, Place>();
    const closed = new Set<RawPath>();
    for (const position of from) {
      const layer = layers[position]!;
      // Shared by all names that this layer brings: one for each would be most of what a view holds.
      const [directory, file, other] = PLACE_TYPES.map((type): Place => ({ layers: [position], type }));
      for (const entry of reading(path, () => tryReaddirRaw(under(layer.root, path))) ?? []) {
        const name = entry.name as RawPath;
        if (closed.has(name)) continue;
        const child = joinRaw(path, name);
        if (entry.isDirectory()) {
          const place = places.get(name);
          if (place !== undefined) places.set(name, { ...place, layers: [...place.layers, position] });
          else if (this.#isVisible(child, true)) places.set(name, directory!);
          if (layer.opaque.has(child)) closed.add(name);
          continue;
        }
        closed.add(name);
        if (places.has(name)) continue;
        if (overlay && entry.isCharacterDevice()) {
          const stats = lstatRaw(under(layer.root, child));
          if (stats === undefined || isKernelWhiteout(stats)) continue;
        }
        if (this.#isVisible(child, false)) places.set(name, entry.isFile() ? file! : other!);
      }
    }
    return { places, closed };
  }

  #isVisible(path: RawPath, isDirectory: boolean): boolean {
    const { ignore, layers } = this.#source;
    if (ignore === undefined) return true;
    const verdict = ignore(path, isDirectory);
    if (verdict !== 'descend') return !verdict;
    return (tryReaddirRaw(under(layers[0]!.root, path)) ?? []).some((entry) =>
      this.#isVisible(joinRaw(path, entry.name as RawPath), entry.isDirectory()),
    );
  }
}

const EMPTY_ROOT: Node = {
  type: 'directory',
  mode: 0o755,
  uid: 0,
  gid: 0,
  size: 0,
  mtimeNs: 0n,
  inode: 'empty',
  nlink: 1,
  hostPath: Buffer.alloc(0),
};

export function compareBytes(one: string, other: string): number {
  return one < other ? -1 : one > other ? 1 : 0;
}

/** `seen` is what lstat has said of the file, when it was asked just now. */
function digestCached(host: HostPath, cache: StatCache | undefined, seen: BigIntStats | undefined): Digest {
  const before = cache === undefined ? undefined : (seen ?? lstatRaw(host));
  if (cache === undefined || before === undefined) return digestFile(host);
  const remembered = cache.get(before);
  if (remembered !== undefined) return remembered;
  const { digest, stats } = digestAndStat(host, Number(before.size));
  if (stats.ino === before.ino && stats.mtimeNs === before.mtimeNs && stats.ctimeNs === before.ctimeNs) {
    cache.put(stats, digest);
  }
  return digest;
}

/** lstat in our words. */
export function toNode(stats: BigIntStats, hostPath: Buffer, fd?: number): Node {
  const type = typeOf(stats);
  const nlink = Number(stats.nlink);
  const base = {
    type,
    mode: type === 'symlink' ? 0o777 : Number(stats.mode & 0o7777n),
    uid: Number(stats.uid),
    gid: Number(stats.gid),
    size: type === 'file' || type === 'symlink' ? Number(stats.size) : 0,
    mtimeNs: stats.mtimeNs,
    inode: nlink === 1 ? '' : `${stats.dev}:${stats.ino}`,
    nlink,
    hostPath,
    fd,
  };
  return type === 'char' || type === 'block' ? { ...base, device: deviceOf(stats.rdev) } : base;
}

function typeOf(stats: BigIntStats): Node['type'] {
  if (stats.isFile()) return 'file';
  if (stats.isDirectory()) return 'directory';
  if (stats.isSymbolicLink()) return 'symlink';
  if (stats.isFIFO()) return 'fifo';
  if (stats.isCharacterDevice()) return 'char';
  if (stats.isBlockDevice()) return 'block';
  return 'socket';
}

function missing(path: RawPath): BuildError {
  return new BuildError('SNAPSHOT', `/${displayPath(path)} is not there any more`, {
    hint: 'it was changed or deleted while it was being read; build again',
  });
}

function reading<T>(path: RawPath, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (isErrno(error, 'ENOENT')) throw missing(path);
    if (!isErrno(error, 'EACCES', 'EPERM', 'EIO')) throw error;
    throw new BuildError('COPY', `cannot read ${displayPath(path)}`, {
      got: error instanceof Error ? error.message.replace(/, \w+ .*$/s, '') : '',
      hint: 'make it readable, or list it in .dockerignore',
      cause: error,
    });
  }
}
