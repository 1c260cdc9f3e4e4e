// Owns: what two members' headers say differently, field by field: by meaning first, and by bytes where the meaning is the
// same. Knows the header's layout (oci/layer/header.ts draws it) and pax records, nothing of content.

import type { RawPath } from '../raw-path.ts';
import { rawToBuffer } from '../raw-path.ts';
import { shownBytes, shownText } from '../shown-text.ts';
import type { Detail } from './finding.ts';
import { type ScannedExtension, type ScannedMember, TYPE_NAMES } from './tar-scan.ts';

interface FieldSpec {
  readonly name: string;
  readonly from: number;
  readonly width: number;
  readonly form: 'text' | 'octal' | 'mode' | 'time' | 'type' | 'bytes';
}

/** POSIX ustar's fields; the prefix ends where star and GNU put other things, which `unused` and `prefix` then show. */
const FIELDS: readonly FieldSpec[] = [
  { name: 'name', from: 0, width: 100, form: 'text' },
  { name: 'mode', from: 100, width: 8, form: 'mode' },
  { name: 'uid', from: 108, width: 8, form: 'octal' },
  { name: 'gid', from: 116, width: 8, form: 'octal' },
  { name: 'size', from: 124, width: 12, form: 'octal' },
  { name: 'mtime', from: 136, width: 12, form: 'time' },
  { name: 'checksum', from: 148, width: 8, form: 'octal' },
  { name: 'typeflag', from: 156, width: 1, form: 'type' },
  { name: 'linkname', from: 157, width: 100, form: 'text' },
  { name: 'magic', from: 257, width: 6, form: 'bytes' },
  { name: 'version', from: 263, width: 2, form: 'bytes' },
  { name: 'uname', from: 265, width: 32, form: 'text' },
  { name: 'gname', from: 297, width: 32, form: 'text' },
  { name: 'devmajor', from: 329, width: 8, form: 'octal' },
  { name: 'devminor', from: 337, width: 8, form: 'octal' },
  { name: 'prefix', from: 345, width: 155, form: 'text' },
  { name: 'unused', from: 500, width: 12, form: 'bytes' },
];

/** Every difference between two headers and their extensions; nothing for two that are equal byte for byte. */
export function compareHeaders(left: ScannedMember, right: ScannedMember): Detail[] {
  const found = [...compareExtensions(left.extensions, right.extensions), ...compareBlocks(left.block, right.block)];
  const [one, other] = [mapOf(left), mapOf(right)];
  if (one !== other || !left.more.equals(right.more)) {
    found.push({ kind: one === other ? 'encoding' : 'changed', field: 'sparse', left: one, right: other, inner: [] });
  }
  return found;
}

/** Two header blocks. The checksum follows from the rest: it is only told when it is written in another way. */
function compareBlocks(left: Buffer, right: Buffer, under = ''): Detail[] {
  const found: Detail[] = [];
  for (const spec of FIELDS) {
    const [one, other] = [left, right].map((block) => block.subarray(spec.from, spec.from + spec.width));
    if (one!.equals(other!)) continue;
    const difference = compareField(spec, one!, other!);
    if (difference !== undefined) found.push({ ...difference, field: `${under}${difference.field}` });
  }
  return found;
}

function compareField({ name, form }: FieldSpec, left: Buffer, right: Buffer): Detail | undefined {
  const raw = { left: rawText(left), right: rawText(right) };
  if (form === 'bytes') return { kind: 'changed', field: name, ...raw, inner: [] };
  if (name === 'checksum') {
    const [one, other] = [left, right].map((bytes) => bytes.toString('latin1').replace(/[0-7]/g, '0'));
    return one === other ? undefined : { kind: 'encoding', field: name, ...raw, inner: [] };
  }
  if (form === 'text') {
    const [one, other] = [upToNul(left), upToNul(right)];
    if (one.equals(other)) return { kind: 'encoding', field: name, ...raw, inner: [] };
    return { kind: 'changed', field: name, left: quoted(one), right: quoted(other), inner: [] };
  }
  if (form === 'type') {
    const [one, other] = [left, right].map((bytes) => typeText(bytes.toString('latin1')));
    return { kind: 'changed', field: name, left: one!, right: other!, inner: [] };
  }
  const [one, other] = [numberOf(left), numberOf(right)];
  if (one === undefined || other === undefined || one === other) {
    return { kind: one === other && one !== undefined ? 'encoding' : 'changed', field: name, ...raw, inner: [] };
  }
  if (form === 'mode' && (one & 0o7777n) === (other & 0o7777n)) {
    const note = 'the file type stands in the mode as well: permissions are the same';
    return { kind: 'encoding', field: 'mode-type', left: octal(one), right: octal(other), inner: [], note };
  }
  const show = form === 'mode' ? octal : form === 'time' ? timeText : String;
  return { kind: 'changed', field: name, left: show(one), right: show(other), inner: [] };
}

/** Octal between spaces and NULs, or base 256; undefined for what is neither. Never throws: the scanner has checked what counts. */
function numberOf(field: Buffer): bigint | undefined {
  if (field[0]! >= 0x80) {
    let value = field[0]! & 0x40 ? BigInt(field[0]! - 0x100) : BigInt(field[0]! & 0x7f);
    for (const byte of field.subarray(1)) value = (value << 8n) | BigInt(byte);
    return value;
  }
  const digits = field.toString('latin1').replace(/^[ \0]+|[ \0]+$/g, '');
  return digits === '' ? 0n : /^[0-7]+$/.test(digits) ? BigInt(`0o${digits}`) : undefined;
}

function octal(value: bigint): string {
  return value.toString(8).padStart(4, '0');
}

/** `1700000000 (2023-11-14T22:13:20Z)` where a calendar has it. */
export function timeText(seconds: bigint | number): string {
  const date = new Date(Number(seconds) * 1000);
  return Number.isNaN(date.getTime()) ? String(seconds) : `${seconds} (${date.toISOString().replace('.000Z', 'Z')})`;
}

export function typeText(flag: string): string {
  const name = TYPE_NAMES[flag];
  return name === undefined ? quoted(Buffer.from(flag, 'latin1')) : `${quoted(Buffer.from(flag, 'latin1'))} (${name})`;
}

function upToNul(field: Buffer): Buffer {
  const end = field.indexOf(0);
  return end < 0 ? field : field.subarray(0, end);
}

export function quoted(bytes: Uint8Array): string {
  return `"${shownBytes(bytes)}"`;
}

/** A whole field; long runs of NULs at its end are counted instead. */
function rawText(field: Buffer): string {
  let end = field.length;
  while (end > 0 && field[end - 1] === 0) end--;
  const nuls = field.length - end;
  return nuls > 4 ? `${quoted(field.subarray(0, end))} and ${nuls} NUL` : quoted(field);
}

const EXTENSION_NAMES: Readonly<Record<string, string>> = {
  x: 'pax',
  g: 'pax-global',
  L: 'gnu-longname',
  K: 'gnu-longlink',
};

/** Extensions are matched by kind, the first with the first. */
function compareExtensions(left: readonly ScannedExtension[], right: readonly ScannedExtension[]): Detail[] {
  const found: Detail[] = [];
  for (const [flag, name] of Object.entries(EXTENSION_NAMES)) {
    const [ours, theirs] = [left, right].map((side) => side.filter((one) => one.flag === flag));
    for (let i = 0; i < Math.max(ours!.length, theirs!.length); i++) {
      found.push(...compareExtension(name, ours![i], theirs![i]));
    }
  }
  const [one, other] = [left, right].map((side) => side.map(({ flag }) => EXTENSION_NAMES[flag]).join(', '));
  if (found.length === 0 && one !== other) {
    found.push({ kind: 'order', field: 'extensions', left: one!, right: other!, inner: [] });
  }
  return found;
}

function compareExtension(name: string, left?: ScannedExtension, right?: ScannedExtension): Detail[] {
  if (left === undefined || right === undefined) {
    const there = (left ?? right)!;
    if (there.records.length > 0) return compareRecords(name, left?.records ?? [], right?.records ?? []);
    const value = quoted(upToNul(there.data));
    return [{ kind: 'missing', field: name, ...(left === undefined ? { right: value } : { left: value }), inner: [] }];
  }
  const found = compareBlocks(left.block, right.block, `${name}-header.`).filter(
    // A size that differs is told by the records that make it.
    ({ field }) => field !== `${name}-header.size` || left.data.equals(right.data),
  );
  if (!left.data.equals(right.data)) {
    if (left.records.length > 0 || right.records.length > 0) {
      found.push(...compareRecords(name, left.records, right.records));
    } else {
      const [one, other] = [upToNul(left.data), upToNul(right.data)];
      const kind = one.equals(other) ? 'encoding' : 'changed';
      found.push({ kind, field: name, left: quoted(one), right: quoted(other), inner: [] });
    }
  }
  if (!left.padding.equals(right.padding) && left.padding.length === right.padding.length) {
    const [one, other] = [rawText(left.padding), rawText(right.padding)];
    found.push({ kind: 'encoding', field: `${name}-header.padding`, left: one, right: other, inner: [] });
  }
  return found;
}

type Records = readonly (readonly [string, string])[];

/** By key, each as often as it stands; then the order of what both have. */
function compareRecords(name: string, left: Records, right: Records): Detail[] {
  const found: Detail[] = [];
  const [ours, theirs] = [grouped(left), grouped(right)];
  for (const key of [...new Set([...ours.keys(), ...theirs.keys()])].sort()) {
    const [one, other] = [ours.get(key), theirs.get(key)];
    if (one?.join('\0') === other?.join('\0') && one?.length === other?.length) continue;
    found.push({
      kind: one === undefined || other === undefined ? 'missing' : 'changed',
      field: `${name}.${shownBytes(Buffer.from(key, 'latin1'))}`,
      ...(one === undefined ? {} : { left: recordText(key, one) }),
      ...(other === undefined ? {} : { right: recordText(key, other) }),
      inner: [],
    });
  }
  if (found.length > 0) return found;
  const order = (records: Records): string => shownText(records.map(([key]) => key).join(', '));
  const [one, other] = [order(left), order(right)];
  const kind = one === other ? 'encoding' : 'order';
  return [{ kind, field: `${name}-order`, left: one, right: other, inner: [] }];
}

function grouped(records: Records): Map<string, string[]> {
  const groups = new Map<string, string[]>();
  for (const [key, value] of records) {
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [value]);
    else group.push(value);
  }
  return groups;
}

/** Values of extended attributes are bytes with no meaning here. */
function recordText(key: string, values: readonly string[]): string {
  const show = (value: string): string =>
    key.startsWith('SCHILY.xattr.') && /[^ -~]/.test(value)
      ? `hex ${cut(Buffer.from(value, 'latin1').toString('hex'))}`
      : quoted(rawToBuffer(cut(value) as RawPath));
  return values.slice(0, 8).map(show).join(', ') + (values.length > 8 ? ` and ${values.length - 8} more` : '');
}

function cut(text: string): string {
  return text.length > 400 ? `${text.slice(0, 400)}...` : text;
}

function mapOf({ sparse, size }: ScannedMember): string {
  if (sparse === undefined) return 'not sparse';
  const shown = sparse.slice(0, 16).map(({ offset, length }) => `${offset}+${length}`);
  const rest = sparse.length > 16 ? `, ${sparse.length - 16} more` : '';
  return `${size} bytes: ${shown.join(', ')}${rest}`;
}
