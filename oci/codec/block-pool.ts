// Owns: the threads that compress blocks, shared by every compressor of the process. Knows neither order nor framing.

import { Worker } from 'node:worker_threads';
import { OciError } from '../errors.ts';
import { compiledModules } from './component.ts';

/** A block after compression; `block` is the buffer that was handed in, to be used again. */
export interface CompressedBlock {
  readonly compressed: Uint8Array;
  readonly block: Uint8Array<ArrayBuffer>;
}

interface Job {
  resolve(done: CompressedBlock): void;
  reject(reason: unknown): void;
}

/** One thread and the jobs it has been sent, oldest first: it answers in the order it was asked. */
interface Thread {
  readonly worker: Worker;
  readonly jobs: Job[];
}

let threads: Thread[] = [];

function startThread(): Thread {
  // execArgv is empty so that flags meant for the main program (loaders, inspectors) do not reach the thread.
  const worker = new Worker(new URL('./block-worker.mjs', import.meta.url), {
    workerData: { modules: compiledModules() },
    execArgv: [],
  });
  const thread: Thread = { worker, jobs: [] };
  // An idle thread does not keep the process alive; a busy one does.
  worker.unref();
  worker.on('message', (done: CompressedBlock) => {
    const job = thread.jobs.shift();
    if (thread.jobs.length === 0) worker.unref();
    job?.resolve(done);
  });
  const fail = (cause: unknown): void => {
    threads = threads.filter((other) => other !== thread);
    for (const job of thread.jobs.splice(0)) {
      job.reject(new OciError('CODEC_FAILED', 'a compression thread stopped', { got: String(cause), cause }));
    }
  };
  worker.on('error', fail);
  worker.on('exit', (status) => fail(new Error(`exit status ${status}`)));
  return thread;
}

/** Whether there are threads already: then even a small block is better off there. */
export function hasThreads(): boolean {
  return threads.length > 0;
}

/**
 * Compresses the first `size` bytes of `block` on one of `width` threads, starting those that are missing. The block's
 * buffer is moved away and comes back with the result. Rejects with OciError CODEC_FAILED when the thread dies.
 */
export function compressOnThread(
  kind: 'gzip' | 'zstd',
  block: Uint8Array<ArrayBuffer>,
  size: number,
  width: number,
): Promise<CompressedBlock> {
  while (threads.length < width) threads.push(startThread());
  const thread = threads.slice(0, width).reduce((best, other) => (other.jobs.length < best.jobs.length ? other : best));
  return new Promise((resolve, reject) => {
    thread.jobs.push({ resolve, reject });
    if (thread.jobs.length === 1) thread.worker.ref();
    thread.worker.postMessage({ kind, block, size }, [block.buffer]);
  });
}
