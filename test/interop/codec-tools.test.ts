// Every decoder against the native program of its format, and our compressor's output through the native decoders: on
// good, joined, cut and damaged input.

import { execFileSync, type StdioOptions, spawnSync } from 'node:child_process';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Compression } from '../../oci/codec/codec.ts';
import { sniff } from '../../oci/codec/load.ts';
import { OciError } from '../../oci/errors.ts';
import { compress, decode, SAMPLES } from '../oci/codec/samples.ts';

const TOOLS: Readonly<Record<Compression, readonly (readonly string[])[]>> = {
  gzip: [['-1'], ['-6'], ['-9', '-n']],
  xz: [
    ['-0'],
    ['-6'],
    ['-9', '--check=sha256'],
    ['--x86', '--lzma2=preset=1'],
    ['--check=none', '-1'],
    ['-T2', '--block-size=300KiB'],
  ],
  bzip2: [['-1'], ['-9']],
  zstd: [['-1'], ['-19'], ['--long=27'], ['--no-check'], ['--ultra', '-22']],
  lzip: [['-0'], ['-9']],
};

function isThere(tool: string): boolean {
  const there = spawnSync(tool, ['--help'], { stdio: 'ignore' }).error === undefined;
  if (!there) console.log(`skipped: ${tool} is missing`);
  return there;
}

const quietly: { maxBuffer: number; stdio: StdioOptions; encoding: 'buffer' } = {
  maxBuffer: 1 << 28,
  stdio: ['pipe', 'pipe', 'ignore'],
  encoding: 'buffer',
};
const samples = Object.entries(SAMPLES).map(([name, make]) => ({ name, plain: make() }));
const small = samples.find(({ name }) => name === 'short text')!.plain;

/** What the native program makes of `bytes`, when it is content with them: status 0 and, for gzip, 2 (a warning). */
function native(tool: Compression, bytes: Uint8Array): Buffer | undefined {
  const { status, stdout } = spawnSync(tool, ['-dc'], { input: bytes, ...quietly });
  return status === 0 ? stdout : undefined;
}

function ours(format: Compression, bytes: Uint8Array): Buffer | undefined {
  try {
    return decode(format, bytes, [1000]);
  } catch (error) {
    expect(error).toBeInstanceOf(OciError);
    return undefined;
  }
}

describe.each(Object.entries(TOOLS) as [Compression, string[][]][])('%s', (tool, flagSets) => {
  const here = isThere(tool);

  test.skipIf(!here).each(flagSets)('decodes what it made with %s %s', (...flags) => {
    // The native programs' best levels take long over the largest sample.
    const largest = flags[0] === flagSets[0]![0] ? 1 << 24 : 1 << 22;
    for (const { name, plain } of samples.filter((sample) => sample.plain.length < largest)) {
      const made = execFileSync(tool, ['-c', ...flags.filter((flag) => flag !== undefined)], {
        input: plain,
        ...quietly,
      });
      expect(sniff(made), name).toBe(tool);
      expect(decode(tool, made).equals(plain), name).toBe(true);
    }
  });

  test.skipIf(!here)('agrees about joined and cut files', () => {
    const made = execFileSync(tool, ['-c'], { input: small, ...quietly });
    const joined = Buffer.concat([made, made, made]);
    expect(ours(tool, joined)?.equals(native(tool, joined)!)).toBe(true);
    for (const size of [1, 3, 5, 9, 11, 17, 40, made.length >> 1, made.length - 5, made.length - 1, made.length + 7]) {
      const cut = joined.subarray(0, size);
      expect([size, ours(tool, cut)]).toEqual([size, undefined]);
      expect([size, native(tool, cut)]).toEqual([size, undefined]);
    }
  });

  test.skipIf(!here)('agrees about damaged files', () => {
    const made = execFileSync(tool, ['-c'], { input: small.subarray(0, 3000), ...quietly });
    let refused = 0;
    fc.assert(
      fc.property(fc.nat(made.length - 1), fc.integer({ min: 1, max: 255 }), (at, change) => {
        const damaged = Buffer.from(made);
        damaged[at]! ^= change;
        const [mine, theirs] = [ours(tool, damaged), native(tool, damaged)];
        if (mine === undefined) refused += 1;
        // What we take, they take, as the same bytes. (They may take more: gzip and lzip ignore some tails.)
        if (mine !== undefined) expect(theirs?.equals(mine), `byte ${at} ^ ${change}`).toBe(true);
        else expect(theirs === undefined || tool === 'gzip' || tool === 'lzip', `byte ${at} ^ ${change}`).toBe(true);
      }),
      { numRuns: 80 },
    );
    expect(refused).toBeGreaterThan(0);
  });

  if (tool === 'gzip' || tool === 'zstd') {
    test.skipIf(!here)('decodes what we compress, and finds it whole', async () => {
      for (const { name, plain } of samples) {
        const made = await compress(tool, plain, [1 << 20], 2);
        expect(native(tool, made)?.equals(plain), name).toBe(true);
        expect(spawnSync(tool, ['-t'], { input: made, ...quietly }).status, name).toBe(0);
      }
    });

    test.skipIf(!here)('decodes whatever we compress', async () => {
      const parts = fc.array(fc.tuple(fc.uint8Array({ maxLength: 300 }), fc.integer({ min: 1, max: 5000 })));
      await fc.assert(
        fc.asyncProperty(parts, fc.nat(2), async (list, workers) => {
          const plain = Buffer.concat(list.map(([bytes, times]) => Buffer.alloc(bytes.length * times, bytes)));
          const made = await compress(tool, plain, [99_991], workers);
          expect(native(tool, made)?.equals(plain)).toBe(true);
        }),
        { numRuns: 30 },
      );
    });
  }
});
