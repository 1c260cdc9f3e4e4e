// Owns: profiles. A profile is every choice that decides the bytes of an image and that the image-spec leaves open; the
// encoders take one, so none of these choices is made anywhere else.

import type { HistoryEntry } from './config.ts';
import { canonicalJson, type Json } from './json.ts';

/** Raised when the same input gives other bytes than the release before; part of what a rebuild has to agree on. */
export const FORMAT_VERSION = 1;

/** What an instruction leaves behind in an image's history. */
export interface HistoryInput {
  /** As the Containerfile says it, in the words the builder chose. */
  readonly createdBy: string;
  /** Whole seconds since 1970. */
  readonly epoch: number;
  readonly emptyLayer: boolean;
}

export interface Profile {
  readonly name: string;
  /** `ustar-pax`: what Go's archive/tar writes. One dialect so far. */
  readonly tar: 'ustar-pax';
  /** Compression of layers where nobody asks for another. */
  readonly compression: 'gzip' | 'zstd' | 'none';
  /** The id of the compressor of each kind; another one would give other bytes, and is refused. */
  readonly compressors: { readonly gzip: string; readonly zstd: string };
  encodeJson(document: Json): Buffer;
  history(input: HistoryInput): HistoryEntry;
  /** RFC 3339, UTC, whole seconds, as `created` wants it. */
  time(epoch: number): string;
  /** Annotations a manifest or an image index of this profile carries besides those the user asked for. */
  annotations(document: 'manifest' | 'index'): Readonly<Record<string, string>> | undefined;
}

/** ocibuild's own: canonical JSON, one line of history for each instruction, no annotation nobody asked for. */
export const native: Profile = {
  name: 'native',
  tar: 'ustar-pax',
  compression: 'gzip',
  compressors: {
    gzip: 'gzip:libdeflate-1.23,level-6,joined-1MiB-blocks',
    zstd: 'zstd:libzstd-1.5.7,level-3,4MiB-frames',
  },
  encodeJson: (document) => Buffer.from(canonicalJson(document), 'utf8'),
  history: ({ createdBy, epoch, emptyLayer }) => ({
    created: formatTime(epoch),
    created_by: createdBy,
    ...(emptyLayer ? { empty_layer: true } : {}),
  }),
  time: formatTime,
  annotations: () => undefined,
};

function formatTime(epoch: number): string {
  return new Date(epoch * 1000).toISOString().replace('.000Z', 'Z');
}

/** A profile whose layers are compressed in another way; everything else stays. */
export function withCompression(profile: Profile, compression: Profile['compression']): Profile {
  return profile.compression === compression ? profile : { ...profile, compression };
}

/** Names profile, format version and compressor: two builds that agree on it, and on their input, agree on every byte. */
export function formatId(profile: Profile): string {
  const { name, tar, compression, compressors } = profile;
  return `${name}/${FORMAT_VERSION}/${tar}/${compression === 'none' ? 'none' : compressors[compression]}`;
}
