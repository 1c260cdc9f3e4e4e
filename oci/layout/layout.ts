// Owns: an OCI image layout directory, image-spec image-layout.md: blobs by digest, the index file, the version file.
// A get verifies. A put writes aside, syncs and renames, so several processes may share a layout and a crash leaves
// nothing but an aside file. Knows no image: what blobs mean is image.ts's.

import { createHash } from 'node:crypto';
import { closeSync, existsSync, mkdirSync, openSync, readdirSync, readFileSync, readSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { BlobWriter } from '../blob-writer.ts';
import type { Descriptor } from '../descriptor.ts';
import { type Digest, digestOf, finishDigest, hexOf } from '../digest.ts';
import { OciError } from '../errors.ts';
import { encodeImageIndex, imageIndex, parseImageIndex } from '../image-index.ts';
import { native } from '../profile.ts';
import { openAside, removeAbandoned, writeAll, writeAside } from './aside.ts';

const VERSION_FILE = 'oci-layout';
const INDEX_FILE = 'index.json';
export const VERSION_TEXT = '{"imageLayoutVersion":"1.0.0"}';
const MAX_DOCUMENT = 4 << 20;
const CHUNK = 1 << 20;

export interface Layout {
  /** Absolute. */
  readonly directory: string;
  /** Absolute path of a blob's file, whether it is there or not. */
  blobPath(digest: Digest): string;
  has(digest: Digest): boolean;
  /** Every blob's digest, sorted. */
  digests(): Digest[];
  putBytes(bytes: Uint8Array): Promise<{ digest: Digest; size: number }>;
  /** Takes a blob over from another layout, verified. Throws what readBytes throws. */
  copyFrom(directory: string, blob: Descriptor): void;
  /** Starts a blob whose digest is known at its end. */
  beginBlob(): BlobWriter;
  /** A whole blob, verified. Throws OciError BLOB_UNKNOWN, DIGEST_MISMATCH, or LAYOUT_INVALID when it is over `limit` bytes (4 MiB). */
  readBytes(blob: Descriptor | Digest, limit?: number): Buffer;
  /**
   * A blob in portions, each valid until the next is asked for. The digest is checked behind the last: whoever stops
   * early, or acts on the bytes before the end, acts on unverified bytes. Throws what readBytes throws.
   */
  readChunks(blob: Descriptor | Digest): Generator<Uint8Array, void, void>;
  /** Replaces index.json. */
  writeIndex(descriptors: readonly Descriptor[]): void;
  readIndex(): Descriptor[];
}

/** Makes the directory, or what it lacks to be a layout; one that is a layout is opened as it is. */
export function createLayout(directory: string): Layout {
  const absolute = resolve(directory);
  mkdirSync(join(absolute, 'blobs', 'sha256'), { recursive: true });
  const layout = layoutAt(absolute);
  if (existsSync(join(absolute, VERSION_FILE))) checkVersion(absolute);
  else writeAside(join(absolute, VERSION_FILE), VERSION_TEXT);
  if (!existsSync(join(absolute, INDEX_FILE))) layout.writeIndex([]);
  removeAbandoned(absolute);
  return layout;
}

/** Throws OciError LAYOUT_INVALID for a directory that is no layout. */
export function openLayout(directory: string): Layout {
  const absolute = resolve(directory);
  checkVersion(absolute);
  return layoutAt(absolute);
}

function checkVersion(directory: string): void {
  const file = join(directory, VERSION_FILE);
  let version: unknown;
  try {
    version = JSON.parse(readFileSync(file, 'utf8'))?.imageLayoutVersion;
  } catch (cause) {
    throw new OciError('LAYOUT_INVALID', `${directory} is no OCI layout`, {
      want: 'a file oci-layout with imageLayoutVersion',
      got: (cause as Error).message,
      cause,
    });
  }
  if (version !== '1.0.0') {
    throw new OciError('LAYOUT_INVALID', `${file}: imageLayoutVersion`, {
      want: '1.0.0',
      got: JSON.stringify(version),
    });
  }
}

function layoutAt(directory: string): Layout {
  const blobs = join(directory, 'blobs', 'sha256');
  const blobPath = (digest: Digest) => join(blobs, hexOf(digest));

  const beginBlob = (): BlobWriter => {
    const file = openAside(directory);
    const hash = createHash('sha256');
    let size = 0;
    return {
      write(chunk) {
        hash.update(chunk);
        writeAll(file.fd, chunk);
        size += chunk.length;
      },
      async commit() {
        const digest = finishDigest(hash);
        const path = blobPath(digest);
        // A blob that is there is left alone, unless its very length shows that it is not this one.
        if (sizeOf(path) === size) file.abort();
        else file.commit(path);
        return { digest, size };
      },
      abort: file.abort,
    };
  };

  function* readChunks(blob: Descriptor | Digest): Generator<Uint8Array, void, void> {
    const { digest, size } = wanted(blob);
    const path = blobPath(digest);
    const fd = openBlob(path, digest);
    try {
      const hash = createHash('sha256');
      const buffer = Buffer.allocUnsafe(Math.min(CHUNK, Math.max(size ?? CHUNK, 1)));
      let total = 0;
      for (;;) {
        const got = readSync(fd, buffer, 0, buffer.length, null);
        if (got === 0) break;
        total += got;
        if (size !== undefined && total > size) throw mismatch(path, `${size} bytes`, `more than ${size} bytes`);
        const chunk = buffer.subarray(0, got);
        hash.update(chunk);
        yield chunk;
      }
      if (size !== undefined && total !== size) throw mismatch(path, `${size} bytes`, `${total} bytes`);
      const found = finishDigest(hash);
      if (found !== digest) throw mismatch(path, digest, found);
    } finally {
      closeSync(fd);
    }
  }

  return {
    directory,
    blobPath,
    has: (digest) => existsSync(blobPath(digest)),
    digests: () =>
      readdirSync(blobs)
        .filter((name) => /^[0-9a-f]{64}$/.test(name))
        .sort()
        .map((name) => `sha256:${name}` as Digest),
    async putBytes(bytes) {
      const digest = digestOf(bytes);
      if (sizeOf(blobPath(digest)) === bytes.length) return { digest, size: bytes.length };
      const blob = beginBlob();
      try {
        blob.write(bytes);
        return await blob.commit();
      } finally {
        blob.abort();
      }
    },
    copyFrom(from, blob) {
      if (sizeOf(blobPath(blob.digest)) === blob.size) return;
      const file = openAside(directory);
      try {
        for (const chunk of layoutAt(resolve(from)).readChunks(blob)) writeAll(file.fd, chunk);
        file.commit(blobPath(blob.digest));
      } finally {
        file.abort();
      }
    },
    beginBlob,
    readBytes(blob, limit = MAX_DOCUMENT) {
      const { digest, size } = wanted(blob);
      const path = blobPath(digest);
      const fd = openBlob(path, digest);
      closeSync(fd);
      const stored = statSync(path).size;
      if (size !== undefined && stored !== size) throw mismatch(path, `${size} bytes`, `${stored} bytes`);
      if (stored > limit) {
        throw new OciError('LAYOUT_INVALID', `${path}: too large to be read at once`, {
          want: `at most ${limit} bytes`,
          got: `${stored} bytes`,
        });
      }
      const bytes = readFileSync(path);
      const found = digestOf(bytes);
      if (found !== digest) throw mismatch(path, digest, found);
      return bytes;
    },
    readChunks,
    writeIndex(descriptors) {
      writeAside(join(directory, INDEX_FILE), encodeImageIndex(imageIndex(descriptors, native), native));
    },
    readIndex() {
      const file = join(directory, INDEX_FILE);
      let bytes: Buffer;
      try {
        bytes = readFileSync(file);
      } catch (cause) {
        throw new OciError('LAYOUT_INVALID', `${file} cannot be read`, { got: (cause as Error).message, cause });
      }
      return [...parseImageIndex(bytes).manifests];
    },
  };
}

function wanted(blob: Descriptor | Digest): { digest: Digest; size?: number } {
  return typeof blob === 'string' ? { digest: blob } : blob;
}

function openBlob(path: string, digest: Digest): number {
  try {
    return openSync(path, 'r');
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'ENOENT') {
      throw new OciError('LAYOUT_INVALID', `${path} cannot be read`, { got: (cause as Error).message, cause });
    }
    throw new OciError('BLOB_UNKNOWN', `no blob ${digest}`, { want: `a file ${path}` });
  }
}

function mismatch(path: string, want: string, got: string): OciError {
  return new OciError('DIGEST_MISMATCH', path, { want, got, hint: 'the file is damaged: remove it and build again' });
}

function sizeOf(path: string): number | undefined {
  return statSync(path, { throwIfNoEntry: false })?.size;
}
