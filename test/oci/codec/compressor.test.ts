// The compressor's bytes: known digests, no dependence on portions, threads or earlier use, and what other programs read.

import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { crc32, deflateRawSync, gunzipSync, gzipSync, inflateRawSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { CODEC_ID, createCompressor } from '../../../oci/codec/load.ts';
import { OciError } from '../../../oci/errors.ts';
import { compress, decode, SAMPLES } from './samples.ts';

const KINDS = ['gzip', 'zstd'] as const;
const GOLDEN = new URL('./golden.txt', import.meta.url);

describe('known digests', () => {
  test('every sample compresses to the digest in golden.txt', async () => {
    const lines = [`# sha256 of each sample of samples.ts, compressed. Written by scripts/codec/update-golden.sh.`];
    for (const kind of KINDS) {
      for (const [name, make] of Object.entries(SAMPLES)) {
        const digest = createHash('sha256')
          .update(await compress(kind, make()))
          .digest('hex');
        lines.push(`sha256:${digest} ${kind} ${name}`);
      }
    }
    const found = `${lines.join('\n')}\n`;
    if (process.env['OCIBUILD_UPDATE_GOLDEN'] === '1') writeFileSync(GOLDEN, found);
    expect(found).toBe(readFileSync(GOLDEN, 'utf8'));
  });

  test('the id names library, version, level and framing', async () => {
    expect(CODEC_ID).toBe('gzip:libdeflate-1.23,level-6,joined-1MiB-blocks');
    expect((await createCompressor('gzip', () => {})).id).toBe(CODEC_ID);
    expect((await createCompressor('zstd', () => {})).id).toBe('zstd:libzstd-1.5.7,level-3,4MiB-frames');
  });
});

describe('the same bytes however they are made', () => {
  const plain = SAMPLES['mixed of 9 MiB and 123']!();

  test.each(KINDS)('%s: portions', async (kind) => {
    const whole = await compress(kind, plain, [plain.length]);
    const cuts = [[1 << 20], [(1 << 20) + 1, (1 << 20) - 1], [512], [1, 99_999, 3], [4 << 20, 7]];
    for (const sizes of cuts) expect((await compress(kind, plain, sizes)).equals(whole), `${sizes}`).toBe(true);
  });

  test.each(KINDS)(
    '%s: 0 to 8 threads',
    async (kind) => {
      const alone = await compress(kind, plain);
      for (const workers of [1, 2, 3, 4, 5, 6, 7, 8]) {
        expect((await compress(kind, plain, [70_001], workers)).equals(alone), `${workers}`).toBe(true);
      }
    },
    60_000,
  );

  test.each(KINDS)('%s: two compressors at once over the same threads', async (kind) => {
    const other = SAMPLES['text of a block and one']!();
    const long = Buffer.concat([plain, other, other]);
    const alone = [await compress(kind, plain), await compress(kind, long)];
    const together = await Promise.all([compress(kind, plain, [65_536], 2), compress(kind, long, [99_999], 2)]);
    expect(together.map((bytes, at) => bytes.equals(alone[at]!))).toEqual([true, true]);
  });
});

describe('what comes out', () => {
  test.each(Object.entries(SAMPLES))('%s: gzip is one ordinary member, and both kinds come back', async (_, make) => {
    const plain = make();
    const gzip = await compress('gzip', plain);
    // Magic, deflate, no flags, mtime 0, XFL 0, OS unknown.
    expect([...gzip.subarray(0, 10)]).toEqual([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255]);
    expect(gzip.readUInt32LE(gzip.length - 8)).toBe(crc32(plain));
    expect(gzip.readUInt32LE(gzip.length - 4)).toBe(plain.length);
    expect(gunzipSync(gzip).equals(plain)).toBe(true);
    // One deflate stream reaches from the header to the trailer, so there is one member.
    const body = gzip.subarray(10, -8);
    const { engine } = inflateRawSync(body, { info: true }) as unknown as { engine: { bytesWritten: number } };
    expect(engine.bytesWritten).toBe(body.length);
    expect(decode('gzip', gzip).equals(plain)).toBe(true);
    expect(decode('zstd', await compress('zstd', plain)).equals(plain)).toBe(true);
  });

  test('noise grows by less than a thousandth', async () => {
    const plain = SAMPLES['noise of a block']!();
    for (const kind of KINDS) expect((await compress(kind, plain)).length).toBeLessThan(plain.length * 1.001);
  });
});

describe("fuzz, against node's inflate and deflate", () => {
  // Pieces of three kinds, so that literals, long runs and distant matches meet: [kind, length, seed].
  const pieces = fc.array(fc.tuple(fc.nat(2), fc.integer({ min: 1, max: 40_000 }), fc.nat(255)), { maxLength: 40 });
  const bytesOf = (parts: readonly (readonly [number, number, number])[]): Uint8Array => {
    const out: Uint8Array[] = [];
    for (const [kind, length, seed] of parts) {
      if (kind === 0) out.push(new Uint8Array(length).fill(seed));
      else if (kind === 1) out.push(Uint8Array.from({ length }, (_, at) => (at * at * (seed + 1) + (at >> 3)) & 255));
      else
        out.push(
          Buffer.concat(out.length === 0 ? [Buffer.of(seed)] : out.slice(seed % out.length)).subarray(0, length),
        );
    }
    return new Uint8Array(Buffer.concat(out));
  };
  const portions = fc.array(fc.integer({ min: 1, max: 1 << 20 }), { minLength: 1, maxLength: 4 });

  test('what we compress comes back, by node and by us', async () => {
    await fc.assert(
      fc.asyncProperty(pieces, portions, fc.nat(2), async (parts, sizes, workers) => {
        const plain = bytesOf(parts);
        const gzip = await compress('gzip', plain, sizes, workers);
        expect(gunzipSync(gzip).equals(plain)).toBe(true);
        expect(decode('gzip', gzip, sizes).equals(plain)).toBe(true);
        expect(decode('zstd', await compress('zstd', plain, sizes, workers), sizes).equals(plain)).toBe(true);
      }),
      { numRuns: 40 },
    );
  }, 60_000);

  test('what node compresses comes back by us: every level and strategy, members joined', () => {
    fc.assert(
      fc.property(
        pieces,
        portions,
        fc.integer({ min: 0, max: 9 }),
        fc.nat(4),
        fc.integer({ min: 9, max: 15 }),
        (parts, sizes, level, strategy, windowBits) => {
          const plain = bytesOf(parts);
          const gzip = gzipSync(plain, { level, strategy, windowBits });
          expect(decode('gzip', gzip, sizes).equals(plain)).toBe(true);
          const joined = Buffer.concat([gzip, gzipSync(plain.subarray(0, 9)), gzip]);
          expect(decode('gzip', joined, sizes).equals(gunzipSync(joined))).toBe(true);
        },
      ),
      { numRuns: 40 },
    );
  }, 60_000);

  test('a stream of ours cut anywhere, or with a changed byte, is no less an error here than there', async () => {
    const gzip = await compress('gzip', SAMPLES['short text']!());
    const by = (read: () => Buffer): Buffer | undefined => {
      try {
        return read();
      } catch {
        return undefined;
      }
    };
    fc.assert(
      fc.property(fc.nat(gzip.length - 1), fc.nat(255), (at, change) => {
        const damaged = Buffer.from(change === 0 ? gzip.subarray(0, at) : gzip);
        if (change !== 0) damaged[at]! ^= change;
        const [mine, theirs] = [by(() => decode('gzip', damaged)), by(() => gunzipSync(damaged))];
        if (mine !== undefined) expect(theirs?.equals(mine)).toBe(true);
      }),
      { numRuns: 300 },
    );
    // A raw stream is no gzip.
    expect(by(() => decode('gzip', deflateRawSync(Buffer.from('x'.repeat(100)))))).toBeUndefined();
  }, 60_000);
});

describe('use out of turn is refused', () => {
  const failed = expect.objectContaining({ code: 'CODEC_FAILED' });

  test('a write after finish', async () => {
    const compressor = await createCompressor('gzip', () => {});
    await compressor.finish();
    await expect(compressor.write(Uint8Array.of(1))).rejects.toEqual(failed);
    await expect(compressor.finish()).rejects.toBeInstanceOf(OciError);
  });

  test('a write before the last one resolved', async () => {
    const compressor = await createCompressor('gzip', () => {}, { workers: 1 });
    const first = compressor.write(new Uint8Array(9 << 20));
    await expect(compressor.write(Uint8Array.of(1))).rejects.toEqual(failed);
    await first;
  });

  test("a sink's own error comes through, and nothing follows it", async () => {
    const compressor = await createCompressor('gzip', () => {
      throw new RangeError('disk full');
    });
    await expect(compressor.write(Uint8Array.of(1))).rejects.toThrow(RangeError);
    await expect(compressor.finish()).rejects.toEqual(failed);
  });
});
