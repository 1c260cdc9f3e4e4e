// Owns: the interface to a blob being written. The layout behind it is not known here, so that layers need not know it.

import type { Digest } from './digest.ts';

export interface BlobWriter {
  /** Appends; the bytes may be reused when it returns. */
  write(chunk: Uint8Array): void;
  /** Makes the blob visible under its digest, all of it or nothing. Size in bytes. */
  commit(): Promise<{ digest: Digest; size: number }>;
  /** Forgets what was written. Harmless after commit or another abort. */
  abort(): void;
}
