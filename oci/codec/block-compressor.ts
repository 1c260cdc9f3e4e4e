// Owns: cutting a stream into blocks, compressing them here or on threads, emitting them in order, and the framing around
// them. Output depends on the bytes alone: not on portions, threads or timing.

import { crc32 } from 'node:zlib';
import { OciError } from '../errors.ts';
import { type CompressedBlock, compressOnThread, hasThreads } from './block-pool.ts';
import type { Compressor } from './codec.ts';
import { threadEncoder } from './component.ts';

const MIB = 1 << 20;

/** Starting threads costs tens of milliseconds; as long as a process has compressed no more than this it does not pay. */
const THREADS_FROM = 4 * MIB;

/** Bytes this process has compressed on its own thread, in all streams. */
let compressedHere = 0;

/** Blocks under way per thread: one being compressed, one waiting, so that no thread is idle while one is emitted. */
const BLOCKS_PER_THREAD = 2;

interface Framing {
  readonly id: string;
  /** Bytes of input per independent block. Part of the format: it decides digests. */
  readonly blockSize: number;
  readonly header: Uint8Array;
  /** Whether a stream of no bytes still needs a block. */
  readonly needsBlock: boolean;
  trailer(crc: number, size: number): Uint8Array;
}

// RFC 1952: magic, deflate, no flags (so no name), mtime 0, XFL 0, OS 255 (unknown).
const GZIP_HEADER = Uint8Array.of(0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255);

const FRAMINGS: Readonly<Record<'gzip' | 'zstd', Framing>> = {
  gzip: {
    id: 'gzip:libdeflate-1.23,level-6,joined-1MiB-blocks',
    blockSize: MIB,
    header: GZIP_HEADER,
    needsBlock: false,
    trailer(crc, size) {
      // RFC 1951: BFINAL 1, BTYPE 01 and the end-of-block code: an empty last block, in two bytes.
      const bytes = new Uint8Array(10);
      bytes.set([0x03, 0x00]);
      const view = new DataView(bytes.buffer);
      view.setUint32(2, crc, true);
      view.setUint32(6, size % 2 ** 32, true);
      return bytes;
    },
  },
  zstd: {
    id: 'zstd:libzstd-1.5.7,level-3,4MiB-frames',
    blockSize: 4 * MIB,
    header: new Uint8Array(0),
    needsBlock: true,
    trailer: () => new Uint8Array(0),
  },
};

/** The name of what decides the bytes of `kind`: library, version, level and block framing. */
export function compressorId(kind: 'gzip' | 'zstd'): string {
  return FRAMINGS[kind].id;
}

export class BlockCompressor implements Compressor {
  readonly id: string;
  readonly #kind: 'gzip' | 'zstd';
  readonly #framing: Framing;
  readonly #sink: (bytes: Uint8Array) => void;
  readonly #width: number;
  /** Blocks on threads, in the order of the input. */
  readonly #underWay: Promise<CompressedBlock>[] = [];
  readonly #spare: Uint8Array<ArrayBuffer>[] = [];
  #block: Uint8Array<ArrayBuffer> | undefined;
  #filled = 0;
  #crc = 0;
  #size = 0;
  #state: 'open' | 'writing' | 'finished' | 'failed' = 'open';

  /** `width` is the number of threads to use for large input; with 0 everything happens on the calling thread. */
  constructor(kind: 'gzip' | 'zstd', sink: (bytes: Uint8Array) => void, width: number) {
    this.#kind = kind;
    this.#framing = FRAMINGS[kind];
    this.id = this.#framing.id;
    this.#sink = sink;
    this.#width = width;
  }

  async write(bytes: Uint8Array): Promise<void> {
    await this.#exclusively('open', async () => {
      this.#start();
      for (let at = 0; at < bytes.length; ) {
        this.#block ??= this.#spare.pop() ?? new Uint8Array(this.#framing.blockSize);
        const portion = bytes.subarray(at, at + this.#block.length - this.#filled);
        this.#block.set(portion, this.#filled);
        this.#filled += portion.length;
        at += portion.length;
        if (this.#filled === this.#block.length) await this.#endBlock(this.#block);
      }
    });
  }

  async finish(): Promise<void> {
    await this.#exclusively('finished', async () => {
      this.#start();
      if (this.#filled > 0 && this.#block !== undefined) await this.#endBlock(this.#block);
      while (this.#underWay.length > 0) await this.#emitFirst();
      if (this.#size === 0 && this.#framing.needsBlock) this.#sink(this.#compressHere(new Uint8Array(0)));
      const trailer = this.#framing.trailer(this.#crc, this.#size);
      if (trailer.length > 0) this.#sink(trailer);
      this.#block = undefined;
      this.#spare.length = 0;
    });
  }

  #started = false;

  #start(): void {
    if (!this.#started && this.#framing.header.length > 0) this.#sink(this.#framing.header.slice());
    this.#started = true;
  }

  /** Refuses calls that overlap, or come after the end or a failure: they would put bytes in the wrong order. */
  async #exclusively(after: 'open' | 'finished', work: () => Promise<void>): Promise<void> {
    if (this.#state !== 'open') {
      throw new OciError('CODEC_FAILED', 'a compressor takes one call at a time', {
        got: `a call while ${this.#state}`,
      });
    }
    this.#state = 'writing';
    try {
      await work();
      this.#state = after;
    } catch (error) {
      this.#state = 'failed';
      throw error;
    }
  }

  async #endBlock(block: Uint8Array<ArrayBuffer>): Promise<void> {
    const size = this.#filled;
    const plain = block.subarray(0, size);
    if (this.#kind === 'gzip') this.#crc = crc32(plain, this.#crc);
    this.#size += size;
    this.#filled = 0;
    if (this.#width === 0 || (compressedHere + size < THREADS_FROM && !hasThreads())) {
      compressedHere += size;
      // A block on a thread was before this one.
      while (this.#underWay.length > 0) await this.#emitFirst();
      this.#sink(this.#compressHere(plain));
      return;
    }
    this.#block = undefined;
    const compressed = compressOnThread(this.#kind, block, size, this.#width);
    // Seen where it is awaited; without this an early rejection would end the process first.
    compressed.catch(() => {});
    this.#underWay.push(compressed);
    if (this.#underWay.length >= this.#width * BLOCKS_PER_THREAD) await this.#emitFirst();
  }

  #compressHere(plain: Uint8Array): Uint8Array {
    try {
      return this.#kind === 'gzip' ? threadEncoder().deflateBlock(plain) : threadEncoder().zstdFrame(plain);
    } catch (cause) {
      throw new OciError('CODEC_FAILED', 'the codec component stopped', { got: String(cause), cause });
    }
  }

  async #emitFirst(): Promise<void> {
    const { compressed, block } = await this.#underWay.shift()!;
    this.#spare.push(block);
    this.#sink(compressed);
  }
}
