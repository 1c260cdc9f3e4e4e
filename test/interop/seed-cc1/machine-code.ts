// Owns: the machine code in cc1's sources and in its library, `code("48 89 c1"); /* mov rcx, rax */` and `__bytes("…")`, compared
// with what objdump reads in the bytes. Where the bytes are the beginning of an instruction (the rest is put in when cc1
// runs), only its mnemonic is compared.

import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

interface Said {
  readonly at: string;
  readonly bytes: readonly number[];
  readonly comment: string;
}

const LINE = /\b(?:code|__bytes)\(("[0-9a-f ]+")\);\s*(?:break;\s*)?\/\* (?:\w+: )?(.*?) \*\//;
/** Every instruction lies in a slot of its own, the rest of which is nops. */
const SLOT = 32;
const REGISTER = /^(?:[re]?[a-d]x|[a-d][lh]|[re]?[sd]i|[re]?[sb]p|r\d+|xmm\d|st\d)$/;

/** How many lines were compared, and one text a disagreement: `FILE:LINE: …`. A line of machine code without a comment is one too. */
export function disagreements(files: readonly { name: string; text: string }[]): { checked: number; wrong: string[] } {
  const said: Said[] = [];
  const wrong: string[] = [];
  for (const { name, text } of files) {
    const lines = text.split('\n');
    for (const [index, line] of lines.entries()) {
      if (!/\b(?:code|__bytes)\("/.test(line)) continue;
      const found = LINE.exec(line);
      const at = `${name}:${index + 1}`;
      if (found === null) wrong.push(`${at}: machine code without a comment: ${line.trim()}`);
      else said.push({ at, bytes: [...bytesOf(found[1]!), ...operandOf(lines[index + 1]!)], comment: found[2]! });
    }
  }
  const read = disassemble(said);
  for (const [index, { at, bytes, comment }] of said.entries()) {
    const { code, length } = read[index]!;
    const whole = length === bytes.length && operandsOf(comment).every((word) => REGISTER.test(word));
    const left = whole ? normal(comment) : mnemonicOf(comment);
    const right = whole ? normal(code) : mnemonicOf(code);
    if (length < bytes.length || left !== right) {
      wrong.push(`${at}: the comment says ${left}, the bytes ${right} (${length} bytes)`);
    }
  }
  return { checked: said.length, wrong };
}

/** The operand byte that the next line adds: `operand(5)`, `byte(0xc0 + reg)`; the register it does not tell is 0. */
function operandOf(line: string): number[] {
  const number = /^\s*operand\((\d)?/.exec(line);
  if (number !== null) return [0x80 + 8 * Number(number[1] ?? 0)];
  const byte = /^\s*byte\(0x(c0) \+ reg\);/.exec(line);
  return byte === null ? [] : [Number.parseInt(byte[1]!, 16)];
}

function bytesOf(text: string): number[] {
  return text.match(/[0-9a-f]{2}/g)!.map((pair) => Number.parseInt(pair, 16));
}

function disassemble(said: readonly Said[]): { code: string; length: number }[] {
  const folder = mkdtempSync(join(tmpdir(), 'machine-code-'));
  try {
    const bytes = said.flatMap((one) => [...one.bytes, ...new Array<number>(SLOT - one.bytes.length).fill(0x90)]);
    writeFileSync(join(folder, 'code'), Buffer.from(bytes));
    const args = ['-D', '-w', '-z', '-b', 'binary', '-m', 'i386:x86-64', '-M', 'intel', '--insn-width=16', 'code'];
    const ran = spawnSync('objdump', args, { cwd: folder, encoding: 'utf8', maxBuffer: 2 ** 26 });
    if (ran.status !== 0) throw new Error(`objdump: ${ran.stderr}`);
    const found = new Map<number, { code: string; length: number }>();
    for (const [, offset, hex, code] of ran.stdout.matchAll(/^ *([0-9a-f]+):\t([0-9a-f ]+)\t(.*)$/gm)) {
      found.set(Number.parseInt(offset!, 16), { code: code!.trim(), length: hex!.trim().split(' ').length });
    }
    return said.map((_, index) => found.get(index * SLOT) ?? { code: 'nothing', length: 0 });
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** One form for both: no blanks, no sizes, numbers in decimal. */
function normal(code: string): string {
  return code
    .replace(/\s*#.*$/, '')
    .replace(/^movabs/, 'mov')
    .replace(/\b(?:xmmword|qword|dword|word|byte|tbyte) (?:ptr )?/gi, '')
    .replace(/\bst\((\d)\)/g, 'st$1')
    .replace(/\bst\b(?!\d)/g, 'st0')
    .replace(/0x([0-9a-f]+)/g, (_, hex: string) => String(Number.parseInt(hex, 16)))
    .replace(/\s*([,+[\]])\s*/g, '$1')
    .replace(/\s+/g, ' ')
    .trim();
}

function mnemonicOf(code: string): string {
  return normal(code).split(/[ [\]]/)[0]!;
}

/** The words behind the mnemonic, without numbers. */
function operandsOf(code: string): string[] {
  return (
    normal(code)
      .replace(/^\w+/, '')
      .match(/[^\s,+[\]]+/g) ?? []
  ).filter((word) => !/^\d+$/.test(word));
}
