// Owns: the descriptor, image-spec descriptor.md: what bytes are, their digest, how many.

import type { Digest } from './digest.ts';
import type { Platform } from './platform.ts';

export interface Descriptor {
  readonly mediaType: string;
  readonly digest: Digest;
  /** Bytes. */
  readonly size: number;
  /** Of an artifact's manifest, where an index lists it. */
  readonly artifactType?: string;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly platform?: Platform;
}
