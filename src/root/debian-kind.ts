// Owns: roots of Debian packages as a kind: its parts put together.

import { lockRoot } from './lock.ts';
import { formatLock, parseLock } from './lock-file.ts';
import { rootSources } from './sources.ts';
import type { DebianLock, DebianSpec, LockIo, Root, RootKind } from './types.ts';
import { unpackRoot } from './unpack.ts';
import { rootKey, verifyRoot } from './verify.ts';

export function debianKind(spec: DebianSpec): RootKind {
  const rootOf = (lock: DebianLock): Root => ({
    text: formatLock(lock),
    title: `${lock.suite} ${lock.version} of ${lock.date}`,
    version: lock.version,
    architecture: lock.architecture,
    packages: lock.packages,
    sources: rootSources(lock),
    key: rootKey(spec, lock),
    verify: (keys, bytesOf) => verifyRoot(spec, keys, lock, bytesOf),
    unpack: (bytesOf) => unpackRoot(spec, lock, bytesOf),
  });
  return {
    read: (text, shown) => rootOf(parseLock(text, shown)),
    async lock(keys: readonly string[], old: Root | undefined, io: LockIo) {
      const before = old === undefined ? undefined : parseLock(old.text, 'the lock file');
      return rootOf(await lockRoot(spec, keys, before, io));
    },
  };
}
