// Owns: roots of Alpine packages as a kind: locked, verified from the pinned keys down, unpacked.

import type { KeyObject } from 'node:crypto';
import { type Digest, digestOf } from '../../../oci/digest.ts';
import { canonicalJson } from '../../../oci/json.ts';
import { readTarSync } from '../../../oci/layer/reader.ts';
import { BuildError } from '../../errors.ts';
import { decodeAll } from '../deb.ts';
import { extrasKey, extrasTar } from '../extras.ts';
import { formatTime, requireAgreement, requireFile } from '../lock-check.ts';
import type {
  AlpineLock,
  AlpineSpec,
  BytesOf,
  LockedFile,
  LockIo,
  Root,
  RootArchive,
  RootKind,
  RootSource,
} from '../types.ts';
import { type ApkPackage, indexPackages, parseIndex } from './index-file.ts';
import { formatAlpineLock, parseAlpineLock } from './lock-file.ts';
import { checkApk, pathOf } from './package.ts';
import { resolveApks } from './resolve.ts';
import { readSigned } from './segments.ts';
import { readAlpineKeys, requireSignatures } from './signature.ts';

/** Changes when what is accepted or what is unpacked changes. */
const FORMAT = 1;
/** The largest index so far has two mebibytes, the largest package of a compiler fifty. */
const INDEX_LIMIT = 64 << 20;
const PACKAGE_LIMIT = 512 << 20;

export function alpineKind(spec: AlpineSpec): RootKind {
  const rootOf = (lock: AlpineLock): Root => ({
    text: formatAlpineLock(lock),
    title: `${lock.branch} of ${lock.date}`,
    version: lock.branch,
    architecture: lock.architecture,
    packages: lock.packages,
    sources: [...lock.indexes, ...lock.packages].map(sourceOf),
    key: keyOf(spec, lock),
    verify: async (texts, bytesOf) => verifyLock(spec, readAlpineKeys(spec, texts), lock, bytesOf),
    unpack: (bytesOf) => unpackLock(spec, lock, bytesOf),
  });
  return {
    read: (text, shown) => rootOf(parseAlpineLock(text, shown)),
    async lock(texts, old, io) {
      const before = old === undefined ? undefined : parseAlpineLock(old.text, 'the lock file');
      return rootOf(await makeLock(spec, readAlpineKeys(spec, texts), before, io));
    },
  };
}

/** Mirrors keep only the newest of a package: an older one has to lie among the distfiles. */
function sourceOf(item: LockedFile): RootSource {
  const parts = item.file.split('/');
  // Every repository calls its index the same.
  const file = item.file.endsWith('.apk') ? parts.at(-1)! : `${parts[0]}-${parts[1]}-${parts[3]}`;
  return { digest: item.digest, size: item.size, file, mirrors: [`alpine:${item.file}`] };
}

function folderOf(spec: AlpineSpec, repository: string): string {
  return `${spec.branch}/${repository}/${spec.architecture}`;
}

async function makeLock(
  spec: AlpineSpec,
  keys: readonly KeyObject[],
  old: AlpineLock | undefined,
  io: LockIo,
): Promise<AlpineLock> {
  const fetchFile = async (file: string, limit: number): Promise<{ locked: LockedFile; bytes: Buffer }> => {
    const bytes = Buffer.from(await io.fetchUnpinned(file, [`alpine:${file}`], limit));
    return { locked: { file, size: bytes.length, digest: digestOf(bytes) }, bytes };
  };
  const indexes: LockedFile[] = [];
  const all: ApkPackage[] = [];
  for (const repository of spec.repositories) {
    const folder = folderOf(spec, repository);
    const { locked, bytes } = await fetchFile(`${folder}/APKINDEX.tar.gz`, INDEX_LIMIT);
    indexes.push(locked);
    all.push(...readIndex(spec, keys, bytes, folder));
  }
  const date = newestOf(all);
  if (old !== undefined && old.branch === spec.branch && date < old.date) {
    throw new BuildError('CHECK_FAILED', `the archive has an older ${spec.branch} than the lock file`, {
      want: `packages built at ${old.date} or later`,
      got: date,
      hint: 'use another mirror',
      location: spec.location,
    });
  }
  const packages: AlpineLock['packages'][number][] = [];
  for (const item of resolveApks(indexPackages(all, spec.architecture), spec.packages, spec.location)) {
    const { locked, bytes } = await fetchFile(pathOf(item), Math.min(item.size + 1, PACKAGE_LIMIT));
    checkApk(spec, keys, item, bytes);
    packages.push({ name: item.name, version: item.version, ...locked });
  }
  return { branch: spec.branch, date, architecture: spec.architecture, indexes, packages };
}

/** The packages of an index whose signature counts. Throws BuildError SIGNATURE or CHECK_FAILED. */
function readIndex(spec: AlpineSpec, keys: readonly KeyObject[], bytes: Buffer, folder: string): readonly ApkPackage[] {
  const what = `${folder}/APKINDEX.tar.gz`;
  const signed = readSigned(bytes, what);
  requireSignatures(spec, keys, signed, what);
  const text = signed.files.get('APKINDEX')?.toString('utf8');
  if (text === undefined || signed.rest.length > 0) {
    throw new BuildError('CHECK_FAILED', `${what} is no index`, { want: 'one file APKINDEX, and nothing after it' });
  }
  return parseIndex(text, folder);
}

function newestOf(all: readonly ApkPackage[]): string {
  const newest = all.reduce((latest, { built }) => Math.max(latest, built), 0);
  return formatTime(new Date(newest * 1000));
}

function verifyLock(spec: AlpineSpec, keys: readonly KeyObject[], lock: AlpineLock, bytesOf: BytesOf): void {
  const agree = (what: string, want: string, got: string) => requireAgreement(spec, what, want, got);
  agree('branch', spec.branch, lock.branch);
  agree('architecture', spec.architecture, lock.architecture);
  const folders = spec.repositories.map((repository) => folderOf(spec, repository));
  const listed = folders.map((folder) => `${folder}/APKINDEX.tar.gz`);
  agree('set of indexes', listed.join(', '), lock.indexes.map((item) => item.file).join(', '));
  const all = lock.indexes.flatMap((item, at) => readIndex(spec, keys, readChecked(item, bytesOf), folders[at]!));
  agree('date', newestOf(all), lock.date);
  const byPath = new Map(all.map((item) => [pathOf(item), item]));
  const names = new Set<string>();
  for (const item of lock.packages) {
    if (names.has(item.name)) agree(`entry for ${item.name}`, 'one', 'two');
    names.add(item.name);
    const found = byPath.get(item.file);
    if (found === undefined || found.name !== item.name || found.version !== item.version) {
      agree(`entry for ${item.name}`, 'a package of the indexes', `${item.version} at ${item.file}`);
      continue;
    }
    checkApk(spec, keys, found, readChecked(item, bytesOf));
  }
  for (const name of spec.packages) if (!names.has(name)) agree('set of packages', name, 'a lock without it');
}

/** All bytes of a pinned file. Throws BuildError SOURCE_MISMATCH. */
function readChecked(item: LockedFile, bytesOf: BytesOf): Buffer {
  const bytes = readWhole(item.digest, bytesOf);
  requireFile(item, digestOf(bytes), bytes.length);
  return bytes;
}

function readWhole(digest: Digest, bytesOf: BytesOf): Buffer {
  const parts: Buffer[] = [];
  for (const portion of bytesOf(digest)) parts.push(Buffer.from(portion));
  return Buffer.concat(parts);
}

/** Every package in the lock's order, then the extras. Two packages with one file are an error. */
function* unpackLock(spec: AlpineSpec, lock: AlpineLock, bytesOf: BytesOf): Generator<RootArchive, void> {
  const owners = new Map<string, string>();
  for (const item of lock.packages) {
    const name = `${item.name} ${item.version}`;
    const { rest } = readSigned(readWhole(item.digest, bytesOf), name);
    // A package that installs nothing.
    if (rest.length === 0) continue;
    for (const { entry } of readTarSync(decodeAll([rest], 'gzip'), { endMarker: 'optional', whiteouts: false })) {
      if (entry.type === 'directory') continue;
      const other = owners.get(entry.path);
      if (other !== undefined) {
        throw new BuildError('CHECK_FAILED', `two packages bring /${entry.path}`, { got: `${other} and ${item.name}` });
      }
      owners.set(entry.path, item.name);
    }
    yield { name, tar: decodeAll([rest], 'gzip') };
  }
  yield { name: 'extras', tar: extrasTar(spec, Math.floor(Date.parse(lock.date) / 1000), owners) };
}

function keyOf(spec: AlpineSpec, lock: AlpineLock): Digest {
  return digestOf(
    canonicalJson({
      kind: spec.kind,
      format: FORMAT,
      indexes: lock.indexes.map((item) => item.digest),
      keys: spec.keys.map((key) => key.fingerprint),
      signatures: spec.signatures,
      wanted: spec.packages,
      packages: lock.packages.map((item) => [item.name, item.version, item.digest]),
      ...extrasKey(spec),
    }),
  );
}
