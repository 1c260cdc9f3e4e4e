// Owns: naming the first difference: between two archives, and between a layer as written and the tree it was made of.

import { createHash } from 'node:crypto';
import { closeSync, readSync } from 'node:fs';
import { type Digest, finishDigest } from '../digest.ts';
import { OciError } from '../errors.ts';
import { displayPath, type RawPath } from '../raw-path.ts';
import { TURN_BYTES, turn } from '../turn.ts';
import type { StampPolicy, TreeEntry } from './entry.ts';
import type { HeaderFields } from './header.ts';
import { type ArchiveEntry, readTarSync, type TarMember } from './reader.ts';
import { stamp } from './stamp.ts';
import { whiteoutPath } from './whiteout.ts';
import { openSource } from './writer.ts';

export type DifferenceField =
  | 'missing' // one side has no such entry
  | 'order' // both have it, at another place
  | 'type'
  | 'mode'
  | 'size'
  | 'owner'
  | 'mtime'
  | 'target'
  | 'device'
  | 'xattrs'
  | 'content'
  | 'encoding'; // the same entries, said in other bytes

export interface Difference {
  /** The entry; absent for `encoding` in padding. */
  readonly path?: RawPath;
  readonly field: DifferenceField;
  /** What each side has, for people. */
  readonly left: string;
  readonly right: string;
  /** content: byte of the file. encoding: byte of the left archive. */
  readonly offset?: number;
}

/** `usr/bin/a: mode: 0755 on the left, 0644 on the right`. */
export function formatDifference(difference: Difference): string {
  const { path, field, left, right, offset } = difference;
  const place = offset === undefined ? field : `${field} at byte ${offset}`;
  return `${path === undefined ? '' : `${displayPath(path)}: `}${place}: ${left} on the left, ${right} on the right`;
}

/**
 * The first difference between two uncompressed archives, or undefined when they are equal byte for byte. Both are read
 * once, side by side; only where entries are missing or out of order are the rest's paths held in memory.
 * Throws what readTarSync throws.
 */
export function compareTars(left: Iterable<Uint8Array>, right: Iterable<Uint8Array>): Difference | undefined {
  const digests = [createHash('sha256'), createHash('sha256')] as const;
  const options = { keepHeaders: true };
  const a = readTarSync(
    tap(left, (chunk) => digests[0].update(chunk)),
    options,
  );
  const b = readTarSync(
    tap(right, (chunk) => digests[1].update(chunk)),
    options,
  );
  try {
    for (;;) {
      const one = memberOf(a);
      const other = memberOf(b);
      if (one === undefined && other === undefined) break;
      if (one === undefined || other === undefined || one.entry.path !== other.entry.path) {
        return misplaced(one, a, other, b);
      }
      const path = one.entry.path;
      const difference =
        compareEntries(one.entry, other.entry) ??
        compareHeaders(one, other) ??
        compareContent(path, one.content, other.content);
      if (difference !== undefined) return difference;
    }
  } finally {
    a.return();
    b.return();
  }
  const [x, y] = [finishDigest(digests[0]), finishDigest(digests[1])];
  return x === y ? undefined : { field: 'encoding', left: x, right: y };
}

function memberOf(members: Iterator<TarMember, void>): TarMember | undefined {
  const next = members.next();
  return next.done === true ? undefined : next.value;
}

function* tap(chunks: Iterable<Uint8Array>, see: (chunk: Uint8Array) => void): Generator<Uint8Array, void, void> {
  for (const chunk of chunks) {
    see(chunk);
    yield chunk;
  }
}

/** Two archives that have another entry at the same place: is one of the two missing, or only elsewhere? */
function misplaced(
  one: TarMember | undefined,
  a: Iterator<TarMember, void>,
  other: TarMember | undefined,
  b: Iterator<TarMember, void>,
): Difference {
  const restOf = (members: Iterator<TarMember, void>): Set<RawPath> => {
    const paths = new Set<RawPath>();
    for (let next = memberOf(members); next !== undefined; next = memberOf(members)) paths.add(next.entry.path);
    return paths;
  };
  const [onePath, otherPath] = [one?.entry.path, other?.entry.path];
  const inB = onePath !== undefined && restOf(b).has(onePath);
  if (onePath !== undefined && !inB) return { path: onePath, field: 'missing', left: 'there', right: 'missing' };
  const inA = otherPath !== undefined && restOf(a).has(otherPath);
  if (otherPath !== undefined && !inA) return { path: otherPath, field: 'missing', left: 'missing', right: 'there' };
  return { path: onePath!, field: 'order', left: 'here', right: `after ${displayPath(otherPath!)}` };
}

function compareEntries(one: ArchiveEntry, other: ArchiveEntry): Difference | undefined {
  const pairs: [DifferenceField, string, string][] = [
    ['type', one.type, other.type],
    ['mode', octal(one.mode), octal(other.mode)],
    ['size', String(one.size), String(other.size)],
    ['owner', `${one.owner.uid}:${one.owner.gid}`, `${other.owner.uid}:${other.owner.gid}`],
    ['mtime', String(one.mtime), String(other.mtime)],
    ['target', displayPath(one.target ?? NONE), displayPath(other.target ?? NONE)],
    ['device', deviceOf(one), deviceOf(other)],
    ['xattrs', xattrsOf(one.xattrs), xattrsOf(other.xattrs)],
  ];
  const found = pairs.find(([, left, right]) => left !== right);
  return found === undefined ? undefined : { path: one.path, field: found[0], left: found[1], right: found[2] };
}

/** Header bytes that say the same thing in another way. */
function compareHeaders(one: TarMember, other: TarMember): Difference | undefined {
  const [left, right] = [one.header!, other.header!];
  if (left.equals(right)) return undefined;
  const shorter = Math.min(left.length, right.length);
  let i = 0;
  while (i < shorter && left[i] === right[i]) i++;
  return { path: one.entry.path, field: 'encoding', left: hex(left[i]), right: hex(right[i]), offset: one.offset + i };
}

const NONE = '' as RawPath;

function octal(mode: number): string {
  return mode.toString(8).padStart(4, '0');
}

function deviceOf(entry: ArchiveEntry): string {
  return entry.device === undefined ? 'none' : `${entry.device.major}:${entry.device.minor}`;
}

function xattrsOf(xattrs: ReadonlyMap<string, Uint8Array>): string {
  if (xattrs.size === 0) return 'none';
  const shown = [...xattrs].map(([name, value]) => `${name}=${Buffer.from(value).toString('hex')}`);
  return shown.sort().join(' ');
}

/** Compares two streams that may be cut differently. They are equally long: sizes were compared before. */
function compareContent(path: RawPath, one: Iterable<Uint8Array>, other: Iterable<Uint8Array>): Difference | undefined {
  const right = other[Symbol.iterator]();
  let rest: Uint8Array = NO_BYTES;
  let at = 0;
  for (let left of one) {
    while (left.length > 0) {
      if (rest.length === 0) rest = right.next().value ?? NO_BYTES;
      const length = Math.min(left.length, rest.length);
      if (Buffer.compare(left.subarray(0, length), rest.subarray(0, length)) !== 0 || length === 0) {
        const i = left.findIndex((byte, k) => byte !== rest[k]);
        return { path, field: 'content', left: hex(left[i]), right: hex(rest[i]), offset: at + i };
      }
      left = left.subarray(length);
      rest = rest.subarray(length);
      at += length;
    }
  }
  return undefined;
}

const NO_BYTES = new Uint8Array(0);

function hex(byte: number | undefined): string {
  return byte === undefined ? 'the end' : `0x${byte.toString(16).padStart(2, '0')}`;
}

export interface VerifyOptions {
  /** The layer as read back and decompressed. */
  readonly tar: Iterable<Uint8Array>;
  readonly diffId: Digest;
  /** The tree the layer was made of, in the same order. */
  readonly entries: Iterable<TreeEntry>;
  readonly policy: StampPolicy;
  /** `bytes` (default) reads every file again; `sizes` trusts the diffID for what is inside them. */
  readonly content?: 'bytes' | 'sizes';
}

/**
 * Reads a layer back and compares it with its tree: every entry, every field, and the digest of the whole.
 * Throws OciError DIGEST_MISMATCH naming the first entry that differs; TAR_INVALID or CODEC_FAILED when it cannot be read at all.
 */
export async function verifyLayer(options: VerifyOptions): Promise<void> {
  const { policy, content = 'bytes' } = options;
  const hash = createHash('sha256');
  const expected = options.entries[Symbol.iterator]();
  let turnedAt = 0;
  try {
    for (const { entry, content: stored, offset } of readTarSync(tap(options.tar, (chunk) => hash.update(chunk)))) {
      const next = expected.next();
      if (next.done === true) throw differs(entry.path, 'an entry too many', 'nothing', entry.type);
      const want = next.value;
      if (entry.path !== want.path) {
        throw differs(want.path, 'missing from the layer', displayPath(want.path), displayPath(entry.path));
      }
      compareFields(stamp(want, policy), entry, want);
      if (want.type === 'file' && content === 'bytes') {
        for (const _ of compareFile(want, stored)) await turn();
      }
      if (offset - turnedAt >= TURN_BYTES) {
        turnedAt = offset;
        await turn();
      }
    }
    const next = expected.next();
    if (next.done !== true) throw differs(next.value.path, 'missing from the layer', next.value.type, 'the end');
  } finally {
    expected.return?.();
  }
  const found = finishDigest(hash);
  if (found !== options.diffId) {
    throw new OciError('DIGEST_MISMATCH', 'layer read back', { want: `diffID ${options.diffId}`, got: found });
  }
}

function compareFields(want: HeaderFields, got: ArchiveEntry, entry: TreeEntry): void {
  const name = got.type === 'whiteout' ? whiteoutPath(got.path) : got.type === 'directory' ? `${got.path}/` : got.path;
  const xattrs = new Map([...(want.xattrs ?? [])].map(([key, value]) => [key, Buffer.from(value, 'latin1')]));
  const pairs: [string, string | number, string | number][] = [
    ['type', entry.type, got.type],
    ['name', want.name, name],
    ['mode', octal(want.mode), octal(got.mode)],
    ['size', want.size, got.size],
    ['owner', `${want.uid}:${want.gid}`, `${got.owner.uid}:${got.owner.gid}`],
    ['mtime', want.mtime, got.mtime],
    ['target', want.linkName, got.target ?? ''],
    ['device', `${want.major}:${want.minor}`, `${got.device?.major ?? 0}:${got.device?.minor ?? 0}`],
    ['xattrs', xattrsOf(xattrs), xattrsOf(got.xattrs)],
  ];
  for (const [field, wanted, found] of pairs) {
    if (wanted !== found) throw differs(entry.path, field, String(wanted), String(found));
  }
}

const PART = 1 << 20;
let part: Buffer | undefined;

/** Compares a file with the tree's; yields now and then, for a turn. */
function* compareFile(entry: TreeEntry, stored: Iterable<Uint8Array>): Generator<undefined, void, void> {
  let at = 0;
  let turnedAt = 0;
  if (entry.bytes !== undefined) {
    for (const bytes of stored) {
      if (Buffer.compare(bytes, entry.bytes.subarray(at, at + bytes.length)) !== 0) throw otherBytes(entry, at);
      at += bytes.length;
    }
    return;
  }
  part ??= Buffer.allocUnsafe(PART);
  const fd = openSource(entry);
  try {
    for (const bytes of stored) {
      for (let done = 0; done < bytes.length; ) {
        const got = readSync(fd, part, 0, Math.min(PART, bytes.length - done), null);
        if (got === 0 || Buffer.compare(bytes.subarray(done, done + got), part.subarray(0, got)) !== 0) {
          throw otherBytes(entry, at);
        }
        done += got;
        at += got;
      }
      if (at - turnedAt >= TURN_BYTES) {
        turnedAt = at;
        yield;
      }
    }
  } finally {
    closeSync(fd);
  }
}

function otherBytes(entry: TreeEntry, at: number): OciError {
  return differs(entry.path, `content at or after byte ${at}`, "the tree's", 'other bytes');
}

function differs(path: RawPath, field: string, want: string, got: string): OciError {
  return new OciError('DIGEST_MISMATCH', `layer read back: ${displayPath(path)}: ${field}`, { want, got });
}
