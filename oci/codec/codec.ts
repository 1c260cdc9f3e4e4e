// Owns: the one interface to compressed bytes. The formats behind it live in the WebAssembly component beside it.

export type Compression = 'gzip' | 'xz' | 'bzip2' | 'zstd' | 'lzip';

/** Takes bytes in order and hands compressed bytes, in order, to the sink it was made with. */
export interface Compressor {
  /** Names program, level and framing; part of the format version, because it decides digests. */
  readonly id: string;
  /** Resolves when more may be written: memory stays bounded. The buffer may be reused once it resolves. */
  write(bytes: Uint8Array): Promise<void>;
  /** Writes what is left and the trailer. */
  finish(): Promise<void>;
}

/** Takes compressed bytes in any portions, gives plain bytes. Synchronous, streaming, bounded memory. */
export interface Decoder {
  /** Throws OciError CODEC_FAILED on damage. Output portions are valid until the next call. */
  push(bytes: Uint8Array): Iterable<Uint8Array>;
  /** Throws OciError CODEC_FAILED when the input was cut short. Trailing garbage after a whole stream is an error too. */
  finish(): Iterable<Uint8Array>;
}
