// Owns: looking at a rootfs without mounting it: a stack of diffs merged as overlayfs merges them, or one directory of
// the host. Directories are read when first asked for and kept; a diff never changes. Knows nothing of how diffs are
// made; which directories of a diff are opaque is told, because node cannot read xattrs.

import { type BigIntStats, readFileSync } from 'node:fs';
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
  readonly isDirectory: boolean;
}

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
    const found = this.#locate(path);
    return found === undefined ? undefined : toNode(found.stats, found.host);
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
    return this.#directory(parentRaw(path))?.places.get(baseRaw(path))?.isDirectory === true;
  }

  #layerOf(path: RawPath): Layer | undefined {
    const { layers } = this.#source;
    if (path === '') return layers.at(-1);
    const place = this.#directory(parentRaw(path))?.places.get(baseRaw(path));
    return place === undefined ? undefined : layers[place.layers[0]!];
  }

  #hostOf(path: RawPath): HostPath | undefined {
    const layer = this.#layerOf(path);
    return layer === undefined ? undefined : under(layer.root, path);
  }

  #locate(path: RawPath): { readonly stats: BigIntStats; readonly host: HostPath } | undefined {
    const host = this.#hostOf(path);
    if (host === undefined) return undefined;
    const stats = reading(path, () => lstatRaw(host));
    if (stats === undefined) return undefined;
    this.#last = { host, stats };
    return this.#last;
  }

  #directory(path: RawPath): MergedDirectory | undefined {
    if (this.#directories.has(path)) return this.#directories.get(path);
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
      const place = this.#directory(parentRaw(path))?.places.get(baseRaw(path));
      if (place === undefined || !place.isDirectory) return undefined;
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
      else if (place.isDirectory) places.set(name, { layers: [top, ...place.layers], isDirectory: true });
    }
    return { places, sorted: undefined };
  }

  /**
   * Reads one directory in the layers that have it, topmost first, as overlayfs looks names up. `closed` are the names
   * that layers further down can add nothing to.
   */
  #merge(path: RawPath, from: readonly number[]): { places: Map<RawPath, Place>; closed: Set<RawPath> } {
    const { layers, overlay } = this.#source;
    const places = new Map<RawPath, Place & { layers: number[] }>();
    const closed = new Set<RawPath>();
    for (const position of from) {
      const layer = layers[position]!;
      for (const entry of reading(path, () => tryReaddirRaw(under(layer.root, path))) ?? []) {
        const name = entry.name as RawPath;
        if (closed.has(name)) continue;
        const child = joinRaw(path, name);
        if (entry.isDirectory()) {
          const place = places.get(name);
          if (place !== undefined) place.layers.push(position);
          else if (this.#isVisible(child, true)) places.set(name, { layers: [position], isDirectory: true });
          if (layer.opaque.has(child)) closed.add(name);
          continue;
        }
        closed.add(name);
        if (places.has(name)) continue;
        if (overlay && entry.isCharacterDevice()) {
          const stats = lstatRaw(under(layer.root, child));
          if (stats === undefined || isKernelWhiteout(stats)) continue;
        }
        if (this.#isVisible(child, false)) places.set(name, { layers: [position], isDirectory: false });
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
export function toNode(stats: BigIntStats, host: HostPath): Node {
  const type = typeOf(stats);
  const base = {
    type,
    mode: type === 'symlink' ? 0o777 : Number(stats.mode & 0o7777n),
    uid: Number(stats.uid),
    gid: Number(stats.gid),
    size: type === 'file' || type === 'symlink' ? Number(stats.size) : 0,
    mtimeNs: stats.mtimeNs,
    inode: `${stats.dev}:${stats.ino}`,
    nlink: Number(stats.nlink),
    hostPath: bytesOf(host),
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
