// Owns: a root as a row of tar archives: first the links of the merged /usr, then every package in the lock's order,
// then the extras of package.toml. Knows nothing of rootfs directories; whoever unpacks does it in that order.

import { BuildError } from '../errors.ts';
import { readDebData } from './deb.ts';
import { extrasTar } from './extras.ts';
import { MERGED, mergeUsr } from './merge-usr.ts';
import { endOfArchive, makeMember } from './tar-record.ts';
import type { BytesOf, DebianLock, DebianSpec, RootArchive } from './types.ts';

/**
 * The archives whose unpacking, in order, into an empty directory gives the rootfs. Owners are as the packages have
 * them; times of what is made here are the release's. Reads each .deb once, streaming.
 * Throws BuildError CHECK_FAILED for a damaged package, or when two packages bring the same file.
 */
export function* unpackRoot(spec: DebianSpec, lock: DebianLock, bytesOf: BytesOf): Generator<RootArchive, void> {
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
