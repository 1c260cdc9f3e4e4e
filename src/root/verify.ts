// Owns: the check of a locked root, from the pinned keys down to each package's bytes. It is made every time a root is
// built, not only when it is locked: a lock file is text that anybody may have edited.

import { createHash } from 'node:crypto';
import { type Digest, digestOf, finishDigest } from '../../oci/digest.ts';
import { canonicalJson } from '../../oci/json.ts';
import { extrasKey } from './extras.ts';
import { readAllStanzas } from './lock.ts';
import { formatTime, requireAgreement, requireFile } from './lock-check.ts';
import { packageOf } from './packages-index.ts';
import { checkRelease, parseRelease, readPinnedKeys, verifyInRelease } from './release.ts';
import { indexFile, inReleasePath, packagesPath } from './sources.ts';
import type { BytesOf, DebianLock, DebianSpec, LockedFile, LockedPackage } from './types.ts';

/**
 * Throws BuildError unless: enough pinned keys signed InRelease (SIGNATURE); it is of the suite asked for; the lock's
 * Packages files are those InRelease lists, one for each component; each locked package stands in them with the same
 * version, path, size and digest; every wanted package is locked (CHECK_FAILED); and all bytes have their digests
 * (SOURCE_MISMATCH). `armored` are the keys in the order of `spec.keys`; `bytesOf` reads the store.
 */
export async function verifyRoot(
  spec: DebianSpec,
  armored: readonly string[],
  lock: DebianLock,
  bytesOf: BytesOf,
): Promise<void> {
  const keys = await readPinnedKeys(spec, armored);
  for (const item of [lock.inRelease, ...lock.indexes, ...lock.packages]) checkBytes(item, bytesOf);
  const inRelease = Buffer.concat([...copied(bytesOf(lock.inRelease.digest))]);
  const release = parseRelease(await verifyInRelease(spec, keys, inRelease));
  checkRelease(spec, release);
  requireAgreement(spec, 'suite', spec.suite, lock.suite);
  requireAgreement(spec, 'architecture', spec.architecture, lock.architecture);
  requireAgreement(spec, 'version', release.version, lock.version);
  requireAgreement(spec, 'date', formatTime(release.date), lock.date);
  requireAgreement(spec, 'path of InRelease', inReleasePath(spec.suite), lock.inRelease.file);
  const listed = spec.components.map((component) =>
    indexFile(spec.suite, packagesPath(component, spec.architecture), release.files),
  );
  requireAgreement(spec, 'Packages files', listed.map(showFile).join(', '), lock.indexes.map(showFile).join(', '));
  checkStanzas(spec, lock, bytesOf);
}

/** Each locked package has a stanza that says the same, and every wanted one is locked, once. */
function checkStanzas(spec: DebianSpec, lock: DebianLock, bytesOf: BytesOf): void {
  const open = new Map<string, LockedPackage>();
  for (const item of lock.packages) {
    if (open.has(item.name)) requireAgreement(spec, `entry for ${item.name}`, 'one', 'two');
    open.set(item.name, item);
  }
  for (const name of spec.packages)
    if (!open.has(name)) requireAgreement(spec, 'set of packages', name, 'a lock without it');
  const seen = new Map<string, string>();
  for (const fields of readAllStanzas(lock.indexes, bytesOf)) {
    const item = open.get(fields.get('Package') ?? '');
    if (item === undefined) continue;
    const found = packageOf(fields);
    if (found.architecture !== lock.architecture && found.architecture !== 'all') continue;
    if (showPackage(found) === showPackage(item)) open.delete(item.name);
    else seen.set(item.name, showPackage(found));
  }
  for (const item of open.values()) {
    requireAgreement(
      spec,
      `entry for ${item.name}`,
      seen.get(item.name) ?? 'none, it is not in the lists',
      showPackage(item),
    );
  }
}

function checkBytes(item: LockedFile, bytesOf: BytesOf): void {
  const hash = createHash('sha256');
  let size = 0;
  for (const portion of bytesOf(item.digest)) {
    hash.update(portion);
    size += portion.length;
  }
  requireFile(item, finishDigest(hash), size);
}

function showFile(item: LockedFile): string {
  return `${item.file} ${item.size} ${item.digest}`;
}

function showPackage(item: LockedPackage): string {
  return `${item.version} ${showFile(item)}`;
}

function* copied(portions: Iterable<Uint8Array>): Generator<Buffer> {
  for (const portion of portions) yield Buffer.from(portion);
}

/** Changes when what verifyRoot accepts or unpackRoot makes changes. */
const FORMAT = 1;

/** What decides a root, as one digest: a cache key. The keys are part of it, so that other keys mean another check. */
export function rootKey(spec: DebianSpec, lock: DebianLock): Digest {
  return digestOf(
    canonicalJson({
      format: FORMAT,
      inRelease: lock.inRelease.digest,
      keys: spec.keys.map((key) => key.fingerprint),
      signatures: spec.signatures,
      wanted: spec.packages,
      packages: lock.packages.map((item) => [item.name, item.version, item.digest]),
      ...extrasKey(spec),
    }),
  );
}
