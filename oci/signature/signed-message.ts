// Owns: the one shape a signature file may have: a binary OpenPGP message of a one-pass signature, one literal and one
// signature, compressed at most once, as gpg writes it. Whatever could mean something else to another reader is refused.
// Verifies nothing: it says which bytes the signature is over.

import { inflateRawSync, inflateSync } from 'node:zlib';
import { OciError } from '../errors.ts';
import { type Packet, packetName, readPackets, TAG, writePacket } from './packet.ts';

/** Of a signature file, and of what is inside when it is compressed. A large RSA key's comes to two thousand bytes. */
export const MAX_SIGNATURE_FILE = 64 << 10;

export interface SignedMessage {
  /** What was signed. */
  readonly payload: Uint8Array;
  /** The signature packet alone, framed anew: a detached signature over the payload. */
  readonly signature: Uint8Array;
}

/** Takes a signature file apart. Throws OciError SIGNATURE_INVALID saying in what way it is not that shape. */
export function openSignedMessage(bytes: Uint8Array): SignedMessage {
  if (bytes.length === 0) throw wrong('the file is empty');
  if (bytes.length > MAX_SIGNATURE_FILE) {
    throw wrong('the file is too large for a signature', `at most ${MAX_SIGNATURE_FILE} bytes`, `${bytes.length}`);
  }
  const start = Buffer.from(bytes.subarray(0, 64)).toString('latin1').trimStart();
  if (start.startsWith('-----BEGIN PGP SIGNED MESSAGE')) throw wrong('a clear-signed text', BINARY);
  if (start.startsWith('-----BEGIN PGP')) throw wrong('an ASCII-armored file', BINARY, undefined, '`gpg --dearmor` it');
  let packets = readPackets(bytes);
  if (packets.some(({ tag }) => tag === TAG.compressed)) {
    if (packets.length !== 1) throw shapeFault(packets);
    packets = readPackets(decompress(packets[0]!.body));
    if (packets.some(({ tag }) => tag === TAG.compressed))
      throw wrong('compressed data inside compressed data', BINARY);
  }
  const [onePass, literal, signature, ...more] = packets;
  const isShape =
    onePass?.tag === TAG.onePassSignature && literal?.tag === TAG.literal && signature?.tag === TAG.signature;
  if (!isShape || more.length > 0) throw shapeFault(packets);
  checkOnePass(onePass.body, signature.body);
  return { payload: literalData(literal.body), signature: writePacket(signature) };
}

const BINARY = 'a binary OpenPGP signed message';

function wrong(message: string, want?: string, got?: string, hint?: string): OciError {
  return new OciError('SIGNATURE_INVALID', message, {
    ...(want === undefined ? {} : { want }),
    ...(got === undefined ? {} : { got }),
    ...(hint === undefined ? {} : { hint }),
  });
}

function shapeFault(packets: readonly Packet[]): OciError {
  const tags = packets.map(({ tag }) => tag);
  const count = (tag: number): number => tags.filter((one) => one === tag).length;
  const got = tags.slice(0, 8).map(packetName).join(', ');
  if (tags.some((tag) => [1, 3, 9, 18, 20].includes(tag))) return wrong('an encrypted message', BINARY);
  if (tags.some((tag) => [5, 7].includes(tag))) return wrong('a secret key', BINARY, got, 'move it away from here');
  if (count(TAG.literal) > 1) return wrong(`${count(TAG.literal)} literals in one message`, 'one', got);
  if (count(TAG.signature) > 0 && count(TAG.literal) === 0) {
    return wrong('a detached signature', 'the signed message, with what it signs inside', got);
  }
  if (count(TAG.signature) > 1 || count(TAG.onePassSignature) > 1) {
    return wrong('several signatures in one file', 'one', got, 'each signer has a file signature-N of their own');
  }
  return wrong('not the packets of a signed message', 'one-pass signature, literal data, signature', got);
}

/** Section 5.6. Deflate is what gpg does unless told otherwise. */
function decompress(body: Uint8Array): Uint8Array {
  const [algorithm] = body;
  const packed = body.subarray(1);
  if (algorithm === 0) return packed;
  const unpack = algorithm === 1 ? inflateRawSync : algorithm === 2 ? inflateSync : undefined;
  if (unpack === undefined) {
    throw wrong(
      'compressed in an unusual way',
      'ZIP, ZLIB or none',
      algorithm === 3 ? 'BZIP2' : `algorithm ${algorithm}`,
    );
  }
  let result: { buffer: Buffer; engine: { bytesWritten: number } };
  try {
    // With `info` Node also says how much of the input it used; its types do not.
    result = unpack(packed, { maxOutputLength: MAX_SIGNATURE_FILE, info: true } as object) as unknown as typeof result;
  } catch (cause) {
    const isBomb = (cause as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE';
    throw isBomb
      ? wrong('compressed data that grows too large', `at most ${MAX_SIGNATURE_FILE} bytes`)
      : wrong('compressed data that is damaged', undefined, (cause as Error).message);
  }
  if (result.engine.bytesWritten !== packed.length) {
    throw wrong('bytes behind the compressed data', `${result.engine.bytesWritten}`, `${packed.length}`);
  }
  return result.buffer;
}

/** Section 5.4: it announces the signature, so the two must agree. Version 6 is left to the check of versions. */
function checkOnePass(onePass: Uint8Array, signature: Uint8Array): void {
  const [version, type, hash, algorithm] = onePass;
  if (version !== 3 || signature[0] !== 4) return;
  if (onePass.length !== 13) throw wrong('a one-pass signature of a wrong length', '13 bytes', `${onePass.length}`);
  if (type === signature[1] && algorithm === signature[2] && hash === signature[3] && onePass[12] === 1) return;
  throw wrong('the one-pass packet announces another signature than the one that follows');
}

/** Section 5.9: format, file name, date, and the data. Only the data is covered by the signature. */
function literalData(body: Uint8Array): Uint8Array {
  const [format, nameLength = 0] = body;
  if (body.length < 2 + nameLength + 4) throw wrong('literal data that is cut short');
  if (format !== 0x62) throw wrong('literal data that is not binary', 'format b', `0x${(format ?? 0).toString(16)}`);
  return body.subarray(2 + nameLength + 4);
}
