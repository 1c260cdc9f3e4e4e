// Owns: the content of one archive member while it is read: stored bytes, and the holes of a sparse file between them.

import type { Piece } from './sparse.ts';
import type { TarInput } from './tar-input.ts';

/** What a member stores, and how far it has been read. */
export class Body {
  isDone: boolean;
  /** Bytes in the archive not yet taken, without padding. */
  stored: number;
  /** Bytes of the file, holes included. */
  readonly size: number;
  readonly #pieces: readonly Piece[] | undefined;
  #piece = 0;
  #at = 0;
  #isClosed = false;

  constructor(size: number, stored: number, pieces?: readonly Piece[]) {
    this.size = size;
    this.stored = stored;
    this.#pieces = pieces;
    this.isDone = size === 0;
  }

  /** The next bytes of the file, or undefined when the input must be fed first. */
  next(input: TarInput): Uint8Array | undefined {
    if (this.#isClosed) throw new RangeError('the content of a member was asked for after the next member');
    const pieces = this.#pieces;
    while (pieces?.[this.#piece] !== undefined) {
      const { offset, length } = pieces[this.#piece]!;
      if (this.#at < offset + length) break;
      this.#piece++;
    }
    const piece = pieces?.[this.#piece];
    const start = pieces === undefined ? 0 : (piece?.offset ?? this.size);
    let bytes: Uint8Array | undefined;
    if (this.#at < start) {
      bytes = ZEROS.subarray(0, Math.min(start - this.#at, ZEROS.length));
    } else {
      const end = piece === undefined ? this.size : piece.offset + piece.length;
      bytes = input.some(end - this.#at);
      if (bytes === undefined) {
        if (input.ended) throw input.truncated();
        return undefined;
      }
      this.stored -= bytes.length;
    }
    this.#at += bytes.length;
    this.isDone = this.#at === this.size;
    return bytes;
  }

  close(): void {
    this.#isClosed = true;
  }
}

const ZEROS = new Uint8Array(1 << 16);
