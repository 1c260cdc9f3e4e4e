// Owns: the inputs that the codec's tests share: the same bytes on every machine and every run.

import type { Compression, Compressor } from '../../../oci/codec/codec.ts';
import { createCompressor, createDecoder } from '../../../oci/codec/load.ts';

const MIB = 1 << 20;

/** xorshift32: bytes that do not compress. */
function noise(size: number, seed: number): Uint8Array {
  const bytes = new Uint8Array(size);
  let x = seed;
  for (let at = 0; at < size; at += 1) {
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    bytes[at] = x >>> 24;
  }
  return bytes;
}

const WORDS = 'layer digest manifest whiteout rootfs bundle descriptor snapshot recipe source stage of the and\n'.split(
  ' ',
);

/** Words in an order that follows from the seed: compresses about as source text does. */
function text(size: number, seed: number): Uint8Array {
  const order = noise(size, seed);
  let out = '';
  for (let at = 0; out.length < size; at += 1) out += `${WORDS[order[at]! % WORDS.length]}${order[at]! % 7} `;
  return new Uint8Array(Buffer.from(out.slice(0, size), 'latin1'));
}

/** Long runs, short noise: exercises long matches, stored blocks and block splitting. */
function mixed(size: number, seed: number): Uint8Array {
  const bytes = text(size, seed).slice();
  for (let at = 0; at + 70_000 < size; at += 300_000) {
    bytes.set(noise(30_000, at + 1), at);
    bytes.fill(at >> 8, at + 30_000, at + 70_000);
  }
  return bytes;
}

/** Name to bytes. Sizes stand around the edges of a block (1 MiB) and beyond where threads start (4 MiB). */
export const SAMPLES: Readonly<Record<string, () => Uint8Array>> = {
  empty: () => new Uint8Array(0),
  'one byte': () => Uint8Array.of(0x61),
  'stored-size text': () => text(40, 3),
  'short text': () => text(10_000, 5),
  'zeros of 3 MiB and 17': () => new Uint8Array(3 * MIB + 17),
  'noise of a block': () => noise(MIB, 7),
  'text of a block less one': () => text(MIB - 1, 9),
  'text of a block': () => text(MIB, 9),
  'text of a block and one': () => text(MIB + 1, 9),
  'mixed of 9 MiB and 123': () => mixed(9 * MIB + 123, 11),
};

/** Cuts `bytes` into portions of the given sizes, taken in turn. */
export function* portions(bytes: Uint8Array, sizes: readonly number[]): Generator<Uint8Array> {
  for (let at = 0, turn = 0; at < bytes.length; turn += 1) {
    const size = sizes[turn % sizes.length]!;
    yield bytes.subarray(at, at + size);
    at += size;
  }
}

export async function compress(
  kind: 'gzip' | 'zstd',
  plain: Uint8Array,
  sizes: readonly number[] = [4 * MIB],
  workers = 0,
): Promise<Buffer> {
  const out: Uint8Array[] = [];
  const compressor: Compressor = await createCompressor(kind, (bytes) => out.push(bytes), { workers });
  for (const portion of portions(plain, sizes)) {
    // A copy that is overwritten afterwards: nothing may be kept of a caller's buffer.
    const lent = new Uint8Array(portion);
    await compressor.write(lent);
    lent.fill(0xee);
  }
  await compressor.finish();
  return Buffer.concat(out);
}

export function decode(compression: Compression, compressed: Uint8Array, sizes: readonly number[] = [MIB]): Buffer {
  const decoder = createDecoder(compression);
  const out: Uint8Array[] = [];
  for (const portion of portions(compressed, sizes)) out.push(...decoder.push(portion));
  out.push(...decoder.finish());
  return Buffer.concat(out);
}
