// Owns: what objdump reads in bytes, and what a line of assembly says, brought to one form so that they can be compared.

import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** One instruction: where it is loaded, its bytes, and what the text beside them says. */
export interface Written {
  readonly address: number;
  readonly bytes: readonly number[];
  /** `mov rax, [name+8]`, without comment. */
  readonly text: string;
  /** For messages: file and line. */
  readonly at: string;
}

/** One difference a line: `FILE:LINE: the text says …, the bytes …`. Empty where all agree. */
export function compareWithObjdump(written: readonly Written[], lookUp: (name: string) => bigint): string[] {
  const read = disassemble(written);
  return written.flatMap(({ text, at }, index) => {
    const said = ofText(text, lookUp);
    return said === read[index] ? [] : [`${at}: the text says ${said}, the bytes ${read[index]}`];
  });
}

/**
 * All instructions at once. They are put one behind another, without the data between them, so a jump's target is
 * brought back to where the instruction really lies.
 */
function disassemble(written: readonly Written[]): string[] {
  const folder = mkdtempSync(join(tmpdir(), 'disassembly-'));
  try {
    writeFileSync(join(folder, 'code'), Buffer.from(written.flatMap((one) => one.bytes)));
    const args = ['-D', '-w', '-b', 'binary', '-m', 'i386:x86-64', '-M', 'intel', '--insn-width=16', 'code'];
    const ran = spawnSync('objdump', args, { cwd: folder, encoding: 'utf8', maxBuffer: 2 ** 26 });
    if (ran.status !== 0) throw new Error(`objdump: ${ran.stderr}`);
    const found = new Map<number, string>();
    for (const [, offset, code] of ran.stdout.matchAll(/^ *([0-9a-f]+):\t[0-9a-f ]+\t(.*)$/gm)) {
      found.set(Number.parseInt(offset!, 16), code!.trim());
    }
    let offset = 0;
    return written.map(({ address, bytes }) => {
      const code = found.get(offset) ?? 'no instruction that begins here';
      const whole = found.has(offset + bytes.length) || offset + bytes.length === sizeOf(written);
      const moved = address - offset;
      offset += bytes.length;
      return whole ? ofObjdump(code, moved) : `${code}, of another length`;
    });
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function sizeOf(written: readonly Written[]): number {
  return written.reduce((sum, one) => sum + one.bytes.length, 0);
}

function ofObjdump(code: string, moved: number): string {
  const [, mnemonic, rest] = /^(\S+) *(.*)$/.exec(code.replace(/\s*#.*$/, ''))!;
  if (/^(j|call)/.test(mnemonic!) && /^0x[0-9a-f]+$/.test(rest!))
    return `${mnemonic} ${BigInt.asIntN(64, BigInt(rest!) + BigInt(moved))}`;
  const operands = rest! === '' ? [] : rest!.split(',');
  return form(mnemonic!, operands, (name) => {
    throw new Error(`objdump says ${name} in ${code}`);
  });
}

function ofText(text: string, lookUp: (name: string) => bigint): string {
  const [, mnemonic, rest] = /^(\S+)\s*(.*)$/.exec(text.trim())!;
  const operands = rest === '' ? [] : rest!.replaceAll("','", '44').split(',');
  return form(mnemonic!, operands, lookUp);
}

const REGISTER = /^(?:[re]?(?:[abcd]x|[sd]i|[sb]p)|[abcd][lh]|[sd]il|r\d+[bwd]?)$/;
const SIZES: Record<string, string> = { al: 'byte', bl: 'byte', cl: 'byte', eax: 'dword', ebx: 'dword', rcx: 'qword' };

/** `mnemonic operand, operand`: numbers signed and decimal, memory as `[base+number]`, a size only where no register says it. */
function form(mnemonic: string, operands: readonly string[], lookUp: (name: string) => bigint): string {
  const shown = operands.map((operand) => {
    const text = operand.trim();
    if (REGISTER.test(text)) return text;
    const memory = /^(?:(qword|dword|byte)\s+)?(?:PTR\s+)?(?:ds:(\S+)|\[(.*)\])$/i.exec(text);
    if (memory === null) return String(BigInt.asIntN(64, sum(text, lookUp)));
    const [, size, absolute, inside] = memory;
    const width = size?.toLowerCase() === 'qword' ? undefined : size?.toLowerCase();
    const place = absolute ?? inside!;
    const [, registers, rest] = /^((?:\s*\+?\s*(?:r\w\w?|e\w\w)(?:\*1)?(?=[^\w.]|$))*)(.*)$/.exec(place)!;
    const base = registers!.replace(/\s/g, '');
    const value = rest!.trim() === '' ? 0n : BigInt.asIntN(64, sum(rest!.replace(/^\s*\+/, ''), lookUp));
    const registerSays = operands.some((other) => SIZES[other.trim()] === width && width !== undefined);
    return `${width === undefined || registerSays ? '' : `${width} `}[${base}${value < 0n ? value : `+${value}`}]`;
  });
  return `${mnemonic} ${shown.join(', ')}`.trim();
}

/** `a + 2 - 'x'` */
function sum(text: string, lookUp: (name: string) => bigint): bigint {
  let total = 0n;
  let rest = text;
  while (rest.trim() !== '') {
    const found = /^\s*([+-])?\s*('(.)'|0x[0-9a-f]+|\d+|[A-Za-z_.][\w.]*)/s.exec(rest);
    if (found === null) throw new Error(`no sum: ${text}`);
    const [all, sign, term, character] = found;
    const value =
      character !== undefined ? BigInt(character.charCodeAt(0)) : /^\d/.test(term!) ? BigInt(term!) : lookUp(term!);
    total += sign === '-' ? -value : value;
    rest = rest.slice(all.length);
  }
  return total;
}
