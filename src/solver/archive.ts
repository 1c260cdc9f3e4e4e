// Owns: what ADD does with an archive: telling one by its bytes, whatever it is called, and unpacking it to its end.

import { statSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import type { Compression } from '../../oci/codec/codec.ts';
import { decodeFileAhead } from '../../oci/codec/file-decoder.ts';
import { createDecoder, sniff } from '../../oci/codec/load.ts';
import { OciError } from '../../oci/errors.ts';
import type { RawPath } from '../../oci/raw-path.ts';
import { BuildError } from '../errors.ts';
import { fileChunks } from '../fetch/file-chunks.ts';
import type { Workspace } from '../snapshot/store.ts';
import { unpackArchive } from '../snapshot/unpack.ts';
import type { Owner } from '../snapshot/upper-tree.ts';

/** Small pieces first: a decoder that meets damage in a piece gives nothing of it, and the head may be whole. */
function* growingPieces(path: Buffer): Generator<Uint8Array> {
  for (const chunk of fileChunks(path)) {
    for (let at = 0, length = 64; at < chunk.length; at += length, length *= 2) yield chunk.subarray(at, at + length);
  }
}

/** Plain bytes of a file that may be compressed. */
function* decodedChunks(
  path: Buffer,
  pieces: (path: Buffer) => Iterable<Uint8Array> = fileChunks,
): Generator<Uint8Array, void, void> {
  let decoder: ReturnType<typeof createDecoder> | undefined;
  let isFirst = true;
  for (const chunk of pieces(path)) {
    if (isFirst) {
      const compression = sniff(chunk);
      decoder = compression === undefined ? undefined : createDecoder(compression);
    }
    isFirst = false;
    if (decoder === undefined) yield chunk;
    else yield* decoder.push(chunk);
  }
  if (decoder !== undefined) yield* decoder.finish();
}

/** Starting a thread costs tens of milliseconds; smaller archives are decoded here. */
const THREAD_FROM = 2 << 20;

/** Where it pays, an archive is decoded while what came before is written. */
function plainChunks(path: Buffer): Generator<Uint8Array, void, void> {
  const compression = compressionOf(path);
  if (compression === undefined || statSync(path).size < THREAD_FROM || availableParallelism() === 1) {
    return decodedChunks(path);
  }
  return decodeFileAhead(path, compression);
}

/** Unpacks to the very end: a checksum stands behind the last byte that tar wants. Throws BuildError ADD. */
export function addArchive(
  workspace: Workspace,
  dest: string,
  path: Buffer,
  options: { readonly owner: Owner | 'archive'; readonly leftOut: (path: RawPath, attribute: string) => void },
): void {
  const chunks = plainChunks(path);
  // Without a `return`, which would end them where the reader of the archive ends.
  const unended: Iterable<Uint8Array> = { [Symbol.iterator]: () => ({ next: () => chunks.next() }) };
  try {
    unpackArchive(workspace, dest, unended, options);
    while (chunks.next().done !== true);
  } catch (error) {
    throw error instanceof OciError ? new BuildError('ADD', error.message, { cause: error }) : error;
  } finally {
    chunks.return();
  }
}

/**
 * Whether the plain bytes begin with a tar header: 512 bytes whose checksum is right. lzip and zip stay files, as in
 * BuildKit. Throws BuildError ADD for compressed bytes that end inside the header: nobody can tell what they are.
 */
export function isArchive(path: Buffer): boolean {
  const compression = compressionOf(path);
  if (compression === 'lzip') return false;
  const head: Buffer[] = [];
  let size = 0;
  try {
    for (const chunk of decodedChunks(path, growingPieces)) {
      head.push(Buffer.from(chunk));
      size += chunk.length;
      if (size >= 512) break;
    }
  } catch (error) {
    // What stands before the damage decides; if that is too little, the file is broken, not of another kind.
    if (size < 512) throw new BuildError('ADD', (error as Error).message, { cause: error });
  }
  return size >= 512 && hasTarChecksum(Buffer.concat(head).subarray(0, 512));
}

function compressionOf(path: Buffer): Compression | undefined {
  for (const chunk of fileChunks(path)) return sniff(chunk);
  return undefined;
}

function hasTarChecksum(header: Buffer): boolean {
  const written = Number.parseInt(header.toString('latin1', 148, 156).replace(/[^0-7]/g, ''), 8);
  let sum = 0;
  for (let index = 0; index < 512; index++) sum += index >= 148 && index < 156 ? 0x20 : header[index]!;
  return Number.isInteger(written) && written === sum && sum !== 8 * 0x20;
}
