// Owns: the tar records of Debian packages, which are GNU tar's: a 512-byte header, long names in records of type L and
// K before it. Just enough to rename members and to make a few; the archives are read for good elsewhere.

import { BuildError } from '../errors.ts';
import type { ByteReader } from './byte-reader.ts';

export const BLOCK = 512;

/** A member's header, with the records before it that belong to it. Names are latin1: one char a byte. */
export interface TarMember {
  readonly name: string;
  /** The typeflag, `0` for a plain file. */
  readonly type: string;
  /** Target of a symlink, or the first name of a hard link; '' otherwise. */
  readonly link: string;
  /** Bytes that follow, without padding. */
  readonly size: number;
  readonly header: Buffer;
}

/** The next member, or undefined at the end of the archive. Throws BuildError CHECK_FAILED, naming `what`. */
export function readMember(reader: ByteReader, what: string): TarMember | undefined {
  let [longName, longLink]: (string | undefined)[] = [];
  for (;;) {
    const header = reader.take(BLOCK);
    if (header.every((byte) => byte === 0)) return undefined;
    if (readNumber(header, 148, 8, what) !== checksumOf(header))
      throw wrong(what, 'a header with its checksum', 'another');
    const type = header[156] === 0 ? '0' : String.fromCharCode(header[156]!);
    const size = readNumber(header, 124, 12, what);
    if (type === 'L' || type === 'K') {
      if (size === 0 || size > 65536) throw wrong(what, 'a name of at most 65536 bytes', String(size));
      const text = reader
        .take(Math.ceil(size / BLOCK) * BLOCK)
        .subarray(0, size)
        .toString('latin1');
      if (type === 'L') longName = text.replace(/\0.*$/s, '');
      else longLink = text.replace(/\0.*$/s, '');
      continue;
    }
    if (!'0123456'.includes(type)) throw wrong(what, 'members of types 0 to 6', JSON.stringify(type));
    const isPosix = header.toString('latin1', 257, 263) === 'ustar\0';
    const prefix = isPosix ? readText(header, 345, 155) : '';
    const short = readText(header, 0, 100);
    return {
      name: longName ?? (prefix === '' ? short : `${prefix}/${short}`),
      type,
      link: longLink ?? readText(header, 157, 100),
      size: type === '0' ? size : 0,
      header,
    };
  }
}

/** The records of a member under other names; everything else in its header stays. */
export function* writeMember(member: TarMember, name: string, link: string): Generator<Buffer, void> {
  if (link.length > 100) yield* longRecord('K', link);
  if (name.length > 100) yield* longRecord('L', name);
  const header = Buffer.from(member.header);
  header.fill(0, 0, 100).write(name.slice(0, 100), 0, 'latin1');
  header.fill(0, 157, 257).write(link.slice(0, 100), 157, 'latin1');
  // With POSIX magic there may be a prefix; GNU's magic says there is none.
  header.fill(0, 345, BLOCK).write('ustar  \0', 257, 'latin1');
  yield seal(header);
}

/** A member of our own, owner 0:0. `mtime` is seconds since 1970, `mode` permission bits. */
export function* makeMember(
  member: { readonly name: string; readonly type: '0' | '2' | '5'; readonly mode: number; readonly mtime: number },
  content: { readonly link?: string; readonly body?: Buffer },
): Generator<Buffer, void> {
  const body = content.body ?? Buffer.alloc(0);
  const header = Buffer.alloc(BLOCK);
  header.write(`${octal(member.mode, 7)}\0${octal(0, 7)}\0${octal(0, 7)}\0`, 100, 'latin1');
  header.write(`${octal(body.length, 11)}\0${octal(member.mtime, 11)}\0`, 124, 'latin1');
  header.write(member.type, 156, 'latin1');
  const link = Buffer.from(content.link ?? '', 'utf8').toString('latin1');
  const name = Buffer.from(member.name, 'utf8').toString('latin1');
  yield* writeMember({ name, type: member.type, link, size: body.length, header }, name, link);
  if (body.length > 0) yield Buffer.concat([body, Buffer.alloc(paddingOf(body.length))]);
}

/** Two empty blocks. */
export function endOfArchive(): Buffer {
  return Buffer.alloc(2 * BLOCK);
}

/** Bytes between the end of a body and the next header. */
export function paddingOf(size: number): number {
  return (BLOCK - (size % BLOCK)) % BLOCK;
}

function* longRecord(type: 'L' | 'K', text: string): Generator<Buffer, void> {
  const body = Buffer.from(`${text}\0`, 'latin1');
  const header = Buffer.alloc(BLOCK);
  header.write('././@LongLink', 0, 'latin1');
  header.write(`${octal(0, 7)}\0${octal(0, 7)}\0${octal(0, 7)}\0`, 100, 'latin1');
  header.write(`${octal(body.length, 11)}\0${octal(0, 11)}\0`, 124, 'latin1');
  header.write(type, 156, 'latin1');
  header.write('ustar  \0', 257, 'latin1');
  yield seal(header);
  yield Buffer.concat([body, Buffer.alloc(paddingOf(body.length))]);
}

function seal(header: Buffer): Buffer {
  header.write(`${octal(checksumOf(header), 6)}\0 `, 148, 'latin1');
  return header;
}

/** The sum of a header's bytes with the checksum's own field read as blanks. */
function checksumOf(header: Buffer): number {
  let sum = 8 * 0x20;
  for (let at = 0; at < BLOCK; at++) if (at < 148 || at >= 156) sum += header[at]!;
  return sum;
}

function octal(value: number, digits: number): string {
  return value.toString(8).padStart(digits, '0');
}

function readText(header: Buffer, at: number, length: number): string {
  return header.toString('latin1', at, at + length).replace(/\0.*$/s, '');
}

function readNumber(header: Buffer, at: number, length: number, what: string): number {
  const text = readText(header, at, length).trim();
  if (!/^[0-7]+$/.test(text)) throw wrong(what, 'an octal number', JSON.stringify(text));
  return Number.parseInt(text, 8);
}

function wrong(what: string, want: string, got: string): BuildError {
  return new BuildError('CHECK_FAILED', `the archive in ${what} cannot be read`, { want, got });
}
