// Owns: writing much to a stream without holding it: the next piece waits until the reader has taken the last.

import type { Writable } from 'node:stream';

/** Resolves when more may be written; at once when nobody reads any more, as main.ts has it for every command. */
export function writeOut(stream: Writable, bytes: string | Uint8Array): Promise<void> {
  if (bytes.length === 0 || stream.destroyed) return Promise.resolve();
  if (stream.write(bytes)) return Promise.resolve();
  return new Promise((resolve) => {
    const done = (): void => {
      for (const event of ['drain', 'close', 'error']) stream.off(event, done);
      resolve();
    };
    for (const event of ['drain', 'close', 'error']) stream.on(event, done);
  });
}
