// Owns: the ways into the codec: make a compressor, make a decoder, tell a format by its first bytes.

import { availableParallelism } from 'node:os';
import { BlockCompressor, compressorId } from './block-compressor.ts';
import type { Compression, Compressor, Decoder } from './codec.ts';
import { StreamDecoder } from './stream-decoder.ts';

/** What decides the bytes of a gzip layer: library, version, level, block framing. Part of the format version. */
export const CODEC_ID: string = compressorId('gzip');

/**
 * A compressor that hands its output to `sink`, in order, in portions of its own choosing. The bytes are the same for
 * any portioning of the input and any number of `workers`: threads used once the input is large (0 for none; by
 * default one for each processor, at most 4, none on a single one). A failure is an OciError CODEC_FAILED, or what the sink throws.
 */
export async function createCompressor(
  kind: 'gzip' | 'zstd',
  sink: (bytes: Uint8Array) => void,
  options: { readonly workers?: number } = {},
): Promise<Compressor> {
  const processors = availableParallelism();
  const workers = options.workers ?? (processors === 1 ? 0 : Math.min(4, processors));
  return new BlockCompressor(kind, sink, Math.max(0, Math.trunc(workers)));
}

/**
 * A decoder for one file of `compression`: any number of concatenated members, frames or streams, checksums verified.
 * Memory is bounded: xz and lzip dictionaries up to 64 MiB, zstd windows up to 128 MiB; more is CODEC_FAILED.
 */
export function createDecoder(compression: Compression): Decoder {
  return new StreamDecoder(compression);
}

const MAGIC: readonly (readonly [Compression, (bytes: Uint8Array) => boolean])[] = [
  ['gzip', (b) => starts(b, [0x1f, 0x8b, 8])],
  ['xz', (b) => starts(b, [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00])],
  // `BZh`, the block size as a digit.
  ['bzip2', (b) => starts(b, [0x42, 0x5a, 0x68]) && b[3]! >= 0x31 && b[3]! <= 0x39],
  ['zstd', (b) => starts(b, [0x28, 0xb5, 0x2f, 0xfd])],
  // A skippable frame (RFC 8878, 3.1.2) may come first.
  ['zstd', (b) => (b[0]! & 0xf0) === 0x50 && starts(b.subarray(1), [0x2a, 0x4d, 0x18])],
  ['lzip', (b) => starts(b, [0x4c, 0x5a, 0x49, 0x50, 1])],
];

function starts(bytes: Uint8Array, magic: readonly number[]): boolean {
  return magic.every((byte, at) => bytes[at] === byte);
}

/** The compression whose magic number `firstBytes` begin with; give 6 bytes or more when there are as many. */
export function sniff(firstBytes: Uint8Array): Compression | undefined {
  return MAGIC.find(([, matches]) => matches(firstBytes))?.[0];
}
