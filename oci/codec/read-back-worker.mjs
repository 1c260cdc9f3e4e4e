// Owns: the far side of read-back.ts: reads a file, hashes it, decodes it, hashes that. Plain JavaScript, because a worker
// starts without the loader that reads the TypeScript around it.

import { createHash } from 'node:crypto';
import { closeSync, openSync, readSync } from 'node:fs';
import { parentPort, workerData } from 'node:worker_threads';
import { instantiate } from './generated/codec.js';

const PIECE = 1 << 20;
const buffer = Buffer.allocUnsafeSlow(PIECE);

function read({ path, compression }) {
  // A component for each file: its memory goes with it.
  const { decode } = instantiate((name) => workerData.modules.get(name), {});
  const decoder = compression === 'none' ? undefined : new decode.Decoder(compression);
  const stored = createHash('sha256');
  const plain = createHash('sha256');
  let size = 0;
  const fd = openSync(path, 'r');
  try {
    for (;;) {
      const got = readSync(fd, buffer, 0, PIECE, null);
      if (got === 0) break;
      const piece = buffer.subarray(0, got);
      size += got;
      stored.update(piece);
      if (decoder === undefined) continue;
      decoder.write(piece);
      for (let part = decoder.read(); part.length > 0; part = decoder.read()) plain.update(part);
    }
    decoder?.end();
  } finally {
    closeSync(fd);
  }
  const digest = stored.digest('hex');
  return { stored: digest, size, plain: decoder === undefined ? digest : plain.digest('hex') };
}

parentPort.on('message', (job) => {
  let answer;
  try {
    answer = read(job);
  } catch (error) {
    answer = { fault: error instanceof Error ? error.message : String(error) };
  }
  parentPort.postMessage(answer);
});
