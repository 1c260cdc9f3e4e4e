// Owns: making a lock: what the archive says now, verified from the pinned keys down, and the closure of what is wanted.
// Downloads through functions it is handed.

import { digestOf } from '../../oci/digest.ts';
import { BuildError } from '../errors.ts';
import { decodeAll } from './deb.ts';
import { formatTime } from './lock-check.ts';
import { indexPackages, readStanzas } from './packages-index.ts';
import { checkRelease, parseRelease, readPinnedKeys, verifyInRelease } from './release.ts';
import { resolveClosure } from './resolve.ts';
import { indexFile, inReleasePath, mirrorsOf, packagesPath } from './sources.ts';
import type { BytesOf, DebianLock, DebianSpec, LockedFile, LockIo } from './types.ts';

/** The largest InRelease so far has a quarter of a mebibyte. */
const IN_RELEASE_LIMIT = 16 << 20;

/**
 * A lock for what the archive publishes now. `armored` are the keys in the order of `spec.keys`; `old` is the lock there
 * is, if any: an archive that has gone back in time since is refused. Writes nothing but the store.
 * Throws BuildError SIGNATURE, CHECK_FAILED (another suite, an expired or older release, files that cannot be read), RECIPE
 * (packages that are not there), and whatever the handed functions throw.
 */
export async function lockRoot(
  spec: DebianSpec,
  armored: readonly string[],
  old: DebianLock | undefined,
  io: LockIo,
): Promise<DebianLock> {
  const keys = await readPinnedKeys(spec, armored);
  const path = inReleasePath(spec.suite);
  const bytes = await io.fetchUnpinned(path, [`debian:${path}`], IN_RELEASE_LIMIT);
  const release = parseRelease(await verifyInRelease(spec, keys, bytes));
  checkRelease(spec, release);
  const date = formatTime(release.date);
  if (release.validUntil !== undefined && release.validUntil.getTime() < io.now()) {
    throw new BuildError('CHECK_FAILED', `InRelease of ${spec.suite} is no longer valid: a mirror that stands still`, {
      want: 'a release that is valid now',
      got: `valid until ${release.validUntil.toISOString()}`,
      location: spec.location,
    });
  }
  if (old !== undefined && old.suite === spec.suite && date < old.date) {
    throw new BuildError('CHECK_FAILED', `the archive has an older ${spec.suite} than the lock file`, {
      want: `${old.date} or later`,
      got: date,
      hint: 'use another mirror',
      location: spec.location,
    });
  }
  const inRelease: LockedFile = { file: path, size: bytes.length, digest: digestOf(bytes) };
  const indexes = spec.components.map((component) =>
    indexFile(spec.suite, packagesPath(component, spec.architecture), release.files),
  );
  await io.fetchPinned(
    indexes.map((item) => ({
      digest: item.digest,
      size: item.size,
      file: 'Packages.xz',
      mirrors: mirrorsOf(item, date),
    })),
  );
  const index = indexPackages(readAllStanzas(indexes, io.bytesOf), spec.architecture);
  const closure = resolveClosure(index, spec.packages, spec.location);
  return {
    suite: spec.suite,
    version: release.version,
    date,
    architecture: spec.architecture,
    inRelease,
    indexes,
    packages: closure.map(({ name, version, file, size, digest }) => ({ name, version, file, size, digest })),
  };
}

/** The stanzas of every Packages file, one after the other. */
export function* readAllStanzas(
  indexes: readonly LockedFile[],
  bytesOf: BytesOf,
): Generator<ReadonlyMap<string, string>> {
  for (const index of indexes) yield* readStanzas(decodeAll(bytesOf(index.digest), 'xz'));
}
