// The decoders: whole, cut, joined, padded, damaged and hostile input. The vectors were made by gzip, xz, bzip2, zstd and lzip.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Compression } from '../../../oci/codec/codec.ts';
import { createDecoder, sniff } from '../../../oci/codec/load.ts';
import { OciError } from '../../../oci/errors.ts';
import { compress, decode } from './samples.ts';

const TEXT = 'the digest of a layer decides the digest of an image, the digest of an image decides what runs';

const VECTORS: Readonly<Record<Compression, string>> = {
  gzip: 'H4sIAAAAAAACAyvJSFVIyUxPLS5RyE9TSFTISaxMLVJISU3OTEktVihBlc1TyMxNTE/VwSEO11aekViiUFSaVwwAdLphEl4AAAA=',
  xz:
    '/Td6WFoAAATm1rRGAgAhAQgAAADYDyMT4ABdADldADoaCM52UpMIzcQ5MLntDU3dPTl9oiOudBFTW6zScn96G91Ydb2p0bIh/SH/j3mEqwmjEg' +
    'FOClssJwAAAACQX/ivL8rr0AABVV7JYJlrH7bzfQEAAAAABFla',
  bzip2:
    'QlpoOTFBWSZTWSgmd7QAACwRgEAEL+eeoCAAQJJTNNQNPQQphNNAaYll9AXLYCMD8yMXmpQkZS6aTbHCyrkLfy0Qu05Y3ResyM4TtU01PxdyRThQkCgmd7Q=',
  zstd: 'KLUv/QRY5QEA9AJ0aGUgZGlnZXN0IG9mIGEgbGF5ZXIgZGVjaWRlcyBuIGltYWdlLHdoYXQgcnVucwMAWhVgZ80NnXICKuexsQ==',
  lzip: 'TFpJUAEMADoaCM52UpMIzcQ5MLntDU3dPTl9oiOudBFTW6zScn96G91Ydb2ndj/+xKvYZoNRdQ9HrRnS48wXRn77Xe2AdLphEl4AAAAAAAAAWQAAAAAAAAA=',
};

const FORMATS = Object.keys(VECTORS) as Compression[];
const vector = (format: Compression): Buffer => Buffer.from(VECTORS[format], 'base64');

/** What decoding gives: the text, or the fault's message. Anything but an OciError CODEC_FAILED fails the test. */
function outcome(format: Compression, bytes: Uint8Array, sizes?: readonly number[]): { text?: string; fault?: string } {
  try {
    return { text: decode(format, bytes, sizes).toString('latin1') };
  } catch (error) {
    expect(error).toBeInstanceOf(OciError);
    expect((error as OciError).code).toBe('CODEC_FAILED');
    return { fault: (error as OciError).message };
  }
}

describe.each(FORMATS)('%s', (format) => {
  const whole = vector(format);

  test('gives the text, in one portion or byte by byte', () => {
    expect(decode(format, whole).toString()).toBe(TEXT);
    expect(decode(format, whole, [1]).toString()).toBe(TEXT);
    expect(decode(format, whole, [7, 1, 30]).toString()).toBe(TEXT);
  });

  test('three streams after one another are one file', () => {
    const three = Buffer.concat([whole, whole, whole]);
    for (const sizes of [[1000], [1], [whole.length + 3]]) {
      expect(decode(format, three, sizes).toString()).toBe(TEXT + TEXT + TEXT);
    }
  });

  test('cut at any byte it is cut short', () => {
    for (let size = 0; size < whole.length; size += 1) {
      expect(outcome(format, whole.subarray(0, size)).fault, `${size}`).toMatch(/ends inside a stream/);
    }
    const second = Buffer.concat([whole, whole.subarray(0, 20)]);
    expect(outcome(format, second).fault).toMatch(/ends inside a stream/);
  });

  test('bytes of no stream after the end are refused', () => {
    const garbage = Buffer.from('and a tail that is no stream');
    expect(outcome(format, Buffer.concat([whole, garbage])).fault).toMatch(/after its end/);
  });

  test('a changed byte is found, or was one that no checksum covers and changes nothing', () => {
    for (let at = 0; at < whole.length; at += 1) {
      const changed = Buffer.from(whole);
      changed[at]! ^= at % 2 === 0 ? 0x01 : 0x80;
      const { text, fault } = outcome(format, changed);
      // gzip covers neither its mtime nor the bits that fill up the last byte of deflate.
      if (text !== undefined) expect(text, `byte ${at}`).toBe(TEXT);
      else expect(fault).toMatch(new RegExp(`^${format} data `));
    }
  });

  test('another format is named as not this one', () => {
    for (const other of FORMATS.filter((name) => name !== format)) {
      expect(outcome(format, vector(other)).fault).toMatch(/does not start as this format does/);
    }
  });

  test('fuzz: any damage, any portions: never anything but an OciError', () => {
    const edit = fc.record({ at: fc.nat(whole.length * 2), value: fc.nat(255), drop: fc.nat(3) });
    fc.assert(
      fc.property(
        fc.array(edit, { minLength: 1, maxLength: 4 }),
        fc.array(fc.integer({ min: 1, max: 90 }), { minLength: 1 }),
        (edits, sizes) => {
          const bytes = [...whole, ...whole];
          for (const { at, value, drop } of edits) bytes.splice(at, drop, value);
          outcome(format, Uint8Array.from(bytes), sizes);
        },
      ),
      { numRuns: 60 },
    );
    const start = whole.subarray(0, format === 'xz' ? 12 : 6);
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (noise) => {
        outcome(format, Buffer.concat([start, noise]));
      }),
      { numRuns: 60 },
    );
  });

  test('sniff knows it', () => {
    expect(sniff(whole)).toBe(format);
    expect(sniff(whole.subarray(0, 6))).toBe(format);
  });
});

describe('padding', () => {
  const xz = vector('xz');
  const gzip = vector('gzip');
  const bzip2 = vector('bzip2');
  const zeros = (size: number): Buffer => Buffer.alloc(size);
  test.each<[string, Compression, Buffer, string | RegExp]>([
    ['xz: four zeros at the end', 'xz', Buffer.concat([xz, zeros(4)]), TEXT],
    ['xz: eight zeros between', 'xz', Buffer.concat([xz, zeros(8), xz]), TEXT + TEXT],
    ['xz: three zeros at the end', 'xz', Buffer.concat([xz, zeros(3)]), /ends inside/],
    ['xz: five zeros between', 'xz', Buffer.concat([xz, zeros(5), xz]), /damaged/],
    ['xz: zeros first', 'xz', Buffer.concat([zeros(4), xz]), /does not start/],
    ['gzip: a tape block of zeros', 'gzip', Buffer.concat([gzip, zeros(512)]), TEXT],
    ['gzip: a member after zeros', 'gzip', Buffer.concat([gzip, zeros(5), gzip]), /after its end/],
    ['bzip2: zeros', 'bzip2', Buffer.concat([bzip2, zeros(4)]), /ends inside|after its end/],
  ])('%s', (_, format, bytes, expected) => {
    for (const sizes of [[10_000], [1]]) {
      const { text, fault } = outcome(format, bytes, sizes);
      if (typeof expected === 'string') expect(text).toBe(expected);
      else expect(fault).toMatch(expected);
    }
  });
});

describe('memory', () => {
  const lzip = (log: number): Buffer => {
    const bytes = vector('lzip');
    bytes[5] = log; // the dictionary's size, as a power of two
    return bytes;
  };
  // RFC 8878: magic, no flags, window 1 << log, one raw last block of 3 bytes.
  const zstd = (log: number): Buffer =>
    Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0, (log - 10) << 3, (3 << 3) | 1, 0, 0, 0x61, 0x62, 0x63]);
  // `xz -9`, and `xz --lzma2=dict=128MiB`
  const XZ_64 =
    '/Td6WFoAAATm1rRGAgAhARwAAAAQz1jM4ABdADldADoaCM52UpMIzcQ5MLntDU3dPTl9oiOudBFTW6zScn96G91Ydb2p0bIh/SH/j3mEqwmjEg' +
    'FOClssJwAAAACQX/ivL8rr0AABVV7JYJlrH7bzfQEAAAAABFla';
  const XZ_128 =
    '/Td6WFoAAATm1rRGAgAhAR4AAACbB1Fm4ABdADldADoaCM52UpMIzcQ5MLntDU3dPTl9oiOudBFTW6zScn96G91Ydb2p0bIh/SH/j3mEqwmjEgFOClssJwAA' +
    'AACQX/ivL8rr0AABVV7JYJlrH7bzfQEAAAAABFla';
  const refused = /needs more memory to decode than is allowed; compress it again/;
  test.each<[string, Compression, Buffer, string | RegExp]>([
    ['xz of a 64 MiB dictionary', 'xz', Buffer.from(XZ_64, 'base64'), TEXT],
    ['xz of a 128 MiB dictionary', 'xz', Buffer.from(XZ_128, 'base64'), refused],
    ['lzip of a 64 MiB dictionary', 'lzip', lzip(26), TEXT],
    ['lzip of a 128 MiB dictionary', 'lzip', lzip(27), refused],
    ['zstd of a 128 MiB window', 'zstd', zstd(27), 'abc'],
    ['zstd of a 256 MiB window', 'zstd', zstd(28), refused],
  ])('%s', (_, format, bytes, expected) => {
    const { text, fault } = outcome(format, bytes);
    if (typeof expected === 'string') expect(text).toBe(expected);
    else expect(fault).toMatch(expected);
  });

  test('64 MiB of zeros come in portions of at most 256 KiB', async () => {
    const bomb = await compress('gzip', new Uint8Array(64 << 20));
    const decoder = createDecoder('gzip');
    let size = 0;
    let largest = 0;
    for (const portion of decoder.push(bomb)) {
      size += portion.length;
      largest = Math.max(largest, portion.length);
    }
    expect([...decoder.finish()]).toEqual([]);
    expect(size).toBe(64 << 20);
    expect(largest).toBeLessThanOrEqual(256 << 10);
  });
});

describe('kinds of streams', () => {
  // `xz --check=sha256 --x86 --lzma2=dict=4KiB`
  const XZ_X86 =
    '/Td6WFoAAArh+wyhAgEEACEBAADaM60D4ABdADldADoaCM52UpMIzcQ5MLntDU3dPTl9oiOudBFTW6zScn96G91Ydb2p0bIh/SH/j3mEqwmjEgFOClssJwAA' +
    'AACfVAJ3gRCZS4cry1976kD1eWvnAMFyV4C3haVrh/AK3QABbV4y3AZ8GJtLmgEAAAAAClla';
  const skippable = Buffer.from([0x5a, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 1, 2, 3]);
  test.each<[string, Compression, Buffer]>([
    ['xz with an x86 filter and a sha256 check', 'xz', Buffer.from(XZ_X86, 'base64')],
    ['zstd after a skippable frame', 'zstd', Buffer.concat([skippable, vector('zstd')])],
    ['zstd before a skippable frame', 'zstd', Buffer.concat([vector('zstd'), skippable])],
  ])('%s', (_, format, bytes) => {
    expect(sniff(bytes)).toBe(format);
    expect(decode(format, bytes).toString()).toBe(TEXT);
    expect(decode(format, bytes, [1]).toString()).toBe(TEXT);
  });
});

describe('sniff', () => {
  test.each<[string, number[]]>([
    ['nothing', []],
    ['a tar', [0x2e, 0x2f, 0, 0, 0, 0]],
    ['too few bytes', [0x1f, 0x8b]],
    ['gzip of an unknown method', [0x1f, 0x8b, 7, 0, 0, 0]],
    ['BZh without a level', [0x42, 0x5a, 0x68, 0x30, 0, 0]],
    ['lzip version 0', [0x4c, 0x5a, 0x49, 0x50, 0, 0]],
    ['an ELF file', [0x7f, 0x45, 0x4c, 0x46, 2, 1]],
  ])('%s is no compression', (_, bytes) => {
    expect(sniff(Uint8Array.from(bytes))).toBeUndefined();
  });
});

describe('use out of turn is refused', () => {
  const failed = expect.objectContaining({ code: 'CODEC_FAILED' });
  const attempt = (use: () => unknown): unknown => {
    try {
      use();
    } catch (error) {
      return error;
    }
    return 'nothing was thrown';
  };

  test('finish or push before the last push was read to its end', () => {
    const decoder = createDecoder('gzip');
    decoder.push(vector('gzip'));
    expect(attempt(() => decoder.finish())).toEqual(failed);
    expect(attempt(() => decoder.push(vector('gzip')))).toEqual(failed);
  });

  test('any call after finish or after a fault', () => {
    const done = createDecoder('gzip');
    expect(Buffer.concat([...done.push(vector('gzip'))]).toString()).toBe(TEXT);
    done.finish();
    expect(attempt(() => done.push(vector('gzip')))).toEqual(failed);
    expect(attempt(() => done.finish())).toEqual(failed);
    const broken = createDecoder('gzip');
    expect(attempt(() => [...broken.push(Buffer.from('no gzip at all'))])).toEqual(failed);
    expect(attempt(() => broken.finish())).toEqual(failed);
  });
});
