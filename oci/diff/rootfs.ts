// Owns: the rootfs that layers make when they are unpacked over one another, as a tree in memory: names, fields, and where each
// file's bytes can be read again. Nothing is unpacked. And the same tree of a directory of the host.

import { createHash } from 'node:crypto';
import { closeSync, constants, lstatSync, openSync, readdirSync, readlinkSync, readSync } from 'node:fs';
import { OciError } from '../errors.ts';
import type { EntryType } from '../layer/entry.ts';
import { readTarSync } from '../layer/reader.ts';
import { displayPath, type RawPath, rawFromBuffer } from '../raw-path.ts';
import { inSource, type TarSource } from './tar-diff.ts';

export type NodeType = Exclude<EntryType, 'hardlink' | 'whiteout' | 'opaque'>;

/** What all names of one file share. */
export interface Inode {
  readonly type: NodeType;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Whole seconds since 1970. */
  readonly mtime: number;
  readonly size: number;
  readonly target?: RawPath;
  readonly device?: { readonly major: number; readonly minor: number };
  /** Absent where they cannot be read: in a directory of the host. */
  readonly xattrs?: ReadonlyMap<string, Uint8Array>;
  /** Position of the layer, from 0, that this comes from; undefined for a directory no layer has an entry for. */
  readonly layer?: number;
  /** sha256 of a file's content, where the tree was read with digests. */
  readonly digest?: Buffer;
  /** A file's bytes, from the start. */
  open?(): Iterable<Uint8Array>;
}

export interface RootfsNode {
  inode: Inode;
  /** Of a directory, by name, in no order. */
  children?: Map<string, RootfsNode>;
}

export interface RootfsOptions {
  /** Take the sha256 of every file's content. */
  readonly digests?: boolean;
  readonly maxEntries?: number;
}

const MAX_ENTRIES = 2_000_000;
/** As Linux has it: symlinks on the way to one file, and bytes of a path. */
const MAX_LINKS = 40;
const MAX_PATH = 4096;
/** Of a layer's plain bytes, and of its files, holes included. */
const MAX_BYTES = 64 * 2 ** 30;
const TURN = 32 << 20;

function impliedDirectory(): RootfsNode {
  const inode: Inode = { type: 'directory', mode: 0o755, uid: 0, gid: 0, mtime: 0, size: 0 };
  return { inode, children: new Map() };
}

/**
 * Layers, bottom first, as one tree; yields for a turn. Whiteouts delete what lower layers have, a member replaces what has its
 * name unless both are directories, and members reached through a symlink go where it leads inside the rootfs.
 * Throws OciError TAR_INVALID, TAR_UNSAFE and what reading a layer throws.
 */
export function* mergeLayers(
  layers: readonly TarSource[],
  options: RootfsOptions = {},
): Generator<undefined, RootfsNode, void> {
  const root = impliedDirectory();
  let count = 0;
  for (const [number, layer] of layers.entries()) {
    count = yield* inSource(layer, addLayer(root, layer, number, count, options));
  }
  return root;
}

/** Puts one layer over what is there. Takes and gives how many entries there were so far. */
function* addLayer(
  root: RootfsNode,
  layer: TarSource,
  number: number,
  before: number,
  options: RootfsOptions,
): Generator<undefined, number, void> {
  const maxEntries = options.maxEntries ?? MAX_ENTRIES;
  let count = before;
  // Whiteouts are about lower layers only: what this layer adds waits until all of them are applied.
  const added: { path: RawPath; inode?: Inode; target?: RawPath }[] = [];
  let turnedAt = 0;
  let at = -1;
  for (const { entry, content, offset } of readTarSync(layer.open(), { maxBytes: MAX_BYTES })) {
    at++;
    if (++count > maxEntries) throw new OciError('TAR_UNSAFE', 'too many entries', { want: `at most ${maxEntries}` });
    if (entry.path.length > MAX_PATH) {
      throw new OciError('TAR_UNSAFE', `entry at byte ${offset}: a path of ${entry.path.length} bytes`, {
        want: `at most ${MAX_PATH}`,
      });
    }
    if (entry.type === 'whiteout' || entry.type === 'opaque') {
      remove(root, entry.path, entry.type === 'opaque');
    } else if (entry.type === 'hardlink') added.push({ path: entry.path, target: entry.target! });
    else {
      const { type, mode, size, mtime, owner, target, device, xattrs } = entry;
      const isFile = type === 'file';
      const digest = isFile && options.digests === true ? digestOfContent(content) : undefined;
      const ordinal = at;
      const inode: Inode = {
        type,
        mode,
        uid: owner.uid,
        gid: owner.gid,
        mtime,
        size,
        xattrs,
        layer: number,
        ...(target === undefined ? {} : { target }),
        ...(device === undefined ? {} : { device }),
        ...(digest === undefined ? {} : { digest }),
        ...(isFile ? { open: () => contentAgain(layer, ordinal) } : {}),
      };
      added.push({ path: entry.path, inode });
    }
    if (offset - turnedAt >= TURN) {
      turnedAt = offset;
      yield;
    }
  }
  for (const { path, inode, target } of added) {
    if (inode !== undefined) put(root, path, inode);
    else putLink(root, path, target!);
  }
  return count;
}

function digestOfContent(content: Iterable<Uint8Array>): Buffer {
  const hash = createHash('sha256');
  for (const chunk of content) hash.update(chunk);
  return hash.digest();
}

function* contentAgain(layer: TarSource, ordinal: number): Generator<Uint8Array, void, void> {
  let at = -1;
  for (const { content } of readTarSync(layer.open())) {
    if (++at !== ordinal) continue;
    yield* content;
    return;
  }
}

function remove(root: RootfsNode, path: RawPath, isOpaque: boolean): void {
  if (path === '') {
    root.children!.clear();
    return;
  }
  const slash = path.lastIndexOf('/');
  const parent = walk(root, slash < 0 ? [] : path.slice(0, slash).split('/'), true)?.node;
  const name = path.slice(slash + 1);
  if (!isOpaque) parent?.children?.delete(name);
  else parent?.children?.get(name)?.children?.clear();
}

function put(root: RootfsNode, path: RawPath, inode: Inode): void {
  const { parent, name } = placeOf(root, path);
  const old = parent.children!.get(name);
  if (inode.type === 'directory') {
    if (old?.children === undefined) parent.children!.set(name, { inode, children: new Map() });
    else old.inode = inode;
  } else parent.children!.set(name, { inode });
}

function putLink(root: RootfsNode, path: RawPath, target: RawPath): void {
  // A hard link's target is a name, not a way: its last part is not followed.
  const found = walk(root, target.split('/'), false)?.node;
  if (found === undefined || found.children !== undefined) {
    throw new OciError('TAR_INVALID', `${displayPath(path)}: a hard link to what is no file`, {
      got: displayPath(target),
    });
  }
  const { parent, name } = placeOf(root, path);
  parent.children!.set(name, { inode: found.inode });
}

/** The directory an entry goes into; missing ones are made, as unpackers do. */
function placeOf(root: RootfsNode, path: RawPath): { parent: RootfsNode; name: string } {
  const parts = path.split('/');
  const name = parts.pop()!;
  let parent = root;
  for (const [i, part] of parts.entries()) {
    let next = parent.children!.get(part);
    if (next === undefined) {
      next = impliedDirectory();
      parent.children!.set(part, next);
    } else if (next.inode.type === 'symlink') {
      next = walk(root, parts.slice(0, i + 1), true)?.node;
    }
    if (next?.children === undefined) {
      throw new OciError('TAR_INVALID', `${displayPath(path)}: goes through what is no directory`, {
        got: displayPath(parts.slice(0, i + 1).join('/') as RawPath),
      });
    }
    parent = next;
  }
  return { parent, name };
}

export interface Located {
  readonly node: RootfsNode;
  /** Without links. */
  readonly path: RawPath;
}

/** Follows names and symlinks inside the tree only: `..` above the root is the root. Undefined where nothing is there. */
export function walk(root: RootfsNode, parts: readonly string[], followLast: boolean): Located | undefined {
  if (parts.length > MAX_PATH) return undefined;
  const todo = [...parts].reverse();
  const way: { node: RootfsNode; name: string }[] = [];
  let links = 0;
  let node = root;
  while (todo.length > 0) {
    const part = todo.pop()!;
    if (part === '' || part === '.') continue;
    if (part === '..') {
      way.pop();
      node = way.at(-1)?.node ?? root;
      continue;
    }
    const next = node.children?.get(part);
    if (next === undefined) return undefined;
    if (next.inode.type === 'symlink' && (followLast || !todo.every((one) => one === '' || one === '.'))) {
      const target = next.inode.target!;
      if (++links > MAX_LINKS || target.length > MAX_PATH) return undefined;
      if (target.startsWith('/')) {
        way.length = 0;
        node = root;
      }
      todo.push(...target.split('/').reverse());
      continue;
    }
    way.push({ node: next, name: part });
    node = next;
  }
  return { node, path: way.map(({ name }) => name).join('/') as RawPath };
}

/** What a path as a user writes it means, links followed inside the tree; undefined where nothing is there. */
export function lookUp(root: RootfsNode, path: RawPath): Located | undefined {
  return walk(root, path.split('/'), true);
}

/** Depth first, siblings by bytes; the root itself is not part. */
export function* listTree(root: RootfsNode): Generator<Located, void, void> {
  const stack: { path: string; node: RootfsNode }[] = childrenOf('', root);
  for (let next = stack.pop(); next !== undefined; next = stack.pop()) {
    yield { path: next.path as RawPath, node: next.node };
    for (const child of childrenOf(`${next.path}/`, next.node)) stack.push(child);
  }
}

/** Last first, for a stack. */
function childrenOf(prefix: string, { children }: RootfsNode): { path: string; node: RootfsNode }[] {
  if (children === undefined || children.size === 0) return [];
  return [...children]
    .sort(([one], [other]) => (one < other ? 1 : -1))
    .map(([name, node]) => ({ path: prefix + name, node }));
}

/** A directory of the host as a tree; links are not followed. Throws OciError LAYOUT_INVALID for what cannot be read. */
export function* readDirectory(directory: string, options: RootfsOptions = {}): Generator<undefined, RootfsNode, void> {
  const inodes = new Map<string, Inode>();
  const maxEntries = options.maxEntries ?? MAX_ENTRIES;
  const top: RootfsNode = { inode: impliedDirectory().inode, children: new Map() };
  const todo: { path: Buffer; node: RootfsNode }[] = [{ path: Buffer.from(directory), node: top }];
  let count = 0;
  for (let next = todo.pop(); next !== undefined; next = todo.pop()) {
    for (const raw of reading(next.path, () => readdirSync(next!.path, { encoding: 'buffer' }))) {
      if (++count > maxEntries) throw new OciError('TAR_UNSAFE', 'too many files', { want: `at most ${maxEntries}` });
      const path = Buffer.concat([next.path, Buffer.from('/'), raw]);
      const inode = reading(path, () => inodeOf(path, inodes, options.digests === true));
      // A socket is no part of an image.
      if (inode === undefined) continue;
      const node: RootfsNode = inode.type === 'directory' ? { inode, children: new Map() } : { inode };
      next.node.children!.set(rawFromBuffer(raw), node);
      if (node.children !== undefined) todo.push({ path, node });
    }
    yield;
  }
  return top;
}

function reading<T>(path: Buffer, work: () => T): T {
  try {
    return work();
  } catch (cause) {
    if (cause instanceof OciError) throw cause;
    throw new OciError('LAYOUT_INVALID', `${displayPath(rawFromBuffer(path))} cannot be read`, {
      got: (cause as Error).message,
      cause,
    });
  }
}

function inodeOf(path: Buffer, known: Map<string, Inode>, digests: boolean): Inode | undefined {
  const stat = lstatSync(path);
  const type: NodeType | undefined = stat.isDirectory()
    ? 'directory'
    : stat.isFile()
      ? 'file'
      : stat.isSymbolicLink()
        ? 'symlink'
        : stat.isFIFO()
          ? 'fifo'
          : stat.isCharacterDevice()
            ? 'char'
            : stat.isBlockDevice()
              ? 'block'
              : undefined;
  if (type === undefined) return undefined;
  const key = `${stat.dev}:${stat.ino}`;
  const shared = type !== 'directory' && stat.nlink > 1 ? known.get(key) : undefined;
  if (shared !== undefined) return shared;
  const open = (): Iterable<Uint8Array> => hostChunks(path);
  const major = ((stat.rdev >> 8) & 0xfff) >>> 0;
  const minor = ((stat.rdev & 0xff) | ((stat.rdev >> 12) & 0xfff00)) >>> 0;
  const inode: Inode = {
    type,
    mode: type === 'symlink' ? 0o777 : stat.mode & 0o7777,
    uid: stat.uid,
    gid: stat.gid,
    mtime: Math.floor(stat.mtimeMs / 1000),
    size: type === 'file' ? stat.size : 0,
    ...(type === 'symlink' ? { target: rawFromBuffer(readlinkSync(path, { encoding: 'buffer' })) } : {}),
    ...(type === 'char' || type === 'block' ? { device: { major, minor } } : {}),
    ...(type === 'file' ? { open, ...(digests ? { digest: digestOfContent(open()) } : {}) } : {}),
  };
  if (stat.nlink > 1) known.set(key, inode);
  return inode;
}

/** Never through a symlink, and never waiting for a fifo that took the file's place. */
function* hostChunks(path: Buffer): Generator<Uint8Array, void, void> {
  const fd = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  try {
    const buffer = Buffer.allocUnsafe(1 << 20);
    for (let got = readSync(fd, buffer); got > 0; got = readSync(fd, buffer)) yield buffer.subarray(0, got);
  } finally {
    closeSync(fd);
  }
}
