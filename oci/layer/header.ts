// Owns: the 512-byte header block, both ways. Knows nothing of files, order or policy.
//
//   0 name 100 | 100 mode 8 | 108 uid 8 | 116 gid 8 | 124 size 12 | 136 mtime 12 | 148 checksum 8 | 156 type 1
//   157 link name 100 | 257 magic 6 | 263 version 2 | 265 uname 32 | 297 gname 32 | 329 devmajor 8 | 337 devminor 8
//   345 prefix 155 | 500 unused 12
//
// Written: POSIX ustar, a pax `x` record before it where a field is too small (see layer-tar facts in docs). Read: that,
// and v7, GNU and star.

import { OciError } from '../errors.ts';
import type { RawPath } from '../raw-path.ts';
import { formatRecord } from './pax.ts';

export const BLOCK = 512;
const NAME = 100;
const PREFIX = 155;
/** The largest numbers of a 7-digit and an 11-digit octal field. */
const MAX_SMALL = 0o7777777;
const MAX_LARGE = 0o77777777777;

export const TYPE_FLAG = {
  file: 0x30,
  hardlink: 0x31,
  symlink: 0x32,
  char: 0x33,
  block: 0x34,
  directory: 0x35,
  fifo: 0x36,
  paxLocal: 0x78,
  paxGlobal: 0x67,
} as const;

/** What a header says, before encoding. `name` and `linkName` are bytes (one char a byte), a directory's ends in `/`. */
export interface HeaderFields {
  readonly name: string;
  readonly linkName: string;
  /** Char code of the type flag. */
  readonly typeFlag: number;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly size: number;
  /** Whole seconds since 1970. */
  readonly mtime: number;
  readonly major: number;
  readonly minor: number;
  /** Extended attributes, name to value, both as bytes. */
  readonly xattrs?: ReadonlyMap<string, string>;
}

/**
 * The pax records an entry needs, or undefined where ustar alone can say it. Once one field needs them, a name over 100
 * bytes gets a record too, although ustar could have split it.
 * Throws OciError ENTRY_UNREPRESENTABLE for what neither can say.
 */
export function extendedRecords(fields: HeaderFields): Map<string, string> | undefined {
  if (fitsUstar(fields)) return undefined;
  const records = new Map<string, string>();
  let needed = false;
  const { name, linkName } = fields;
  if (name.length > NAME || !isAscii(name)) {
    records.set('path', name);
    needed = splitName(name) === undefined;
  }
  if (linkName.length > NAME || !isAscii(linkName)) {
    records.set('linkpath', linkName);
    needed = true;
  }
  if (name.includes('\0') || linkName.includes('\0')) refuse('a name with a NUL byte', name);
  if (fields.uid > MAX_SMALL) needed = note(records, 'uid', fields.uid);
  if (fields.gid > MAX_SMALL) needed = note(records, 'gid', fields.gid);
  if (fields.size > MAX_LARGE) needed = note(records, 'size', fields.size);
  if (fields.mtime > MAX_LARGE || fields.mtime < 0) needed = note(records, 'mtime', fields.mtime);
  if (fields.major > MAX_SMALL || fields.minor > MAX_SMALL) {
    refuse(`device number ${fields.major}:${fields.minor}, over ${MAX_SMALL}`, name);
  }
  if (fields.xattrs !== undefined) {
    for (const [key, value] of fields.xattrs) {
      if (key === '' || /[=\0]/.test(key)) refuse(`an extended attribute named ${JSON.stringify(key)}`, name);
      records.set(`SCHILY.xattr.${key}`, value);
      needed = true;
    }
  }
  return needed ? records : undefined;
}

/** What holds for nearly every entry: each field fits as it is, and nothing has to be looked at one by one. */
function fitsUstar({ name, linkName, uid, gid, size, mtime, major, minor, xattrs }: HeaderFields): boolean {
  return (
    name.length <= NAME &&
    linkName.length <= NAME &&
    uid <= MAX_SMALL &&
    gid <= MAX_SMALL &&
    major <= MAX_SMALL &&
    minor <= MAX_SMALL &&
    size <= MAX_LARGE &&
    mtime >= 0 &&
    mtime <= MAX_LARGE &&
    xattrs === undefined &&
    isAscii(name) &&
    isAscii(linkName)
  );
}

function note(records: Map<string, string>, key: string, value: number): true {
  records.set(key, String(value));
  return true;
}

function refuse(what: string, name: string): never {
  throw new OciError('ENTRY_UNREPRESENTABLE', `${JSON.stringify(name)}: a layer cannot carry ${what}`);
}

/** Writes one ustar block at `at`. The fields must fit: extendedRecords gave undefined. */
export function writeUstarHeader(into: Buffer, at: number, fields: HeaderFields): void {
  const split = fields.name.length > NAME ? splitName(fields.name) : undefined;
  writeFields(into, at, fields, split === undefined ? fields.name : split.suffix, fields.linkName);
  if (split !== undefined) writeText(into, at + 345, PREFIX, split.prefix);
  seal(into, at);
}

/** The header of an entry, in as many blocks as it takes. Throws what extendedRecords throws. */
export function encodeHeader(fields: HeaderFields): Buffer {
  const records = extendedRecords(fields);
  if (records !== undefined) return encodeExtendedHeader(fields, records);
  const block = Buffer.alloc(BLOCK);
  writeUstarHeader(block, 0, fields);
  return block;
}

/** The blocks of an entry that needs pax records: `x` header, records padded to a block, the entry's own header. */
export function encodeExtendedHeader(fields: HeaderFields, records: ReadonlyMap<string, string>): Buffer {
  const keys = [...records.keys()].sort();
  const data = keys.map((key) => formatRecord(key, records.get(key)!)).join('');
  if (data.length > MAX_EXTENSION) {
    refuse(`${data.length} bytes of names and attributes, over ${MAX_EXTENSION}`, fields.name);
  }
  const dataBlocks = Math.ceil(data.length / BLOCK) * BLOCK;
  const blocks = Buffer.alloc(BLOCK + dataBlocks + BLOCK);

  // `a/b` is announced by `a/PaxHeaders.0/b`, a directory `a/b/` by `a/b/PaxHeaders.0`.
  const slash = fields.name.lastIndexOf('/') + 1;
  const own = toAscii(`${fields.name.slice(0, slash)}PaxHeaders.0/${fields.name.slice(slash)}`).replace(/\/{2,}/g, '/');
  blocks.set(EMPTY);
  writeText(blocks, 0, NAME, own.slice(0, NAME).replace(/\/+$/, ''));
  writeOctal(blocks, 124, 12, data.length);
  blocks[156] = TYPE_FLAG.paxLocal;
  // No device number at all, not even 0.
  blocks.fill(0, 329, 345);
  seal(blocks, 0);

  blocks.write(data, BLOCK, 'latin1');
  const at = BLOCK + dataBlocks;
  writeFields(blocks, at, fields, toAscii(fields.name), toAscii(fields.linkName));
  seal(blocks, at);
  return blocks;
}

/** Bytes of pax records one entry may have; what Go's reader accepts. */
export const MAX_EXTENSION = 1 << 20;

/** A block without a name, in which every number is 0 and the checksum is spaces, as it is while it is counted. */
const EMPTY = emptyBlock();

function emptyBlock(): Buffer {
  const block = Buffer.alloc(BLOCK);
  block.write('ustar\x0000', 257, 'latin1');
  block.fill(' ', 148, 156);
  for (const [at, width] of [
    [100, 8],
    [108, 8],
    [116, 8],
    [124, 12],
    [136, 12],
    [329, 8],
    [337, 8],
  ] as const) {
    block.fill('0', at, at + width - 1);
  }
  return block;
}

function writeFields(into: Buffer, at: number, fields: HeaderFields, name: string, linkName: string): void {
  into.set(EMPTY, at);
  writeText(into, at, NAME, name);
  writeOctal(into, at + 100, 8, fields.mode);
  writeOctal(into, at + 108, 8, fields.uid > MAX_SMALL ? 0 : fields.uid);
  writeOctal(into, at + 116, 8, fields.gid > MAX_SMALL ? 0 : fields.gid);
  writeOctal(into, at + 124, 12, fields.size > MAX_LARGE ? 0 : fields.size);
  writeOctal(into, at + 136, 12, fields.mtime > MAX_LARGE || fields.mtime < 0 ? 0 : fields.mtime);
  into[at + 156] = fields.typeFlag;
  if (linkName !== '') writeText(into, at + 157, NAME, linkName);
  writeOctal(into, at + 329, 8, fields.major);
  writeOctal(into, at + 337, 8, fields.minor);
}

/** The checksum: six digits, NUL, and the space that is there. */
function seal(into: Buffer, at: number): void {
  let sum = sumOf(into, at);
  for (let i = at + 153; i >= at + 148; i--) {
    into[i] = 0x30 + (sum & 7);
    sum >>>= 3;
  }
  into[at + 154] = 0;
}

/** All bytes of a block, added up. Four at a time, as two pairs of 16-bit sums that cannot run over. */
function sumOf(bytes: Buffer, at: number): number {
  const words = new DataView(bytes.buffer, bytes.byteOffset + at, BLOCK);
  let even = 0;
  let odd = 0;
  for (let i = 0; i < BLOCK; i += 4) {
    const word = words.getUint32(i);
    even += word & 0x00ff00ff;
    odd += (word >>> 8) & 0x00ff00ff;
  }
  return (even & 0xffff) + (even >>> 16) + (odd & 0xffff) + (odd >>> 16);
}

/** Octal, into a field that holds zeros: only the digits there are. */
function writeOctal(into: Buffer, at: number, width: number, value: number): void {
  for (let i = at + width - 2; value > 0; i--) {
    into[i] = 0x30 + (value % 8);
    value = Math.floor(value / 8);
  }
}

/** A name that is cut must not end in a slash: some readers would take a file for a directory. */
function writeText(into: Buffer, at: number, width: number, text: string): void {
  into.write(text, at, width, 'latin1');
  if (text.length > width && text[width - 1] === '/') {
    into[at + text.slice(0, width - 1).replace(/\/+$/, '').length] = 0;
  }
}

/** ustar's prefix and name, cut at the last slash that leaves at most 155 and 100 bytes; undefined where there is none. */
export function splitName(name: string): { prefix: string; suffix: string } | undefined {
  if (name.length <= NAME || !isAscii(name)) return undefined;
  let length = name.length;
  if (length > PREFIX + 1) length = PREFIX + 1;
  else if (name.endsWith('/')) length--;
  const slash = name.lastIndexOf('/', length - 1);
  const rest = name.length - slash - 1;
  if (slash <= 0 || rest > NAME || rest === 0) return undefined;
  return { prefix: name.slice(0, slash), suffix: name.slice(slash + 1) };
}

function isAscii(text: string): boolean {
  return !/[^\x01-\x7f]/.test(text);
}

function toAscii(text: string): string {
  return text.replace(/[^\x01-\x7f]/g, '');
}

/** What a header block says, as read. Names are whole fields up to their NUL, not yet normalised. */
export interface ReadHeader {
  readonly name: RawPath;
  readonly linkName: RawPath;
  readonly typeFlag: number;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly size: number;
  readonly mtime: number;
  readonly major: number;
  readonly minor: number;
  readonly dialect: 'v7' | 'ustar' | 'gnu';
}

/** Reads a block. `offset` is its place in the archive, for the message. Throws OciError TAR_INVALID. */
export function parseHeader(block: Buffer, offset: number): ReadHeader {
  checkSum(block, offset);
  const dialect = holds(block, 257, 'ustar\0') ? 'ustar' : holds(block, 257, 'ustar  \0') ? 'gnu' : 'v7';
  const number = (from: number, width: number, what: string) => parseNumber(block, from, width, what, offset);
  let name = parseText(block, 0, NAME);
  if (dialect === 'ustar' && block[345] !== 0) {
    // star keeps access and change time where ustar's prefix ends, and says so in the last four bytes.
    const prefix = parseText(block, 345, holds(block, 508, 'tar\0') ? 131 : PREFIX);
    name = `${prefix}/${name}` as RawPath;
  }
  const typeFlag = block[156]!;
  const isDevice = typeFlag === TYPE_FLAG.char || typeFlag === TYPE_FLAG.block;
  return {
    name,
    linkName: parseText(block, 157, NAME),
    typeFlag,
    mode: number(100, 8, 'mode') & 0o7777,
    uid: number(108, 8, 'uid'),
    gid: number(116, 8, 'gid'),
    size: number(124, 12, 'size'),
    mtime: number(136, 12, 'mtime'),
    major: isDevice && dialect !== 'v7' ? number(329, 8, 'device major') : 0,
    minor: isDevice && dialect !== 'v7' ? number(337, 8, 'device minor') : 0,
    dialect,
  };
}

/** Some old writers summed signed bytes; both sums are right. */
function checkSum(block: Buffer, offset: number): void {
  let sum = sumOf(block, 0);
  for (let i = 148; i < 156; i++) sum += 0x20 - block[i]!;
  const stored = parseNumber(block, 148, 8, 'checksum', offset);
  if (stored === sum) return;
  let high = 0;
  for (let i = 0; i < BLOCK; i++) if (i < 148 || i >= 156) high += block[i]! >> 7;
  if (stored !== sum - 256 * high) {
    throw new OciError('TAR_INVALID', `header at byte ${offset}: wrong checksum`, {
      want: sum.toString(8),
      got: stored.toString(8),
    });
  }
}

function holds(block: Buffer, at: number, text: string): boolean {
  for (let i = 0; i < text.length; i++) if (block[at + i] !== text.charCodeAt(i)) return false;
  return true;
}

function parseText(block: Buffer, from: number, width: number): RawPath {
  if (block[from] === 0) return '' as RawPath;
  const end = block.indexOf(0, from);
  return block.toString('latin1', from, end < 0 || end > from + width ? from + width : end) as RawPath;
}

/** Octal between spaces and NULs (an empty field is 0), or GNU's base 256, marked by the top bit. */
export function parseNumber(block: Buffer, from: number, width: number, what: string, offset: number): number {
  const first = block[from]!;
  if (first >= 0x80) {
    const negative = (first & 0x40) !== 0;
    let value = BigInt(negative ? first - 0x100 : first & 0x7f);
    for (let i = from + 1; i < from + width; i++) value = (value << 8n) | BigInt(block[i]!);
    const small = Number(value);
    if (!Number.isSafeInteger(small)) throw wrongNumber(what, String(value), offset);
    return small;
  }
  let i = from;
  const end = from + width;
  while (i < end && (block[i] === 0x20 || block[i] === 0)) i++;
  let value = 0;
  for (; i < end; i++) {
    const digit = block[i]! - 0x30;
    if (digit < 0 || digit > 7) break;
    value = value * 8 + digit;
  }
  for (; i < end; i++) {
    if (block[i] !== 0x20 && block[i] !== 0) throw wrongNumber(what, block.toString('latin1', from, end), offset);
  }
  return value;
}

function wrongNumber(what: string, got: string, offset: number): OciError {
  return new OciError('TAR_INVALID', `header at byte ${offset}: ${what} is no number`, { got: JSON.stringify(got) });
}
