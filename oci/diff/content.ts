// Owns: what differs in two files' contents: which format's inspector looks into them, how deep and how much, and the bytes
// where none can tell.

import { OciError } from '../errors.ts';
import { type Bytes, compareBytes } from './bytes.ts';
import type { Detail, Found } from './finding.ts';
import { compareAr, isAr } from './inside/ar.ts';
import { compareCompressed, compressionOf } from './inside/compressed.ts';
import { compareElf, isElf } from './inside/elf.ts';
import type { Inside, Inspector } from './inside/inspector.ts';
import { isTar } from './inside/tar.ts';
import { compareText, looksLikeText } from './inside/text.ts';
import { compareZip, isZip } from './inside/zip.ts';
import { type Budget, diffTars } from './tar-diff.ts';

export { MAX_HELD } from './bytes.ts';

const MAX_DEPTH = 4;
/** Most that is unpacked in the course of a comparison, all nested archives together. */
const MAX_UNPACKED = 2 ** 31;
/** Of an archive inside a file. */
const NESTED = { maxMembers: 100_000, maxBytes: 256 << 20 };
/** Most differences told of one file. */
const MAX_DETAILS = 50;

/** Every difference worth naming between two contents by themselves; none where they are equal. Yields for a turn. */
export function compareContents(left: Bytes, right: Bytes): Generator<undefined, Detail[], void> {
  return createBudget(1).look(left, right);
}

/** What a comparison may spend. */
export function createBudget(maxContents: number): Budget {
  let unpacked = MAX_UNPACKED;
  let depth = 0;
  const budget: Budget = {
    contents: maxContents,
    rereadings: 16,
    *look(left, right) {
      if (depth >= MAX_DEPTH) return yield* bytesOf(left, right);
      depth++;
      try {
        return yield* lookInside(left, right, inside);
      } finally {
        depth--;
      }
    },
  };
  const inside: Inside = {
    compare: budget.look,
    mayUnpack: (bytes) => (unpacked -= bytes) >= 0,
    *compareTars(left, right) {
      const details: Detail[] = [];
      // What is nested reads its archives again too, but does not use up what the outer one may look into.
      const nested = { ...budget, contents: MAX_DETAILS, rereadings: 2 };
      for (const found of diffTars(
        { name: '', limits: NESTED, open: left },
        { name: '', limits: NESTED, open: right },
        nested,
      )) {
        if (found === undefined) yield;
        else if (details.length < MAX_DETAILS) details.push(nestedDetail(found));
      }
      return details;
    },
  };
  return budget;
}

function nestedDetail({ level: _, path, layer: __, platform: ___, weight: ____, ...detail }: Found): Detail {
  return path === undefined ? detail : { ...detail, inner: [{ kind: 'archive entry', name: path }, ...detail.inner] };
}

/** By what both files are; the same format on one side only is no format. */
const FORMATS: readonly (readonly [(bytes: Bytes) => boolean, Inspector])[] = [
  [isAr, compareAr],
  [isElf, compareElf],
  [(bytes) => compressionOf(bytes) !== undefined, compareCompressed],
  [isZip, compareZip],
  [
    isTar,
    (left, right, inside) =>
      inside.compareTars(
        () => left.chunks(),
        () => right.chunks(),
      ),
  ],
];

/** Every difference worth naming; at least one where the bytes differ, none where they are equal. */
function* lookInside(left: Bytes, right: Bytes, inside: Inside): Generator<undefined, Detail[], void> {
  const bytes = yield* compareBytes(left.chunks(), right.chunks());
  if (bytes === undefined) return [];
  try {
    const inspector = FORMATS.find(([fits]) => fits(left) && fits(right))?.[1];
    if (inspector !== undefined) {
      const details = yield* inspector(left, right, inside);
      return details.length > 0 ? cut(details) : [bytes];
    }
  } catch (error) {
    // A file may be anything: one that looks like an archive and is none is bytes.
    if (!(error instanceof OciError || error instanceof RangeError)) throw error;
    return [bytes];
  }
  const at = bytes.offset!;
  return looksLikeText(left, at) && looksLikeText(right, at) ? [compareText(left, right, at)] : [bytes];
}

function cut(details: Detail[]): Detail[] {
  if (details.length <= MAX_DETAILS) return details;
  const note = `${details.length - MAX_DETAILS} more differences in this file are not told`;
  return [...details.slice(0, MAX_DETAILS - 1), { ...details[MAX_DETAILS - 1]!, note }];
}

function* bytesOf(left: Bytes, right: Bytes): Generator<undefined, Detail[], void> {
  const bytes = yield* compareBytes(left.chunks(), right.chunks());
  return bytes === undefined ? [] : [bytes];
}
