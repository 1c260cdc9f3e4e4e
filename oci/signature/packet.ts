// Owns: OpenPGP packet framing, RFC 9580 section 4: bytes to packets and back. Knows no packet's content.

import { OciError } from '../errors.ts';

/** Packet tags (types) that a signed message may hold, RFC 9580 section 5. */
export const TAG = { signature: 2, onePassSignature: 4, compressed: 8, literal: 11 } as const;

const NAMES: Readonly<Record<number, string>> = {
  1: 'encrypted session key',
  2: 'signature',
  3: 'encrypted session key',
  4: 'one-pass signature',
  5: 'secret key',
  6: 'public key',
  7: 'secret subkey',
  8: 'compressed data',
  9: 'encrypted data',
  10: 'marker',
  11: 'literal data',
  12: 'trust',
  13: 'user id',
  14: 'public subkey',
  17: 'user attribute',
  18: 'encrypted data',
  20: 'encrypted data',
  21: 'padding',
};

export interface Packet {
  readonly tag: number;
  readonly body: Uint8Array;
}

export function packetName(tag: number): string {
  return NAMES[tag] ?? `type ${tag}`;
}

/**
 * Splits bytes into packets, to the last byte. Partial bodies are joined; an old header without a length takes the rest.
 * Throws OciError SIGNATURE_INVALID for anything cut short and for bytes that start no packet.
 */
export function readPackets(bytes: Uint8Array): readonly Packet[] {
  const packets: Packet[] = [];
  let at = 0;
  const take = (count: number): Uint8Array => {
    if (at + count > bytes.length) {
      throw new OciError('SIGNATURE_INVALID', 'the file is cut short', {
        want: `${count} more bytes at offset ${at}`,
        got: `${bytes.length - at}`,
      });
    }
    at += count;
    return bytes.subarray(at - count, at);
  };
  const number = (count: number): number => take(count).reduce((sum, byte) => sum * 256 + byte, 0);

  /** Section 4.2.1: the length, and whether more parts follow. */
  const newLength = (): { readonly length: number; readonly isPartial: boolean } => {
    const first = number(1);
    if (first < 192) return { length: first, isPartial: false };
    if (first < 224) return { length: (first - 192) * 256 + number(1) + 192, isPartial: false };
    if (first < 255) return { length: 2 ** (first & 31), isPartial: true };
    return { length: number(4), isPartial: false };
  };

  while (at < bytes.length) {
    const start = at;
    const header = number(1);
    if ((header & 0x80) === 0) {
      throw new OciError('SIGNATURE_INVALID', `bytes that are no OpenPGP packet, at offset ${start}`, {
        got: `0x${header.toString(16).padStart(2, '0')}`,
        ...(packets.length > 0 ? { hint: 'something was appended to the file' } : {}),
      });
    }
    if ((header & 0x40) !== 0) {
      const parts: Uint8Array[] = [];
      for (let more = true; more; ) {
        const { length, isPartial } = newLength();
        parts.push(take(length));
        more = isPartial;
      }
      packets.push({ tag: header & 0x3f, body: parts.length === 1 ? parts[0]! : Buffer.concat(parts) });
    } else {
      const lengthType = header & 3;
      const length = lengthType === 3 ? bytes.length - at : number(2 ** lengthType);
      packets.push({ tag: (header >> 2) & 0xf, body: take(length) });
    }
  }
  return packets;
}

/** One packet with a new header and a definite length. */
export function writePacket({ tag, body }: Packet): Buffer {
  const length = Buffer.alloc(5);
  length[0] = 255;
  length.writeUInt32BE(body.length, 1);
  return Buffer.concat([Buffer.from([0xc0 | tag]), length, body]);
}
