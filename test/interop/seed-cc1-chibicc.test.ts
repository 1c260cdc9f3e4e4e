// cc1 and the programs in chibicc's test folder, from the archive that Debian keeps: compiled and right, or refused with file and line.
//
// Each program states the values it expects, as ASSERT(VALUE, EXPRESSION). Nearly all of them use something cc1 refuses, so a refused
// program is tried again in parts: `ASSERT(VALUE, ({ A; B; }))` is rewritten as `{ A; ASSERT(VALUE, B); }`, and as long as cc1 refuses
// a line, the declaration or the statement of main on that line is left out. What remains must run and find every value right.
// The functions they share (test.h, common) are treated in the same way. No program is changed by hand.

import { copyFileSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { parseDigest } from '../../oci/digest.ts';
import { BuildError } from '../../src/errors.ts';
import { distfilesFrom, fetchSources } from '../../src/fetch/fetch.ts';
import type { Source } from '../../src/recipe/types.ts';
import { hasProgram, mustRun, type Ran, run, whyNot } from './seed/chain.ts';
import { lineOf, partsOf, unfold, without } from './seed-cc1/chibicc-parts.ts';
import { CC1, makeCompilers } from './seed-cc1/compilers.ts';

const VERSION = '0+git20240328+ds';
const HERE = { file: new URL(import.meta.url).pathname, line: 1 };
const CHIBICC: Source = {
  name: 'chibicc',
  digest: parseDigest('sha256:0aa0be1ebd9b884aa8acd9617d7917cecc9a0323fb7e81e3180e7346303fca91'),
  size: 385_056,
  file: `chibicc-${VERSION}.tar.xz`,
  format: 'tar.xz',
  version: VERSION,
  mirrors: [`debian:pool/main/c/chibicc/chibicc_${VERSION}.orig.tar.xz`],
  location: HERE,
  hashLocation: HERE,
};

/** Lines whose value is chibicc's own doing and none that C gives. They are left out. */
const NOT_C: Record<string, { lines: number[]; why: string }> = {
  'alignof.c': { lines: [42, 43, 44, 45], why: 'no C standard aligns an array of char to 16' },
  'float.c': { lines: [40], why: 'a double that no int can hold becomes an int' },
  'function.c': {
    lines: [318, 319, 320, 321, 336, 337, 338, 339],
    why: 'the functions are defined with another type than they are declared with',
  },
  'literal.c': { lines: [47], why: '18446744073709551615 is taken for a signed number' },
  'pointer.c': { lines: [6, 7, 8, 10, 11], why: 'pointers leave one variable and reach the next' },
  'struct.c': { lines: [27], why: 'a struct without members has size 1; gcc says 0' },
};

/** Programs that cc1 compiles as they are. */
const WHOLE = [
  'define.c',
  'extern.c',
  'funcstack.c',
  'hello.c',
  'issue109.c',
  'issue117.c',
  'issue119.c',
  'issue124.c',
  'issue127.c',
  'issue134.c',
  'issue147.c',
  'issue155.c',
  'issue157.c',
  'issue31.c',
  'issue59.c',
  'issue63.c',
  'issue65.c',
  'issue69.c',
  'issue80.c',
  'offsetof.c',
  'stdhdr.c',
  'test1.c',
  'varscope.c',
];
/** Programs compiled in parts, with the number of values each has found right. */
const IN_PARTS: Record<string, number> = {
  'alignof.c': 2,
  'arith.c': 107,
  'bitfield.c': 23,
  'cast.c': 45,
  'constexpr.c': 36,
  'control.c': 57,
  'decl.c': 13,
  'enum.c': 11,
  'float.c': 73,
  'function.c': 73,
  'initializer.c': 108,
  'literal.c': 56,
  'pointer.c': 14,
  'sizeof.c': 72,
  'string.c': 30,
  'struct.c': 40,
  'typedef.c': 5,
  'unicode.c': 6,
  'union.c': 13,
  'usualconv.c': 17,
  'varargs.c': 6,
  'variable.c': 46,
};
/** Programs that are refused: by a header they include, by the preprocessor, or because no assertion is left. */
const REFUSED = 61;
const PROGRAMS = 106;

const chain = whyNot() === undefined ? makeCompilers() : undefined;
const folder = chain === undefined ? '' : join(chain.chain.folder, 'chibicc');
let upstream = '';

/** Why the tests cannot run, or undefined. An archive that is there but has another digest is no reason to skip. */
async function prepare(): Promise<string | undefined> {
  if (chain === undefined) return whyNot();
  for (const tool of ['tar', 'xz']) if (!hasProgram(tool)) return `${tool} is not installed`;
  const options = {
    store: join(chain.chain.folder, 'store'),
    distfiles: distfilesFrom([]),
    offline: false,
    jobs: 1,
    onEvent: () => {},
    signal: new AbortController().signal,
    recipeDirectory: () => chain.chain.folder,
  };
  let fetched: Awaited<ReturnType<typeof fetchSources>>;
  try {
    fetched = await fetchSources([CHIBICC], options);
  } catch (error) {
    if (error instanceof BuildError && error.code === 'NETWORK') return error.message;
    throw error;
  }
  mkdirSync(folder);
  mustRun(folder, 'tar', '-xJf', fetched.get(CHIBICC.digest)!.path);
  upstream = join(folder, `chibicc-${VERSION}`);
  return undefined;
}

/** cc1 on sources in the scratch folder. chibicc's headers come after cc1's own, for those cc1 has not. */
function compile(...sources: string[]): Ran {
  const includes = ['-I', `${CC1}include`, '-I', join(upstream, 'include')];
  return run(folder, chain!.byItself, '-o', 'program', ...includes, ...sources, `${CC1}libc/libc.c`);
}

/** Where cc1 refused, or undefined if it did not. Throws if it ended in any other way. */
function refusalOf(ran: Ran, what: string): { file: string; line: number } | undefined {
  if (ran.status === 0 && ran.stderr === '') return undefined;
  const found = /^(\S+):(\d+): .+\n$/.exec(ran.stderr);
  if (ran.status === 1 && found !== null) return { file: found[1]!, line: Number(found[2]) };
  throw new Error(`cc1 on ${what}: ${ran.signal ?? ran.status} ${ran.stderr}`);
}

function leaveOutLine(text: string, line: number): string {
  const parts = partsOf(text).filter(({ begin, end }) => lineOf(text, begin) <= line && line <= lineOf(text, end));
  return parts.reduce(without, text);
}

/** Writes `text` as `name`, without what cc1 refuses. True if cc1 took the rest, with the other sources. */
function writeAccepted(name: string, text: string, ...others: string[]): boolean {
  for (let left = text; ; ) {
    writeFileSync(join(folder, name), left, 'latin1');
    const refusal = refusalOf(compile(name, ...others), name);
    if (refusal === undefined) return true;
    const less = refusal.file === name ? leaveOutLine(left, refusal.line) : left;
    if (less === left) return false;
    left = less;
  }
}

/** Runs the compiled program; gives how many values it found right. Throws if it ends badly. */
function runProgram(name: string): number {
  const ran = run(folder, join(folder, 'program'));
  if (ran.status !== 0) throw new Error(`${name}: ${ran.signal ?? ran.status} ${ran.stdout.slice(-300)} ${ran.stderr}`);
  return ran.stdout.match(/ => -?\d+$/gm)?.length ?? 0;
}

const skip = await prepare();
if (skip !== undefined) console.log(`seed-cc1-chibicc: skipped: ${skip}`);

afterAll(() => chain?.chain.remove());

describe.skipIf(skip !== undefined)("chibicc's programs by cc1", () => {
  test('find every value right, or are refused with file and line', () => {
    const tests = join(upstream, 'test');
    for (const name of readdirSync(tests)) if (name.endsWith('.h')) copyFileSync(join(tests, name), join(folder, name));
    // As a source, common is part of a program; what runs is the program's main.
    const common = readFileSync(join(tests, 'common'), 'latin1');
    writeFileSync(join(folder, 'main.c'), 'int main(void) { return 0; }\n');
    expect(writeAccepted('common.c', common, 'main.c')).toBe(true);

    const programs = readdirSync(tests)
      .filter((name) => name.endsWith('.c'))
      .sort();
    const whole: string[] = [];
    const inParts: Record<string, number> = {};
    const refused: string[] = [];
    for (const name of programs) {
      const text = readFileSync(join(tests, name), 'latin1');
      writeFileSync(join(folder, name), text, 'latin1');
      const refusal = refusalOf(compile(name, 'common.c'), name);
      const notC = NOT_C[name]?.lines ?? [];
      if (refusal === undefined && notC.length === 0) {
        whole.push(name);
        runProgram(name);
        continue;
      }
      const asserted = /\bASSERT\(/.test(text);
      const found =
        asserted && writeAccepted(name, notC.reduce(leaveOutLine, unfold(text)), 'common.c') ? runProgram(name) : 0;
      if (found > 0) inParts[name] = found;
      else refused.push(name);
    }
    expect(programs.length).toBe(PROGRAMS);
    expect(whole).toEqual(WHOLE);
    expect(inParts).toEqual(IN_PARTS);
    expect(refused.length).toBe(REFUSED);
  });
});
