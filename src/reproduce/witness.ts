// Owns: what the witness says: the program's bytes for this machine, and its output as facts. Knows no variation.

import { decodeHexSource } from '../recipe/hex-source.ts';
import { WITNESS_X64 } from './witness-x64.ts';

/** What one step sees of the world it runs in. */
export interface InsideFacts {
  /** Address of the first stack word, hexadecimal. */
  readonly stack: string;
  readonly hostname: string;
  /** uname -r. */
  readonly release: string;
  readonly umask: number;
  /** Processors the step may use. */
  readonly processors: number;
  /** Seconds since 1970. */
  readonly seconds: number;
  /** Seconds since the machine was started, as the step is told. */
  readonly uptime: number;
  /** Names in the root directory, in the order they are read. */
  readonly order: readonly string[];
  readonly idMap: string;
  /** Processes of the machine that want a processor. */
  readonly running: number;
  /** `NAME=value`, in order. */
  readonly environment: readonly string[];
  readonly cwd: string;
}

/** The program for this machine, undefined where there is none: then nothing can be said to have been varied. */
export function witnessProgram(architecture: string): Buffer | undefined {
  if (architecture !== 'x64') return undefined;
  return decodeHexSource(WITNESS_X64, { file: 'src/reproduce/witness-x64.ts', line: 10 });
}

const TAG = {
  stack: 1,
  uname: 2,
  umask: 3,
  affinity: 4,
  clocks: 5,
  order: 6,
  idMap: 7,
  load: 8,
  environment: 9,
  cwd: 10,
} as const;

/** Length of each of the six names uname(2) gives. */
const UNAME_FIELD = 65;

/** The facts in what the program wrote; undefined when it is not whole. */
export function readWitness(output: Buffer): InsideFacts | undefined {
  const blocks = readBlocks(output);
  if (blocks === undefined) return undefined;
  const bytes = (tag: number): Buffer => Buffer.concat(blocks.get(tag) ?? []);
  const [stack, uname, umask, affinity, clocks] = [1, 2, 3, 4, 5].map(bytes) as [
    Buffer,
    Buffer,
    Buffer,
    Buffer,
    Buffer,
  ];
  const load = /^\S+ \S+ \S+ (\d+)\//.exec(bytes(TAG.load).toString('latin1'));
  const isWhole = stack.length === 8 && uname.length === 390 && umask.length === 8 && clocks.length === 32;
  if (!isWhole || affinity.length === 0 || load === null) return undefined;
  const name = (position: number): string => untilZero(uname.subarray(position * UNAME_FIELD));
  return {
    stack: stack.readBigUInt64LE().toString(16),
    hostname: name(1),
    release: name(2),
    umask: umask.readInt32LE(),
    processors: countBits(affinity),
    seconds: Number(clocks.readBigInt64LE(0)),
    uptime: Number(clocks.readBigInt64LE(16)),
    order: (blocks.get(TAG.order) ?? []).flatMap(readNames),
    idMap: bytes(TAG.idMap)
      .toString('latin1')
      .trim()
      .split('\n')
      .map((line) => line.trim().split(/\s+/).join(' '))
      .join('\n'),
    running: Number(load[1]),
    environment: bytes(TAG.environment)
      .toString('latin1')
      .split('\0')
      .filter((line) => line !== ''),
    cwd: untilZero(bytes(TAG.cwd)),
  };
}

/** Blocks by tag: tag, length, bytes. Undefined when the last one is cut short. */
function readBlocks(output: Buffer): Map<number, Buffer[]> | undefined {
  const blocks = new Map<number, Buffer[]>();
  for (let at = 0; at < output.length; ) {
    if (at + 8 > output.length) return undefined;
    const tag = output.readUInt32LE(at);
    const end = at + 8 + output.readUInt32LE(at + 4);
    if (end > output.length) return undefined;
    blocks.set(tag, [...(blocks.get(tag) ?? []), output.subarray(at + 8, end)]);
    at = end;
  }
  return blocks;
}

/** Names of linux_dirent64 records: inode 8, offset 8, length 2, type 1, name to its zero (getdents(2)). */
function readNames(records: Buffer): string[] {
  const names: string[] = [];
  for (let at = 0; at + 19 <= records.length; ) {
    const length = records.readUInt16LE(at + 16);
    if (length < 20) break;
    names.push(untilZero(records.subarray(at + 19, at + length)));
    at += length;
  }
  return names.filter((name) => name !== '.' && name !== '..');
}

function untilZero(bytes: Buffer): string {
  const end = bytes.indexOf(0);
  return bytes.subarray(0, end < 0 ? bytes.length : end).toString('latin1');
}

function countBits(bytes: Buffer): number {
  let count = 0;
  for (const byte of bytes) for (let rest = byte; rest > 0; rest >>= 1) count += rest & 1;
  return count;
}
