// Owns: the image index, image-spec image-index.md; Docker's manifest list is read as the same thing.

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
import type { Json } from './json.ts';
import { MEDIA_TYPE } from './media-type.ts';
import type { Profile } from './profile.ts';

/** Members it does not name are kept by parseImageIndex and written by encodeImageIndex. */
export interface ImageIndex {
  readonly schemaVersion: 2;
  readonly mediaType?: string;
  readonly artifactType?: string;
  readonly manifests: readonly Descriptor[];
  readonly subject?: Descriptor;
  readonly annotations?: Readonly<Record<string, string>>;
}

/** An index over manifests, in the order given, with the annotations of the profile and the caller's. */
export function imageIndex(
  manifests: readonly Descriptor[],
  profile: Profile,
  annotations?: Readonly<Record<string, string>>,
): ImageIndex {
  const all = { ...profile.annotations('index'), ...annotations };
  return {
    schemaVersion: 2,
    mediaType: MEDIA_TYPE.index,
    manifests,
    ...(Object.keys(all).length === 0 ? {} : { annotations: all }),
  };
}

/** Throws OciError DOCUMENT_INVALID naming the JSON path. */
export function parseImageIndex(bytes: Uint8Array): ImageIndex {
  const document = parseDocument(bytes, 'image index');
  check(document);
  return document as unknown as ImageIndex;
}

/** The index's bytes under a profile. Throws OciError DOCUMENT_INVALID where it would not be one. */
export function encodeImageIndex(index: ImageIndex, profile: Profile): Buffer {
  const document = index as unknown as JsonObject;
  check(document);
  return profile.encodeJson(document as Json);
}

function check(document: JsonObject): void {
  const top = 'image index';
  required(document, 'schemaVersion', top, isOneOf(2));
  optional(document, 'mediaType', top, isOneOf(MEDIA_TYPE.index, MEDIA_TYPE.dockerIndex));
  // A document that can be read as a manifest too means two images to two readers.
  for (const key of ['config', 'layers']) {
    if (document[key] !== undefined) throw invalid(`${top}.${key}`, 'no such member', document[key]);
  }
  optional(document, 'artifactType', top, isText);
  required(document, 'manifests', top, isListOf(isDescriptor));
  optional(document, 'subject', top, isDescriptor);
  optional(document, 'annotations', top, isTextMap);
}
