// The same C, compiled by the machine's own compiler at several levels, gives the bytes that the WebAssembly gives.

import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { BuildError } from '../../src/errors.ts';
import { distfilesFrom, fetchSources } from '../../src/fetch/fetch.ts';
import { readRecipe } from '../../src/recipe/recipe.ts';
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

const recipe = readRecipe({
  name: 'recipes/ocibuild-codec',
  shortName: 'ocibuild-codec',
  directory: join(root, 'recipes/ocibuild-codec'),
  ownership: 'root',
  epoch: 0,
  versionOf: () => undefined,
});

/** Why the test can not run, or undefined. An archive that is there but has another digest is no reason to skip. */
async function prepare(): Promise<string | undefined> {
  for (const tool of ['gcc', 'patch']) if (attempt(tool, ['--version']) !== undefined) return `${tool} is missing`;
  const sources = recipe.sources.filter(({ mirrors }) => mirrors.some((mirror) => mirror.startsWith('debian:')));
  expect(sources.length).toBe(5);
  const options = {
    store: work,
    distfiles: distfilesFrom([]),
    offline: false,
    jobs: 4,
    onEvent: () => {},
    signal: new AbortController().signal,
  };
  let fetched: Awaited<ReturnType<typeof fetchSources>>;
  try {
    fetched = await fetchSources(sources, { ...options, recipeDirectory: () => recipe.directory });
  } catch (error) {
    if (error instanceof BuildError && error.code === 'NETWORK') return `no mirror gave the sources: ${error.message}`;
    throw error;
  }
  mkdirSync(join(work, 'tree'));
  for (const source of sources) {
    const { path } = fetched.get(source.digest)!;
    const args = ['-xf', path, '--one-top-level=' + join(work, 'tree', source.name), '--strip-components=1'];
    const fault = attempt('tar', args);
    if (fault !== undefined) throw new Error(fault);
  }
  for (const name of ['libdeflate-joinable-blocks.patch', 'libdeflate-wide-words.patch']) {
    const patch = join(recipe.directory, name);
    const fault = attempt('patch', ['-s', '-d', join(work, 'tree/libdeflate'), '-p1', '-i', patch]);
    if (fault !== undefined) throw new Error(fault);
  }
  return undefined;
}

const missing = await prepare();
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
