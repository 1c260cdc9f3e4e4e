// Owns: which files of a pinned source are no text: programs and libraries that somebody else compiled. Archives are looked into,
// archives in archives too. Nothing is written to disk, and a few kilobytes are held at a time.

import { createHash } from 'node:crypto';
import { createDecoder, sniff } from '../../oci/codec/load.ts';
import { type Digest, finishDigest } from '../../oci/digest.ts';
import { OciError } from '../../oci/errors.ts';
import { readTarSync } from '../../oci/layer/reader.ts';
import { displayPath } from '../../oci/raw-path.ts';
import { fileChunks } from '../fetch/file-chunks.ts';

export type BinaryKind =
  | 'ELF'
  | 'ar'
  | 'WebAssembly'
  | 'Java class'
  | 'Python bytecode'
  | 'PE'
  | 'Mach-O'
  | 'LLVM bitcode'
  | 'zip'
  | 'unreadable archive';

/** A file that is no text. */
export interface BinaryFile {
  /** Inside the source: names of archives within it are folders. Empty: the source itself. */
  readonly path: string;
  readonly kind: BinaryKind;
  readonly size: number;
  readonly digest: Digest;
}

/** Compression and archive count as one each. */
const MAX_DEPTH = 10;
const HEAD = 512;

const MAGIC: readonly (readonly [kind: BinaryKind, bytes: readonly number[]])[] = [
  ['ELF', [0x7f, 0x45, 0x4c, 0x46]],
  ['ar', [...Buffer.from('!<arch>\n')]],
  ['ar', [...Buffer.from('!<thin>\n')]],
  ['WebAssembly', [0, 0x61, 0x73, 0x6d]],
  ['Mach-O', [0xfe, 0xed, 0xfa, 0xce]],
  ['Mach-O', [0xfe, 0xed, 0xfa, 0xcf]],
  ['Mach-O', [0xce, 0xfa, 0xed, 0xfe]],
  ['Mach-O', [0xcf, 0xfa, 0xed, 0xfe]],
  // A Mach-O file for several processors begins alike, and says how many they are where this has a version.
  ['Java class', [0xca, 0xfe, 0xba, 0xbe]],
  ['LLVM bitcode', [0x42, 0x43, 0xc0, 0xde]],
  ['zip', [0x50, 0x4b, 3, 4]],
];

/** What the first bytes, and for Python the name, say a file is; undefined: nothing that is looked for. */
export function kindOf(head: Uint8Array, name: string): BinaryKind | undefined {
  if (/\.py[co]$/.test(name) && head[2] === 0x0d && head[3] === 0x0a) return 'Python bytecode';
  const found = MAGIC.find(([, bytes]) => head.length >= bytes.length && bytes.every((byte, at) => head[at] === byte));
  if (found !== undefined) {
    // An archive of no members: eight characters of text.
    return found[0] === 'ar' && head.length === 8 ? undefined : found[0];
  }
  return isProgramOfWindows(head) ? 'PE' : undefined;
}

/** `MZ`, and where the new header is said to stand within what was read, `PE`. */
function isProgramOfWindows(head: Uint8Array): boolean {
  if (head.length < 64 || head[0] !== 0x4d || head[1] !== 0x5a) return false;
  const at = Buffer.from(head.buffer, head.byteOffset, head.length).readUInt32LE(60);
  return at + 4 <= head.length ? head[at] === 0x50 && head[at + 1] === 0x45 : at < 1 << 20;
}

/** Every file of a source that is no text, in the order they stand. Throws OciError for a source that cannot be read to its end. */
export function* scanSource(path: string): Generator<BinaryFile, void, void> {
  yield* scan('', fileChunks(path), 0);
}

function* scan(name: string, chunks: Iterable<Uint8Array>, depth: number): Generator<BinaryFile, void, void> {
  const { head, all } = peek(chunks);
  const compression = sniff(head);
  const measured = measure(all);
  const isCompressed = compression !== undefined && compression !== 'lzip';
  if (depth < MAX_DEPTH && (isCompressed || hasTarChecksum(head))) {
    try {
      if (isCompressed) yield* scan(name, decoded(createDecoder(compression), measured.chunks), depth + 1);
      else yield* scanMembers(name, measured.chunks, depth + 1);
    } catch (error) {
      // Archives inside a source may be broken, as tests of unpackers like them; what cannot be read is a finding.
      if (!(error instanceof OciError) || name === '') throw error;
      yield { path: name, kind: 'unreadable archive', ...measured.finish() };
    }
    return;
  }
  const kind = compression === undefined ? kindOf(head, name) : 'unreadable archive';
  if (kind !== undefined) yield { path: name, kind, ...measured.finish() };
  // What is damaged further on is found out by whoever decompresses it.
  else for (const _ of all);
}

/** Chunks to be read, and, once the rest of them is read, how many bytes they are and of what digest. */
function measure(all: Iterable<Uint8Array>): {
  readonly chunks: Iterable<Uint8Array>;
  finish(): Pick<BinaryFile, 'size' | 'digest'>;
} {
  const source = all[Symbol.iterator]();
  const hash = createHash('sha256');
  let size = 0;
  const next = (): IteratorResult<Uint8Array> => {
    const { done, value } = source.next();
    if (done === true) return { done, value };
    size += value.length;
    hash.update(value);
    return { done: false, value };
  };
  return {
    // Without a `return`, which would end the source where a reader of it ends.
    chunks: { [Symbol.iterator]: () => ({ next }) },
    finish() {
      while (next().done !== true);
      return { size, digest: finishDigest(hash) };
    },
  };
}

function* scanMembers(name: string, tar: Iterable<Uint8Array>, depth: number): Generator<BinaryFile, void, void> {
  const inside = name === '' ? '' : `${name}/`;
  for (const { entry, content } of readTarSync(tar, { whiteouts: false, endMarker: 'optional' })) {
    if (entry.type === 'file') yield* scan(inside + displayPath(entry.path), content, depth);
  }
}

function* decoded(decoder: ReturnType<typeof createDecoder>, chunks: Iterable<Uint8Array>): Generator<Uint8Array> {
  for (const chunk of chunks) yield* decoder.push(chunk);
  yield* decoder.finish();
}

/** The first bytes, up to 512 of them, and everything from the start, to be read once. */
function peek(chunks: Iterable<Uint8Array>): { readonly head: Buffer; readonly all: Iterable<Uint8Array> } {
  const source = chunks[Symbol.iterator]();
  let head: Buffer = Buffer.alloc(0);
  let isEnded = false;
  while (head.length < HEAD && !isEnded) {
    const next = source.next();
    if (next.done === true) isEnded = true;
    else head = Buffer.concat([head, next.value]);
  }
  function* all(): Generator<Uint8Array> {
    if (head.length > 0) yield head;
    while (!isEnded) {
      const next = source.next();
      if (next.done === true) return;
      yield next.value;
    }
  }
  return { head: head.subarray(0, HEAD), all: all() };
}

function hasTarChecksum(header: Uint8Array): boolean {
  if (header.length < HEAD) return false;
  const bytes = Buffer.from(header.buffer, header.byteOffset, HEAD);
  const written = Number.parseInt(bytes.toString('latin1', 148, 156).replace(/[^0-7]/g, ''), 8);
  let sum = 0;
  for (let index = 0; index < HEAD; index++) sum += index >= 148 && index < 156 ? 0x20 : bytes[index]!;
  return Number.isInteger(written) && written === sum && sum !== 8 * 0x20;
}
