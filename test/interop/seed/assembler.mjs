// Owns: a second assembler for the notation of bootstrap/seed-asm, made independently of it, so that each checks the
// other: same text, same bytes. It is no part of the chain. It also writes the bytes beside the instructions:
//
//   node test/interop/seed/assembler.mjs OUT IN…              what `asm OUT IN…` does
//   node test/interop/seed/assembler.mjs --annotate FILE      renews the bytes to the left of `;` in FILE
//
// Notation, table of instructions and error rules stand in bootstrap/seed-asm/.

import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import { basename } from 'node:path';

const ORIGIN = 0x400000;

const QUADS = 'rax rcx rdx rbx rsp rbp rsi rdi r8 r9 r10 r11 r12 r13 r14 r15'.split(' ');
const REGISTERS = new Map([
  ...QUADS.map((name, number) => [name, { kind: 'r', number }]),
  ['al', { kind: 'b', number: 0 }],
  ['cl', { kind: 'c', number: 1 }],
  ['eax', { kind: 'e', number: 0 }],
]);

/** mnemonic, kinds of the operands, REX, opcode, how the operands are put, digit, bytes of the immediate. */
export const TABLE = [];
function row(mnemonic, kinds, rex, opcode, form = '', digit = 0, immediate = 0) {
  TABLE.push({ mnemonic, kinds, rex, opcode, form, digit, immediate });
}
row('mov', 'rr', 0x48, [0x89], 'mr');
row('mov', 'rm', 0x48, [0x8b], 'rm');
row('mov', 'mr', 0x48, [0x89], 'mr');
row('mov', 'ri', 0x48, [0xc7], 'd', 0, 4);
row('mov', 'mi', 0x48, [0xc7], 'd', 0, 4);
row('mov', 'yb', 0, [0x88], 'mr');
row('mov', 'yc', 0, [0x88], 'mr');
row('mov', 'de', 0, [0x89], 'mr');
row('movabs', 'ri', 0x48, [0xb8], 'o', 0, 8);
row('movsxd', 'rd', 0x48, [0x63], 'rm');
row('movzx', 'ry', 0x48, [0x0f, 0xb6], 'rm');
row('movzx', 'rb', 0x48, [0x0f, 0xb6], 'rm');
row('movsx', 'ry', 0x48, [0x0f, 0xbe], 'rm');
row('movsx', 'rb', 0x48, [0x0f, 0xbe], 'rm');
row('lea', 'rm', 0x48, [0x8d], 'rm');
for (const [name, digit] of Object.entries({ add: 0, or: 1, and: 4, sub: 5, xor: 6, cmp: 7 })) {
  row(name, 'rr', 0x48, [digit * 8 + 1], 'mr');
  row(name, 'rm', 0x48, [digit * 8 + 3], 'rm');
  row(name, 'ri', 0x48, [0x81], 'd', digit, 4);
}
row('add', 'mi', 0x48, [0x81], 'd', 0, 4);
row('cmp', 'mi', 0x48, [0x81], 'd', 7, 4);
row('test', 'rr', 0x48, [0x85], 'mr');
row('imul', 'rr', 0x48, [0x0f, 0xaf], 'rm');
row('idiv', 'r', 0x48, [0xf7], 'd', 7);
row('neg', 'r', 0x48, [0xf7], 'd', 3);
row('not', 'r', 0x48, [0xf7], 'd', 2);
row('cqo', '', 0x48, [0x99]);
for (const [name, digit] of Object.entries({ shl: 4, shr: 5, sar: 7 })) {
  row(name, 'rc', 0x48, [0xd3], 'd', digit);
  row(name, 'ri', 0x48, [0xc1], 'd', digit, 1);
}
const CONDITIONS = { b: 2, ae: 3, e: 4, ne: 5, be: 6, a: 7, l: 12, ge: 13, le: 14, g: 15 };
for (const [name, code] of Object.entries(CONDITIONS)) row(`j${name}`, 'i', 0, [0x0f, 0x80 + code], '', 0, 'r');
for (const name of ['e', 'ne', 'l', 'ge', 'le', 'g']) row(`set${name}`, 'b', 0, [0x0f, 0x90 + CONDITIONS[name]], 'd');
row('jmp', 'i', 0, [0xe9], '', 0, 'r');
row('jmp', 'r', 0, [0xff], 'd', 4);
row('call', 'i', 0, [0xe8], '', 0, 'r');
row('call', 'r', 0, [0xff], 'd', 2);
row('push', 'r', 0, [0x50], 'o');
row('push', 'i', 0, [0x68], '', 0, 4);
row('pop', 'r', 0, [0x58], 'o');
row('ret', '', 0, [0xc3]);
row('leave', '', 0, [0xc9]);
row('syscall', '', 0, [0x0f, 0x05]);

const DATA = { db: 1, dw: 2, dd: 4, dq: 8 };
const WIDTHS = { byte: 'y', dword: 'd' };

class LineError extends Error {}

/** Splits one line into words, numbers, strings and signs; `#` ends it. */
function scan(line) {
  const tokens = [];
  const pattern = /[ \t]+|#.*|([A-Za-z_.][A-Za-z0-9_.]*)|(0x[0-9a-fA-F]+|[0-9]+)|'(.)'|"([^"]*)"|([[\],:=+-])|(.)/gsu;
  for (const [, word, number, character, string, sign, bad] of line.matchAll(pattern)) {
    if (word?.length > 31) throw new LineError(`${word} has more than 31 characters`);
    if (number !== undefined && BigInt(number) >= 1n << 62n) throw new LineError(`${number} is too large`);
    if (bad !== undefined) throw new LineError(`strange character ${bad}`);
    if (word !== undefined) tokens.push({ word });
    if (number !== undefined) tokens.push({ number: BigInt(number) });
    if (character !== undefined) tokens.push({ number: BigInt(character.charCodeAt(0)) });
    if (string !== undefined) tokens.push({ string });
    if (sign !== undefined) tokens.push({ sign });
  }
  return tokens;
}

/** `bytes ; text`: gives what stands right of the `;`, or the whole line where there are no such bytes. */
function codeOf(line) {
  return line.replace(/^[0-9A-Fa-f \t]*;/, '');
}

class Assembly {
  symbols = new Map();
  scope = '';
  address = ORIGIN;
  last = false;

  /** Bytes of one line; labels are noted. */
  line(text) {
    this.tokens = scan(codeOf(text));
    const [first, second] = this.tokens;
    if (first?.word !== undefined && (second?.sign === ':' || second?.sign === '=')) {
      this.tokens.splice(0, 2);
      if (second.sign === '=') {
        this.define(first.word, this.sum(), this.last);
        if (this.tokens.length > 0) throw new LineError('something is left over');
        return [];
      }
      this.define(first.word, BigInt(this.address), true);
      if (!first.word.startsWith('.')) this.scope = first.word;
    }
    const mnemonic = this.tokens.shift();
    if (mnemonic === undefined) return [];
    if (mnemonic.word === undefined) throw new LineError('an instruction is wanted here');
    const bytes = mnemonic.word in DATA ? this.data(DATA[mnemonic.word]) : this.instruction(mnemonic.word);
    if (this.tokens.length > 0) throw new LineError('something is left over');
    this.address += bytes.length;
    return bytes;
  }

  key(name) {
    return name.startsWith('.') ? `${this.scope}${name}` : name;
  }

  define(name, value, known) {
    const key = this.key(name);
    if (REGISTERS.has(name)) throw new LineError(`${name} is a register`);
    if (!this.last && this.symbols.has(key)) throw new LineError(`${name} is there twice`);
    this.symbols.set(key, { value, known });
  }

  sum() {
    let total = 0n;
    let negative = this.tokens[0]?.sign === '-';
    if (negative) this.tokens.shift();
    for (;;) {
      const token = this.tokens.shift();
      const value = token?.word === undefined ? token?.number : this.value(token.word);
      if (value === undefined) throw new LineError('a value is wanted here');
      total += negative ? -value : value;
      const sign = this.tokens[0]?.sign;
      if (sign !== '+' && sign !== '-') return total;
      negative = sign === '-';
      this.tokens.shift();
    }
  }

  value(name) {
    if (REGISTERS.has(name)) throw new LineError(`${name} is a register`);
    const symbol = this.symbols.get(this.key(name));
    if (this.last && symbol === undefined) throw new LineError(`${name} is not defined`);
    if (this.last && !symbol.known) throw new LineError(`${name} is used above the line that defines it`);
    return symbol?.value ?? 0n;
  }

  number(value, size) {
    if (!this.last) return Array(size).fill(0);
    const bits = BigInt(size * 8);
    const fits = value >= -(1n << (bits - 1n)) && value < 1n << (size === 4 ? bits - 1n : bits);
    if (!fits) throw new LineError(`${value} does not fit`);
    return Array.from({ length: size }, (_, i) => Number((value >> BigInt(8 * i)) & 255n));
  }

  data(size) {
    const bytes = [];
    do {
      if (size === 1 && this.tokens[0]?.string !== undefined)
        bytes.push(...Buffer.from(this.tokens.shift().string, 'latin1'));
      else bytes.push(...this.number(this.sum(), size));
    } while (this.tokens[0]?.sign === ',' && this.tokens.shift());
    return bytes;
  }

  operand() {
    const word = this.tokens[0]?.word;
    const register = REGISTERS.get(word);
    if (register !== undefined) {
      this.tokens.shift();
      return register;
    }
    let kind = 'm';
    if (word !== undefined && Object.hasOwn(WIDTHS, word)) {
      kind = WIDTHS[word];
      this.tokens.shift();
    }
    if (this.tokens[0]?.sign !== '[') {
      if (kind !== 'm') throw new LineError('[ is wanted here');
      return { kind: 'i', value: this.sum() };
    }
    this.tokens.shift();
    const base = REGISTERS.get(this.tokens[0]?.word);
    let value = 0n;
    if (base !== undefined) {
      if (base.kind !== 'r') throw new LineError('no address register');
      this.tokens.shift();
      const sign = this.tokens[0]?.sign;
      if (sign === '+') this.tokens.shift();
      if (sign === '+' || sign === '-') value = this.sum();
    } else value = this.sum();
    if (this.tokens.shift()?.sign !== ']') throw new LineError('] is wanted here');
    return { kind, base: base?.number, value };
  }

  instruction(mnemonic) {
    const operands = [];
    if (this.tokens.length > 0) operands.push(this.operand());
    if (this.tokens[0]?.sign === ',') {
      this.tokens.shift();
      operands.push(this.operand());
    }
    const kinds = operands.map((operand) => operand.kind).join('');
    const found = TABLE.find((one) => one.mnemonic === mnemonic && one.kinds === kinds);
    if (found === undefined) throw new LineError(`no such instruction: ${mnemonic} ${kinds}`);
    return this.encode(found, operands);
  }

  encode({ rex, opcode, form, digit, immediate }, operands) {
    const [place, other] = form === 'rm' ? [operands[1], operands[0]] : operands;
    const register = form === 'd' ? digit : (other?.number ?? 0);
    const base = place?.number ?? place?.base ?? 0;
    const wide = rex | (form === 'd' ? 0 : (register >> 3) << 2) | (form === '' ? 0 : base >> 3);
    const bytes = wide === 0 ? [] : [wide | 0x40];
    bytes.push(...opcode);
    if (form === 'o') bytes[bytes.length - 1] += base & 7;
    else if (form !== '') {
      const middle = (register & 7) << 3;
      if (place.number !== undefined) bytes.push(0xc0 | middle | (base & 7));
      else {
        if (place.base === undefined) bytes.push(middle | 4, 0x25);
        else if ((base & 7) === 4) bytes.push(0x80 | middle | 4, 0x24);
        else bytes.push(0x80 | middle | (base & 7));
        bytes.push(...this.number(place.value, 4));
      }
    }
    const value = operands.at(-1)?.value;
    if (immediate === 'r') {
      const next = this.address + bytes.length + 4;
      bytes.push(...this.number(this.last ? value - BigInt(next) : 0n, 4));
    } else if (immediate === 1 && this.last && (value < 0n || value > 63n)) throw new LineError('no count of a shift');
    else if (immediate !== 0) bytes.push(...this.number(value, immediate));
    return bytes;
  }
}

/**
 * Assembles files, in order, as one program. Gives one entry per line: file, line (from 1), text, address, bytes.
 * Throws an Error `FILE:LINE: reason`.
 */
export function assemble(files) {
  const assembly = new Assembly();
  let lines = [];
  for (const last of [false, true]) {
    assembly.last = last;
    assembly.address = ORIGIN;
    assembly.scope = '';
    lines = [];
    for (const file of files) {
      const texts = readFileSync(file, 'latin1').split('\n');
      if (texts.at(-1) === '') texts.pop();
      for (const [index, text] of texts.entries()) {
        const address = assembly.address;
        try {
          lines.push({ file, line: index + 1, text, address, bytes: assembly.line(text) });
        } catch (fault) {
          if (!(fault instanceof LineError)) throw fault;
          throw new Error(`${file}:${index + 1}: ${fault.message}`);
        }
      }
    }
  }
  return { lines, symbols: assembly.symbols, bytes: Buffer.from(lines.flatMap((line) => line.bytes)) };
}

/** The text of a file with the bytes to the left of `;` and the addresses beside labels renewed. */
export function annotate(file) {
  const left = 48;
  const beside = (text) => {
    const [code, why] = splitWhy(text);
    return why === '' ? code : `${code.padEnd(36)} # ${why}`;
  };
  const lines = assemble([file]).lines.map(({ text, address, bytes }) => {
    const rest = codeOf(text).trim();
    if (bytes.length === 0 && (rest.startsWith('#') || rest === '')) return rest;
    if (/^[\w.]+ *=/.test(rest)) return `; ${beside(rest)}`;
    const hex = bytes.map((byte) => byte.toString(16).padStart(2, '0')).join(' ');
    let [code, why] = splitWhy(rest);
    if (/^[\w.]+:$/.test(code)) why = `0x${address.toString(16)}${why.replace(/^ ?0x[0-9a-f]{6}\b/, '')}`;
    return `${hex.padEnd(left)}; ${why === '' ? code : `${code.padEnd(29)} # ${why.trim()}`}`;
  });
  return lines.map((line) => `${line}\n`).join('');
}

/** `code # why` apart; a `#` in quotes is code. */
function splitWhy(text) {
  const [code] = /^(?:'.'|"[^"]*"|[^#'"])*/s.exec(text);
  return [code.trim(), text.slice(code.length + 1).trim()];
}

if (basename(process.argv[1] ?? '') === 'assembler.mjs') {
  const [first, ...rest] = process.argv.slice(2);
  try {
    if (first === '--annotate') writeFileSync(rest[0], annotate(rest[0]), 'latin1');
    else {
      writeFileSync(first, assemble(rest).bytes);
      chmodSync(first, 0o755);
    }
  } catch (fault) {
    process.stderr.write(`${fault.message}\n`);
    process.exitCode = 1;
  }
}
