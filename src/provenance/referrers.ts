// Owns: what refers to a recipe's image: provenance and bill of materials as OCI artifacts, in memory.
//
//   manifest    artifactType, config {}, one layer (the document), subject: the descriptor of the image's manifest
//
// The subject is the manifest, not the image index: a quorum counts manifests, and a new platform must not void what was
// said about the others. Both documents are canonical JSON, and the same wherever the image is built; nothing here is
// signed, and nothing that was merely observed is in it.

import type { Descriptor } from '../../oci/descriptor.ts';
import { type Digest, digestOf } from '../../oci/digest.ts';
import { IN_TOTO_MEDIA_TYPE, PROVENANCE_TYPE, parseStatement } from '../../oci/in-toto.ts';
import type { Json } from '../../oci/json.ts';
import { encodeManifest } from '../../oci/manifest.ts';
import { MEDIA_TYPE } from '../../oci/media-type.ts';
import { native } from '../../oci/profile.ts';
import { artifactManifest, EMPTY_BYTES } from '../../oci/referrers.ts';
import { SPDX_MEDIA_TYPE } from '../../oci/spdx.ts';
import type { Made } from './made.ts';
import { sbomOf } from './sbom.ts';
import { statementOf } from './statement.ts';

export interface Referrers {
  /** Descriptors of the artifact manifests, as an index lists them. */
  readonly provenance: Descriptor;
  readonly sbom: Descriptor;
  /** Every blob that belongs to them. */
  readonly blobs: ReadonlyMap<Digest, Buffer>;
}

/** Makes both artifacts. Reads lock files; throws BuildError RECIPE. */
export function makeReferrers(made: Made): Referrers {
  const subject: Descriptor = {
    mediaType: MEDIA_TYPE.manifest,
    digest: made.images.get(made.index)!.manifestDigest,
    size: made.manifestSize,
  };
  const blobs = new Map<Digest, Buffer>([[digestOf(EMPTY_BYTES), EMPTY_BYTES]]);
  const put = (bytes: Buffer): { digest: Digest; size: number } => {
    const digest = digestOf(bytes);
    blobs.set(digest, bytes);
    return { digest, size: bytes.length };
  };
  const artifact = (tag: string, mediaType: string, document: unknown, about: Record<string, string>): Descriptor => {
    const bytes = native.encodeJson(document as Json);
    // What nobody could read is not written.
    if (mediaType === IN_TOTO_MEDIA_TYPE) parseStatement(bytes);
    const blob = { mediaType, ...put(bytes), annotations: about };
    return {
      mediaType: MEDIA_TYPE.manifest,
      ...put(encodeManifest(artifactManifest(subject, blob), native)),
      artifactType: mediaType,
      annotations: { 'org.opencontainers.image.ref.name': tag },
    };
  };
  const title = 'org.opencontainers.image.title';
  return {
    provenance: artifact('provenance', IN_TOTO_MEDIA_TYPE, statementOf(made), {
      [title]: 'provenance.json',
      'in-toto.io/predicate-type': PROVENANCE_TYPE,
    }),
    sbom: artifact('sbom', SPDX_MEDIA_TYPE, sbomOf(made), { [title]: 'sbom.spdx.json' }),
    blobs,
  };
}
