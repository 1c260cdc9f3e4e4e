// Owns: an image as one file: an OCI archive (a layout in a tar) and Docker's archive (`docker load`). Both are canonical
// tars, streamed to an aside file that is renamed when it is whole.
//
//   OCI archive     blobs/ blobs/sha256/ blobs/sha256/HEX… index.json oci-layout
//   Docker archive  HEX.json (config) HEX.tar… (uncompressed layers, by diffID) manifest.json

import { createHash } from 'node:crypto';
import { dirname } from 'node:path';
import type { Descriptor } from '../descriptor.ts';
import { type Digest, finishDigest, hexOf } from '../digest.ts';
import { OciError } from '../errors.ts';
import { encodeImageIndex, imageIndex, parseImageIndex } from '../image-index.ts';
import { BLOCK, encodeHeader, TYPE_FLAG } from '../layer/header.ts';
import { parseManifest } from '../manifest.ts';
import { hostPlatform, type Platform } from '../platform.ts';
import { native } from '../profile.ts';
import { TURN_BYTES, turn } from '../turn.ts';
import { type AsideFile, openAside, writeAll } from './aside.ts';
import { isIndex, isManifest, REF_NAME, resolveImage } from './image.ts';
import { type Layout, VERSION_TEXT } from './layout.ts';
import { openLayer } from './open-layer.ts';

/** What goes into an archive. */
export interface ArchivedImage {
  /** An image index, or a manifest. */
  readonly index: Descriptor;
  /** `NAME:TAG`, by which `docker load` and others will know it. */
  readonly reference?: string | undefined;
  /** docker-archive holds one image: the one for this platform, the host's by default. */
  readonly platform?: Platform;
}

/** Writes an OCI archive whose index.json holds the one descriptor. Throws what reading the blobs throws. */
export async function writeOciArchive(layout: Layout, image: ArchivedImage, path: string): Promise<void> {
  const blobs = new Map<Digest, Descriptor>();
  collect(layout, image.index, blobs);
  const annotations = image.reference === undefined ? {} : { annotations: { [REF_NAME]: image.reference } };
  const index = encodeImageIndex(imageIndex([{ ...image.index, ...annotations }], native), native);
  await writeArchive(path, async (archive) => {
    archive.directory('blobs/');
    archive.directory('blobs/sha256/');
    for (const digest of [...blobs.keys()].sort()) {
      await archive.file(`blobs/sha256/${hexOf(digest)}`, () => layout.readChunks(blobs.get(digest)!));
    }
    await archive.file('index.json', () => [index]);
    await archive.file('oci-layout', () => [Buffer.from(VERSION_TEXT)]);
  });
}

/** Every blob an image needs. What its layout does not hold is an error: the archive would be no whole image. */
function collect(layout: Layout, descriptor: Descriptor, blobs: Map<Digest, Descriptor>): void {
  if (blobs.has(descriptor.digest)) return;
  blobs.set(descriptor.digest, descriptor);
  if (isIndex(descriptor)) {
    for (const next of parseImageIndex(layout.readBytes(descriptor)).manifests) collect(layout, next, blobs);
  } else if (isManifest(descriptor)) {
    const manifest = parseManifest(layout.readBytes(descriptor));
    for (const next of [manifest.config, ...manifest.layers]) blobs.set(next.digest, next);
  }
}

/** Writes what `docker load` takes: one image, its layers uncompressed. Throws what reading the blobs throws. */
export async function writeDockerArchive(layout: Layout, image: ArchivedImage, path: string): Promise<void> {
  const { manifest, config } = resolveImage(layout, image.platform ?? hostPlatform(), image.index.digest);
  const configFile = `${hexOf(manifest.config.digest)}.json`;
  // The same layer may stand in an image twice; its file does once.
  const layers = new Map<Digest, Descriptor>();
  for (const [i, descriptor] of manifest.layers.entries()) layers.set(config.rootfs.diff_ids[i]!, descriptor);
  const listing = native.encodeJson([
    {
      Config: configFile,
      RepoTags: image.reference === undefined ? null : [image.reference],
      Layers: config.rootfs.diff_ids.map((diffId) => `${hexOf(diffId)}.tar`),
    },
  ]);
  const files = new Map<string, () => Iterable<Uint8Array>>([
    [configFile, () => layout.readChunks(manifest.config)],
    ['manifest.json', () => [listing]],
  ]);
  for (const [diffId, descriptor] of layers)
    files.set(`${hexOf(diffId)}.tar`, () => plainLayer(layout, descriptor, diffId));
  await writeArchive(path, async (archive) => {
    for (const name of [...files.keys()].sort()) await archive.file(name, files.get(name)!);
  });
}

/** A layer's tar, checked against its diffID behind the last portion. Throws OciError DIGEST_MISMATCH, UNSUPPORTED. */
function* plainLayer(layout: Layout, descriptor: Descriptor, diffId: Digest): Generator<Uint8Array, void, void> {
  const hash = createHash('sha256');
  for (const chunk of openLayer(layout, descriptor)) {
    hash.update(chunk);
    yield chunk;
  }
  const found = finishDigest(hash);
  if (found !== diffId) {
    throw new OciError('DIGEST_MISMATCH', `layer ${descriptor.digest}, uncompressed`, { want: diffId, got: found });
  }
}

interface Archive {
  directory(name: string): void;
  /** `open` gives the content from its start; a second time for a file too large for an ordinary header. */
  file(name: string, open: () => Iterable<Uint8Array>): Promise<void>;
}

async function writeArchive(path: string, fill: (archive: Archive) => Promise<void>): Promise<void> {
  const aside = openAside(dirname(path));
  try {
    const writer = archiveInto(aside);
    await fill(writer);
    writer.end();
    aside.commit(path);
  } finally {
    aside.abort();
  }
}

/** A file's size is known when it has been written: its header is put in front of it then. */
function archiveInto({ fd }: AsideFile): Archive & { end(): void } {
  let at = 0;
  let turnedAt = 0;
  const append = (bytes: Uint8Array) => {
    writeAll(fd, bytes, at);
    at += bytes.length;
  };
  return {
    directory(name) {
      append(headerOf(name, TYPE_FLAG.directory, 0));
    },
    async file(name, open) {
      const start = at;
      let header = headerOf(name, TYPE_FLAG.file, 0);
      for (;;) {
        at = start + header.length;
        turnedAt = at;
        for (const chunk of open()) {
          append(chunk);
          if (at - turnedAt < TURN_BYTES) continue;
          turnedAt = at;
          await turn();
        }
        const size = at - start - header.length;
        const room = header.length;
        header = headerOf(name, TYPE_FLAG.file, size);
        if (header.length > room) continue; // 8 GiB and more take a longer header: once more, behind it
        append(Buffer.alloc((BLOCK - (size % BLOCK)) % BLOCK));
        writeAll(fd, header, start);
        return;
      }
    },
    end() {
      append(Buffer.alloc(2 * BLOCK));
    },
  };
}

function headerOf(name: string, typeFlag: number, size: number): Buffer {
  const mode = typeFlag === TYPE_FLAG.directory ? 0o755 : 0o644;
  return encodeHeader({ name, linkName: '', typeFlag, mode, uid: 0, gid: 0, size, mtime: 0, major: 0, minor: 0 });
}
