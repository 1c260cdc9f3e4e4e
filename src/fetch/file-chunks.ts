// Owns: reading a file of the store, or of a context, in portions.

import { closeSync, openSync, readSync } from 'node:fs';

const CHUNK = 1 << 20;

/** Pieces of at most 1 MiB, each valid until the next is asked for. `path` as node:fs takes it. */
export function* fileChunks(path: string | Buffer): Generator<Uint8Array, void, void> {
  const file = openSync(path, 'r');
  try {
    const buffer = Buffer.allocUnsafe(CHUNK);
    for (let read = readSync(file, buffer); read > 0; read = readSync(file, buffer)) yield buffer.subarray(0, read);
  } finally {
    closeSync(file);
  }
}
