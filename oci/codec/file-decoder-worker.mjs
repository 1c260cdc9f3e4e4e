// Owns: the far side of file-decoder.ts: reads a file, decodes it, puts the plain bytes where the other side takes them.
// Plain JavaScript, because a worker starts without the loader that reads the TypeScript around it.

import { closeSync, openSync, readSync } from 'node:fs';
import { workerData } from 'node:worker_threads';
import { instantiate } from './generated/codec.js';

const { path, compression, modules, slots, lengths, counts, GIVEN, TAKEN, STOPPED } = workerData;
const SLOT = slots.length / lengths.length;
let given = 0;

/** Fills the next slot once it is free. False when nobody takes anything any more. */
function give(bytes, length = bytes.length) {
  for (;;) {
    const taken = Atomics.load(counts, TAKEN);
    if (Atomics.load(counts, STOPPED) !== 0) return false;
    if (given - taken < lengths.length) break;
    Atomics.wait(counts, TAKEN, taken);
  }
  const slot = given % lengths.length;
  slots.set(bytes, slot * SLOT);
  lengths[slot] = length;
  given += 1;
  Atomics.store(counts, GIVEN, given);
  Atomics.notify(counts, GIVEN);
  return true;
}

function decode() {
  const { decode } = instantiate((name) => modules.get(name), {});
  const decoder = new decode.Decoder(compression);
  const piece = Buffer.allocUnsafeSlow(SLOT);
  const fd = openSync(Buffer.from(path), 'r');
  try {
    for (let got = readSync(fd, piece); got > 0; got = readSync(fd, piece)) {
      decoder.write(piece.subarray(0, got));
      for (let plain = decoder.read(); plain.length > 0; plain = decoder.read()) if (!give(plain)) return;
    }
    decoder.end();
  } finally {
    closeSync(fd);
  }
}

// The last slot: no bytes for the end, a negative length for the words of a fault.
try {
  decode();
  give(new Uint8Array(0));
} catch (cause) {
  const words = Buffer.from(String(cause)).subarray(0, SLOT);
  give(words, -words.length);
}
