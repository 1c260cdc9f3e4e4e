// Owns: the proof that a layer's blob, as it lies in a layout, is what its descriptor says and decodes to its diffID.

import { createHash } from 'node:crypto';
import { readBack } from '../codec/read-back.ts';
import type { Descriptor } from '../descriptor.ts';
import { type Digest, finishDigest } from '../digest.ts';
import { OciError } from '../errors.ts';
import type { Layout } from './layout.ts';
import { compressionOf, openLayer } from './open-layer.ts';

/** Starting a thread costs tens of milliseconds; smaller blobs are read here. */
const THREAD_FROM = 2 << 20;

/**
 * Reads a layer's blob from its file, decodes it, and compares both digests and the size. Throws OciError DIGEST_MISMATCH,
 * and CODEC_FAILED for a blob that cannot be decoded.
 */
export async function proveLayer(layout: Layout, descriptor: Descriptor, diffId: Digest): Promise<void> {
  const path = layout.blobPath(descriptor.digest);
  if (descriptor.size < THREAD_FROM) {
    const hash = createHash('sha256');
    // Reading to the end compares size and digest of the blob.
    for (const chunk of openLayer(layout, descriptor)) hash.update(chunk);
    requireSame(path, 'diffID', diffId, finishDigest(hash));
    return;
  }
  const read = await readBack(path, compressionOf(descriptor));
  requireSame(path, 'size', String(descriptor.size), String(read.size));
  requireSame(path, 'digest', descriptor.digest, read.stored);
  requireSame(path, 'diffID', diffId, read.plain);
}

function requireSame(path: string, what: string, want: string, got: string): void {
  if (want !== got) throw new OciError('DIGEST_MISMATCH', `layer read back: ${path}: ${what}`, { want, got });
}
