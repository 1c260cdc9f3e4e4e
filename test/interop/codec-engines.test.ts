// The same bytes with the baseline compiler only, the optimising compiler only, and in other versions of Node:
// OCIBUILD_NODES lists their programs, separated by colons.

import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { compress, SAMPLES } from '../oci/codec/samples.ts';

const script = fileURLToPath(new URL('./codec-engine.mjs', import.meta.url));
const others = (process.env['OCIBUILD_NODES'] ?? '').split(':').filter((path) => path !== '');
if (others.length === 0) console.log('skipped: other versions of Node; OCIBUILD_NODES names none');

const ENGINES: [string, string[]][] = [process.execPath, ...others].flatMap((node): [string, string[]][] => [
  [node, []],
  [node, ['--liftoff-only']],
  [node, ['--no-liftoff', '--no-wasm-lazy-compilation']],
]);

describe.each(ENGINES)('%s %s', (node, flags) => {
  const version = execFileSync(node, ['--version'], { encoding: 'utf8' }).trim();
  test.each(['mixed of 9 MiB and 123', 'short text'])(`${version}: %s`, async (name) => {
    const plain = SAMPLES[name]!();
    const run = (kind: string, blockSize: number): Buffer =>
      execFileSync(node, [...flags, script, kind, String(blockSize)], { input: plain, maxBuffer: 1 << 28 });
    expect(run('deflate', 1 << 20).equals((await compress('gzip', plain)).subarray(10, -10))).toBe(true);
    expect(run('zstd', 4 << 20).equals(await compress('zstd', plain))).toBe(true);
  });
});
