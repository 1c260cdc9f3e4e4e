// Owns: the programs of the seed, made in a folder of their own the way their recipes make them, and run there.

import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { arch, platform, tmpdir } from 'node:os';
import { join } from 'node:path';
import { decodeHexSource } from '../../../src/recipe/hex-source.ts';

export const BOOTSTRAP = new URL('../../../bootstrap/', import.meta.url).pathname;
export const HEX0_TEXT = `${BOOTSTRAP}seed-hex0/hex0.hex`;
export const ASM_TEXT = `${BOOTSTRAP}seed-asm/asm.hex`;
export const SAME_TEXT = `${BOOTSTRAP}seed-asm/same.s`;
export const CC0_CHECK = `${BOOTSTRAP}seed-cc0/check.c`;
/** cc0's assembly, in the order its recipe gives it. */
export const CC0_TEXTS = readdirSync(`${BOOTSTRAP}seed-cc0`)
  .filter((name) => name.endsWith('.s'))
  .sort()
  .map((name) => `${BOOTSTRAP}seed-cc0/${name}`);
/** The functions that test programs print with. */
export const PRINT = new URL('print.c', import.meta.url).pathname;
export const GCC_STANDIN = new URL('gcc-standin.sh', import.meta.url).pathname;

export interface Ran {
  readonly status: number | null;
  readonly signal: string | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Chain {
  /** Of this chain alone; paths of programs and scratch files lie in it. */
  readonly folder: string;
  readonly hex0: string;
  readonly asm: string;
  readonly same: string;
  readonly cc0: string;
  /** Writes a file into the folder; gives its path. */
  readonly write: (name: string, content: string | Buffer) => string;
  readonly remove: () => void;
}

/** Why the seed cannot run on this machine, or undefined. */
export function whyNot(): string | undefined {
  if (platform() === 'linux' && arch() === 'x64') return undefined;
  return `the seed is x86_64 Linux code, this is ${arch()} ${platform()}`;
}

/** Starts a program in `folder`, with nothing in its environment but PATH; a hang of 20 s counts as its death. */
export function run(folder: string, program: string, ...args: string[]): Ran {
  const env = { PATH: process.env['PATH'] };
  const ran = spawnSync(program, args, { cwd: folder, env, encoding: 'latin1', timeout: 20_000, maxBuffer: 2 ** 26 });
  if (ran.error !== undefined && ran.signal === null) throw ran.error;
  return { status: ran.status, signal: ran.signal, stdout: ran.stdout, stderr: ran.stderr };
}

/** Like run; throws if the program does not end with status 0. */
export function mustRun(folder: string, program: string, ...args: string[]): string {
  const ran = run(folder, program, ...args);
  if (ran.status !== 0) throw new Error(`${program} ${args.join(' ')}: ${ran.signal ?? ran.status} ${ran.stderr}`);
  return ran.stdout;
}

/** hex0 by ocibuild's decoder, then one from the other up to cc0. */
export function makeChain(): Chain {
  const folder = mkdtempSync(join(tmpdir(), 'seed-'));
  const at = (name: string) => join(folder, name);
  const write = (name: string, content: string | Buffer) => {
    writeFileSync(at(name), content);
    return at(name);
  };
  const hex0 = write('hex0', decodeHexSource(readFileSync(HEX0_TEXT, 'latin1'), { file: HEX0_TEXT, line: 1 }));
  chmodSync(hex0, 0o755);
  mustRun(folder, hex0, 'asm', ASM_TEXT);
  mustRun(folder, at('asm'), 'same', SAME_TEXT);
  mustRun(folder, at('asm'), 'cc0', ...CC0_TEXTS);
  const remove = () => rmSync(folder, { recursive: true });
  return { folder, hex0, asm: at('asm'), same: at('same'), cc0: at('cc0'), write, remove };
}

/** sha256 in hex, of a file or of bytes. */
export function sha256(what: string | Buffer): string {
  return createHash('sha256')
    .update(typeof what === 'string' ? readFileSync(what) : what)
    .digest('hex');
}

/** The row of bootstrap/answers.txt for a program: `sha256  NAME`. Throws if there is none. */
export function answerFor(name: string): string {
  const rows = readFileSync(`${BOOTSTRAP}answers.txt`, 'utf8').split('\n');
  const row = rows.map((line) => /^([0-9a-f]{64}) {2}(\S+)$/.exec(line)).find((found) => found?.[2] === name);
  if (row === undefined || row === null) throw new Error(`bootstrap/answers.txt says nothing of ${name}`);
  return row[1]!;
}

/** Why gcc cannot stand in for cc0 here, or undefined. A gcc without a static C library cannot. */
export function whyNoGcc(): string | undefined {
  if (!hasProgram('gcc')) return 'gcc is not installed';
  const folder = mkdtempSync(join(tmpdir(), 'seed-gcc-'));
  try {
    const made = run(folder, GCC_STANDIN, join(folder, 'check'), CC0_CHECK);
    return made.status === 0 ? undefined : `gcc makes no static program: ${made.stderr.trim()}`;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

export function hasProgram(name: string): boolean {
  return spawnSync('sh', ['-c', `command -v ${name}`]).status === 0;
}

/** Numbers from 0 up to below `bound`, the same ones on every machine for the same seed. */
export function randomFrom(seed: number): (bound: number) => number {
  let state = BigInt(seed) * 2n + 1n;
  return (bound) => {
    state = (state * 6364136223846793005n + 1442695040888963407n) & 0xffff_ffff_ffff_ffffn;
    return Number((state >> 33n) % BigInt(bound));
  };
}
