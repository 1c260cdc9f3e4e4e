// Owns: the canonical layer, from entries to bytes. One synchronous walk: headers are made in, and files are read
// straight into, one large buffer. Knows no layout and no compressor: both are handed in.

import { createHash } from 'node:crypto';
import { closeSync, constants, openSync, readSync } from 'node:fs';
import type { BlobWriter } from '../blob-writer.ts';
import type { Compressor } from '../codec/codec.ts';
import type { Descriptor } from '../descriptor.ts';
import { type Digest, finishDigest } from '../digest.ts';
import { OciError } from '../errors.ts';
import { MEDIA_TYPE } from '../media-type.ts';
import type { Profile } from '../profile.ts';
import { displayPath } from '../raw-path.ts';
import { TURN_BYTES, turn } from '../turn.ts';
import type { StampPolicy, TreeEntry } from './entry.ts';
import { BLOCK, encodeExtendedHeader, extendedRecords, writeUstarHeader } from './header.ts';
import { createOrderCheck } from './order.ts';
import { LayerProof } from './proof.ts';
import { stamp } from './stamp.ts';

const BUFFER = 4 << 20;
const END_MARKER = Buffer.alloc(2 * BLOCK);

export interface TarSummary {
  readonly entries: number;
  /** Bytes of the whole archive, end marker included. */
  readonly size: number;
}

/**
 * Writes entries, which must come in canonical order, as one tar. The sink gets whole blocks, in order; a chunk may be
 * overwritten as soon as the sink's promise resolves. Memory is one buffer, whatever the files' sizes.
 * Throws OciError ENTRY_UNREPRESENTABLE for an entry no layer can carry, one that stands in the wrong place, and a file that
 * is not as long as its entry says. Nothing is written after an error: the archive has no end then.
 */
export async function writeTar(
  entries: Iterable<TreeEntry>,
  policy: StampPolicy,
  sink: (chunk: Uint8Array) => Promise<void> | void,
): Promise<TarSummary> {
  const order = createOrderCheck();
  // The block past the end is room for the one byte more that shows that a file has grown.
  const buffer = Buffer.allocUnsafe(BUFFER + BLOCK);
  let used = 0;
  let size = 0;
  let count = 0;
  let turnedAt = 0;

  /** Hands the buffer over. Only full, or at the very end: blocks stay aligned in it. */
  const flush = async () => {
    size += used;
    const length = used;
    used = 0;
    if (length > 0) await sink(buffer.subarray(0, length));
    if (size - turnedAt >= TURN_BYTES) {
      turnedAt = size;
      await turn();
    }
  };
  const append = async (bytes: Uint8Array) => {
    for (let at = 0; at < bytes.length; ) {
      if (used === BUFFER) await flush();
      const part = bytes.subarray(at, at + BUFFER - used);
      buffer.set(part, used);
      used += part.length;
      at += part.length;
    }
  };
  /** Reads until nothing is left or the buffer is full; gives how many bytes are left. */
  const fill = (fd: number, entry: TreeEntry, left: number): number => {
    for (;;) {
      const room = BUFFER - used;
      const got = readSync(fd, buffer, used, left <= room ? left + 1 : room, null);
      if (got > left) throw changed(entry, `more than ${entry.size} bytes`);
      if (got === 0 && left > 0) throw changed(entry, `${entry.size - left} bytes`);
      used += got;
      left -= got;
      if (left === 0 || used === BUFFER) return left;
    }
  };

  for (const entry of entries) {
    order.next(entry);
    const fields = stamp(entry, policy);
    const records = extendedRecords(fields);
    if (records === undefined) {
      if (used === BUFFER) await flush();
      writeUstarHeader(buffer, used, fields);
      used += BLOCK;
    } else {
      await append(encodeExtendedHeader(fields, records));
    }
    count++;
    if (entry.type !== 'file') continue;
    if (entry.bytes !== undefined) {
      if (entry.bytes.length !== entry.size) throw changed(entry, `${entry.bytes.length} bytes`);
      await append(entry.bytes);
    } else {
      const fd = entry.fd ?? openSource(entry);
      try {
        if (entry.size > 0 && used === BUFFER) await flush();
        let left = fill(fd, entry, entry.size);
        while (left > 0) {
          await flush();
          left = fill(fd, entry, left);
        }
      } finally {
        if (entry.fd === undefined) closeSync(fd);
      }
    }
    const end = Math.ceil(used / BLOCK) * BLOCK;
    buffer.fill(0, used, end);
    used = end;
  }
  await append(END_MARKER);
  await flush();
  return { entries: count, size };
}

// Never through a symlink, and never waiting for a fifo: what is there must be the file the walk saw.
const READ_ONLY = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;

/** Opens an entry's file for reading; the caller closes the descriptor. Throws OciError ENTRY_UNREPRESENTABLE. */
export function openSource(entry: TreeEntry): number {
  if (entry.source === undefined) {
    throw new OciError('ENTRY_UNREPRESENTABLE', `${displayPath(entry.path)}: a file without content`);
  }
  try {
    return openSync(entry.source, READ_ONLY);
  } catch (cause) {
    throw new OciError('ENTRY_UNREPRESENTABLE', `${displayPath(entry.path)}: cannot be read`, {
      got: (cause as Error).message,
      cause,
    });
  }
}

function changed(entry: TreeEntry, got: string): OciError {
  return new OciError('ENTRY_UNREPRESENTABLE', `${displayPath(entry.path)}: changed while it was read`, {
    want: `${entry.size} bytes`,
    got,
  });
}

export type LayerCompression = 'gzip' | 'zstd' | 'none';

/** Makes the compressor of a layer; profiles name the kind, the codec decides the bytes. */
export type CompressorFor = (
  kind: Exclude<LayerCompression, 'none'>,
  sink: (bytes: Uint8Array) => void,
) => Promise<Compressor>;

export interface LayerOptions {
  /** The profile's own where it is absent. */
  readonly compression?: LayerCompression;
  readonly compressorFor: CompressorFor;
  /** Committed here, or aborted on any error. */
  readonly blob: BlobWriter;
  readonly profile: Profile;
}

export interface WrittenLayer {
  readonly descriptor: Descriptor;
  readonly diffId: Digest;
  /** Bytes of the tar. */
  readonly uncompressedSize: number;
  readonly entries: number;
}

export const LAYER_MEDIA_TYPE: Readonly<Record<LayerCompression, string>> = {
  none: MEDIA_TYPE.layerTar,
  gzip: MEDIA_TYPE.layerGzip,
  zstd: MEDIA_TYPE.layerZstd,
};

/**
 * Entries to a blob: tar, sha256 of it (the diffID), compressor, blob. What is written is read at the same time and
 * compared with the entries, so a tar with this diffID says exactly what they say. Throws what writeTar throws, and
 * OciError DIGEST_MISMATCH for a tar that says something else.
 */
export async function writeLayer(
  entries: Iterable<TreeEntry>,
  policy: StampPolicy,
  options: LayerOptions,
): Promise<WrittenLayer> {
  const { blob, profile } = options;
  const kind = options.compression ?? profile.compression;
  try {
    // A blob that is not compressed has its diffID as its digest.
    const hash = kind === 'none' ? undefined : createHash('sha256');
    const proof = new LayerProof(policy);
    const compressor = kind === 'none' ? undefined : await options.compressorFor(kind, (bytes) => blob.write(bytes));
    if (kind !== 'none' && compressor?.id !== profile.compressors[kind]) {
      throw new OciError('UNSUPPORTED', `profile ${profile.name} is bound to another compressor`, {
        want: profile.compressors[kind],
        got: compressor?.id ?? 'none',
      });
    }
    const summary = await writeTar(proof.watch(entries), policy, (chunk) => {
      proof.take(chunk);
      hash?.update(chunk);
      return compressor === undefined ? blob.write(chunk) : compressor.write(chunk);
    });
    proof.end();
    await compressor?.finish();
    const { digest, size } = await blob.commit();
    return {
      descriptor: { mediaType: LAYER_MEDIA_TYPE[kind], digest, size },
      diffId: hash === undefined ? digest : finishDigest(hash),
      uncompressedSize: summary.size,
      entries: summary.entries,
    };
  } catch (error) {
    blob.abort();
    throw error;
  }
}
