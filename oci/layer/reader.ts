// Owns: reading any tar a user or a registry may bring: v7, ustar, star, GNU, pax. Streaming; names as bytes, normalised to
// paths below the root. Never writes a file: whoever unpacks decides what links may do.
//
//   archive = {member} end padding
//   member  = {extension} header [data, padded to 512]
//   extension = pax `x` or `g`, GNU `L` (long name) or `K` (long link name), each with data
//   end     = two zero blocks; what follows them is read and ignored

import { OciError } from '../errors.ts';
import { displayPath, type RawPath } from '../raw-path.ts';
import { Body } from './body.ts';
import type { Entry } from './entry.ts';
import { BLOCK, MAX_EXTENSION, parseHeader } from './header.ts';
import { attributesOf, type Extensions, entryOf, setGlobals } from './member.ts';
import { parseRecords } from './pax.ts';
import {
  checkPieces,
  MAX_PIECES,
  oldGnuPieces,
  oldGnuRealSize,
  type Piece,
  readMap,
  type SparseRecords,
  sparseRecords,
} from './sparse.ts';
import { TarInput } from './tar-input.ts';

export interface ReadOptions {
  /** Most bytes the archive, and all its files together, may have. A longer one is TAR_UNSAFE. */
  readonly maxBytes?: number;
  /** Most members. */
  readonly maxEntries?: number;
  /** false: names starting with `.wh.` are plain files, as in an archive that is no layer. Default true. */
  readonly whiteouts?: boolean;
  /** `required` (default): an archive without its two zero blocks was cut short. `optional`: it may just end after a member. */
  readonly endMarker?: 'required' | 'optional';
  /** Keep each member's header blocks, for comparing. */
  readonly keepHeaders?: boolean;
}

/** An entry with everything an archive says of it. */
export interface ArchiveEntry extends Entry {
  readonly owner: { readonly uid: number; readonly gid: number };
  readonly mtime: number;
  readonly xattrs: ReadonlyMap<string, Uint8Array>;
}

/** One member. Its content can be read only until the next member is asked for; what is not read is skipped. */
export interface TarMember {
  readonly entry: ArchiveEntry;
  /** Byte of the archive where its first header block stands. */
  readonly offset: number;
  /** Its header blocks and those of its extensions, with their data; under `keepHeaders` only. */
  readonly header?: Buffer;
  /** A file's bytes, each portion valid until the next; holes of sparse files come as zeros. */
  readonly content: Iterable<Uint8Array>;
}

export interface AsyncTarMember extends Omit<TarMember, 'content'> {
  readonly content: AsyncIterable<Uint8Array>;
}

/**
 * Members of an archive that arrives in portions; each portion may be reused when the next is asked for. Reads to the
 * end of `chunks`, whatever stands behind the archive, so that a check at the end of the stream takes place.
 * Throws OciError TAR_INVALID for a damaged or truncated archive, TAR_UNSAFE for one that tries to leave its root or breaks a limit,
 * UNSUPPORTED for multi-volume and incremental archives.
 */
export function* readTarSync(
  chunks: Iterable<Uint8Array>,
  options: ReadOptions = {},
): Generator<TarMember, void, void> {
  const input = new TarInput(options.maxBytes ?? Number.POSITIVE_INFINITY);
  const source = chunks[Symbol.iterator]();
  const feed = () => {
    const next = source.next();
    if (next.done === true) input.ended = true;
    else input.push(next.value);
  };
  try {
    for (const step of scanTar(input, options)) {
      if (step === undefined) feed();
      else yield { ...step.member, content: contentOf(step.body, input, feed) };
    }
  } finally {
    source.return?.();
  }
}

function* contentOf(body: Body, input: TarInput, feed: () => void): Generator<Uint8Array, void, void> {
  while (!body.isDone) {
    const bytes = body.next(input);
    if (bytes === undefined) feed();
    else yield bytes;
  }
}

/** readTarSync for a stream that is waited for. */
export async function* readTar(
  chunks: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
  options: ReadOptions = {},
): AsyncGenerator<AsyncTarMember, void, void> {
  const input = new TarInput(options.maxBytes ?? Number.POSITIVE_INFINITY);
  const source = Symbol.asyncIterator in chunks ? chunks[Symbol.asyncIterator]() : chunks[Symbol.iterator]();
  const feed = async () => {
    const next = await source.next();
    if (next.done === true) input.ended = true;
    else input.push(next.value);
  };
  async function* content(body: Body): AsyncGenerator<Uint8Array, void, void> {
    while (!body.isDone) {
      const bytes = body.next(input);
      if (bytes === undefined) await feed();
      else yield bytes;
    }
  }
  try {
    for (const step of scanTar(input, options)) {
      if (step === undefined) await feed();
      else yield { ...step.member, content: content(step.body) };
    }
  } finally {
    await source.return?.();
  }
}

/**
 * The grammar above, for whoever is handed the archive in portions. Yields undefined when the input must be fed, and
 * members; a member's rest is skipped on resuming. Throws as readTarSync does.
 */
export function* scanTar(
  input: TarInput,
  options: ReadOptions,
): Generator<{ member: Omit<TarMember, 'content'>; body: Body } | undefined, void, void> {
  const maxBytes = options.maxBytes ?? Number.POSITIVE_INFINITY;
  const maxEntries = options.maxEntries ?? Number.POSITIVE_INFINITY;
  const globals = new Map<string, string>();
  let extensions: Extensions = { records: [] };
  let extended = false;
  let kept: Buffer[] = [];
  let start = 0;
  let count = 0;
  let total = 0;

  for (;;) {
    const offset = input.offset;
    if (!extended) start = offset;
    let block = input.take(BLOCK);
    while (block === undefined) {
      if (input.ended) {
        if (!input.isEmpty || extended || options.endMarker !== 'optional') throw input.truncated();
        return;
      }
      yield;
      block = input.take(BLOCK);
    }
    if (isZero(block)) {
      if (extended)
        throw new OciError('TAR_INVALID', `archive ends at byte ${offset} between a member and its extension`);
      yield* finish(input, offset);
      return;
    }
    const header = parseHeader(block, offset);
    if (options.keepHeaders === true) kept.push(Buffer.from(block));
    const flag = String.fromCharCode(header.typeFlag);
    const size = header.size;
    if (flag === 'x' || flag === 'g' || flag === 'L' || flag === 'K') {
      if (size < 0 || size > MAX_EXTENSION) {
        throw new OciError('TAR_UNSAFE', `member at byte ${offset}: a name or extended header too long`, {
          want: `at most ${MAX_EXTENSION} bytes`,
          got: String(size),
        });
      }
      const padded = yield* need(input, Math.ceil(size / BLOCK) * BLOCK);
      const data = padded.subarray(0, size);
      if (options.keepHeaders === true) kept.push(Buffer.from(padded));
      if (flag === 'g') setGlobals(globals, parseRecords(data, offset), offset);
      else {
        extended = true;
        if (flag === 'x') extensions.records = extensions.records.concat(parseRecords(data, offset));
        else if (flag === 'L') extensions.longName = upToNul(data);
        else extensions.longLink = upToNul(data);
        if (extensions.records.length > 2 * MAX_PIECES) {
          throw new OciError('TAR_UNSAFE', `member at byte ${offset}: too many pax records`);
        }
      }
      continue;
    }
    if (++count > maxEntries) {
      throw new OciError('TAR_UNSAFE', 'archive has too many members', { want: `at most ${maxEntries}` });
    }
    const attributes = attributesOf(header, extensions, globals, offset);
    const sparse = flag === '0' || flag === '\0' ? sparseRecords(extensions.records, offset) : undefined;
    if (extended) extensions = { records: [] };
    extended = false;

    const holdsData = flag === '0' || flag === '\0' || flag === '7' || flag === 'S';
    const stored = holdsData ? attributes.size : 0;
    let body = new Body(stored, stored);
    if (flag === 'S' || sparse !== undefined) body = yield* sparseBody(input, block, sparse, stored, offset);
    const fileSize = body.size;
    total += fileSize;
    if (total > maxBytes || fileSize > maxBytes) {
      throw new OciError('TAR_UNSAFE', `${displayPath(attributes.name as RawPath)}: archive unpacks to too much`, {
        want: `at most ${maxBytes} bytes`,
        got: `${total} bytes and more`,
      });
    }
    const padding = (BLOCK - (stored % BLOCK)) % BLOCK;
    const entry =
      flag === 'V' ? undefined : entryOf(flag, header, attributes, fileSize, offset, options.whiteouts !== false);
    if (entry !== undefined) {
      const member = { entry, offset: start };
      yield { member: options.keepHeaders === true ? { ...member, header: Buffer.concat(kept) } : member, body };
    }
    kept = [];
    body.close();
    for (let left = body.stored + padding; left > 0; ) {
      const skipped = input.skip(left);
      left -= skipped;
      if (skipped > 0) continue;
      if (input.ended) throw input.truncated();
      yield;
    }
  }
}

function* need(input: TarInput, count: number): Generator<undefined, Buffer, void> {
  if (count === 0) return Buffer.alloc(0);
  for (;;) {
    const bytes = input.take(count);
    if (bytes !== undefined) return bytes;
    if (input.ended) throw input.truncated();
    yield;
  }
}

/** The second zero block, then whatever the stream still has. A lone zero block at the very end is a marker too. */
function* finish(input: TarInput, offset: number): Generator<undefined, void, void> {
  let block = input.take(BLOCK);
  while (block === undefined && !input.ended) {
    yield;
    block = input.take(BLOCK);
  }
  if (block === undefined && !input.isEmpty) throw input.truncated();
  if (block !== undefined && !isZero(block)) {
    throw new OciError('TAR_INVALID', `archive goes on after a zero block at byte ${offset}`);
  }
  while (!input.ended) if (input.skip(Number.MAX_SAFE_INTEGER) === 0) yield;
}

function isZero(block: Buffer): boolean {
  if (block[0] !== 0 || block[156] !== 0) return false;
  for (let i = 0; i < BLOCK; i++) if (block[i] !== 0) return false;
  return true;
}

/** The body of a sparse file: its map is in the header (old GNU), in pax records (0.x) or before the data (1.0). */
function* sparseBody(
  input: TarInput,
  header: Buffer,
  records: SparseRecords | undefined,
  stored: number,
  offset: number,
): Generator<undefined, Body, void> {
  if (records === undefined) {
    const realSize = oldGnuRealSize(header, offset);
    let { pieces, more } = oldGnuPieces(header, true, offset);
    while (more && pieces.length <= MAX_PIECES) {
      const next = oldGnuPieces(yield* need(input, BLOCK), false, offset);
      pieces = pieces.concat(next.pieces);
      more = next.more;
    }
    checkPieces(pieces, realSize, stored, offset);
    return new Body(realSize, stored, pieces);
  }
  let pieces: readonly Piece[] | undefined = records.pieces;
  let data = stored;
  if (pieces === undefined) {
    const map = yield* readMap(() => need(input, BLOCK), stored, offset);
    pieces = map.pieces;
    data -= map.bytes;
  }
  checkPieces(pieces, records.realSize, data, offset);
  return new Body(records.realSize, data, pieces);
}

function upToNul(data: Buffer): string {
  const end = data.indexOf(0);
  return data.toString('latin1', 0, end < 0 ? data.length : end);
}
