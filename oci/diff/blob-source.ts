// Owns: where blobs come from: a layout, an OCI archive, or Docker's archive, as one interface. An archive that is compressed
// is read from its start for every blob; nothing is ever unpacked to disk.

import { createHash, type Hash } from 'node:crypto';
import { closeSync, fstatSync, openSync, readSync, statSync } from 'node:fs';
import { createDecoder, sniff } from '../codec/load.ts';
import type { Descriptor } from '../descriptor.ts';
import { type Digest, digestOf, finishDigest, hexOf } from '../digest.ts';
import { parseDocument } from '../document.ts';
import { OciError } from '../errors.ts';
import { type ImageIndex, parseImageIndex } from '../image-index.ts';
import type { Layout } from '../layout/layout.ts';
import { rawPath } from '../raw-path.ts';
import { scanTar } from './tar-scan.ts';

/** The part of a layout that reading an image takes. What it gives is verified, as a layout's is. */
export type BlobSource = Pick<Layout, 'readBytes' | 'readChunks'> & {
  /** For messages, as the user named it. */
  readonly name: string;
};

const CHUNK = 1 << 20;
/** Documents are read whole up to here, as a layout has it. */
export const MAX_DOCUMENT = 4 << 20;
const MAX_MEMBERS = 100_000;

/** A file's bytes in portions valid until the next, from `start` on, `size` of them or all. */
export function* fileChunks(
  path: string,
  start = 0,
  size = Number.POSITIVE_INFINITY,
): Generator<Uint8Array, void, void> {
  const fd = openSync(path, 'r');
  try {
    if (!fstatSync(fd).isFile()) throw new OciError('TAR_INVALID', `${path} is no file`);
    const buffer = Buffer.allocUnsafe(Math.max(1, Math.min(CHUNK, size)));
    for (let at = 0; at < size; ) {
      const got = readSync(fd, buffer, 0, Math.min(buffer.length, size - at), start + at);
      if (got === 0) {
        if (size === Number.POSITIVE_INFINITY) return;
        throw new OciError('TAR_INVALID', `${path} is cut short`);
      }
      at += got;
      yield buffer.subarray(0, got);
    }
  } finally {
    closeSync(fd);
  }
}

/** Plain bytes of what may be compressed, told by its first bytes. Throws OciError CODEC_FAILED. */
export function* plainChunks(chunks: Iterable<Uint8Array>): Generator<Uint8Array, void, void> {
  let head: Buffer = Buffer.alloc(0);
  let decoder: ReturnType<typeof createDecoder> | undefined;
  let isPlain = false;
  for (const chunk of chunks) {
    if (decoder !== undefined) yield* decoder.push(chunk);
    else if (isPlain) yield chunk;
    else {
      head = Buffer.concat([head, chunk]);
      if (head.length < 6) continue;
      const kind = sniff(head);
      if (kind === undefined) {
        isPlain = true;
        yield head;
      } else {
        decoder = createDecoder(kind);
        yield* decoder.push(head);
      }
    }
  }
  if (decoder !== undefined) yield* decoder.finish();
  else if (!isPlain && head.length > 0) yield head;
}

/** Puts a name before whatever goes wrong with a stream. */
export function* named(what: string, chunks: Iterable<Uint8Array>): Generator<Uint8Array, void, void> {
  try {
    yield* chunks;
  } catch (error) {
    throw naming(what, error);
  }
}

/** The error, with a name before its message. */
export function naming(what: string, error: unknown): unknown {
  if (!(error instanceof OciError) || error.message.includes(what)) return error;
  return new OciError(error.code, `${what}: ${error.message}`, { cause: error });
}

/** Hands everything through, and checks it behind the last portion. */
export function* checked(
  chunks: Iterable<Uint8Array>,
  want: Digest,
  what: string,
  hash: Hash = createHash('sha256'),
): Generator<Uint8Array, void, void> {
  for (const chunk of chunks) {
    hash.update(chunk);
    yield chunk;
  }
  const got = finishDigest(hash);
  if (got !== want) throw new OciError('DIGEST_MISMATCH', what, { want, got });
}

/** The files of an archive by name, each readable at any time. */
export interface ArchiveFiles {
  readonly name: string;
  has(path: string): boolean;
  /** Throws OciError LAYOUT_INVALID for a file that is not there, or over `limit`. */
  readBytes(path: string, limit?: number): Buffer;
  readChunks(path: string): Generator<Uint8Array, void, void>;
}

interface Member {
  readonly offset: number;
  readonly size: number;
  readonly isSparse: boolean;
  readonly target?: string;
}

/** Reads an archive's table, once. Throws OciError naming the file. */
export function openArchive(path: string, name: string): ArchiveFiles {
  let first: Buffer;
  try {
    if (!statSync(path).isFile()) throw new OciError('TAR_INVALID', 'is no file');
    const head = fileChunks(path).next().value as Uint8Array | undefined;
    first = Buffer.from((head ?? new Uint8Array(0)).subarray(0, 6));
  } catch (cause) {
    if (cause instanceof OciError) throw naming(name, cause);
    throw new OciError('LAYOUT_INVALID', `${name} cannot be read`, { got: (cause as Error).message, cause });
  }
  const isPlain = sniff(first) === undefined;
  const stream = (): Iterable<Uint8Array> => (isPlain ? fileChunks(path) : plainChunks(fileChunks(path)));
  const files = new Map<string, Member>();
  const limits = { maxMembers: MAX_MEMBERS };
  try {
    for (const member of scanTar(stream(), limits)) {
      if (!'0\x007125'.includes(member.flag) || member.flag === '5') continue;
      const isLink = member.flag === '1' || member.flag === '2';
      const data = member.offset + headerSize(member.extensions) + member.block.length;
      files.set(member.path, {
        offset: data,
        size: member.size,
        isSparse: member.sparse !== undefined,
        ...(isLink ? { target: linkTarget(member.path, member.attributes.linkName, member.flag === '2') } : {}),
      });
    }
  } catch (error) {
    throw naming(name, error);
  }
  const find = (wanted: string): Member => {
    let file = files.get(rawPath(wanted));
    // `docker save` once wrote a layer that stands twice as a link.
    for (let hops = 0; file?.target !== undefined; hops++) {
      if (hops === 8) throw new OciError('LAYOUT_INVALID', `${name}: ${wanted} is a circle of links`);
      file = files.get(file.target);
    }
    if (file === undefined) throw new OciError('BLOB_UNKNOWN', `${name} holds no file ${wanted}`);
    return file;
  };
  function* readChunks(wanted: string): Generator<Uint8Array, void, void> {
    const file = find(wanted);
    if (isPlain && !file.isSparse) {
      yield* named(name, fileChunks(path, file.offset, file.size));
      return;
    }
    for (const member of scanTar(stream(), limits)) {
      if (member.offset + headerSize(member.extensions) + member.block.length !== file.offset) continue;
      yield* named(name, member.content);
      return;
    }
  }
  return {
    name,
    has: (wanted) => files.has(rawPath(wanted)),
    readChunks,
    readBytes(wanted, limit = MAX_DOCUMENT) {
      const { size } = find(wanted);
      if (size > limit) {
        throw new OciError('LAYOUT_INVALID', `${name}: ${wanted} is too large to be read at once`, {
          want: `at most ${limit} bytes`,
          got: `${size} bytes`,
        });
      }
      return Buffer.concat(Array.from(readChunks(wanted), (chunk) => Buffer.from(chunk)));
    },
  };
}

function headerSize(extensions: readonly { block: Buffer; data: Buffer; padding: Buffer }[]): number {
  return extensions.reduce((sum, { block, data, padding }) => sum + block.length + data.length + padding.length, 0);
}

/** Inside the archive only: what leads out of it is no name it has. */
function linkTarget(path: string, link: string, isSymlink: boolean): string {
  const parts = isSymlink && !link.startsWith('/') ? path.split('/').slice(0, -1) : [];
  for (const part of link.split('/')) {
    if (part === '..') parts.pop();
    else if (part !== '' && part !== '.') parts.push(part);
  }
  return parts.join('/');
}

/** The blobs of an OCI archive, and its index.json. Throws OciError LAYOUT_INVALID for an archive that is none. */
export function openOciArchive(files: ArchiveFiles): { source: BlobSource; index: ImageIndex } {
  if (!files.has('oci-layout') || !files.has('index.json')) {
    throw new OciError('LAYOUT_INVALID', `${files.name} is no OCI archive`, {
      want: 'files oci-layout and index.json',
      ...(files.has('manifest.json') ? { hint: 'name it docker-archive:FILE' } : {}),
    });
  }
  const version = parseDocument(files.readBytes('oci-layout'), `${files.name}: oci-layout`)['imageLayoutVersion'];
  if (version !== '1.0.0') {
    throw new OciError('LAYOUT_INVALID', `${files.name}: imageLayoutVersion`, {
      want: '1.0.0',
      got: JSON.stringify(version) ?? 'nothing',
    });
  }
  const fileOf = (blob: Descriptor | Digest): { digest: Digest; size?: number; file: string } => {
    const descriptor = typeof blob === 'string' ? { digest: blob } : blob;
    return { ...descriptor, file: `blobs/sha256/${hexOf(descriptor.digest)}` };
  };
  const checkSize = (size: number | undefined, got: number, digest: Digest): void => {
    if (size === undefined || size === got) return;
    throw new OciError('DIGEST_MISMATCH', `${files.name}: blob ${digest}`, {
      want: `${size} bytes`,
      got: `${got} bytes`,
    });
  };
  const source: BlobSource = {
    name: files.name,
    readBytes(blob, limit) {
      const { digest, size, file } = fileOf(blob);
      const bytes = files.readBytes(file, limit);
      checkSize(size, bytes.length, digest);
      const got = digestOf(bytes);
      if (got !== digest) throw new OciError('DIGEST_MISMATCH', `${files.name}: blob`, { want: digest, got });
      return bytes;
    },
    *readChunks(blob) {
      const { digest, size, file } = fileOf(blob);
      let total = 0;
      for (const chunk of checked(files.readChunks(file), digest, `${files.name}: blob`)) {
        total += chunk.length;
        yield chunk;
      }
      checkSize(size, total, digest);
    },
  };
  return { source, index: parseImageIndex(files.readBytes('index.json')) };
}
