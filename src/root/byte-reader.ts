// Owns: taking bytes from portions of any size: the next n, or the next n as a stream. Knows no format.

import { BuildError } from '../errors.ts';

export class ByteReader {
  readonly #portions: Iterator<Uint8Array>;
  readonly #what: string;
  #portion: Uint8Array = new Uint8Array(0);
  #at = 0;

  /** `what` names the input in errors. */
  constructor(portions: Iterable<Uint8Array>, what: string) {
    this.#portions = portions[Symbol.iterator]();
    this.#what = what;
  }

  /** True when nothing is left. */
  isAtEnd(): boolean {
    return !this.#fill();
  }

  /** A copy of the next `count` bytes. Throws BuildError CHECK_FAILED when the input ends before. */
  take(count: number): Buffer {
    const taken = Buffer.alloc(count);
    let length = 0;
    for (const part of this.stream(count)) {
      taken.set(part, length);
      length += part.length;
    }
    return taken;
  }

  /** The next `count` bytes in portions, each valid until the next; all of them must be asked for. Throws as take does. */
  *stream(count: number): Generator<Uint8Array, void> {
    for (let left = count; left > 0; ) {
      if (!this.#fill()) {
        throw new BuildError('CHECK_FAILED', `${this.#what} is cut short`, {
          got: `${left} of ${count} bytes missing`,
        });
      }
      const part = this.#portion.subarray(this.#at, this.#at + left);
      this.#at += part.length;
      left -= part.length;
      yield part;
    }
  }

  /** What is left, in portions. */
  *rest(): Generator<Uint8Array, void> {
    while (this.#fill()) {
      const part = this.#portion.subarray(this.#at);
      this.#at = this.#portion.length;
      yield part;
    }
  }

  /** Sees to it that the current portion has a byte; false at the end. */
  #fill(): boolean {
    while (this.#at >= this.#portion.length) {
      const next = this.#portions.next();
      if (next.done === true) return false;
      this.#portion = next.value;
      this.#at = 0;
    }
    return true;
  }
}
