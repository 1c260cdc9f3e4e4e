// A file decoded on a thread ahead of its reader gives what the decoder gives, its faults too, and never runs on alone.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { decodeFileAhead } from '../../../oci/codec/file-decoder.ts';
import { compress, SAMPLES } from './samples.ts';

let directory: string;
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'file-decoder-'));
});
afterAll(() => rmSync(directory, { recursive: true }));

function stored(bytes: Uint8Array): Buffer {
  const path = join(directory, 'file');
  writeFileSync(path, bytes);
  return Buffer.from(path);
}

function decodeAll(path: Buffer, compression: 'gzip' | 'zstd' | 'xz'): Buffer {
  // Copied as it comes: a portion is overwritten after the next is asked for.
  return Buffer.concat(Array.from(decodeFileAhead(path, compression), (portion) => Buffer.from(portion)));
}

describe.each(['gzip', 'zstd'] as const)('%s', (compression) => {
  test.each(Object.keys(SAMPLES))('%s', async (sample) => {
    const plain = SAMPLES[sample]!();
    const path = stored(await compress(compression, plain));
    expect(decodeAll(path, compression).equals(plain)).toBe(true);
  });

  test('a file that is cut short gives what it can, and then says so', async () => {
    const plain = SAMPLES['mixed of 9 MiB and 123']!();
    const whole = await compress(compression, plain);
    const portions = decodeFileAhead(stored(whole.subarray(0, whole.length - 100)), compression);
    let size = 0;
    const drain = () => {
      for (const portion of portions) size += portion.length;
    };
    expect(drain).toThrow(`${compression} data ends inside a stream`);
    expect(size).toBeGreaterThan(8 << 20);
  });

  test('a reader that stops early', async () => {
    const path = stored(await compress(compression, SAMPLES['mixed of 9 MiB and 123']!()));
    for (const portion of decodeFileAhead(path, compression)) {
      expect(portion.length).toBeGreaterThan(0);
      break;
    }
    expect(decodeAll(path, compression).length).toBe((9 << 20) + 123);
  });
});

test('another format, and no file', () => {
  expect(() => decodeAll(stored(Buffer.from('no xz file, whatever its name says')), 'xz')).toThrow(
    'xz data does not start as this format does',
  );
  expect(() => decodeAll(Buffer.from(join(directory, 'missing')), 'xz')).toThrow(/xz decoder stopped.*ENOENT/);
});
