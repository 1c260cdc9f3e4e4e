// Owns: every document of an image, read and checked, for the commands that show images.

import { type ImageConfig, parseConfig } from '../../oci/config.ts';
import type { Descriptor } from '../../oci/descriptor.ts';
import type { Digest } from '../../oci/digest.ts';
import { OciError } from '../../oci/errors.ts';
import { type ImageIndex, parseImageIndex } from '../../oci/image-index.ts';
import type { Layout } from '../../oci/layout/layout.ts';
import { type Manifest, parseManifest } from '../../oci/manifest.ts';
import { MEDIA_TYPE } from '../../oci/media-type.ts';
import { formatPlatform } from '../../oci/platform.ts';

export interface ReadImage {
  /** Of the manifest. */
  readonly descriptor: Descriptor;
  readonly platform: string;
  readonly manifest: Manifest;
  readonly config: ImageConfig;
}

export interface ReadIndex {
  readonly digest: Digest;
  /** Undefined where the digest is that of a manifest: an image without an index. */
  readonly index: ImageIndex | undefined;
  readonly images: readonly ReadImage[];
  /** Manifests that are no image, attestations mostly. */
  readonly others: readonly Descriptor[];
}

/** Reads an image index, or a single manifest, and all below it but the layers. Throws OciError. */
export function readImages(layout: Layout, root: Descriptor | Digest): ReadIndex {
  const bytes = layout.readBytes(root);
  const digest = typeof root === 'string' ? root : root.digest;
  const document = JSON.parse(bytes.toString('utf8')) as { manifests?: unknown };
  if (document?.manifests === undefined) {
    const mediaType = typeof root === 'string' ? MEDIA_TYPE.manifest : root.mediaType;
    const image = readImage(layout, { mediaType, digest, size: bytes.length });
    return { digest, index: undefined, images: [image], others: [] };
  }
  const index = parseImageIndex(bytes);
  const images: ReadImage[] = [];
  const others: Descriptor[] = [];
  for (const descriptor of index.manifests) {
    if (isImage(descriptor)) images.push(readImage(layout, descriptor));
    else others.push(descriptor);
  }
  return { digest, index, images, others };
}

function isImage(descriptor: Descriptor): boolean {
  const isManifest = [MEDIA_TYPE.manifest, MEDIA_TYPE.dockerManifest].some((type) => type === descriptor.mediaType);
  // BuildKit hangs its attestations into the index as manifests of an unknown platform.
  return isManifest && descriptor.platform?.os !== 'unknown';
}

function readImage(layout: Layout, descriptor: Descriptor): ReadImage {
  const manifest = parseManifest(layout.readBytes(descriptor));
  const config = parseConfig(layout.readBytes(manifest.config));
  if (config.rootfs.diff_ids.length !== manifest.layers.length) {
    throw new OciError('DOCUMENT_INVALID', `image ${descriptor.digest}: layers in manifest and config differ`, {
      want: `${config.rootfs.diff_ids.length} of the config`,
      got: `${manifest.layers.length} of the manifest`,
    });
  }
  return { descriptor, platform: formatPlatform(config), manifest, config };
}
