// Owns: GNU's sparse files, read only: where the pieces of data stand in the whole file, in each of the four notations.

import { OciError } from '../errors.ts';
import { BLOCK, parseNumber } from './header.ts';

/** A piece of data of a sparse file, in bytes; between pieces there are zeros. */
export interface Piece {
  readonly offset: number;
  readonly length: number;
}

/** A map longer than this is no file anybody has: it is refused. */
export const MAX_PIECES = 1 << 16;

/** Pieces of an old GNU header: four in the header itself, 21 in each block that follows. */
export function oldGnuPieces(block: Buffer, isHeader: boolean, offset: number): { pieces: Piece[]; more: boolean } {
  const start = isHeader ? 386 : 0;
  const count = isHeader ? 4 : 21;
  const pieces: Piece[] = [];
  for (let i = 0; i < count; i++) {
    const at = start + 24 * i;
    if (block[at] === 0) break;
    pieces.push({
      offset: parseNumber(block, at, 12, 'sparse offset', offset),
      length: parseNumber(block, at + 12, 12, 'sparse length', offset),
    });
  }
  return { pieces, more: block[start + 24 * count] !== 0 };
}

/** Size of the whole file, from an old GNU header. */
export function oldGnuRealSize(block: Buffer, offset: number): number {
  return parseNumber(block, 483, 12, 'sparse size', offset);
}

/** What the pax records of a member say about sparseness; undefined for an ordinary file. */
export interface SparseRecords {
  readonly realSize: number;
  /** Absent in version 1.0: the map stands before the data. */
  readonly pieces?: readonly Piece[];
}

export function sparseRecords(
  records: readonly (readonly [string, string])[],
  offset: number,
): SparseRecords | undefined {
  if (records.length === 0) return undefined;
  const last = new Map(records);
  const size = last.get('GNU.sparse.realsize') ?? last.get('GNU.sparse.size');
  if (size === undefined) return undefined;
  const realSize = decimal(size, offset);
  const major = last.get('GNU.sparse.major');
  if (major !== undefined && major !== '0') {
    if (major !== '1' || last.get('GNU.sparse.minor') !== '0') throw wrong(offset, `version ${major}`);
    return { realSize };
  }
  const map = last.get('GNU.sparse.map');
  const numbers =
    map !== undefined && map !== ''
      ? map.split(',').map((text) => decimal(text, offset))
      : records
          .filter(([key]) => key === 'GNU.sparse.offset' || key === 'GNU.sparse.numbytes')
          .map(([, value]) => decimal(value, offset));
  return { realSize, pieces: pair(numbers, offset) };
}

/**
 * Reads a version 1.0 map: decimal lines, the count first, padded to a block; with it the member has
 * `stored` bytes. `block` gives the next block. Generators
 * pass their waiting through, so this one is driven like the reader itself.
 */
export function* readMap<Wait>(
  block: () => Generator<Wait, Buffer, void>,
  stored: number,
  offset: number,
): Generator<Wait, { pieces: Piece[]; bytes: number }, void> {
  const numbers: number[] = [];
  let text = '';
  let bytes = 0;
  for (;;) {
    if (bytes + BLOCK > stored) throw wrong(offset, 'a map longer than the member');
    text += (yield* block()).toString('latin1');
    bytes += BLOCK;
    for (let line = text.indexOf('\n'); line >= 0; line = text.indexOf('\n')) {
      numbers.push(decimal(text.slice(0, line), offset));
      text = text.slice(line + 1);
      const count = numbers[0]!;
      if (count > MAX_PIECES) throw wrong(offset, `${count} pieces`);
      if (numbers.length === 1 + 2 * count) return { pieces: pair(numbers.slice(1), offset), bytes };
    }
    if (text.length > 32) throw wrong(offset, JSON.stringify(text.slice(0, 32)));
  }
}

/** Throws OciError TAR_INVALID unless pieces are in order, inside the file, and as long together as the data. */
export function checkPieces(pieces: readonly Piece[], realSize: number, stored: number, offset: number): void {
  if (pieces.length > MAX_PIECES) throw wrong(offset, `${pieces.length} pieces`);
  let end = 0;
  let total = 0;
  for (const piece of pieces) {
    if (piece.offset < end || piece.length < 0 || piece.offset + piece.length > realSize) {
      throw wrong(offset, `a piece at ${piece.offset}, ${piece.length} bytes, in a file of ${realSize}`);
    }
    end = piece.offset + piece.length;
    total += piece.length;
  }
  if (total !== stored) throw wrong(offset, `pieces of ${total} bytes together, data of ${stored}`);
}

function pair(numbers: readonly number[], offset: number): Piece[] {
  if (numbers.length % 2 !== 0) throw wrong(offset, 'an offset without a length');
  const pieces: Piece[] = [];
  for (let i = 0; i < numbers.length; i += 2) pieces.push({ offset: numbers[i]!, length: numbers[i + 1]! });
  return pieces;
}

/** A pax number: decimal digits. */
export function decimal(text: string, offset: number): number {
  const value = /^[0-9]{1,16}$/.test(text) ? Number(text) : Number.NaN;
  if (!Number.isSafeInteger(value)) {
    throw new OciError('TAR_INVALID', `pax header before byte ${offset}: no number`, { got: JSON.stringify(text) });
  }
  return value;
}

function wrong(offset: number, got: string): OciError {
  return new OciError('TAR_INVALID', `member at byte ${offset}: damaged sparse map`, { got });
}
