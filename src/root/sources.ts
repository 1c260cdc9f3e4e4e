// Owns: which files a lock wants fetched, and the places each may be had from.

import { BuildError } from '../errors.ts';
import type { DebianLock, LockedFile, RootSource } from './types.ts';

/** Debian's own archive of everything it ever published, by moment. Mirrors drop a file once a newer one is out. */
const SNAPSHOT = 'https://snapshot.debian.org/archive/debian';
/** A release is published within hours of its date; a day later the archive has it, and nothing newer yet. */
const SETTLED_MS = 24 * 3600 * 1000;

/** InRelease, the Packages files, every package: in that order, each by digest. */
export function rootSources(lock: DebianLock): readonly RootSource[] {
  return [lock.inRelease, ...lock.indexes, ...lock.packages].map((item) => ({
    digest: item.digest,
    size: item.size,
    file: item.file.slice(item.file.lastIndexOf('/') + 1),
    mirrors: mirrorsOf(item, lock.date),
  }));
}

/** `date` is that of InRelease. A Packages file is also kept under its digest, where a newer one does not replace it. */
export function mirrorsOf(item: LockedFile, date: string): readonly string[] {
  const settled = new Date(Date.parse(date) + SETTLED_MS).toISOString().replace(/[-:]|\.\d+/g, '');
  const byHash = item.file.replace(/[^/]+$/, `by-hash/SHA256/${item.digest.slice('sha256:'.length)}`);
  return [
    ...(item.file.endsWith('/Packages.xz') ? [`debian:${byHash}`] : []),
    `debian:${item.file}`,
    `${SNAPSHOT}/${settled}/${item.file}`,
  ];
}

/** Where InRelease stands below the archive's root. */
export function inReleasePath(suite: string): string {
  return `dists/${suite}/InRelease`;
}

/** Where a Packages file stands below `dists/<suite>/`, as InRelease names it. */
export function packagesPath(component: string, architecture: string): string {
  return `${component}/binary-${architecture}/Packages.xz`;
}

/** Looks up a Packages file in a Release's table. Throws BuildError CHECK_FAILED when it is not there. */
export function indexFile(
  suite: string,
  path: string,
  files: ReadonlyMap<string, Pick<LockedFile, 'size' | 'digest'>>,
): LockedFile {
  const entry = files.get(path);
  if (entry === undefined) throw new BuildError('CHECK_FAILED', `InRelease of ${suite} does not list ${path}`);
  return { file: `dists/${suite}/${path}`, size: entry.size, digest: entry.digest };
}
