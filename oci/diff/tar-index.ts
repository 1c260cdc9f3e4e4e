// Owns: the table of one archive's members, in as few bytes a member as will do, and how two tables fit together: which
// members stand in the same order, which elsewhere, which on one side only.

import { createHash } from 'node:crypto';
import type { RawPath } from '../raw-path.ts';
import { type ScanLimits, type ScannedMember, scanTar, type TarEnd } from './tar-scan.ts';

const DIGEST = 32;

export interface TarIndex {
  readonly count: number;
  /** The path; from the second member of one path on, with NUL and which one it is. */
  readonly keys: readonly string[];
  readonly places: ReadonlyMap<string, number>;
  /** sha256 of a member's header blocks and of its content. */
  headerDigest(ordinal: number): Buffer;
  contentDigest(ordinal: number): Buffer;
  readonly end: TarEnd;
}

/** Reads an archive once; yields for a turn. Throws what scanTar throws. */
export function* indexTar(chunks: Iterable<Uint8Array>, limits?: ScanLimits): Generator<undefined, TarIndex, void> {
  const keys: string[] = [];
  const places = new Map<string, number>();
  const repeats = new Map<string, number>();
  let digests = Buffer.alloc(DIGEST * 2 * 1024);
  let turnedAt = 0;
  const members = scanTar(chunks, limits);
  for (;;) {
    const next = members.next();
    if (next.done === true) {
      return {
        count: keys.length,
        keys,
        places,
        headerDigest: (at) => digests.subarray(2 * DIGEST * at, 2 * DIGEST * at + DIGEST),
        contentDigest: (at) => digests.subarray(2 * DIGEST * at + DIGEST, 2 * DIGEST * (at + 1)),
        end: next.value,
      };
    }
    const member = next.value;
    const at = 2 * DIGEST * keys.length;
    if (at === digests.length) digests = Buffer.concat([digests, Buffer.alloc(digests.length)]);
    const content = createHash('sha256');
    let hashed = 0;
    for (const chunk of member.content) {
      content.update(chunk);
      hashed += chunk.length;
      if (hashed < TURN) continue;
      hashed = 0;
      yield;
    }
    content.digest().copy(digests, at + DIGEST);
    headerHash(member).copy(digests, at);
    let key: string = member.path;
    if (places.has(key)) {
      const times = (repeats.get(key) ?? 1) + 1;
      repeats.set(key, times);
      key = `${key}\0${times}`;
    }
    places.set(key, keys.length);
    keys.push(key);
    if (member.offset - turnedAt >= TURN) {
      turnedAt = member.offset;
      yield;
    }
  }
}

const TURN = 32 << 20;

function headerHash(member: ScannedMember): Buffer {
  const hash = createHash('sha256');
  for (const { block, data, padding } of member.extensions) hash.update(block).update(data).update(padding);
  return hash.update(member.block).update(member.more).update(member.padding()).digest();
}

export function pathOfKey(key: string): RawPath {
  const end = key.indexOf('\0');
  return (end < 0 ? key : key.slice(0, end)) as RawPath;
}

/** How often a path stood before this member, from 1. */
export function occurrenceOf(key: string): number {
  const end = key.indexOf('\0');
  return end < 0 ? 1 : Number(key.slice(end + 1));
}

export interface Match {
  /** For each right member the left one of its key, -1 for none. */
  readonly leftOf: Int32Array;
  /** For each left member the right one of its key, -1 for none. */
  readonly rightOf: Int32Array;
  /** For each right member 1 where it belongs to the longest run both sides have in the same order. */
  readonly inOrder: Uint8Array;
}

export function matchMembers(left: TarIndex, right: TarIndex): Match {
  const leftOf = new Int32Array(right.count).fill(-1);
  const rightOf = new Int32Array(left.count).fill(-1);
  for (const [at, key] of right.keys.entries()) {
    const other = left.places.get(key);
    if (other === undefined) continue;
    leftOf[at] = other;
    rightOf[other] = at;
  }
  return { leftOf, rightOf, inOrder: longestRise(leftOf) };
}

/** Marks a longest rising subsequence of the numbers that are not negative. */
export function longestRise(values: Int32Array): Uint8Array {
  const marks = new Uint8Array(values.length);
  const before = new Int32Array(values.length).fill(-1);
  // ends[k]: where the smallest last number of a rise of k+1 stands.
  const ends = new Int32Array(values.length);
  let length = 0;
  for (let i = 0; i < values.length; i++) {
    const value = values[i]!;
    if (value < 0) continue;
    let low = 0;
    let high = length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (values[ends[middle]!]! < value) low = middle + 1;
      else high = middle;
    }
    if (low > 0) before[i] = ends[low - 1]!;
    ends[low] = i;
    if (low === length) length++;
  }
  for (let i = length === 0 ? -1 : ends[length - 1]!; i >= 0; i = before[i]!) marks[i] = 1;
  return marks;
}
