// tcc by cc1, from the sources bootstrap/tcc-source pins: the bytes the recipe makes, the objects a tcc made by gcc makes, and the
// conformance programs of tcc's own archive.

import { copyFileSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { BuildError } from '../../src/errors.ts';
import { distfilesFrom, fetchSources } from '../../src/fetch/fetch.ts';
import { readRecipe } from '../../src/recipe/recipe.ts';
import { answerFor, hasProgram, mustRun, run, sha256, whyNot } from './seed/chain.ts';
import { CC1, type Compilers, compile, makeCompilers } from './seed-cc1/compilers.ts';

const TCC_SOURCE = new URL('../../bootstrap/tcc-source/', import.meta.url).pathname;
const PATCHES = readdirSync(TCC_SOURCE)
  .filter((name) => /^tcc-\d-.*\.patch$/.test(name))
  .sort();

/** What tests/tests2/Makefile gives the programs that need it. */
const ARGUMENTS: Record<string, string[]> = {
  '31_args': ['arg1', 'arg2', 'arg3', 'arg4', 'arg5'],
  '46_grep': ['[^* ]*[:a:d: ]+\\:\\*-/: $', '46_grep.c'],
};
const DEFINES: Record<string, string[]> = { '86_memory-model': ['-D__LP64__'] };
/** Programs whose expected output is tcc's own doing. */
const OF_TCC_ONLY = new Set(['112_backtrace']);

/**
 * cc1 does not say __x86_64__, so tcc takes itself for a cross compiler and leaves conversions of constants to long double to
 * the processor. The next tcc, which this one compiles, does not.
 */
const OF_NATIVE_ONLY = new Set(['111_conversion.c']);

let made: Compilers | undefined;
let folder = '';
let tcc = '';

/** Why the tests cannot run, or undefined. An archive that is there but has another digest is no reason to skip. */
async function prepare(): Promise<string | undefined> {
  const reason = whyNot();
  if (reason !== undefined) return reason;
  for (const tool of ['tar', 'bzip2']) if (!hasProgram(tool)) return `${tool} is not installed`;
  made = makeCompilers();
  folder = made.chain.folder;
  const recipe = readRecipe({
    name: 'bootstrap/tcc-source',
    shortName: 'tcc-source',
    directory: TCC_SOURCE,
    ownership: 'root',
    epoch: 0,
    versionOf: () => undefined,
  });
  const sources = recipe.sources.filter(({ name }) => name === 'tcc');
  expect(sources.length).toBe(1);
  const options = {
    store: join(folder, 'store'),
    distfiles: distfilesFrom([]),
    offline: false,
    jobs: 1,
    onEvent: () => {},
    signal: new AbortController().signal,
    recipeDirectory: () => recipe.directory,
  };
  let fetched: Awaited<ReturnType<typeof fetchSources>>;
  try {
    fetched = await fetchSources(sources, options);
  } catch (error) {
    if (error instanceof BuildError && error.code === 'NETWORK') return `no mirror gave tcc: ${error.message}`;
    throw error;
  }
  tcc = join(folder, 'src/tcc');
  mkdirSync(tcc, { recursive: true });
  mustRun(folder, 'tar', '-xjf', fetched.get(sources[0]!.digest)!.path, '-C', tcc);
  copyFileSync(`${TCC_SOURCE}config.h`, join(tcc, 'config.h'));
  for (const name of ['kit.c', ...PATCHES]) copyFileSync(TCC_SOURCE + name, join(folder, 'src', name));
  return undefined;
}

const skip = await prepare();
if (skip !== undefined) console.log(`seed-cc1-tcc: skipped: ${skip}`);
const gccMissing = hasProgram('gcc') ? undefined : 'gcc is not installed';
if (gccMissing !== undefined) console.log(`seed-cc1-tcc: comparisons with gcc: skipped: ${gccMissing}`);

afterAll(() => made?.chain.remove());

describe.skipIf(skip !== undefined)('tcc by cc1', () => {
  let compilers: Compilers;
  let byCc1 = '';
  beforeAll(() => {
    compilers = made!;
    // As bootstrap/seed-tcc does it.
    expect(compile(compilers, compilers.byItself, tcc, 'upstream', 'tcc.c')).toMatchObject({ status: 0, stderr: '' });
    mustRun(folder, join(folder, 'upstream'), '-static', '-nostdlib', '-o', 'src/kit', 'src/kit.c');
    expect(PATCHES.length).toBe(5);
    mustRun(tcc, join(folder, 'src/kit'), 'patch', ...PATCHES.map((name) => `../${name}`));
    expect(compile(compilers, compilers.byItself, tcc, 'tcc-by-cc1', 'tcc.c')).toMatchObject({ status: 0, stderr: '' });
    byCc1 = join(folder, 'tcc-by-cc1');
  });

  test('is what answers.txt says', () => {
    expect(sha256(byCc1)).toBe(answerFor('tcc'));
  });

  test('is the same by cc1 as cc0 and gcc made it', () => {
    for (const cc1 of [compilers.byCc0, ...(compilers.byGcc === undefined ? [] : [compilers.byGcc])]) {
      expect(compile(compilers, cc1, tcc, 'tcc-by-other', 'tcc.c')).toMatchObject({ status: 0, stderr: '' });
      expect(sha256(join(folder, 'tcc-by-other'))).toBe(sha256(byCc1));
    }
  });

  test.skipIf(gccMissing !== undefined)('makes the objects that tcc by gcc makes', () => {
    mustRun(tcc, 'gcc', '-O1', '-w', '-o', join(folder, 'tcc-by-gcc'), 'tcc.c');
    const own = [`${CC1}cc1.c`, `${CC1}03-decimal.c`];
    const library = ['memory', 'string', 'stream', 'start', 'system'].map((name) => `${CC1}libc/${name}.c`);
    const programs = readdirSync(join(tcc, 'tests/tests2'))
      .filter((name) => /^\d.*\.c$/.test(name) && !OF_NATIVE_ONLY.has(name))
      .map((name) => join(tcc, 'tests/tests2', name));
    let compared = 0;
    const unlike: string[] = [];
    for (const source of [...own, ...library, ...programs]) {
      const [ours, theirs] = [byCc1, join(folder, 'tcc-by-gcc')].map((program, index) => {
        const ran = run(
          tcc,
          program,
          '-c',
          '-nostdinc',
          '-I',
          `${CC1}include`,
          '-I',
          'include',
          '-o',
          join(folder, `${index}.o`),
          source,
        );
        return {
          status: ran.status,
          said: ran.stderr,
          object: ran.status === 0 ? sha256(join(folder, `${index}.o`)) : undefined,
        };
      });
      if (JSON.stringify(ours) !== JSON.stringify(theirs))
        unlike.push(`${basename(source)}: ${ours!.said} ${theirs!.said}`);
      if (ours!.object !== undefined) compared++;
    }
    expect(unlike).toEqual([]);
    expect(compared).toBe(107);
  });

  test("tcc's conformance programs print what they should, or are refused with file and line", () => {
    const programs = join(tcc, 'tests/tests2');
    const names = readdirSync(programs)
      .filter((name) => /^\d.*\.expect$/.test(name))
      .map((name) => name.replace('.expect', ''));
    const wrong: string[] = [];
    let passed = 0;
    // As upstream compares: blanks and empty lines do not count.
    const words = (text: string) =>
      text
        .split(/\s+/)
        .filter((word) => word !== '')
        .join(' ');
    for (const name of names) {
      if (OF_TCC_ONLY.has(name)) continue;
      const out = join(folder, 'program');
      const args = [...(DEFINES[name] ?? []), '-I', `${CC1}include`, `${name}.c`, `${CC1}libc/libc.c`];
      const ran = run(programs, compilers.byItself, '-o', out, ...args);
      if (ran.status === 1 && /^\S+:\d+: .+\n$/.test(ran.stderr)) continue;
      const printed = ran.status === 0 ? run(programs, out, ...(ARGUMENTS[name] ?? [])) : ran;
      const expected = readFileSync(join(programs, `${name}.expect`), 'latin1');
      if (words(printed.stdout + printed.stderr) === words(expected)) passed++;
      else
        wrong.push(
          `${name}: ${printed.status} ${printed.signal} ${printed.stdout.slice(0, 300)} ${printed.stderr.slice(0, 300)}`,
        );
    }
    expect(wrong).toEqual([]);
    expect(passed).toBe(64);
  });
});
