// Owns: the events of a building process, on their way to whoever shows them: a file that one appends to and the other
// reads. A pipe would not reach through every namespace a build is started in.

import { appendFileSync, closeSync, openSync, readSync } from 'node:fs';
import type { BuildEvent, Watcher } from '../progress/event.ts';
import type { Progress } from '../progress/progress.ts';

const BEAT_MILLISECONDS = 100;

/** The writing end. */
export function appendEvents(file: string): Watcher {
  return (event) => appendFileSync(file, `${JSON.stringify(event)}\n`);
}

/** The reading end: shows what is appended until it is closed. */
export class Follower {
  readonly #file: string;
  readonly #progress: Progress;
  readonly #timer: NodeJS.Timeout;
  readonly #buffer = Buffer.allocUnsafe(1 << 16);
  #descriptor: number | undefined;
  #rest: Buffer = Buffer.alloc(0);

  constructor(file: string, progress: Progress) {
    this.#file = file;
    this.#progress = progress;
    this.#timer = setInterval(() => this.#read(), BEAT_MILLISECONDS);
  }

  close(): void {
    clearInterval(this.#timer);
    this.#read();
    if (this.#descriptor !== undefined) closeSync(this.#descriptor);
    this.#progress.close();
  }

  #read(): void {
    try {
      this.#descriptor ??= openSync(this.#file, 'r');
    } catch {
      // Nothing has happened yet.
      return;
    }
    for (;;) {
      const length = readSync(this.#descriptor, this.#buffer);
      if (length === 0) return;
      const bytes = Buffer.concat([this.#rest, this.#buffer.subarray(0, length)]);
      const end = bytes.lastIndexOf(10) + 1;
      this.#rest = bytes.subarray(end);
      for (const line of bytes.subarray(0, end).toString().split('\n')) {
        if (line !== '') this.#progress.watch(JSON.parse(line) as BuildEvent);
      }
    }
  }
}
