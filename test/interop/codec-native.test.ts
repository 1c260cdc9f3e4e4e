// The same C, compiled by the machine's own compiler at several levels, gives the bytes that the WebAssembly gives.

import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { compress, SAMPLES } from '../oci/codec/samples.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const work = mkdtempSync(join(tmpdir(), 'codec-native-'));
afterAll(() => rmSync(work, { recursive: true, force: true }));

function attempt(program: string, args: readonly string[]): string | undefined {
  try {
    execFileSync(program, args, { stdio: ['ignore', 'pipe', 'pipe'], cwd: root });
    return undefined;
  } catch (error) {
    const { stderr, message } = error as { stderr?: Buffer; message: string };
    return stderr?.toString().trim() || message;
  }
}

/** Why the test can not run, or undefined. An archive that is there but has another digest is no reason to skip. */
function prepare(): string | undefined {
  if (attempt('gcc', ['--version']) !== undefined) return 'gcc is missing';
  const sources = process.env['OCIBUILD_CODEC_SOURCES'] ?? join(work, 'sources');
  const fetched = attempt('sh', ['scripts/codec/fetch.sh', sources]);
  if (fetched !== undefined) return `the sources could not be fetched: ${fetched}`;
  const unpacked = attempt('sh', ['scripts/codec/unpack.sh', sources, join(work, 'tree')]);
  if (unpacked !== undefined) throw new Error(unpacked);
  return undefined;
}

const missing = prepare();
if (missing !== undefined) console.log(`skipped: ${missing}`);

describe.skipIf(missing !== undefined).each(['-O0', '-O2'])('gcc %s', (level) => {
  const program = join(work, `codec-native${level}`);

  beforeAll(() => {
    const tree = join(work, 'tree');
    const script = `exec gcc ${level} -w -DNDEBUG -DZSTD_DISABLE_ASM -DZSTD_LEGACY_SUPPORT=0 -o ${program} \
      -I${tree}/libdeflate -I${tree}/zstd/lib test/interop/codec-native.c \
      ${tree}/libdeflate/lib/deflate_compress.c ${tree}/libdeflate/lib/utils.c \
      ${tree}/zstd/lib/common/*.c ${tree}/zstd/lib/compress/*.c`;
    expect(attempt('sh', ['-c', script])).toBeUndefined();
  }, 600_000);

  const run = (kind: string, blockSize: number, plain: Uint8Array): Buffer =>
    execFileSync(program, [kind, String(blockSize)], { input: plain, maxBuffer: 1 << 28 });

  test.each(Object.entries(SAMPLES))('%s', async (_, make) => {
    const plain = make();
    const gzip = await compress('gzip', plain);
    expect(run('deflate', 1 << 20, plain).equals(gzip.subarray(10, -10))).toBe(true);
    // An empty frame is the wrapper's doing: the loop of the native program has no block to compress.
    if (plain.length > 0) expect(run('zstd', 4 << 20, plain).equals(await compress('zstd', plain))).toBe(true);
  });
});
