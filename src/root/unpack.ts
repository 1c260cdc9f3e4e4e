// Owns: a root as a row of tar archives: first the links of the merged /usr, then every package in the lock's order,
// then the extras of package.toml. Knows nothing of rootfs directories; whoever unpacks does it in that order.

import { BuildError } from '../errors.ts';
import { readDebData } from './deb.ts';
import { MERGED, mergeUsr } from './merge-usr.ts';
import { endOfArchive, makeMember } from './tar-record.ts';
import type { BytesOf, RootLock, RootSpec } from './types.ts';

export interface RootArchive {
  /** `libc6 2.36-9`, for progress and errors. */
  readonly name: string;
  /** A plain tar, to be read once and to its end before the next archive is asked for. */
  readonly tar: Iterable<Uint8Array>;
}

/**
 * The archives whose unpacking, in order, into an empty directory gives the rootfs. Owners are as the packages have
 * them; times of what is made here are the release's. Reads each .deb once, streaming.
 * Throws BuildError CHECK_FAILED for a damaged package, or when two packages bring the same file.
 */
export function* unpackRoot(spec: RootSpec, lock: RootLock, bytesOf: BytesOf): Generator<RootArchive, void> {
  const mtime = Math.floor(Date.parse(lock.date) / 1000);
  yield { name: 'merged /usr', tar: mergedTar(mtime) };
  const owners = new Map<string, string>();
  for (const item of lock.packages) {
    const name = `${item.name} ${item.version}`;
    const claim = (path: string) => {
      const other = owners.get(path);
      if (other !== undefined) {
        throw new BuildError('CHECK_FAILED', `two packages bring /${path}`, { got: `${other} and ${item.name}` });
      }
      owners.set(path, item.name);
    };
    yield { name, tar: mergeUsr(readDebData(bytesOf(item.digest), name), name, claim) };
  }
  yield { name: 'extras', tar: extrasTar(spec, mtime, owners) };
}

function* mergedTar(mtime: number): Generator<Uint8Array, void> {
  yield* makeMember({ name: 'usr/', type: '5', mode: 0o755, mtime }, {});
  for (const name of MERGED) {
    yield* makeMember({ name: `usr/${name}/`, type: '5', mode: 0o755, mtime }, {});
    yield* makeMember({ name, type: '2', mode: 0o777, mtime }, { link: `usr/${name}` });
  }
  yield endOfArchive();
}

/** Directories, then files, then links, each sorted by path, so that a link never stands in another's way. */
function* extrasTar(spec: RootSpec, mtime: number, owners: ReadonlyMap<string, string>): Generator<Uint8Array, void> {
  for (const [name, mode] of sorted(spec.directories)) {
    yield* makeMember({ name: `${name}/`, type: '5', mode, mtime }, {});
  }
  for (const path of [...spec.files.keys(), ...spec.links.keys()]) {
    const owner = owners.get(path);
    if (owner === undefined) continue;
    throw new BuildError('CHECK_FAILED', `[root] makes /${path}, which ${owner} brings`, { location: spec.location });
  }
  for (const [name, text] of sorted(spec.files)) {
    yield* makeMember({ name, type: '0', mode: 0o644, mtime }, { body: Buffer.from(text, 'utf8') });
  }
  for (const [name, link] of sorted(spec.links)) {
    yield* makeMember({ name, type: '2', mode: 0o777, mtime }, { link });
  }
  yield endOfArchive();
}

function sorted<T>(map: ReadonlyMap<string, T>): readonly (readonly [string, T])[] {
  return [...map].sort(([a], [b]) => (a < b ? -1 : 1));
}
