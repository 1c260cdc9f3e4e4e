// Owns: what a build leaves outside the store: an OCI layout, an archive, a rootfs. Everything is written beside its
// place and renamed into it when it is whole.

import {
  chmodSync,
  chownSync,
  closeSync,
  constants,
  copyFileSync,
  fsyncSync,
  lchownSync,
  linkSync,
  lutimesSync,
  mkdirSync,
  openSync,
  readdirSync,
  statSync,
  symlinkSync,
  utimesSync,
} from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import type { Descriptor } from '../../oci/descriptor.ts';
import type { Digest } from '../../oci/digest.ts';
import type { StampPolicy, TreeEntry } from '../../oci/layer/entry.ts';
import { stampTime } from '../../oci/layer/stamp.ts';
import { writeTar } from '../../oci/layer/writer.ts';
import { writeDockerArchive, writeOciArchive } from '../../oci/layout/archive.ts';
import { createLayout, type Layout, openLayout } from '../../oci/layout/layout.ts';
import { parseManifest } from '../../oci/manifest.ts';
import { MEDIA_TYPE } from '../../oci/media-type.ts';
import { displayPath, type RawPath, rawToBuffer } from '../../oci/raw-path.ts';
import { BuildError } from '../errors.ts';
import { areBlobsSound, looksOf, rememberOutput } from './output-record.ts';
import {
  giveTo,
  makeDirectories,
  type Ownership,
  type PlaceKind,
  placeDirectory,
  placeFile,
  realPlace,
  requirePlace,
  writingTo,
  writingToNow,
} from './place.ts';
import { requireSound } from './sound-blob.ts';

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

function placeKindOf(kind: OutputKind): PlaceKind {
  if (kind === 'oci') return 'layout';
  return kind === 'rootfs' ? 'folder' : 'file';
}

/** Whether an output could be written as things stand, asked before the work is done. Throws BuildError USAGE. */
export function requireWritable(output: Output): void {
  requirePlace(output.path, placeKindOf(output.kind));
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

/** Whether the layout at a path already is this image and nothing else, every byte of it. */
function isCurrent(directory: string, store: Layout, index: Digest, blobs: readonly Digest[]): boolean {
  try {
    const layout = openLayout(directory);
    const [only, ...more] = layout.readIndex();
    if (only?.digest !== index || only.annotations === undefined || more.length > 0) return false;
    const names = readdirSync(join(directory, 'blobs', 'sha256'));
    return names.length === blobs.length && areBlobsSound(store, layout, blobs);
  } catch {
    return false;
  }
}

/**
 * An OCI layout whose index.json holds exactly one descriptor, the image index's. A layout already there is replaced
 * as a whole; anything else that stands at the path is an error. False when it was there already, byte for byte.
 * Throws BuildError USAGE when the path cannot be written, STORE when a blob is damaged.
 */
export function writeImageLayout(
  store: Layout,
  image: { readonly indexDigest: Digest; readonly manifestDigest: Digest },
  path: string,
  owner: Ownership,
): boolean {
  const blobs = blobsOf(store, image.indexDigest, image.manifestDigest);
  if (isCurrent(path, store, image.indexDigest, blobs)) return false;
  requirePlace(path, 'layout');
  makeDirectories(dirname(path), owner);
  writingToNow(path, () => {
    const directory = realPlace(path);
    let looks: ReturnType<typeof looksOf> | undefined;
    placeDirectory(directory, (aside) => {
      const layout = fillLayout(store, image, aside);
      giveTo(aside, owner);
      looks = looksOf(layout, blobs);
    });
    rememberOutput(store, directory, looks!);
  });
  return true;
}

/** An image as the only one of a new layout, in a directory nobody else knows yet. Throws BuildError STORE when a blob is damaged. */
export function fillLayout(
  store: Layout,
  image: { readonly indexDigest: Digest; readonly manifestDigest: Digest },
  directory: string,
): Layout {
  const blobs = blobsOf(store, image.indexDigest, image.manifestDigest);
  for (const digest of blobs) requireSound(store, digest);
  const layout = createLayout(directory);
  for (const digest of blobs) copyBlob(store.blobPath(digest), layout.blobPath(digest));
  layout.writeIndex([indexDescriptor(store, image.indexDigest)]);
  return layout;
}

/** A copy, shared where the file system can: whoever writes to an output in place must not reach the store. */
function copyBlob(from: string, to: string): void {
  copyFileSync(from, to, constants.COPYFILE_FICLONE);
  chmodSync(to, 0o644);
  const file = openSync(to, 'r');
  fsyncSync(file);
  closeSync(file);
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

/** Writes one output. Resolves when it lies in its place. Throws BuildError USAGE when the path cannot be written. */
export async function writeOutput(store: Layout, image: OutputImage, output: Output, owner: Ownership): Promise<void> {
  if (output.kind === 'oci') {
    writeImageLayout(store, image, output.path, owner);
    return;
  }
  requireWritable(output);
  makeDirectories(dirname(output.path), owner);
  await writingTo(output.path, async () => {
    const path = realPlace(output.path);
    if (output.kind === 'rootfs') return writeRootfs(path, image, owner);
    if (output.kind === 'tar') return placeFile(path, owner, (write) => writeTar(image.entries(), image.policy, write));
    for (const digest of blobsOf(store, image.indexDigest, image.manifestDigest)) requireSound(store, digest);
    const write = output.kind === 'oci-archive' ? writeOciArchive : writeDockerArchive;
    await write(store, { index: indexDescriptor(store, image.indexDigest), reference: image.reference }, path);
    chownSync(path, owner.uid, owner.gid);
  });
}

/** A directory with the files of the image, all owned by the caller: only an archive can carry owners. */
function writeRootfs(directory: string, image: OutputImage, owner: Ownership): void {
  placeDirectory(directory, (aside) => fillRootfs(aside, image, owner));
}

function fillRootfs(aside: string, image: OutputImage, owner: Ownership): void {
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
}
