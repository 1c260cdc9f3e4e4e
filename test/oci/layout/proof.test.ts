// What lies in a layout is read back from its file: on this thread when it is small, on another when it is large.

import { mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createCompressor } from '../../../oci/codec/load.ts';
import { digestOf } from '../../../oci/digest.ts';
import { LAYER_MEDIA_TYPE, writeLayer } from '../../../oci/layer/writer.ts';
import { createLayout, type Layout } from '../../../oci/layout/layout.ts';
import { proveLayer } from '../../../oci/layout/proof.ts';
import { native } from '../../../oci/profile.ts';
import { SAMPLES } from '../codec/samples.ts';
import { entry, ZERO } from '../layer/build.ts';

let root: string;
let layout: Layout;
beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), 'proof-'));
  layout = createLayout(root);
});
afterAll(() => rmSync(root, { recursive: true }));

const CASES = (['none', 'gzip', 'zstd'] as const).flatMap((compression) =>
  (['short text', 'mixed of 9 MiB and 123'] as const).map((sample) => [compression, sample] as const),
);

async function write(compression: 'none' | 'gzip' | 'zstd', sample: string) {
  const bytes = SAMPLES[sample]!();
  return writeLayer([entry('f', 'file', { bytes, size: bytes.length })], ZERO, {
    compression,
    compressorFor: createCompressor,
    blob: layout.beginBlob(),
    profile: native,
  });
}

describe.each(CASES)('%s, %s', (compression, sample) => {
  test('a whole layer', async () => {
    const { descriptor, diffId } = await write(compression, sample);
    expect(descriptor.mediaType).toBe(LAYER_MEDIA_TYPE[compression]);
    expect(diffId === descriptor.digest).toBe(compression === 'none');
    await proveLayer(layout, descriptor, diffId);
  });

  test('another diffID, a changed byte, a cut end, a missing file', async () => {
    const { descriptor, diffId } = await write(compression, sample);
    const path = layout.blobPath(descriptor.digest);
    const bytes = readFileSync(path);
    const failed = (code: string) => expect.objectContaining({ code: expect.stringMatching(code) });
    const prove = () => proveLayer(layout, descriptor, diffId);
    await expect(proveLayer(layout, descriptor, digestOf('other'))).rejects.toEqual(failed('DIGEST_MISMATCH'));
    for (const at of [0, bytes.length >> 1, bytes.length - 1]) {
      const damaged = Buffer.from(bytes);
      damaged[at]! ^= 1;
      writeFileSync(path, damaged);
      await expect(prove(), String(at)).rejects.toEqual(failed('^(DIGEST_MISMATCH|CODEC_FAILED)$'));
    }
    writeFileSync(path, bytes);
    truncateSync(path, bytes.length - 7);
    await expect(prove()).rejects.toEqual(failed('^(DIGEST_MISMATCH|CODEC_FAILED)$'));
    rmSync(path);
    await expect(prove()).rejects.toEqual(failed('^(BLOB_UNKNOWN|CODEC_FAILED)$'));
    // The thread lives on.
    await proveLayer(layout, (await write(compression, sample)).descriptor, diffId);
  });
});
