// Owns: the way from a layer's descriptor to its tar.

import type { Compression } from '../codec/codec.ts';
import { createDecoder } from '../codec/load.ts';
import type { Descriptor } from '../descriptor.ts';
import { OciError } from '../errors.ts';
import { MEDIA_TYPE } from '../media-type.ts';
import type { Layout } from './layout.ts';

/** image-spec layer.md and Docker's names, those of layers that must not be distributed included. */
const COMPRESSIONS: Readonly<Record<string, Extract<Compression, 'gzip' | 'zstd'> | 'none'>> = {
  [MEDIA_TYPE.layerTar]: 'none',
  [MEDIA_TYPE.layerGzip]: 'gzip',
  [MEDIA_TYPE.layerZstd]: 'zstd',
  [MEDIA_TYPE.dockerLayerGzip]: 'gzip',
  'application/vnd.docker.image.rootfs.diff.tar': 'none',
  'application/vnd.docker.image.rootfs.diff.tar.zstd': 'zstd',
  'application/vnd.docker.image.rootfs.foreign.diff.tar.gzip': 'gzip',
  'application/vnd.oci.image.layer.nondistributable.v1.tar': 'none',
  'application/vnd.oci.image.layer.nondistributable.v1.tar+gzip': 'gzip',
  'application/vnd.oci.image.layer.nondistributable.v1.tar+zstd': 'zstd',
};

/** How a layer is compressed. Throws OciError UNSUPPORTED for a media type that is no layer. */
export function compressionOf({ mediaType, digest }: Descriptor): 'gzip' | 'zstd' | 'none' {
  const compression = COMPRESSIONS[mediaType];
  if (compression !== undefined) return compression;
  throw new OciError('UNSUPPORTED', `layer ${digest}: media type`, {
    want: Object.keys(COMPRESSIONS).slice(0, 3).join(', '),
    got: mediaType,
  });
}

/**
 * The uncompressed bytes of a layer, in portions valid until the next. The blob's digest is checked behind the last.
 * Throws OciError UNSUPPORTED for a media type that is no layer, and what readChunks and decoders throw.
 */
export function* openLayer(
  layout: Pick<Layout, 'readChunks'>,
  descriptor: Descriptor,
): Generator<Uint8Array, void, void> {
  const compression = compressionOf(descriptor);
  if (compression === 'none') {
    yield* layout.readChunks(descriptor);
    return;
  }
  const decoder = createDecoder(compression);
  for (const chunk of layout.readChunks(descriptor)) yield* decoder.push(chunk);
  yield* decoder.finish();
}
