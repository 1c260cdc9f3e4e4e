// Owns: what a member of an archive means: its header and the extensions before it, as one Entry with a safe path.

import { OciError } from '../errors.ts';
import { displayPath, type RawPath } from '../raw-path.ts';
import type { EntryType } from './entry.ts';
import type { ReadHeader } from './header.ts';
import type { ArchiveEntry } from './reader.ts';
import { decimal } from './sparse.ts';
import { parseWhiteout } from './whiteout.ts';

/** Extensions waiting for the member they are about. */
export interface Extensions {
  records: [string, string][];
  longName?: string;
  longLink?: string;
}

/** What header and extensions say together; names as they stand in the archive. */
export interface Attributes {
  readonly name: string;
  readonly linkName: string;
  readonly size: number;
  readonly uid: number;
  readonly gid: number;
  readonly mtime: number;
  readonly xattrs: ReadonlyMap<string, Uint8Array>;
}

const NO_XATTRS: ReadonlyMap<string, Uint8Array> = new Map();
const XATTR = 'SCHILY.xattr.';
const MAX_GLOBALS = 1024;
const MAX_ID = 0xffffffff;

/** Takes over a global header. One that would give every member the same name or size is refused. */
export function setGlobals(globals: Map<string, string>, records: readonly [string, string][], offset: number): void {
  for (const [key, value] of records) {
    if (key === 'path' || key === 'linkpath' || key === 'size' || key.startsWith('GNU.sparse.')) {
      throw new OciError('TAR_INVALID', `global pax header at byte ${offset} sets ${key} for every member`);
    }
    if (value === '') globals.delete(key);
    else globals.set(key, value);
  }
  if (globals.size > MAX_GLOBALS) throw new OciError('TAR_UNSAFE', `too many global pax records at byte ${offset}`);
}

/** Local records count before global ones, both before the header; an empty value takes a record back. */
export function attributesOf(
  header: ReadHeader,
  extensions: Extensions,
  globals: ReadonlyMap<string, string>,
  offset: number,
): Attributes {
  let { name, linkName }: { name: string; linkName: string } = header;
  if (extensions.longName !== undefined) name = extensions.longName;
  if (extensions.longLink !== undefined) linkName = extensions.longLink;
  let { size, uid, gid, mtime } = header;
  let xattrs = NO_XATTRS as Map<string, Uint8Array>;
  if (globals.size > 0 || extensions.records.length > 0) {
    const records = new Map([...globals, ...extensions.records]);
    for (const [key, value] of records) {
      if (value === '' && !key.startsWith(XATTR)) continue;
      if (key === 'path') name = records.get('GNU.sparse.name') ?? value;
      else if (key === 'GNU.sparse.name') name = value;
      else if (key === 'linkpath') linkName = value;
      else if (key === 'size') size = decimal(value, offset);
      else if (key === 'uid') uid = decimal(value, offset);
      else if (key === 'gid') gid = decimal(value, offset);
      else if (key === 'mtime') mtime = seconds(value, offset);
      else if (key.startsWith(XATTR)) {
        if (xattrs === NO_XATTRS) xattrs = new Map();
        xattrs.set(key.slice(XATTR.length), Buffer.from(value, 'latin1'));
      }
    }
  }
  if (name.includes('\0') || linkName.includes('\0')) {
    throw new OciError('TAR_INVALID', `member at byte ${offset}: a name with a NUL byte`);
  }
  requireUpTo(Number.MAX_SAFE_INTEGER, size, 'size', offset);
  requireUpTo(MAX_ID, uid, 'uid', offset);
  requireUpTo(MAX_ID, gid, 'gid', offset);
  requireUpTo(MAX_ID, header.major, 'device major', offset);
  requireUpTo(MAX_ID, header.minor, 'device minor', offset);
  return { name, linkName, size, uid, gid, mtime, xattrs };
}

function requireUpTo(limit: number, value: number, what: string, offset: number): void {
  if (value >= 0 && value <= limit) return;
  throw new OciError('TAR_INVALID', `member at byte ${offset}: ${what}`, { want: `0 to ${limit}`, got: `${value}` });
}

/** A pax time, rounded down to whole seconds. */
function seconds(text: string, offset: number): number {
  const value = /^-?[0-9]+(\.[0-9]*)?$/.test(text) ? Math.floor(Number(text)) : Number.NaN;
  if (!Number.isSafeInteger(value)) {
    throw new OciError('TAR_INVALID', `pax header before byte ${offset}: no time`, { got: JSON.stringify(text) });
  }
  return value;
}

const TYPES: Readonly<Record<string, EntryType>> = {
  '0': 'file',
  '\0': 'file',
  '7': 'file',
  S: 'file',
  '1': 'hardlink',
  '2': 'symlink',
  '3': 'char',
  '4': 'block',
  '5': 'directory',
  '6': 'fifo',
};

/** Valid tar, but no part of a rootfs. */
const REFUSED: Readonly<Record<string, string>> = {
  M: 'the rest of a file from another volume',
  D: 'a directory listing of an incremental dump',
  N: 'a renaming from an old GNU tar',
  X: "Solaris's extended header",
  A: "Solaris's access control list",
};

/** The entry of a member; undefined for what unpackers skip: the root itself and AUFS's own files. `size` is the file's, unpacked. */
export function entryOf(
  flag: string,
  header: ReadHeader,
  attributes: Attributes,
  size: number,
  offset: number,
  readsWhiteouts: boolean,
): ArchiveEntry | undefined {
  const found = TYPES[flag];
  if (found === undefined) {
    const what = REFUSED[flag];
    if (what !== undefined) throw new OciError('UNSUPPORTED', `member at byte ${offset} is ${what}`);
    throw new OciError('TAR_INVALID', `member at byte ${offset}: no such type`, { got: JSON.stringify(flag) });
  }
  const path = normalPath(attributes.name, offset);
  // Before there was a type for directories, a slash at the end made one.
  let type = found;
  if (found === 'file' && attributes.name.endsWith('/')) {
    if (size > 0) throw invalid(path, offset, 'a file whose name ends in a slash');
    type = 'directory';
  }
  if (path === '') {
    if (type === 'directory') return undefined;
    throw invalid(path, offset, `a ${type} in place of the root`);
  }
  const base = {
    path,
    type,
    mode: type === 'symlink' ? 0o777 : header.mode,
    size: type === 'file' ? size : 0,
    owner: { uid: attributes.uid, gid: attributes.gid },
    mtime: attributes.mtime,
    xattrs: attributes.xattrs,
  };
  const whiteout = readsWhiteouts ? parseWhiteout(path) : undefined;
  if (whiteout !== undefined) {
    if (whiteout.type === 'meta') return undefined;
    if (type !== 'file') throw invalid(path, offset, `a whiteout that is a ${type}`);
    const target = normalPath(whiteout.path, offset);
    if (target !== whiteout.path || (target === '' && whiteout.type === 'whiteout')) {
      throw invalid(path, offset, 'a whiteout of nothing');
    }
    return { ...base, path: target, type: whiteout.type, mode: 0, size: 0 };
  }
  switch (type) {
    case 'symlink':
      if (attributes.linkName === '') throw invalid(path, offset, 'a symlink to nothing');
      return { ...base, target: attributes.linkName as RawPath };
    case 'hardlink': {
      const target = normalPath(attributes.linkName, offset);
      if (target === '' || target === path) throw invalid(path, offset, 'a hard link to nothing, or to itself');
      return { ...base, target };
    }
    case 'char':
    case 'block':
      return { ...base, device: { major: header.major, minor: header.minor } };
    default:
      return base;
  }
}

function invalid(path: RawPath, offset: number, what: string): OciError {
  return new OciError('TAR_INVALID', `member at byte ${offset}, ${JSON.stringify(displayPath(path))}: ${what}`);
}

/** Without `/` at either end, doubled `/` and `.` components. Throws OciError TAR_UNSAFE for any `..`. */
export function normalPath(name: string, offset: number): RawPath {
  if (!/(^|\/)\.{0,2}(\/|$)/.test(name)) return name as RawPath;
  const parts = name.split('/').filter((part) => part !== '' && part !== '.');
  if (parts.includes('..')) {
    throw new OciError('TAR_UNSAFE', `member at byte ${offset} leaves the root`, { got: displayPath(name as RawPath) });
  }
  return parts.join('/') as RawPath;
}
