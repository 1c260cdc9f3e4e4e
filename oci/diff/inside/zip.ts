// Owns: zip archives (jar, whl, apk): entries by name, their fields as the central directory has them, and their contents
// further in. Methods stored and deflated; no zip64, no encryption: those are compared as bytes.
//
//   APPNOTE 4.3: {local header, data} | {central header "PK\1\2"} | end record "PK\5\6" in the last 65557 bytes

import { inflateRawSync } from 'node:zlib';
import { OciError } from '../../errors.ts';
import { shownBytes } from '../../shown-text.ts';
import { type Bytes, memoryBytes } from '../bytes.ts';
import type { Detail, InnerPlace } from '../finding.ts';
import { type Inside, inPlace, pairByName } from './inspector.ts';

const END = 22;
const CENTRAL = 46;
const LOCAL = 30;
const MAX_COMMENT = 0xffff;
const MAX_DIRECTORY = 16 << 20;
const MAX_HELD = 4 << 20;

interface ZipEntry {
  readonly name: string;
  readonly fields: Readonly<Record<string, string>>;
  readonly method: number;
  readonly crc: number;
  readonly stored: number;
  readonly size: number;
  readonly offset: number;
}

export function isZip(bytes: Bytes): boolean {
  const magic = bytes.read(0, 4).toString('latin1');
  return magic === 'PK\x03\x04' || magic === 'PK\x05\x06';
}

export function* compareZip(left: Bytes, right: Bytes, inside: Inside): Generator<undefined, Detail[], void> {
  const [ours, theirs] = [entriesOf(left), entriesOf(right)];
  const details: Detail[] = [];
  for (const [one, other] of pairByName(ours, theirs)) {
    const there = (one ?? other)!;
    const place: InnerPlace = { kind: 'archive entry', name: there.name, offset: there.offset };
    if (one === undefined || other === undefined) {
      const value = `${there.size} bytes`;
      details.push({
        kind: 'missing',
        field: 'zip',
        ...(one === undefined ? { right: value } : { left: value }),
        inner: [place],
      });
      continue;
    }
    for (const name of Object.keys(one.fields)) {
      const [a, b] = [one.fields[name]!, other.fields[name]!];
      if (a !== b) details.push({ kind: 'changed', field: `zip.${name}`, left: a, right: b, inner: [place] });
    }
    if (one.crc === other.crc && one.size === other.size) continue;
    if (!inside.mayUnpack(one.size + other.size)) continue;
    const found = yield* inside.compare(contentOf(left, one), contentOf(right, other));
    details.push(...inPlace(place, found));
  }
  const order = (entries: readonly ZipEntry[]): string => entries.map(({ name }) => name).join(' ');
  const [a, b] = [order(ours), order(theirs)];
  if (details.length === 0 && a !== b) {
    details.push({ kind: 'order', field: 'zip.order', left: a.slice(0, 300), right: b.slice(0, 300), inner: [] });
  }
  return details;
}

function entriesOf(bytes: Bytes): ZipEntry[] {
  const from = Math.max(0, bytes.size - END - MAX_COMMENT);
  const tail = bytes.read(from, END + MAX_COMMENT);
  const at = tail.lastIndexOf('PK\x05\x06', undefined, 'latin1');
  if (at < 0 || at + END > tail.length) throw wrong('no end record');
  const size = tail.readUInt32LE(at + 12);
  const start = tail.readUInt32LE(at + 16);
  if (size > MAX_DIRECTORY) throw wrong('a directory too large');
  const directory = bytes.read(start, size);
  const entries: ZipEntry[] = [];
  for (let next = 0; next + CENTRAL <= directory.length; ) {
    if (directory.readUInt32LE(next) !== 0x02014b50) throw wrong('no entry in the directory');
    const number = (offset: number): number => directory.readUInt16LE(next + offset);
    const [nameLength, extraLength, commentLength] = [number(28), number(30), number(32)];
    const extra = directory.subarray(next + CENTRAL + nameLength, next + CENTRAL + nameLength + extraLength);
    entries.push({
      name: shownBytes(directory.subarray(next + CENTRAL, next + CENTRAL + nameLength)),
      method: number(10),
      crc: directory.readUInt32LE(next + 16),
      stored: directory.readUInt32LE(next + 20),
      size: directory.readUInt32LE(next + 24),
      offset: directory.readUInt32LE(next + 42),
      fields: {
        version: String(number(4)),
        flags: `0x${number(8).toString(16)}`,
        method: String(number(10)),
        mtime: dosTime(number(12), number(14)),
        size: String(directory.readUInt32LE(next + 24)),
        attributes: `0x${directory.readUInt32LE(next + 38).toString(16)}`,
        extra: extra.subarray(0, 64).toString('hex') || 'none',
      },
    });
    next += CENTRAL + nameLength + extraLength + commentLength;
  }
  return entries;
}

/** Two seconds fine, of no time zone. */
function dosTime(time: number, date: number): string {
  const two = (value: number): string => String(value).padStart(2, '0');
  const day = `${1980 + (date >> 9)}-${two((date >> 5) & 15)}-${two(date & 31)}`;
  return `${day} ${two(time >> 11)}:${two((time >> 5) & 63)}:${two((time & 31) * 2)}`;
}

function contentOf(bytes: Bytes, entry: ZipEntry): Bytes {
  const local = bytes.read(entry.offset, LOCAL);
  if (local.length < LOCAL || local.readUInt32LE(0) !== 0x04034b50) throw wrong('no entry where the directory says');
  if (entry.size > MAX_HELD || entry.stored > MAX_HELD) throw wrong('an entry too large to be looked into');
  const start = entry.offset + LOCAL + local.readUInt16LE(26) + local.readUInt16LE(28);
  const stored = bytes.read(start, entry.stored);
  if (entry.method === 0) return memoryBytes(stored);
  if (entry.method !== 8) throw wrong(`method ${entry.method}`);
  try {
    // One byte more than promised is a lie, and enough to know.
    return memoryBytes(inflateRawSync(stored, { maxOutputLength: entry.size + 1 }));
  } catch (cause) {
    throw new OciError('CODEC_FAILED', 'zip entry is damaged', { cause });
  }
}

function wrong(what: string): OciError {
  return new OciError('TAR_INVALID', `zip archive: ${what}`);
}
