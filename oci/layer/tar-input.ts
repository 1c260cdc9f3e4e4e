// Owns: a byte stream that arrives in portions, for the tar reader: whole blocks, or as much as there is. Never holds more than one
// portion and the piece of the one before that was too short for a block.

import { OciError } from '../errors.ts';

const NO_BYTES = Buffer.alloc(0);

export class TarInput {
  /** Bytes consumed so far: the offset of what comes next. */
  offset = 0;
  ended = false;
  #portion: Buffer = NO_BYTES;
  #at = 0;
  /** The end of the portion before, when a block straddles. */
  #carry: Buffer = Buffer.alloc(512);
  #carried = 0;
  #received = 0;
  readonly #maxBytes: number;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** The next portion. It may be overwritten by its owner once everything is taken, or `retain` was called. */
  push(portion: Uint8Array): void {
    this.#received += portion.length;
    if (this.#received > this.#maxBytes) {
      throw new OciError('TAR_UNSAFE', 'archive is too long', { want: `at most ${this.#maxBytes} bytes`, got: 'more' });
    }
    this.#portion = Buffer.from(portion.buffer, portion.byteOffset, portion.byteLength);
    this.#at = 0;
  }

  get isEmpty(): boolean {
    return this.#carried === 0 && this.#at === this.#portion.length;
  }

  /** Exactly `count` bytes, valid until the next portion or the next take; undefined when more must be pushed first. */
  take(count: number): Buffer | undefined {
    const there = this.#portion.length - this.#at;
    if (this.#carried === 0 && there >= count) {
      const bytes = this.#portion.subarray(this.#at, this.#at + count);
      this.#at += count;
      this.offset += count;
      return bytes;
    }
    if (this.#carry.length < count) {
      const larger = Buffer.alloc(Math.max(count, 2 * this.#carry.length));
      this.#carry.copy(larger, 0, 0, this.#carried);
      this.#carry = larger;
    }
    const part = Math.min(there, count - this.#carried);
    this.#portion.copy(this.#carry, this.#carried, this.#at, this.#at + part);
    this.#carried += part;
    this.#at += part;
    if (this.#carried < count) return undefined;
    this.#carried = 0;
    this.offset += count;
    return this.#carry.subarray(0, count);
  }

  /** At most `count` bytes, at least one, valid until the next portion; undefined when more must be pushed first. */
  some(count: number): Buffer | undefined {
    const there = Math.min(count, this.#portion.length - this.#at);
    if (there === 0) return undefined;
    const bytes = this.#portion.subarray(this.#at, this.#at + there);
    this.#at += there;
    this.offset += there;
    return bytes;
  }

  /** Passes over at most `count` bytes and says how many; none when more must be pushed first. */
  skip(count: number): number {
    const there = Math.min(count, this.#portion.length - this.#at);
    this.#at += there;
    this.offset += there;
    return there;
  }

  truncated(): OciError {
    return new OciError('TAR_INVALID', `archive is cut short at byte ${this.#received}`, {
      hint: 'get the file again, or make it again',
    });
  }
}
