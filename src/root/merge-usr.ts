// Owns: the merged /usr of a Debian root: which top directories are links into usr/, and how the members of a package
// that still says /bin or /lib are renamed on the way in. dpkg gets the same result by following the links.

import { BuildError } from '../errors.ts';
import { ByteReader } from './byte-reader.ts';
import { endOfArchive, paddingOf, readMember, type TarMember, writeMember } from './tar-record.ts';

/** bin -> usr/bin and so on, as Debian's usrmerge makes them on amd64. Sorted. */
export const MERGED: readonly string[] = ['bin', 'lib', 'lib64', 'sbin'];

/**
 * A package's tar with every member in its place: `./bin/sh` becomes `usr/bin/sh`, hard links likewise, and a member that
 * is itself one of the links is left out. `claim` is told every path but directories and may object.
 * Throws BuildError CHECK_FAILED, naming `what`, for names that leave the root and archives that cannot be read.
 */
export function* mergeUsr(
  portions: Iterable<Uint8Array>,
  what: string,
  claim: (path: string) => void,
): Generator<Uint8Array, void> {
  const reader = new ByteReader(portions, what);
  for (let member = readMember(reader, what); member !== undefined; member = readMember(reader, what)) {
    const body = member.size + paddingOf(member.size);
    const path = plainPath(member.name, what);
    if (path === '' || isMergeLink(path, member, what)) {
      for (const _ of reader.stream(body)); // the root directory's own member, or a link that is there already
      continue;
    }
    const placed = place(path);
    if (member.type !== '5') claim(placed);
    const link = member.type === '1' ? place(plainPath(member.link, what)) : member.link;
    yield* writeMember(member, member.type === '5' ? `${placed}/` : placed, link);
    yield* reader.stream(body);
  }
  for (const _ of reader.rest()); // so that a compressed stream is read, and checked, to its end
  yield endOfArchive();
}

function place(path: string): string {
  const slash = path.indexOf('/');
  return MERGED.includes(slash < 0 ? path : path.slice(0, slash)) ? `usr/${path}` : path;
}

/** Later releases ship the links themselves. Anything else at those places would hide usr/. */
function isMergeLink(path: string, member: TarMember, what: string): boolean {
  if (!MERGED.includes(path) || member.type === '5') return false;
  if (member.type === '2' && member.link === `usr/${path}`) return true;
  throw new BuildError('CHECK_FAILED', `${what} puts something else in the place of /${path}`, {
    want: `a directory, or a symlink to usr/${path}`,
    got: `type ${member.type}`,
  });
}

/** Without `./` and trailing slashes; '' is the root. */
function plainPath(name: string, what: string): string {
  const parts = name.split('/').filter((part) => part !== '' && part !== '.');
  if (name.startsWith('/') || parts.includes('..')) {
    throw new BuildError('CHECK_FAILED', `${what} has a member outside its root`, { got: JSON.stringify(name) });
  }
  return parts.join('/');
}
