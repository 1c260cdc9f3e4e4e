// Owns: everything two archives say differently: members missing, elsewhere or repeated; their header fields; their contents;
// what stands behind them. Each archive is read twice, never held: once for a table of digests, once side by side.

import { type RawPath, rawToBuffer } from '../raw-path.ts';
import { shownBytes } from '../shown-text.ts';
import { naming } from './blob-source.ts';
import { type Bytes, compareBytes, hold, MAX_HELD, streamBytes } from './bytes.ts';
import type { Detail, Found, Steps } from './finding.ts';
import { compareHeaders, quoted, typeText } from './tar-fields.ts';
import { indexTar, type Match, matchMembers, occurrenceOf, pathOfKey, type TarIndex } from './tar-index.ts';
import { type ScanLimits, type ScannedMember, scanTar, type TarEnd } from './tar-scan.ts';

/** An archive that can be read several times. */
export interface TarSource {
  /** For messages. */
  readonly name: string;
  readonly limits?: ScanLimits;
  open(): Iterable<Uint8Array>;
}

/** How much may still be looked into; shared by all archives of a comparison. */
export interface Budget {
  contents: number;
  /** Members out of order, and files too large to be held, take another reading of their archive each. */
  rereadings: number;
  /** Every difference worth naming in two contents. */
  look(left: Bytes, right: Bytes): Generator<undefined, Detail[], void>;
}

/** Differences in the order of the left archive; at least one, unless both are equal byte for byte. */
export function* diffTars(left: TarSource, right: TarSource, budget: Budget): Steps {
  let isTold = false;
  for (const found of differences(left, right, budget)) {
    isTold ||= found !== undefined && found.weight !== 'note';
    yield found;
  }
  if (isTold) return;
  // Nothing above looks at every byte there is; this does.
  const bytes = yield* compareBytes(left.open(), right.open());
  if (bytes !== undefined) yield { level: 'layer', ...bytes, kind: 'encoding', field: 'tar' };
}

/** Says in which archive something is wrong. */
export function* inSource<Y, T>({ name }: TarSource, work: Generator<Y, T, void>): Generator<Y, T, void> {
  try {
    return yield* work;
  } catch (error) {
    throw naming(name, error);
  }
}

function* differences(left: TarSource, right: TarSource, budget: Budget): Steps {
  const ours = yield* inSource(left, indexTar(left.open(), left.limits));
  const theirs = yield* inSource(right, indexTar(right.open(), right.limits));
  const match = matchMembers(ours, theirs);
  yield* repeated(ours, theirs);
  yield* moved(ours, theirs, match);
  yield* sideBySide({ left, right, ours, theirs, match, budget });
  yield* compareEnds(ours.end, theirs.end);
}

interface Pair {
  readonly left: TarSource;
  readonly right: TarSource;
  readonly ours: TarIndex;
  readonly theirs: TarIndex;
  readonly match: Match;
  readonly budget: Budget;
}

/** A name that both sides have equally often is worth a note: which of them counts is the unpacker's choice. */
function* repeated(ours: TarIndex, theirs: TarIndex): Steps {
  const counts = (index: TarIndex): Map<RawPath, number> => {
    const found = new Map<RawPath, number>();
    for (const key of index.keys) if (occurrenceOf(key) > 1) found.set(pathOfKey(key), occurrenceOf(key));
    return found;
  };
  const [one, other] = [counts(ours), counts(theirs)];
  for (const path of new Set([...one.keys(), ...other.keys()])) {
    const times = (index: TarIndex, side: Map<RawPath, number>): number =>
      side.get(path) ?? (index.places.has(path) ? 1 : 0);
    const [before, after] = [times(ours, one), times(theirs, other)];
    yield {
      level: 'entry',
      kind: 'duplicate',
      field: 'duplicate',
      path: shownPath(path),
      left: `stands ${before} times`,
      right: `stands ${after} times`,
      inner: [],
      ...(before === after ? { weight: 'note' } : {}),
    };
  }
}

/** One finding for all that stand elsewhere: the first of them, and how many there are. */
function* moved(ours: TarIndex, theirs: TarIndex, { leftOf, inOrder }: Match): Steps {
  let count = 0;
  let common = 0;
  let first = -1;
  for (let at = 0; at < theirs.count; at++) {
    if (leftOf[at]! < 0) continue;
    common++;
    if (inOrder[at] === 1) continue;
    count++;
    if (first < 0 || leftOf[at]! < leftOf[first]!) first = at;
  }
  if (count === 0) return;
  const place = (index: TarIndex, at: number): string =>
    at === 0 ? 'first' : `after ${quoted(rawToBuffer(pathOfKey(index.keys[at - 1]!)))}`;
  yield {
    level: 'entry',
    kind: 'order',
    field: 'order',
    path: shownPath(pathOfKey(theirs.keys[first]!)),
    left: place(ours, leftOf[first]!),
    right: place(theirs, first),
    inner: [],
    note: `${count} of ${common} entries stand in another order`,
  };
}

function* sideBySide(pair: Pair): Steps {
  const { left, right, ours, theirs, match, budget } = pair;
  const [a, b] = [members(left), members(right)];
  const late: [number, number][] = [];
  let turnedAt = 0;
  try {
    let at = 0;
    for (let other = 0; other <= theirs.count; other++) {
      // Up to the next pair that stands in order, or to both ends.
      const start = other;
      while (other < theirs.count && match.inOrder[other] === 0) other++;
      const goal = other < theirs.count ? match.leftOf[other]! : ours.count;
      for (; at < goal; at++) {
        if (match.rightOf[at]! < 0) yield missing('right', a.at(at), ours.keys[at]!);
      }
      for (let alone = start; alone < other; alone++) {
        if (match.leftOf[alone]! < 0) yield missing('left', b.at(alone), theirs.keys[alone]!);
        else late.push([match.leftOf[alone]!, alone]);
      }
      if (other === theirs.count) break;
      if (!isEqual(pair, at, other)) yield* compareMembers(pair, a.at(at), b.at(other), at, other);
      at = goal + 1;
      if (a.offset() - turnedAt >= TURN) {
        turnedAt = a.offset();
        yield;
      }
    }
  } finally {
    a.close();
    b.close();
  }
  for (const [at, other] of late) {
    if (isEqual(pair, at, other)) continue;
    if (budget.rereadings-- > 0) {
      const [one, two] = [members(left), members(right)];
      try {
        yield* compareMembers(pair, one.at(at), two.at(other), at, other);
      } finally {
        one.close();
        two.close();
      }
    } else yield* byDigest(pair, at, other);
  }
}

const TURN = 32 << 20;

function isEqual({ ours, theirs }: Pair, at: number, other: number): boolean {
  return ours.headerDigest(at).equals(theirs.headerDigest(other)) && sameContent(ours, at, theirs, other);
}

function sameContent(ours: TarIndex, at: number, theirs: TarIndex, other: number): boolean {
  return ours.contentDigest(at).equals(theirs.contentDigest(other));
}

interface Members {
  /** The member of an ordinal; only forwards. */
  at(ordinal: number): ScannedMember;
  offset(): number;
  close(): void;
}

function members(source: TarSource): Members {
  const scan = scanTar(source.open(), source.limits);
  let next = 0;
  let current: ScannedMember | undefined;
  return {
    at(ordinal) {
      while (next <= ordinal) {
        const step = scan.next();
        if (step.done === true) throw new RangeError('an archive changed between two readings');
        current = step.value;
        next++;
      }
      return current!;
    },
    offset: () => current?.offset ?? 0,
    close: () => void scan.return(undefined as never),
  };
}

function missing(side: 'left' | 'right', member: ScannedMember, key: string): Found {
  const duplicate = occurrenceOf(key) > 1;
  return {
    level: 'entry',
    kind: duplicate ? 'duplicate' : 'missing',
    field: duplicate ? 'duplicate' : 'entry',
    path: shownPath(member.path),
    ...(side === 'left' ? { right: describe(member) } : { left: describe(member) }),
    inner: [],
    ...(duplicate ? { note: `number ${occurrenceOf(key)} of its name` } : {}),
  };
}

/** `file, mode 0644, 17 bytes`. */
function describe(member: ScannedMember): string {
  const { attributes, header, flag, size } = member;
  const what = /^'?"?.*\((.*)\)$/.exec(typeText(flag))?.[1] ?? typeText(flag);
  const link = flag === '1' || flag === '2' ? `, to ${quoted(rawToBuffer(attributes.linkName as RawPath))}` : '';
  return `${what}, mode ${header.mode.toString(8).padStart(4, '0')}${size > 0 ? `, ${size} bytes` : ''}${link}`;
}

export function shownPath(path: RawPath): string {
  return path === '' ? '/' : shownBytes(rawToBuffer(path));
}

/** Two members of one name: their headers, then what is in them. */
function* compareMembers(pair: Pair, one: ScannedMember, other: ScannedMember, at: number, theirs: number): Steps {
  const path = shownPath(one.path);
  const inField = (detail: Detail): Found => ({ level: 'field', path, ...detail });
  for (const detail of compareHeaders(one, other)) yield inField(detail);
  if (!sameContent(pair.ours, at, pair.theirs, theirs)) {
    if (pair.budget.contents-- > 0) {
      const details = yield* contents(pair, one, other, at, theirs);
      for (const detail of details) yield { level: 'content', path, ...detail };
    } else yield* contentByDigest(pair, at, theirs);
  }
  const [left, right] = [one.padding(), other.padding()];
  if (left.length === right.length && !left.equals(right)) {
    yield inField({ kind: 'encoding', field: 'padding', left: quoted(left), right: quoted(right), inner: [] });
  }
}

function* contents(
  pair: Pair,
  one: ScannedMember,
  other: ScannedMember,
  at: number,
  theirs: number,
): Generator<undefined, Detail[], void> {
  if (one.size <= MAX_HELD && other.size <= MAX_HELD) {
    return yield* pair.budget.look(hold(one.size, one.content), hold(other.size, other.content));
  }
  if (pair.budget.rereadings-- > 0) {
    const again = (source: TarSource, ordinal: number, size: number): Bytes & { close(): void } =>
      streamBytes(size, function* () {
        const found = members(source);
        try {
          yield* found.at(ordinal).content;
        } finally {
          found.close();
        }
      });
    const [left, right] = [again(pair.left, at, one.size), again(pair.right, theirs, other.size)];
    try {
      return yield* pair.budget.look(left, right);
    } finally {
      left.close();
      right.close();
    }
  }
  const bytes = yield* compareBytes(one.content, other.content);
  return bytes === undefined ? [] : [bytes];
}

/** What is left to say when nothing may be looked into any more. */
function* byDigest(pair: Pair, at: number, other: number): Steps {
  const { ours, theirs } = pair;
  yield* unequal(
    'field',
    'header',
    shownPath(pathOfKey(ours.keys[at]!)),
    ours.headerDigest(at),
    theirs.headerDigest(other),
  );
  yield* contentByDigest(pair, at, other);
}

function* contentByDigest({ ours, theirs }: Pair, at: number, other: number): Steps {
  const path = shownPath(pathOfKey(ours.keys[at]!));
  yield* unequal('content', 'content', path, ours.contentDigest(at), theirs.contentDigest(other));
}

function* unequal(level: 'field' | 'content', field: string, path: string, one: Buffer, other: Buffer): Steps {
  if (one.equals(other)) return;
  const [left, right] = [one, other].map((digest) => `sha256:${digest.toString('hex')}`);
  const note = 'not looked into: too much differs';
  yield { level, kind: 'changed', field, path, left: left!, right: right!, inner: [], note };
}

function* compareEnds(left: TarEnd, right: TarEnd): Steps {
  const describeEnd = (end: TarEnd): string =>
    `${end.zeroBlocks} zero ${end.zeroBlocks === 1 ? 'block' : 'blocks'}, ` +
    `then ${end.trailing} ${end.isTrailingZero ? 'zero bytes' : `bytes of ${end.trailingDigest}`}`;
  const [one, other] = [describeEnd(left), describeEnd(right)];
  if (one !== other) {
    yield { level: 'field', kind: 'encoding', field: 'trailer', left: one, right: other, inner: [] };
  }
}
