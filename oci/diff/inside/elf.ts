// Owns: ELF files: which sections differ, and the symbol a difference stands in, where there is a symbol table. Offsets of
// headers and segments follow from the sections and are not told. System V ABI, chapters 4 and 5.

import { OciError } from '../../errors.ts';
import { shownBytes } from '../../shown-text.ts';
import { type Bytes, sliceBytes } from '../bytes.ts';
import type { Detail, InnerPlace } from '../finding.ts';
import { type Inside, inPlace, pairByName } from './inspector.ts';

const MAX_SECTIONS = 100_000;
const MAX_TOLD = 24;
const MAX_TABLE = 16 << 20;
const SHT_SYMTAB = 2;
const SHT_NOBITS = 8;
const SHT_DYNSYM = 11;
const SHF_ALLOC = 2;
const ET_REL = 1;

interface Section {
  readonly name: string;
  readonly index: number;
  readonly type: number;
  readonly flags: number;
  readonly address: number;
  readonly offset: number;
  readonly link: number;
  readonly data: Bytes;
}

interface Elf {
  readonly is64: boolean;
  readonly isLittle: boolean;
  /** Header members that say something of their own. */
  readonly header: Readonly<Record<string, string>>;
  readonly isRelocatable: boolean;
  readonly sections: readonly Section[];
}

export function isElf(bytes: Bytes): boolean {
  return bytes.read(0, 4).toString('latin1') === '\x7fELF';
}

export function* compareElf(left: Bytes, right: Bytes, inside: Inside): Generator<undefined, Detail[], void> {
  const [ours, theirs] = [parseElf(left), parseElf(right)];
  const details: Detail[] = [];
  for (const name of Object.keys(ours.header)) {
    const [one, other] = [ours.header[name]!, theirs.header[name]!];
    if (one === other) continue;
    const inner: InnerPlace[] = [{ kind: 'elf header', name }];
    details.push({ kind: 'changed', field: `elf.${name}`, left: one, right: other, inner });
  }
  let told = 0;
  for (const [one, other] of pairByName(ours.sections, theirs.sections)) {
    const there = (one ?? other)!;
    const place: InnerPlace = { kind: 'elf section', name: there.name, offset: there.offset };
    if (one === undefined || other === undefined) {
      const value = `${there.data.size} bytes`;
      const side = one === undefined ? { right: value } : { left: value };
      details.push({ kind: 'missing', field: 'elf.section', ...side, inner: [place] });
      continue;
    }
    const found = yield* inside.compare(one.data, other.data);
    if (found.length === 0 && one.data.size === other.data.size) continue;
    if (++told > MAX_TOLD) continue;
    if (one.type === SHT_NOBITS || found.length === 0) {
      const [a, b] = [one, other].map(({ data }) => `${data.size} bytes`);
      details.push({ kind: 'changed', field: 'elf.size', left: a!, right: b!, inner: [place] });
      continue;
    }
    const symbol = symbolAt(ours, one, found[0]?.offset ?? 0);
    details.push(...inPlace(place, symbol === undefined ? found : inPlace(symbol, found)));
  }
  if (told > MAX_TOLD) {
    details[0] = { ...details[0]!, note: `${told} sections differ, the first ${MAX_TOLD} are told` };
  }
  return details;
}

function parseElf(bytes: Bytes): Elf {
  const head = bytes.read(0, 64);
  const is64 = head[4] === 2;
  const isLittle = head[5] !== 2;
  if (head.length < (is64 ? 64 : 52)) throw wrong('header');
  const { half, word, address } = reader(isLittle, is64);
  const tail = is64 ? 48 : 36;
  const header = {
    class: is64 ? 'ELF64' : 'ELF32',
    data: isLittle ? 'little-endian' : 'big-endian',
    osabi: String(head[7]),
    type: String(half(head, 16)),
    machine: String(half(head, 18)),
    entry: `0x${address(head, 24).toString(16)}`,
    flags: `0x${word(head, tail).toString(16)}`,
  };
  const isRelocatable = half(head, 16) === ET_REL;
  const start = address(head, is64 ? 40 : 32);
  const entrySize = half(head, tail + 10);
  let count = half(head, tail + 12);
  let nameIndex = half(head, tail + 14);
  if (start === 0) return { is64, isLittle, header, isRelocatable, sections: [] };
  if (entrySize < (is64 ? 64 : 40)) throw wrong('size of section headers');
  const first = bytes.read(start, entrySize);
  if (first.length < entrySize) throw wrong('section headers');
  // Too many for 16 bits: the numbers stand in the first section.
  if (count === 0) count = address(first, is64 ? 32 : 20);
  if (nameIndex === 0xffff) nameIndex = word(first, is64 ? 40 : 24);
  if (count > MAX_SECTIONS || count * entrySize > MAX_TABLE) throw wrong('number of sections');
  const table = bytes.read(start, count * entrySize);
  if (table.length < count * entrySize) throw wrong('section headers');
  const raw = Array.from({ length: count }, (_, index) => {
    const at = index * entrySize;
    const type = word(table, at + 4);
    const size = address(table, at + (is64 ? 32 : 20));
    const offset = address(table, at + (is64 ? 24 : 16));
    return {
      nameAt: word(table, at),
      index,
      type,
      flags: address(table, at + 8),
      address: address(table, at + (is64 ? 16 : 12)),
      offset,
      link: word(table, at + (is64 ? 40 : 24)),
      data: type === SHT_NOBITS ? emptyOf(size) : sliceBytes(bytes, offset, size),
    };
  });
  const strings = raw[nameIndex]?.data;
  const names = strings?.read(0, Math.min(strings.size, MAX_TABLE)) ?? Buffer.alloc(0);
  const sections = raw
    .filter(({ index }) => index > 0)
    .map(({ nameAt, ...section }) => ({ ...section, name: textAt(names, nameAt) || `number ${section.index}` }));
  return { is64, isLittle, header, isRelocatable, sections };
}

/** What takes no room in the file: a size without bytes. */
function emptyOf(size: number): Bytes {
  return { size, read: () => Buffer.alloc(0), chunks: () => [] };
}

function reader(isLittle: boolean, is64: boolean) {
  const half = (from: Buffer, at: number): number => (isLittle ? from.readUInt16LE(at) : from.readUInt16BE(at));
  const word = (from: Buffer, at: number): number => (isLittle ? from.readUInt32LE(at) : from.readUInt32BE(at));
  const address = (from: Buffer, at: number): number => {
    if (!is64) return word(from, at);
    const value = isLittle ? from.readBigUInt64LE(at) : from.readBigUInt64BE(at);
    // Addresses of kernels lie above what a number can hold; offsets never do.
    return Number(value);
  };
  return { half, word, address };
}

function textAt(names: Buffer, at: number): string {
  const end = names.indexOf(0, at);
  return at >= names.length ? '' : shownBytes(names.subarray(at, end < 0 ? Math.min(names.length, at + 256) : end));
}

/** The symbol of the left file that covers a byte of a section: the last that begins at or before it. */
function symbolAt(elf: Elf, section: Section, offset: number): InnerPlace | undefined {
  if ((section.flags & SHF_ALLOC) === 0) return undefined;
  const table =
    elf.sections.find(({ type }) => type === SHT_SYMTAB) ?? elf.sections.find(({ type }) => type === SHT_DYNSYM);
  const strings = elf.sections.find(({ index }) => index === table?.link);
  if (table === undefined || strings === undefined) return undefined;
  const { half, word, address } = reader(elf.isLittle, elf.is64);
  const entrySize = elf.is64 ? 24 : 16;
  const symbols = table.data.read(0, Math.min(table.data.size, MAX_TABLE));
  const target = elf.isRelocatable ? offset : section.address + offset;
  let best: { at: number; start: number } | undefined;
  for (let at = 0; at + entrySize <= symbols.length; at += entrySize) {
    const info = symbols[at + (elf.is64 ? 4 : 12)]!;
    // Sections and files are named by other means.
    if ((info & 0xf) > 2) continue;
    if (half(symbols, at + (elf.is64 ? 6 : 14)) !== section.index) continue;
    const start = address(symbols, at + (elf.is64 ? 8 : 4));
    const size = elf.is64 ? address(symbols, at + 16) : word(symbols, at + 8);
    if (start > target || (size > 0 && target >= start + size)) continue;
    if (word(symbols, at) === 0 || (best !== undefined && best.start >= start)) continue;
    best = { at, start };
  }
  if (best === undefined) return undefined;
  const names = strings.data.read(word(symbols, best.at), 4096);
  const name = textAt(names, 0);
  const start = elf.isRelocatable ? best.start : best.start - section.address;
  return name === '' ? undefined : { kind: 'elf symbol', name, offset: start };
}

function wrong(what: string): OciError {
  return new OciError('TAR_INVALID', `ELF file: ${what}`);
}
