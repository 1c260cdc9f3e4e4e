// Owns: a tar as it is written: every header block, extension, pad and trailer, nothing normalised away. The layer reader
// says what an archive means; this says which bytes say it. Names are matched by `path`, and never used on a file system.

import { createHash } from 'node:crypto';
import { finishDigest } from '../digest.ts';
import { OciError } from '../errors.ts';
import { Body } from '../layer/body.ts';
import { BLOCK, MAX_EXTENSION, parseHeader, type ReadHeader } from '../layer/header.ts';
import { type Attributes, attributesOf, type Extensions, setGlobals } from '../layer/member.ts';
import { parseRecords } from '../layer/pax.ts';
import {
  checkPieces,
  MAX_PIECES,
  oldGnuPieces,
  oldGnuRealSize,
  type Piece,
  readMap,
  sparseRecords,
} from '../layer/sparse.ts';
import { TarInput } from '../layer/tar-input.ts';
import type { RawPath } from '../raw-path.ts';

/** A pax or GNU header before a member, with its data. */
export interface ScannedExtension {
  /** `x`, `g`, `L` or `K`. */
  readonly flag: string;
  readonly block: Buffer;
  readonly data: Buffer;
  /** What fills the data's last block. */
  readonly padding: Buffer;
  /** Of `x` and `g`, in the order they stand. */
  readonly records: readonly (readonly [key: string, value: string])[];
}

export interface ScannedMember {
  /** Byte of the archive where its first header stands. */
  readonly offset: number;
  readonly extensions: readonly ScannedExtension[];
  /** Its own 512 bytes, and those of an old GNU sparse map behind them. */
  readonly block: Buffer;
  readonly more: Buffer;
  readonly header: ReadHeader;
  readonly attributes: Attributes;
  /** By which members of two archives are matched: no `/` at either end, no `.` parts. A `..` stays. '' is the root. */
  readonly path: RawPath;
  readonly flag: string;
  readonly sparse?: readonly Piece[];
  /** Bytes of the file, holes included. */
  readonly size: number;
  /** To be read before the next member is asked for; what is not read is skipped. Portions are valid until the next. */
  readonly content: Iterable<Uint8Array>;
  /** Skips what is left of the content, and gives the bytes that fill its last block. */
  padding(): Buffer;
}

/** What stands behind the last member. */
export interface TarEnd {
  readonly offset: number;
  /** 1 or 2. */
  readonly zeroBlocks: number;
  /** Bytes behind the zero blocks. */
  readonly trailing: number;
  readonly isTrailingZero: boolean;
  readonly trailingDigest: string;
}

export interface ScanLimits {
  readonly maxMembers?: number;
  /** Of the plain archive, and of all its files, holes included. */
  readonly maxBytes?: number;
}

const MAX_MEMBERS = 2_000_000;
const MAX_BYTES = 64 * 2 ** 30;

/** Types that other readers know, or might: what a finding calls them. */
export const TYPE_NAMES: Readonly<Record<string, string>> = {
  '0': 'file',
  '\0': 'file',
  '7': 'file',
  S: 'sparse file',
  '1': 'hard link',
  '2': 'symlink',
  '3': 'character device',
  '4': 'block device',
  '5': 'directory',
  '6': 'fifo',
  V: 'volume label',
};

/**
 * Members in the order they stand; the archive's end is the generator's return value. Reads `chunks` to its end, so that a
 * check behind the last portion takes place. Throws OciError TAR_INVALID for what is damaged or cut short, TAR_UNSAFE past a limit.
 */
export function* scanTar(
  chunks: Iterable<Uint8Array>,
  limits: ScanLimits = {},
): Generator<ScannedMember, TarEnd, void> {
  const { maxMembers = MAX_MEMBERS, maxBytes = MAX_BYTES } = limits;
  const input = new TarInput(maxBytes);
  const room = { left: maxBytes };
  const source = chunks[Symbol.iterator]();
  const feed = (): void => {
    const next = source.next();
    if (next.done === true) input.ended = true;
    else input.push(next.value);
  };
  const take = (count: number): Buffer => {
    if (count === 0) return NO_BYTES;
    for (;;) {
      const bytes = input.take(count);
      if (bytes !== undefined) return Buffer.from(bytes);
      if (input.ended) throw input.truncated();
      feed();
    }
  };
  try {
    const globals = new Map<string, string>();
    for (let count = 1; ; count++) {
      const offset = input.offset;
      const extensions: ScannedExtension[] = [];
      const said: Extensions = { records: [] };
      let block = take(BLOCK);
      if (isZero(block)) return endOf(input, feed, offset);
      if (count > maxMembers) {
        throw new OciError('TAR_UNSAFE', 'archive has too many members', { want: `at most ${maxMembers}` });
      }
      let header = parseHeader(block, offset);
      let flag = String.fromCharCode(header.typeFlag);
      while ('xgLK'.includes(flag)) {
        extensions.push(extension(flag, block, header.size, input.offset, take));
        apply(extensions.at(-1)!, said, globals, input.offset);
        block = take(BLOCK);
        if (isZero(block)) {
          throw new OciError('TAR_INVALID', `archive ends at byte ${input.offset} between a member and its extension`);
        }
        header = parseHeader(block, input.offset - BLOCK);
        flag = String.fromCharCode(header.typeFlag);
      }
      yield* member({ input, room, feed, take, offset, extensions, said, globals, block, header, flag });
    }
  } finally {
    source.return?.();
  }
}

const NO_BYTES = Buffer.alloc(0);

function extension(
  flag: string,
  block: Buffer,
  size: number,
  offset: number,
  take: (count: number) => Buffer,
): ScannedExtension {
  if (size < 0 || size > MAX_EXTENSION) {
    throw new OciError('TAR_UNSAFE', `member at byte ${offset - BLOCK}: a name or extended header too long`, {
      want: `at most ${MAX_EXTENSION} bytes`,
      got: String(size),
    });
  }
  const padded = take(Math.ceil(size / BLOCK) * BLOCK);
  const data = padded.subarray(0, size);
  const records = flag === 'x' || flag === 'g' ? parseRecords(data, offset) : [];
  return { flag, block, data, padding: padded.subarray(size), records };
}

function apply(one: ScannedExtension, said: Extensions, globals: Map<string, string>, offset: number): void {
  const text = (): string => {
    const end = one.data.indexOf(0);
    return one.data.toString('latin1', 0, end < 0 ? one.data.length : end);
  };
  if (one.flag === 'g') setGlobals(globals, one.records as [string, string][], offset);
  else if (one.flag === 'x') said.records = said.records.concat(one.records as [string, string][]);
  else if (one.flag === 'L') said.longName = text();
  else said.longLink = text();
  if (said.records.length > 2 * MAX_PIECES) {
    throw new OciError('TAR_UNSAFE', `member at byte ${offset}: too many pax records`);
  }
}

interface Read {
  /** How many bytes files may still have. */
  readonly room: { left: number };
  readonly input: TarInput;
  readonly feed: () => void;
  readonly take: (count: number) => Buffer;
  readonly offset: number;
  readonly extensions: readonly ScannedExtension[];
  readonly said: Extensions;
  readonly globals: ReadonlyMap<string, string>;
  readonly block: Buffer;
  readonly header: ReadHeader;
  readonly flag: string;
}

function* member(read: Read): Generator<ScannedMember, void, void> {
  const { input, feed, take, offset, said, globals, block, header, flag } = read;
  const attributes = attributesOf(header, said, globals, offset);
  // As the layer reader has it: these carry data, whatever the size of the others says.
  const holdsData = flag === '0' || flag === '\0' || flag === '7' || flag === 'S';
  const stored = holdsData ? attributes.size : 0;
  const records = flag === '0' || flag === '\0' ? sparseRecords(said.records, offset) : undefined;
  let more: Buffer = NO_BYTES;
  let body = new Body(stored, stored);
  let sparse: readonly Piece[] | undefined;
  if (flag === 'S') {
    const map = oldGnuPieces(block, true, offset);
    const pieces = map.pieces;
    for (let goesOn = map.more; goesOn && pieces.length <= MAX_PIECES; ) {
      const next = take(BLOCK);
      more = Buffer.concat([more, next]);
      const found = oldGnuPieces(next, false, offset);
      pieces.push(...found.pieces);
      goesOn = found.more;
    }
    const realSize = oldGnuRealSize(block, offset);
    checkPieces(pieces, realSize, stored, offset);
    body = new Body(realSize, stored, pieces);
    sparse = pieces;
  } else if (records !== undefined) {
    let data = stored;
    sparse = records.pieces;
    if (sparse === undefined) {
      const steps = readMap(() => blockOf(take), stored, offset);
      const { value } = steps.next();
      const map = value as { pieces: Piece[]; bytes: number };
      sparse = map.pieces;
      data -= map.bytes;
    }
    checkPieces(sparse, records.realSize, data, offset);
    body = new Body(records.realSize, data, sparse);
  }
  read.room.left -= body.size;
  if (read.room.left < 0) {
    throw new OciError('TAR_UNSAFE', `member at byte ${offset}: archive unpacks to too much`, {
      got: `a file of ${body.size} bytes`,
    });
  }
  let padding: Buffer | undefined;
  const finish = (): Buffer => {
    if (padding !== undefined) return padding;
    body.close();
    for (let left = body.stored; left > 0; ) {
      const bytes = input.some(left);
      if (bytes !== undefined) left -= bytes.length;
      else if (input.ended) throw input.truncated();
      else feed();
    }
    padding = take((BLOCK - (stored % BLOCK)) % BLOCK);
    return padding;
  };
  yield {
    offset,
    extensions: read.extensions,
    block,
    more,
    header,
    attributes,
    path: matchedPath(attributes.name),
    flag,
    ...(sparse === undefined ? {} : { sparse }),
    size: body.size,
    content: contentOf(body, input, feed),
    padding: finish,
  };
  finish();
}

/** readMap is driven by whoever has to wait; nobody waits here. */
// biome-ignore lint/correctness/useYield: it never has to
function* blockOf(take: (count: number) => Buffer): Generator<never, Buffer, void> {
  return take(BLOCK);
}

function* contentOf(body: Body, input: TarInput, feed: () => void): Generator<Uint8Array, void, void> {
  while (!body.isDone) {
    const bytes = body.next(input);
    if (bytes === undefined) feed();
    else yield bytes;
  }
}

/** One spelling for `./a/`, `a//` and `a`. */
function matchedPath(name: string): RawPath {
  if (!/(^|\/)\.?(\/|$)/.test(name)) return name as RawPath;
  return name
    .split('/')
    .filter((part) => part !== '' && part !== '.')
    .join('/') as RawPath;
}

function endOf(input: TarInput, feed: () => void, offset: number): TarEnd {
  let block = input.take(BLOCK);
  while (block === undefined && !input.ended) {
    feed();
    block = input.take(BLOCK);
  }
  if (block === undefined && !input.isEmpty) throw input.truncated();
  if (block !== undefined && !isZero(block)) {
    throw new OciError('TAR_INVALID', `archive goes on after a zero block at byte ${offset}`);
  }
  const start = input.offset;
  let isTrailingZero = true;
  const hash = createHash('sha256');
  for (;;) {
    const bytes = input.some(Number.MAX_SAFE_INTEGER);
    if (bytes !== undefined) {
      hash.update(bytes);
      isTrailingZero &&= bytes.every((byte) => byte === 0);
    } else if (input.ended) break;
    else feed();
  }
  const zeroBlocks = block === undefined ? 1 : 2;
  const trailing = input.offset - start;
  return { offset, zeroBlocks, trailing, isTrailingZero, trailingDigest: finishDigest(hash) };
}

function isZero(block: Buffer): boolean {
  return block[0] === 0 && block[156] === 0 && block.every((byte) => byte === 0);
}
