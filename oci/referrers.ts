// Owns: artifacts that refer to an image: image-spec manifest.md, "Guidelines for Artifact Usage". Documents and descriptors
// only; what an artifact says is its maker's subject.

import type { Descriptor } from './descriptor.ts';
import { digestOf } from './digest.ts';
import type { Manifest } from './manifest.ts';
import { MEDIA_TYPE } from './media-type.ts';

/** The config of an artifact that has none: the two bytes `{}`. */
export const EMPTY_BYTES: Buffer = Buffer.from('{}');

export const EMPTY_CONFIG: Descriptor = {
  mediaType: MEDIA_TYPE.empty,
  digest: digestOf(EMPTY_BYTES),
  size: EMPTY_BYTES.length,
};

/**
 * The manifest of an artifact of one blob about `subject`: the manifest, or the image index, that it speaks of. Its
 * artifactType is the blob's media type.
 */
export function artifactManifest(subject: Descriptor, blob: Descriptor): Manifest {
  const { mediaType, digest, size } = subject;
  return {
    schemaVersion: 2,
    mediaType: MEDIA_TYPE.manifest,
    artifactType: blob.mediaType,
    config: EMPTY_CONFIG,
    layers: [blob],
    subject: { mediaType, digest, size },
  };
}
