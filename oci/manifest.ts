// Owns: the image manifest, image-spec manifest.md; Docker's schema 2 is read as the same thing.

import type { Descriptor } from './descriptor.ts';
import {
  invalid,
  isDescriptor,
  isListOf,
  isOneOf,
  isText,
  isTextMap,
  type JsonObject,
  optional,
  parseDocument,
  required,
} from './document.ts';
import { OciError } from './errors.ts';
import type { Json } from './json.ts';
import { MEDIA_TYPE } from './media-type.ts';
import type { Profile } from './profile.ts';

/** Members it does not name are kept by parseManifest and written by encodeManifest. */
export interface Manifest {
  readonly schemaVersion: 2;
  readonly mediaType?: string;
  readonly artifactType?: string;
  readonly config: Descriptor;
  /** Bottom first. */
  readonly layers: readonly Descriptor[];
  readonly subject?: Descriptor;
  readonly annotations?: Readonly<Record<string, string>>;
}

/** An image manifest of a config and its layers, with the annotations of the profile and the caller's. */
export function imageManifest(
  config: Descriptor,
  layers: readonly Descriptor[],
  profile: Profile,
  annotations?: Readonly<Record<string, string>>,
): Manifest {
  const all = { ...profile.annotations('manifest'), ...annotations };
  return {
    schemaVersion: 2,
    mediaType: MEDIA_TYPE.manifest,
    config,
    layers,
    ...(Object.keys(all).length === 0 ? {} : { annotations: all }),
  };
}

/** Throws OciError DOCUMENT_INVALID naming the JSON path. */
export function parseManifest(bytes: Uint8Array): Manifest {
  const document = parseDocument(bytes, 'manifest');
  check(document);
  return document as unknown as Manifest;
}

/** The manifest's bytes under a profile. Throws OciError DOCUMENT_INVALID where it would not be one. */
export function encodeManifest(manifest: Manifest, profile: Profile): Buffer {
  const document = manifest as unknown as JsonObject;
  check(document);
  return profile.encodeJson(document as Json);
}

function check(document: JsonObject): void {
  const top = 'manifest';
  if (document['schemaVersion'] === 1) {
    throw new OciError('UNSUPPORTED', 'a manifest of Docker schema 1', { hint: 'convert it to an OCI image first' });
  }
  required(document, 'schemaVersion', top, isOneOf(2));
  optional(document, 'mediaType', top, isOneOf(MEDIA_TYPE.manifest, MEDIA_TYPE.dockerManifest));
  // A document that can be read as an index too means two images to two readers.
  if (document['manifests'] !== undefined) throw invalid(`${top}.manifests`, 'no such member', document['manifests']);
  optional(document, 'artifactType', top, isText);
  required(document, 'config', top, isDescriptor);
  required(document, 'layers', top, isListOf(isDescriptor));
  optional(document, 'subject', top, isDescriptor);
  optional(document, 'annotations', top, isTextMap);
}
