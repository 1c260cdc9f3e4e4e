// Owns: what a build leaves outside the store: an OCI layout, an archive, a rootfs. Everything is written beside its
// place and renamed into it when it is whole.

import {
  chmodSync,
  chownSync,
  closeSync,
  constants,
  copyFileSync,
  existsSync,
  fsyncSync,
  lchownSync,
  linkSync,
  lutimesSync,
  mkdirSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeSync,
} from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import type { Descriptor } from '../../oci/descriptor.ts';
import { type Digest, hexOf } from '../../oci/digest.ts';
import type { StampPolicy, TreeEntry } from '../../oci/layer/entry.ts';
import { stampTime } from '../../oci/layer/stamp.ts';
import { writeTar } from '../../oci/layer/writer.ts';
import { writeDockerArchive, writeOciArchive } from '../../oci/layout/archive.ts';
import { createLayout, type Layout, openLayout } from '../../oci/layout/layout.ts';
import { parseManifest } from '../../oci/manifest.ts';
import { MEDIA_TYPE } from '../../oci/media-type.ts';
import { displayPath, type RawPath, rawToBuffer } from '../../oci/raw-path.ts';
import { BuildError } from '../errors.ts';
import { requireSound } from './sound-blob.ts';

/** Who shall own what is written; the store's own files may belong to an id the caller is not. */
export interface Ownership {
  readonly uid: number;
  readonly gid: number;
}

export type OutputKind = 'oci' | 'oci-archive' | 'docker-archive' | 'rootfs' | 'tar';

export interface Output {
  readonly kind: OutputKind;
  /** Absolute. */
  readonly path: string;
}

const KINDS: readonly OutputKind[] = ['oci', 'oci-archive', 'docker-archive', 'rootfs', 'tar'];

/** `oci:DIR`, `oci-archive:FILE`, `docker-archive:FILE`, `rootfs:DIR`, `tar:FILE`. Throws BuildError USAGE. */
export function parseOutput(text: string, cwd: string): Output {
  const colon = text.indexOf(':');
  const kind = KINDS.find((each) => each === text.slice(0, Math.max(colon, 0)));
  const path = text.slice(colon + 1);
  if (kind === undefined || path === '') {
    throw new BuildError('USAGE', 'not an output', { want: KINDS.map((each) => `${each}:PATH`).join(', '), got: text });
  }
  return { kind, path: resolve(cwd, path) };
}

/** Every blob of an image, the image index first. */
function blobsOf(store: Layout, index: Digest, manifest: Digest): readonly Digest[] {
  const parsed = parseManifest(store.readBytes(manifest));
  return [...new Set([index, manifest, parsed.config.digest, ...parsed.layers.map((layer) => layer.digest)])];
}

function indexDescriptor(store: Layout, index: Digest): Descriptor {
  return {
    mediaType: MEDIA_TYPE.index,
    digest: index,
    size: statSync(store.blobPath(index)).size,
    // Clients that find images by tag alone, as umoci does, ask for this one when none is given.
    annotations: { 'org.opencontainers.image.ref.name': 'latest' },
  };
}

/** Whether the layout at a path already is this image and nothing else. */
function isCurrent(directory: string, store: Layout, index: Digest, blobs: readonly Digest[]): boolean {
  try {
    const [only, ...more] = openLayout(directory).readIndex();
    if (only?.digest !== index || only.annotations === undefined || more.length > 0) return false;
    const names = readdirSync(join(directory, 'blobs', 'sha256'));
    const isWhole = (digest: Digest): boolean =>
      statSync(join(directory, 'blobs', 'sha256', hexOf(digest))).size === statSync(store.blobPath(digest)).size;
    return names.length === blobs.length && blobs.every(isWhole);
  } catch {
    return false;
  }
}

/**
 * An OCI layout whose index.json holds exactly one descriptor, the image index's. A layout already there is replaced
 * as a whole; anything else that stands at the path is an error. False when it was there already, blob for blob.
 */
export function writeImageLayout(
  store: Layout,
  image: { readonly indexDigest: Digest; readonly manifestDigest: Digest },
  directory: string,
  owner: Ownership,
): boolean {
  const blobs = blobsOf(store, image.indexDigest, image.manifestDigest);
  if (isCurrent(directory, store, image.indexDigest, blobs)) return false;
  refuseForeign(directory);
  for (const digest of blobs) requireSound(store, digest);
  makeDirectories(dirname(directory), owner);
  const aside = `${directory}.new-${process.pid}`;
  rmSync(aside, { recursive: true, force: true });
  const layout = createLayout(aside);
  for (const digest of blobs) place(store.blobPath(digest), layout.blobPath(digest));
  layout.writeIndex([indexDescriptor(store, image.indexDigest)]);
  giveTo(aside, owner);
  swap(aside, directory);
  return true;
}

/** A blob is linked where that is possible: nobody writes to a blob in place. */
function place(from: string, to: string): void {
  try {
    linkSync(from, to);
  } catch {
    copyFileSync(from, to, constants.COPYFILE_FICLONE);
  }
}

function refuseForeign(directory: string): void {
  if (!existsSync(directory) || existsSync(join(directory, 'oci-layout'))) return;
  if (statSync(directory).isDirectory() && readdirSync(directory).length === 0) return;
  throw new BuildError('USAGE', `${directory} is there and is no OCI layout`, {
    hint: 'name another path, or move it away',
  });
}

/** The old directory goes aside, the new one takes its name, then the old one is deleted. */
function swap(fresh: string, directory: string): void {
  const old = `${directory}.old-${process.pid}`;
  const hadOld = existsSync(directory);
  if (hadOld) renameSync(directory, old);
  renameSync(fresh, directory);
  if (hadOld) rmSync(old, { recursive: true, force: true });
}

/** Makes what is missing of a path, and gives what it made to the caller. */
export function makeDirectories(directory: string, owner: Ownership): void {
  const first = mkdirSync(directory, { recursive: true });
  if (first === undefined) return;
  for (let made = directory; made.length >= first.length; made = dirname(made)) chownSync(made, owner.uid, owner.gid);
}

/** Hands a fresh tree over, everything below it included. A linked blob keeps its owner: it is the store's, and it is only read. */
export function giveTo(path: string, owner: Ownership): void {
  if (owner.uid === 0 && owner.gid === 0) return;
  for (const entry of readdirSync(path, { withFileTypes: true })) {
    const below = join(path, entry.name);
    if (entry.isDirectory()) giveTo(below, owner);
    else chownSync(below, owner.uid, owner.gid);
  }
  chownSync(path, owner.uid, owner.gid);
}

export interface OutputImage {
  readonly indexDigest: Digest;
  readonly manifestDigest: Digest;
  /** `-t`, or the recipe's name; archives carry it. */
  readonly reference: string | undefined;
  /** The whole rootfs, in canonical order; asked for by `rootfs` and `tar` only. */
  entries(): Iterable<TreeEntry>;
  readonly policy: StampPolicy;
}

/** Writes one output. Resolves when it lies in its place. */
export async function writeOutput(store: Layout, image: OutputImage, output: Output, owner: Ownership): Promise<void> {
  switch (output.kind) {
    case 'oci':
      writeImageLayout(store, image, output.path, owner);
      return;
    case 'oci-archive':
    case 'docker-archive': {
      makeDirectories(dirname(output.path), owner);
      for (const digest of blobsOf(store, image.indexDigest, image.manifestDigest)) requireSound(store, digest);
      const write = output.kind === 'oci-archive' ? writeOciArchive : writeDockerArchive;
      await write(store, { index: indexDescriptor(store, image.indexDigest), reference: image.reference }, output.path);
      chownSync(output.path, owner.uid, owner.gid);
      return;
    }
    case 'tar':
      makeDirectories(dirname(output.path), owner);
      await writeWhole(output.path, owner, (write) => writeTar(image.entries(), image.policy, write));
      return;
    case 'rootfs':
      writeRootfs(output.path, image, owner);
  }
}

async function writeWhole(
  path: string,
  owner: Ownership,
  produce: (write: (chunk: Uint8Array) => void) => Promise<unknown>,
): Promise<void> {
  const aside = join(dirname(path), `.${basename(path)}.new-${process.pid}`);
  const file = openSync(aside, 'w', 0o644);
  try {
    await produce((chunk) => {
      for (let at = 0; at < chunk.length; ) at += writeSync(file, chunk, at);
    });
    fsyncSync(file);
    closeSync(file);
    chownSync(aside, owner.uid, owner.gid);
    renameSync(aside, path);
  } catch (error) {
    rmSync(aside, { force: true });
    throw error;
  }
}

/** A directory with the files of the image, all owned by the caller: only an archive can carry owners. */
function writeRootfs(directory: string, image: OutputImage, owner: Ownership): void {
  if (existsSync(directory) && readdirSync(directory).length > 0) {
    throw new BuildError('USAGE', `${directory} is not empty`, { hint: 'name a directory that is not there yet' });
  }
  makeDirectories(dirname(directory), owner);
  const aside = `${directory}.new-${process.pid}`;
  mkdirSync(aside, { mode: 0o755 });
  const at = (path: RawPath): Buffer => Buffer.concat([Buffer.from(`${aside}/`), rawToBuffer(path)]);
  const directories: TreeEntry[] = [];
  for (const entry of image.entries()) {
    const path = at(entry.path);
    if (entry.type === 'directory') {
      mkdirSync(path, 0o755);
      directories.push(entry);
      continue;
    }
    if (entry.type === 'file') copyFileSync(entry.source!, path, constants.COPYFILE_FICLONE);
    else if (entry.type === 'symlink') symlinkSync(rawToBuffer(entry.target!), path);
    else if (entry.type === 'hardlink') linkSync(at(entry.target!), path);
    else {
      throw new BuildError(
        'SNAPSHOT',
        `${displayPath(entry.path)}: a ${entry.type} cannot be written to a rootfs directory`,
        {
          hint: 'use --output tar:FILE',
        },
      );
    }
    if (entry.type === 'hardlink') continue;
    lchownSync(path, owner.uid, owner.gid);
    const time = stampTime(entry, image.policy);
    if (entry.type === 'file') chmodSync(path, entry.mode);
    lutimesSync(path, time, time);
  }
  for (const entry of directories.reverse()) {
    const time = stampTime(entry, image.policy);
    chownSync(at(entry.path), owner.uid, owner.gid);
    chmodSync(at(entry.path), entry.mode);
    utimesSync(at(entry.path), time, time);
  }
  chownSync(aside, owner.uid, owner.gid);
  if (existsSync(directory)) rmSync(directory, { recursive: true });
  renameSync(aside, directory);
}
