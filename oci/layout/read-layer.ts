// Owns: a layer blob as plain tar bytes, whatever compresses it.

import { createDecoder } from '../codec/load.ts';
import type { Descriptor } from '../descriptor.ts';
import type { Layout } from './layout.ts';

/**
 * Uncompressed bytes of a layer, each portion valid until the next is asked for. The blob's digest is checked behind the
 * last one; the diffID is the caller's to check. Throws OciError CODEC_FAILED, BLOB_UNKNOWN, DIGEST_MISMATCH.
 */
export function* readLayer(layout: Layout, descriptor: Descriptor): Generator<Uint8Array, void, void> {
  const compression = /[+.](gzip|zstd)$/.exec(descriptor.mediaType)?.[1] as 'gzip' | 'zstd' | undefined;
  if (compression === undefined) {
    yield* layout.readChunks(descriptor);
    return;
  }
  const decoder = createDecoder(compression);
  for (const chunk of layout.readChunks(descriptor)) yield* decoder.push(chunk);
  yield* decoder.finish();
}
