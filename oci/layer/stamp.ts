// Owns: what a policy makes of an entry: the fields of its header. Used to write a layer and to check one.

import { OciError } from '../errors.ts';
import { displayPath, type RawPath } from '../raw-path.ts';
import type { Entry, StampPolicy } from './entry.ts';
import { type HeaderFields, TYPE_FLAG } from './header.ts';
import { isWhiteoutPath, whiteoutPath } from './whiteout.ts';

/** Never carried, whoever asks: they are how overlay itself keeps its books. */
const OVERLAY_XATTR = /^(trusted\.|user\.overlay\.)/;

/** The header of an entry under a policy. Throws OciError ENTRY_UNREPRESENTABLE for what a layer cannot carry. */
export function stamp(entry: Entry, policy: StampPolicy): HeaderFields {
  const { path, type } = entry;
  if (type === 'opaque') throw refuse(path, 'an opaque whiteout: only explicit ones are written');
  if (type === 'whiteout') {
    return { ...NOTHING, name: whiteoutPath(path), mtime: policy.epoch };
  }
  if (isWhiteoutPath(path)) {
    throw refuse(path, 'a file named like a whiteout: unpacking would delete another file instead', 'rename it');
  }
  const owner = policy.owner === 'root' ? ROOT : entry.owner;
  if (owner === undefined) throw refuse(path, 'an entry without its owner, which this image keeps');
  const device = type === 'char' || type === 'block' ? entry.device : undefined;
  if (type === 'char' && (device === undefined || (device.major === 0 && device.minor === 0))) {
    throw refuse(path, 'character device 0:0, which is how overlay marks a deleted file');
  }
  const target = type === 'symlink' || type === 'hardlink' ? entry.target : undefined;
  if ((type === 'symlink' || type === 'hardlink') && (target === undefined || target === '')) {
    throw refuse(path, 'a link to nothing');
  }
  const fields = {
    name: type === 'directory' ? `${path}/` : path,
    linkName: target ?? '',
    typeFlag: TYPE_FLAG[type],
    mode: type === 'symlink' ? 0o777 : entry.mode,
    uid: owner.uid,
    gid: owner.gid,
    size: type === 'file' ? entry.size : 0,
    mtime: stampTime(entry, policy),
    major: device === undefined ? 0 : device.major,
    minor: device === undefined ? 0 : device.minor,
  };
  return entry.xattrs === undefined || entry.xattrs.size === 0
    ? fields
    : { ...fields, xattrs: carriedXattrs(path, entry.xattrs, policy) };
}

const ROOT = { uid: 0, gid: 0 };
const NOTHING: HeaderFields = {
  name: '',
  linkName: '',
  typeFlag: TYPE_FLAG.file,
  mode: 0,
  uid: 0,
  gid: 0,
  size: 0,
  mtime: 0,
  major: 0,
  minor: 0,
};

/** Whole seconds since 1970 an entry gets under a policy; one that brings no time gets the epoch. */
export function stampTime(entry: Entry, policy: StampPolicy): number {
  if (policy.time === 'set' || entry.mtime === undefined) return policy.epoch;
  return Math.min(Math.floor(entry.mtime), policy.epoch);
}

function carriedXattrs(
  path: RawPath,
  xattrs: ReadonlyMap<string, Uint8Array>,
  policy: StampPolicy,
): ReadonlyMap<string, string> {
  const carried = new Map<string, string>();
  for (const [name, value] of xattrs) {
    if (OVERLAY_XATTR.test(name) || policy.xattrs?.includes(name) !== true) {
      throw refuse(
        path,
        `extended attribute ${JSON.stringify(name)}`,
        'remove it, or list it where the image is described',
      );
    }
    carried.set(name, Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('latin1'));
  }
  return carried;
}

function refuse(path: RawPath, what: string, hint?: string): OciError {
  return new OciError(
    'ENTRY_UNREPRESENTABLE',
    `${displayPath(path)}: a layer cannot carry ${what}`,
    hint === undefined ? {} : { hint },
  );
}
