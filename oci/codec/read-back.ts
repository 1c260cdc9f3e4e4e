// Owns: reading a compressed file on a thread of its own: the digests of what is stored and of what it decodes to. The
// thread is started when first asked for and shared; files are read one after another. Knows no layer.

import { Worker } from 'node:worker_threads';
import type { Digest } from '../digest.ts';
import { OciError } from '../errors.ts';
import type { Compression } from './codec.ts';
import { compiledModules } from './component.ts';

/** What a file holds: the digest of its bytes, how many they are, and the digest of the plain bytes. */
export interface ReadBack {
  readonly stored: Digest;
  readonly size: number;
  readonly plain: Digest;
}

interface Job {
  resolve(read: ReadBack): void;
  reject(reason: unknown): void;
}

let thread: { readonly worker: Worker; readonly jobs: Job[] } | undefined;

/** The answer of read-back-worker.mjs: sha256 in hex, or what went wrong. */
type Answer = { stored: string; size: number; plain: string } | { fault: string };

function startThread(): { readonly worker: Worker; readonly jobs: Job[] } {
  const worker = new Worker(new URL('./read-back-worker.mjs', import.meta.url), {
    workerData: { modules: compiledModules() },
    execArgv: [],
  });
  const jobs: Job[] = [];
  worker.unref();
  worker.on('message', (answer: Answer) => {
    const job = jobs.shift();
    if (jobs.length === 0) worker.unref();
    if ('fault' in answer) {
      job?.reject(new OciError('CODEC_FAILED', 'a file that was just written cannot be read', { got: answer.fault }));
      return;
    }
    const { stored, size, plain } = answer;
    job?.resolve({ stored: `sha256:${stored}` as Digest, size, plain: `sha256:${plain}` as Digest });
  });
  const fail = (cause: unknown): void => {
    thread = undefined;
    for (const job of jobs.splice(0)) {
      job.reject(
        new OciError('CODEC_FAILED', 'the thread that reads files back stopped', { got: String(cause), cause }),
      );
    }
  };
  worker.on('error', fail);
  worker.on('exit', (status) => fail(new Error(`exit status ${status}`)));
  return { worker, jobs };
}

/** Reads and decodes a file to its end. Rejects with OciError CODEC_FAILED when it cannot be read or decoded. */
export function readBack(path: string, compression: Compression | 'none'): Promise<ReadBack> {
  thread ??= startThread();
  const { worker, jobs } = thread;
  return new Promise((resolve, reject) => {
    jobs.push({ resolve, reject });
    if (jobs.length === 1) worker.ref();
    worker.postMessage({ path, compression });
  });
}
