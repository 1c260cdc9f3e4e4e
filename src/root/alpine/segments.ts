// Owns: Alpine's files as they lie in a repository: gzip members one after the other, each a tar of its own without an
// end. The first holds signatures, made over the bytes of what follows. Cuts them apart; judges nothing.
//
//   APKINDEX.tar.gz = signatures index               signed: the index member, as compressed
//   NAME.apk        = signatures control data        signed: the control member, as compressed
//
// A format without a published specification: what is written here is what apk-tools 2 reads and abuild writes.

import { crc32, inflateRawSync } from 'node:zlib';
import { readTarSync } from '../../../oci/layer/reader.ts';
import { BuildError } from '../../errors.ts';

/** A signature, by the kind its member's name gives: `.SIGN.RSA256.NAME.rsa.pub`. */
export interface Signature {
  readonly hash: 'sha1' | 'sha256' | 'sha512';
  readonly bytes: Buffer;
}

export interface Signed {
  readonly signatures: readonly Signature[];
  /** The member after the signatures, compressed: what was signed. */
  readonly body: Buffer;
  /** Files of that member, by name. */
  readonly files: ReadonlyMap<string, Buffer>;
  /** What follows it, compressed: a package's data; empty for an index. */
  readonly rest: Buffer;
}

const HASHES = { RSA: 'sha1', RSA256: 'sha256', RSA512: 'sha512' } as const;
/** Most bytes one of the first two members may unpack to. The largest index has a tenth of it. */
const LIMIT = 256 << 20;

/** Throws BuildError CHECK_FAILED, naming `what`, for anything that has not this form. */
export function readSigned(file: Buffer, what: string): Signed {
  const signatures: Signature[] = [];
  const first = readGzipMember(file, what);
  for (const [name, bytes] of readFiles(first.plain, what)) {
    const kind = /^\.SIGN\.(RSA(?:256|512)?)\./.exec(name)?.[1];
    if (kind === undefined) throw wrong(what, 'signatures in its first member', JSON.stringify(name));
    signatures.push({ hash: HASHES[kind as keyof typeof HASHES], bytes });
  }
  const after = file.subarray(first.length);
  const second = readGzipMember(after, what);
  const body = after.subarray(0, second.length);
  return { signatures, body, files: readFiles(second.plain, what), rest: after.subarray(second.length) };
}

function readFiles(tar: Buffer, what: string): Map<string, Buffer> {
  const files = new Map<string, Buffer>();
  for (const { entry, content } of readTarSync([tar], { endMarker: 'optional', whiteouts: false })) {
    if (files.has(entry.path)) throw wrong(what, 'each name once', JSON.stringify(entry.path));
    files.set(entry.path, Buffer.concat([...content].map((part) => Buffer.from(part))));
  }
  return files;
}

/** One gzip member (RFC 1952): its plain bytes, and how many compressed ones it took. */
function readGzipMember(file: Buffer, what: string): { readonly plain: Buffer; readonly length: number } {
  if (file.length < 18 || file.readUIntBE(0, 3) !== 0x1f8b08) throw wrong(what, 'a gzip member', 'something else');
  const flags = file[3]!;
  let at = 10;
  if ((flags & 4) !== 0) at += 2 + file.readUInt16LE(at);
  for (const flag of [8, 16]) {
    if ((flags & flag) === 0) continue;
    const end = file.indexOf(0, at);
    if (end < 0) throw wrong(what, 'a gzip member', 'a header without an end');
    at = end + 1;
  }
  if ((flags & 2) !== 0) at += 2;
  let plain: Buffer;
  let consumed: number;
  try {
    // Typed as a Buffer; `info` makes it a pair.
    const options = { info: true, maxOutputLength: LIMIT };
    const result = inflateRawSync(file.subarray(at), options) as unknown as {
      readonly buffer: Buffer;
      readonly engine: { readonly bytesWritten: number };
    };
    plain = result.buffer;
    consumed = result.engine.bytesWritten;
  } catch (cause) {
    throw new BuildError('CHECK_FAILED', `${what} is damaged`, { got: (cause as Error).message, cause });
  }
  const end = at + consumed;
  if (end + 8 > file.length) throw wrong(what, 'the end of a gzip member', 'the end of the file');
  if (file.readUInt32LE(end) !== crc32(plain) || file.readUInt32LE(end + 4) !== plain.length % 2 ** 32) {
    throw wrong(what, 'the bytes its checksum is of', 'others');
  }
  return { plain, length: end + 8 };
}

function wrong(what: string, want: string, got: string): BuildError {
  return new BuildError('CHECK_FAILED', `${what} is no file of an Alpine repository`, { want, got });
}
