// Owns: what happens when a blob of the store is not what its name says: it is taken away, so that it can be made again.

import { rmSync, statSync } from 'node:fs';
import type { Descriptor } from '../../oci/descriptor.ts';
import type { Digest } from '../../oci/digest.ts';
import { OciError } from '../../oci/errors.ts';
import type { Layout } from '../../oci/layout/layout.ts';
import { BuildError } from '../errors.ts';

/** Whether the blob is there in its full length. Its bytes are not read. */
export function hasBlob(layout: Layout, { digest, size }: Descriptor): boolean {
  return statSync(layout.blobPath(digest), { throwIfNoEntry: false })?.size === size;
}

/** The bytes of a document of the store; undefined, and the blob gone, when they are not what the digest says. */
export function readSound(layout: Layout, digest: Digest): Buffer | undefined {
  try {
    return Buffer.from(layout.readBytes(digest));
  } catch (error) {
    if (!(error instanceof OciError)) throw error;
    rmSync(layout.blobPath(digest), { force: true });
    return undefined;
  }
}

/** Reads a blob to its end. Throws BuildError STORE when it is damaged; it is gone then. */
export function requireSound(layout: Layout, digest: Digest): void {
  try {
    // Reading to the end is what verifies.
    for (const _ of layout.readChunks(digest));
  } catch (error) {
    if (!(error instanceof OciError)) throw error;
    rmSync(layout.blobPath(digest), { force: true });
    throw new BuildError('STORE', `a blob of ${layout.directory} was damaged and has been removed`, {
      want: digest,
      got: error.message,
      hint: 'start the same build again: it is made anew',
    });
  }
}
