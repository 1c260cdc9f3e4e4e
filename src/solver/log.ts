// Owns: what a step printed: the whole of it in a file, its lines to the watcher, its last lines for an error.

import { randomBytes } from 'node:crypto';
import { closeSync, mkdirSync, openSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { StringDecoder } from 'node:string_decoder';
import type { OpId, Watcher } from '../progress/event.ts';

const KEPT_LINES = 20;
const LONGEST_LINE = 8192;

/** One step's log below `<store>/logs/`. Lines end at newline; one of more than 8 KiB is cut there for watchers. */
export class StepLog {
  readonly path: string;
  readonly #file: number;
  readonly #watch: Watcher;
  readonly #op: OpId;
  readonly #partial = { stdout: '', stderr: '' };
  // A character may be cut by the end of a chunk.
  readonly #decoders = { stdout: new StringDecoder('utf8'), stderr: new StringDecoder('utf8') };
  readonly #last: string[] = [];
  #failure: unknown;

  constructor(store: string, name: string, op: OpId, watch: Watcher) {
    const directory = join(store, 'logs');
    mkdirSync(directory, { recursive: true });
    // Two processes may run one step, and each tells its user where the log lies.
    const readable = name.replace(/[^\w.-]+/g, '_').slice(0, 200);
    this.path = join(directory, `${readable}-${randomBytes(4).toString('hex')}.log`);
    this.#file = openSync(this.path, 'wx', 0o644);
    this.#watch = watch;
    this.#op = op;
  }

  readonly write = (stream: 'stdout' | 'stderr', chunk: Buffer): void => {
    this.#keep(chunk);
    const lines = (this.#partial[stream] + this.#decoders[stream].write(chunk)).split('\n');
    this.#partial[stream] = lines.pop()!.slice(-LONGEST_LINE);
    for (const line of lines) this.#line(stream, line);
  };

  /** Nobody waits for a chunk to be written: what goes wrong here is told when the step is over. */
  #keep(chunk: Buffer): void {
    if (this.#failure !== undefined) return;
    try {
      for (let at = 0; at < chunk.length; ) at += writeSync(this.#file, chunk, at);
    } catch (error) {
      this.#failure = error;
    }
  }

  #line(stream: 'stdout' | 'stderr', line: string): void {
    const shown = line.replace(/\r$/, '').slice(0, LONGEST_LINE);
    this.#last.push(shown);
    if (this.#last.length > KEPT_LINES) this.#last.shift();
    this.#watch({ type: 'op-output', op: this.#op, stream, line: shown });
  }

  close(): void {
    for (const stream of ['stdout', 'stderr'] as const) {
      if (this.#partial[stream] !== '') this.#line(stream, this.#partial[stream]);
      this.#partial[stream] = '';
    }
    closeSync(this.#file);
  }

  /** Why the log is not whole: a full disk, mostly. */
  get failure(): unknown {
    return this.#failure;
  }

  /** The last lines, for a failing step. */
  tail(): readonly string[] {
    return this.#last;
  }
}
