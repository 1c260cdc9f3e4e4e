// Owns: the Decoder over the component's decoders, and what each fault says. Knows no format from the inside.

import { OciError } from '../errors.ts';
import type { Compression, Decoder } from './codec.ts';
import { instantiateCodec } from './component.ts';
import type { Fault, Decoder as Handle } from './generated/interfaces/ocibuild-codec-decode.js';

/** Input is handed over in pieces of this size, so that the component's memory does not follow the caller's. */
const PIECE = 256 << 10;

const FAULTS: Readonly<Record<Fault, { message: string; hint?: string }>> = {
  'not-this-format': { message: 'does not start as this format does' },
  damaged: { message: 'is damaged', hint: 'fetch or make it again' },
  'cut-short': { message: 'ends inside a stream', hint: 'fetch or make it again' },
  trailing: { message: 'has bytes after its end that are no further stream' },
  'too-much-memory': {
    message: 'needs more memory to decode than is allowed',
    hint: 'compress it again with a dictionary of at most 64 MiB (xz -9, lzip -9 with -s64MiB) or a window of at most 128 MiB (zstd --long=27)',
  },
  unsupported: { message: 'uses a check, filter or dictionary this decoder does not have' },
};

function isFault(value: unknown): value is Fault {
  return typeof value === 'string' && Object.hasOwn(FAULTS, value);
}

/** What a decoder of the component has thrown, in our words. */
export function faultOf(compression: Compression, cause: unknown): OciError {
  if (!isFault(cause)) {
    return new OciError('CODEC_FAILED', `the ${compression} decoder stopped`, { got: String(cause), cause });
  }
  const { message, hint } = FAULTS[cause];
  return new OciError('CODEC_FAILED', `${compression} data ${message}`, hint === undefined ? {} : { hint });
}

export class StreamDecoder implements Decoder {
  readonly #compression: Compression;
  #handle: Handle | undefined;
  /** Portions handed out by `push` that were not read to their end. */
  #unread = 0;

  constructor(compression: Compression) {
    this.#compression = compression;
    this.#handle = this.#guard(() => new (instantiateCodec().decode.Decoder)(compression));
  }

  push(bytes: Uint8Array): Iterable<Uint8Array> {
    this.#require();
    this.#unread += 1;
    return this.#decode(bytes);
  }

  finish(): Iterable<Uint8Array> {
    const handle = this.#require();
    this.#guard(() => handle.end());
    this.#close();
    // `push` has given everything: the decoders hold nothing back for the end.
    return [];
  }

  *#decode(bytes: Uint8Array): Generator<Uint8Array, void> {
    for (let at = 0; at < bytes.length; at += PIECE) {
      const handle = this.#handle;
      if (handle === undefined) throw this.#misused('a portion read after the end');
      this.#guard(() => handle.write(bytes.subarray(at, at + PIECE)));
      for (;;) {
        const plain = this.#guard(() => handle.read());
        if (plain.length === 0) break;
        yield plain;
      }
    }
    this.#unread -= 1;
  }

  /** The handle, when a further call makes sense. */
  #require(): Handle {
    if (this.#handle === undefined) throw this.#misused('a call after the end or after a fault');
    if (this.#unread > 0) throw this.#misused('a call before the output of the last push was read to its end');
    return this.#handle;
  }

  #misused(got: string): OciError {
    return new OciError('CODEC_FAILED', `the ${this.#compression} decoder was used out of turn`, { got });
  }

  /** Turns the component's faults, and its traps, into OciError; after either the decoder is done. */
  #guard<T>(call: () => T): T {
    try {
      return call();
    } catch (cause) {
      this.#close();
      throw faultOf(this.#compression, cause);
    }
  }

  #close(): void {
    // The component, with its memory, goes with its last reference.
    this.#handle = undefined;
  }
}
