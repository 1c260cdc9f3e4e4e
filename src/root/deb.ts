// Owns: a .deb as a stream: its data member, decompressed. Maintainer scripts (the control member) are never looked at.

import type { Compression } from '../../oci/codec/codec.ts';
import { createDecoder } from '../../oci/codec/load.ts';
import { BuildError } from '../errors.ts';
import { readAr } from './ar.ts';

const COMPRESSIONS: ReadonlyMap<string, Compression | 'none'> = new Map([
  ['data.tar', 'none'],
  ['data.tar.gz', 'gzip'],
  ['data.tar.xz', 'xz'],
  ['data.tar.zst', 'zstd'],
  ['data.tar.bz2', 'bzip2'],
] as const);

/**
 * The plain tar of what a package installs. Format 2 of deb(5): debian-binary, control.tar.*, data.tar.*, in that order;
 * names starting with `_` are passed over. Throws BuildError CHECK_FAILED or OciError CODEC_FAILED.
 */
export function* readDebData(portions: Iterable<Uint8Array>, what: string): Generator<Uint8Array, void> {
  const wanted = ['debian-binary', 'control.tar', 'data.tar'];
  for (const member of readAr(portions, what)) {
    if (member.name.startsWith('_')) continue;
    const next = wanted.shift();
    if (next === undefined) return;
    if (member.name !== next && !member.name.startsWith(`${next}.`)) throw wrong(what, next, member.name);
    if (next === 'debian-binary') {
      const version = Buffer.concat([...member.body].map((part) => Buffer.from(part))).toString('latin1');
      if (!/^2\.[0-9]+\n/.test(version)) throw wrong(what, 'format 2', JSON.stringify(version));
    }
    if (next !== 'data.tar') continue;
    const compression = COMPRESSIONS.get(member.name);
    if (compression === undefined) throw wrong(what, [...COMPRESSIONS.keys()].join(', '), member.name);
    yield* compression === 'none' ? member.body : decodeAll(member.body, compression);
    return;
  }
  throw wrong(what, wanted[0]!, 'the end of the file');
}

/** Decompresses a stream of portions. */
export function* decodeAll(portions: Iterable<Uint8Array>, compression: Compression): Generator<Uint8Array, void> {
  const decoder = createDecoder(compression);
  for (const portion of portions) yield* decoder.push(portion);
  yield* decoder.finish();
}

function wrong(what: string, want: string, got: string): BuildError {
  return new BuildError('CHECK_FAILED', `${what} is no Debian package`, { want, got });
}
