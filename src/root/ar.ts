// Owns: reading the ar container of a .deb (deb(5), ar(5)): "!<arch>\n", then members.
//
//   member = name 16, mtime 12, uid 6, gid 6, mode 8, size 10 (ASCII, padded with blanks), "`\n", bytes, "\n" if odd

import { BuildError } from '../errors.ts';
import { ByteReader } from './byte-reader.ts';

export interface ArMember {
  /** Without the `/` some writers end it with. */
  readonly name: string;
  /** Bytes. */
  readonly size: number;
  /** May be left unread, in whole or in part, but only before the next member is asked for. */
  readonly body: Iterable<Uint8Array>;
}

/** Members in order. Throws BuildError CHECK_FAILED, naming `what`, for anything that is no such container. */
export function* readAr(portions: Iterable<Uint8Array>, what: string): Generator<ArMember, void> {
  const reader = new ByteReader(portions, what);
  const magic = reader.take(8).toString('latin1');
  if (magic !== '!<arch>\n') throw wrong(what, 'a file that starts with !<arch>', JSON.stringify(magic));
  while (!reader.isAtEnd()) {
    const header = reader.take(60).toString('latin1');
    const size = header.slice(48, 58).trimEnd();
    if (header.slice(58) !== '`\n') throw wrong(what, 'a member header that ends with `', JSON.stringify(header));
    if (!/^[0-9]{1,10}$/.test(size)) throw wrong(what, 'a member size', JSON.stringify(size));
    const name = header.slice(0, 16).trimEnd().replace(/\/$/, '');
    // A slash that is left marks the name tables of libraries, which a .deb never has.
    if (name === '' || name.includes('/')) throw wrong(what, 'a plain member name', JSON.stringify(name));
    const body = reader.stream(Number(size));
    yield { name, size: Number(size), body };
    for (const _ of body); // what the caller left
    if (Number(size) % 2 === 1 && !reader.isAtEnd()) reader.take(1);
  }
}

function wrong(what: string, want: string, got: string): BuildError {
  return new BuildError('CHECK_FAILED', `${what} is no Debian package`, { want, got });
}
