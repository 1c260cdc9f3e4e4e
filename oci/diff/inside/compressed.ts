// Owns: files that are one compressed stream (gzip, xz, bzip2, zstd, lzip): gzip's header fields, and what is compressed. A
// stream that unpacks to more than is allowed is said to, and not looked into.

import type { Compression } from '../../codec/codec.ts';
import { createDecoder, sniff } from '../../codec/load.ts';
import { OciError } from '../../errors.ts';
import { shownBytes } from '../../shown-text.ts';
import { type Bytes, memoryBytes, streamBytes } from '../bytes.ts';
import type { Detail, InnerPlace } from '../finding.ts';
import { timeText } from '../tar-fields.ts';
import { type Inside, inPlace } from './inspector.ts';
import { isTar } from './tar.ts';

/** Most bytes one stream may unpack to, and most that are held in memory while they are looked into. */
const MAX_UNPACKED = 128 << 20;
const MAX_HELD = 4 << 20;

export function compressionOf(bytes: Bytes): Compression | undefined {
  return sniff(bytes.read(0, 8));
}

export function* compareCompressed(left: Bytes, right: Bytes, inside: Inside): Generator<undefined, Detail[], void> {
  const [one, other] = [compressionOf(left), compressionOf(right)];
  if (one === undefined || other === undefined) return [];
  const details: Detail[] = [];
  if (one !== other) details.push({ kind: 'changed', field: 'compression', left: one, right: other, inner: [] });
  else if (one === 'gzip') details.push(...compareGzipHeaders(left, right));
  const sizes = [yield* unpackedSize(left, one, inside), yield* unpackedSize(right, other, inside)] as const;
  if (sizes[0] === undefined || sizes[1] === undefined) {
    const note = `unpacks to more than ${MAX_UNPACKED} bytes: what is compressed was not looked into`;
    return [...details, { kind: 'changed', field: 'content', inner: [], note }];
  }
  const place: InnerPlace = { kind: 'compressed content', name: one === other ? one : `${one} and ${other}` };
  const [ours, theirs] = [plain(left, one, sizes[0]), plain(right, other, sizes[1])];
  try {
    const open = (side: Bytes, kind: Compression) => () => decode(side, kind);
    const inner =
      isTar(ours) && isTar(theirs)
        ? yield* inside.compareTars(open(left, one), open(right, other))
        : yield* inside.compare(ours, theirs);
    details.push(...inPlace(place, inner));
    if (details.length === 0) {
      const same = 'the same content, compressed in another way';
      details.push({
        kind: 'compression',
        field: 'compression',
        left: `${one}, ${left.size} bytes`,
        right: `${other}, ${right.size} bytes`,
        inner: [],
        note: same,
      });
    }
    return details;
  } finally {
    ours.close();
    theirs.close();
  }
}

function* decode(bytes: Bytes, kind: Compression): Generator<Uint8Array, void, void> {
  const decoder = createDecoder(kind);
  let total = 0;
  for (const chunk of bytes.chunks()) {
    for (const part of decoder.push(chunk)) {
      total += part.length;
      if (total > MAX_UNPACKED) throw new OciError('TAR_UNSAFE', `unpacks to more than ${MAX_UNPACKED} bytes`);
      yield part;
    }
  }
  yield* decoder.finish();
}

/** Undefined for a stream that is too long. Throws OciError CODEC_FAILED for one that is damaged. */
function* unpackedSize(
  bytes: Bytes,
  kind: Compression,
  inside: Inside,
): Generator<undefined, number | undefined, void> {
  let size = 0;
  let turnedAt = 0;
  const decoder = createDecoder(kind);
  for (const chunk of bytes.chunks()) {
    for (const part of decoder.push(chunk)) {
      size += part.length;
      if (size > MAX_UNPACKED || !inside.mayUnpack(part.length)) return undefined;
      if (size - turnedAt >= TURN) {
        turnedAt = size;
        yield;
      }
    }
  }
  for (const part of decoder.finish()) size += part.length;
  return size;
}

const TURN = 32 << 20;

function plain(bytes: Bytes, kind: Compression, size: number): Bytes & { close(): void } {
  if (size > MAX_HELD) return streamBytes(size, () => decode(bytes, kind));
  const held = memoryBytes(Buffer.concat(Array.from(decode(bytes, kind), (part) => Buffer.from(part))));
  return { ...held, close: () => {} };
}

/** RFC 1952, 2.3: the first member's header. */
function compareGzipHeaders(left: Bytes, right: Bytes): Detail[] {
  const [ours, theirs] = [gzipFields(left), gzipFields(right)];
  return Object.keys({ ...ours, ...theirs })
    .filter((name) => ours[name] !== theirs[name])
    .map((name) => ({
      kind: ours[name] === undefined || theirs[name] === undefined ? 'missing' : 'changed',
      field: `gzip.${name.toLowerCase()}`,
      ...(ours[name] === undefined ? {} : { left: ours[name] }),
      ...(theirs[name] === undefined ? {} : { right: theirs[name] }),
      inner: [{ kind: 'gzip header', name }],
    }));
}

const MAX_HEADER = 128 << 10;
const SYSTEMS = ['FAT', 'Amiga', 'VMS', 'Unix', 'VM/CMS', 'Atari', 'HPFS', 'Macintosh', 'Z-System', 'CP/M'];

function gzipFields(bytes: Bytes): Record<string, string> {
  const head = bytes.read(0, MAX_HEADER);
  if (head.length < 10) return {};
  const flags = head[3]!;
  const os = head[9]!;
  const fields: Record<string, string> = {
    FLG: `0x${flags.toString(16).padStart(2, '0')}`,
    MTIME: timeText(head.readUInt32LE(4)),
    XFL: String(head[8]),
    OS: `${os} (${SYSTEMS[os] ?? (os === 255 ? 'unknown' : 'other')})`,
  };
  let at = 10;
  if ((flags & 4) !== 0 && at + 2 <= head.length) {
    const length = head.readUInt16LE(at);
    fields['EXTRA'] = head.subarray(at + 2, Math.min(at + 2 + length, at + 66)).toString('hex');
    at += 2 + length;
  }
  for (const [bit, name] of [
    [8, 'NAME'],
    [16, 'COMMENT'],
  ] as const) {
    if ((flags & bit) === 0 || at >= head.length) continue;
    const end = head.indexOf(0, at);
    fields[name] = shownBytes(head.subarray(at, Math.min(end < 0 ? head.length : end, at + 300)));
    at = end < 0 ? head.length : end + 1;
  }
  return fields;
}
