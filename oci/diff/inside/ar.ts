// Owns: ar archives (static libraries, .deb): members by name, their header fields, and their contents further in.
//
//   "!<arch>\n" {name 16 | mtime 12 | uid 6 | gid 6 | mode 8 | size 10 | "`\n" | data, padded to 2}
//   names: GNU `name/`, `/OFFSET` into the member `//`; BSD `#1/LENGTH` before the data

import { OciError } from '../../errors.ts';
import { shownBytes } from '../../shown-text.ts';
import { type Bytes, sliceBytes } from '../bytes.ts';
import type { Detail, InnerPlace } from '../finding.ts';
import { type Inside, inPlace, pairByName } from './inspector.ts';

const MAGIC = '!<arch>\n';
const HEADER = 60;
const MAX_MEMBERS = 50_000;
const MAX_NAMES = 8 << 20;

interface ArMember {
  readonly name: string;
  readonly offset: number;
  readonly fields: Readonly<Record<'mtime' | 'uid' | 'gid' | 'mode' | 'size', string>>;
  readonly data: Bytes;
}

export function isAr(bytes: Bytes): boolean {
  return bytes.read(0, MAGIC.length).toString('latin1') === MAGIC;
}

export function* compareAr(left: Bytes, right: Bytes, inside: Inside): Generator<undefined, Detail[], void> {
  const [ours, theirs] = [membersOf(left), membersOf(right)];
  const details: Detail[] = [];
  // Symbol tables follow from the members: they are told when nothing else is.
  const tables: Detail[] = [];
  for (const [one, other] of pairByName(ours, theirs)) {
    const there = (one ?? other)!;
    const place: InnerPlace = { kind: 'ar member', name: there.name, offset: there.offset };
    if (one === undefined || other === undefined) {
      const value = `${there.data.size} bytes`;
      const side = one === undefined ? { right: value } : { left: value };
      details.push({ kind: 'missing', field: 'ar', ...side, inner: [place] });
      continue;
    }
    const into = /^\/|^__\.SYMDEF/.test(there.name) ? tables : details;
    for (const field of ['mtime', 'uid', 'gid', 'mode', 'size'] as const) {
      const [a, b] = [one.fields[field], other.fields[field]];
      if (a !== b) into.push({ kind: 'changed', field: `ar.${field}`, left: a, right: b, inner: [place] });
    }
    into.push(...inPlace(place, yield* inside.compare(one.data, other.data)));
  }
  const names = (members: readonly ArMember[]): string => members.map(({ name }) => name).join(' ');
  const [a, b] = [ours, theirs].map(names);
  const isMoved =
    [...ours]
      .map(({ name }) => name)
      .sort()
      .join() ===
    [...theirs]
      .map(({ name }) => name)
      .sort()
      .join();
  if (a !== b && isMoved) {
    details.unshift({ kind: 'order', field: 'ar.order', left: short(a!), right: short(b!), inner: [] });
  }
  return details.length > 0 ? details : tables;
}

function short(text: string): string {
  return text.length > 300 ? `${text.slice(0, 300)}...` : text;
}

function membersOf(bytes: Bytes): ArMember[] {
  const members: ArMember[] = [];
  let long: Buffer | undefined;
  for (let at = MAGIC.length; at < bytes.size; ) {
    const header = bytes.read(at, HEADER);
    const text = (from: number, width: number): string => header.toString('latin1', from, from + width).trimEnd();
    const size = text(48, 10);
    if (header.length < HEADER || text(58, 2) !== '`' || !/^[0-9]+$/.test(size) || members.length === MAX_MEMBERS) {
      throw new OciError('TAR_INVALID', `ar archive: no member at byte ${at}`);
    }
    const length = Number(size);
    let [start, name] = [at + HEADER, text(0, 16)];
    let rest = length;
    if (name === '//') long = bytes.read(start, Math.min(length, MAX_NAMES));
    else if (/^\/[0-9]+$/.test(name) && long !== undefined) {
      const from = Number(name.slice(1));
      const end = long.indexOf(0x0a, from);
      name = long.toString('latin1', from, end < 0 ? long.length : end).replace(/\/$/, '');
    } else if (/^#1\/[0-9]+$/.test(name)) {
      const width = Math.min(Number(name.slice(3)), length, MAX_NAMES);
      name = bytes.read(start, width).toString('latin1').replace(/\0+$/, '');
      start += width;
      rest -= width;
    } else if (name !== '/' && name !== '/SYM64/') name = name.replace(/\/$/, '');
    members.push({
      name: shownBytes(Buffer.from(name, 'latin1')),
      offset: at,
      fields: {
        mtime: shownField(text(16, 12)),
        uid: shownField(text(28, 6)),
        gid: shownField(text(34, 6)),
        mode: shownField(text(40, 8)),
        size,
      },
      data: sliceBytes(bytes, start, rest),
    });
    at += HEADER + length + (length % 2);
  }
  return members;
}

function shownField(text: string): string {
  return text === '' ? 'empty' : shownBytes(Buffer.from(text, 'latin1'));
}
