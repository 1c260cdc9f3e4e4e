// Owns: decoding a file on a thread of its own, ahead of whoever takes the plain bytes, who need not wait for an event:
// the bytes come through shared memory, a few slots that are filled and emptied in turn. Knows no format.

import { Worker } from 'node:worker_threads';
import { OciError } from '../errors.ts';
import type { Compression } from './codec.ts';
import { compiledModules } from './component.ts';
import { faultOf } from './stream-decoder.ts';

/** As long as the longest portion a decoder gives. */
const SLOT = 256 << 10;
const SLOTS = 16;

/** Places in `counts`: slots filled and emptied so far, and whether nobody takes any more. */
const PLACES = { GIVEN: 0, TAKEN: 1, STOPPED: 2 };

/** A thread that gives nothing for so long is taken for dead: its end cannot be seen while this thread waits. */
const PATIENCE_MS = 10 * 60 * 1000;
/** Likewise for its first bytes: one that cannot start would give none. */
const FIRST_PATIENCE_MS = 60 * 1000;

/**
 * The plain bytes of a compressed file, in portions valid until the next. `path` as bytes. Throws OciError CODEC_FAILED
 * as a Decoder does, and when the file cannot be read.
 */
export function* decodeFileAhead(path: Uint8Array, compression: Compression): Generator<Uint8Array, void, void> {
  const slots = new Uint8Array(new SharedArrayBuffer(SLOTS * SLOT));
  const lengths = new Int32Array(new SharedArrayBuffer(4 * SLOTS));
  const counts = new Int32Array(new SharedArrayBuffer(4 * 3));
  const worker = new Worker(new URL('./file-decoder-worker.mjs', import.meta.url), {
    workerData: { path, compression, modules: compiledModules(), slots, lengths, counts, ...PLACES },
    execArgv: [],
  });
  worker.unref();
  // Whatever it was, it is said below: this thread has been waiting for the other one.
  worker.on('error', () => {});
  try {
    for (let taken = 0; ; taken++) {
      Atomics.store(counts, PLACES.TAKEN, taken);
      Atomics.notify(counts, PLACES.TAKEN);
      const patience = taken === 0 ? FIRST_PATIENCE_MS : PATIENCE_MS;
      if (Atomics.wait(counts, PLACES.GIVEN, taken, patience) === 'timed-out') {
        throw new OciError('CODEC_FAILED', `the thread of the ${compression} decoder stopped`);
      }
      const slot = taken % SLOTS;
      const length = lengths[slot]!;
      const bytes = slots.subarray(slot * SLOT, slot * SLOT + Math.abs(length));
      if (length === 0) return;
      if (length < 0) throw faultOf(compression, Buffer.from(bytes).toString());
      yield bytes;
    }
  } finally {
    Atomics.store(counts, PLACES.STOPPED, 1);
    Atomics.notify(counts, PLACES.TAKEN);
  }
}
