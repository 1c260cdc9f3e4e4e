import { describe, expect, test } from 'vitest';
import { digestOf } from '../../../oci/digest.ts';
import { debianKind } from '../../../src/root/debian-kind.ts';
import { describeChanges } from '../../../src/root/kind.ts';
import { lockRoot } from '../../../src/root/lock.ts';
import { formatLock, parseLock } from '../../../src/root/lock-file.ts';
import { rootSources } from '../../../src/root/sources.ts';
import type { DebianLock } from '../../../src/root/types.ts';
import { rootKey, verifyRoot } from '../../../src/root/verify.ts';
import { codeOf, makeArchive, makeKey, makeSpec, makeStore, type TestPackage, type TestStore } from './fixture.ts';

const key = await makeKey('archive');
const other = await makeKey('other');
const spec = makeSpec([key]);
const PACKAGES: readonly TestPackage[] = [
  { name: 'app', version: '2:1.0+x~1-1', fields: { Depends: 'lib (>= 2), shell' } },
  { name: 'lib', version: '2.1-1', fields: { Architecture: 'all' } },
  { name: 'dash', fields: { Provides: 'shell', Priority: 'required' } },
  { name: 'unused' },
];
const archive = await makeArchive(PACKAGES, [key]);

async function lockedStore(): Promise<{ store: TestStore; lock: DebianLock }> {
  const store = makeStore(archive);
  const lock = await lockRoot(spec, [key.armored], undefined, store);
  await store.fetchPinned(rootSources(lock));
  return { store, lock };
}
const { store, lock } = await lockedStore();

describe('lockRoot', () => {
  test('pins the closure, sorted, with everything above it', () => {
    expect(lock.packages.map((item) => `${item.name} ${item.version}`)).toEqual([
      'app 2:1.0+x~1-1',
      'dash 1.0-1',
      'lib 2.1-1',
    ]);
    expect(lock).toMatchObject({ suite: 'test', version: '1.2', date: '2024-05-01T10:00:00Z', architecture: 'amd64' });
    const inRelease = archive.files.get('dists/test/InRelease')!;
    expect(lock.inRelease).toEqual({
      file: 'dists/test/InRelease',
      size: inRelease.length,
      digest: digestOf(inRelease),
    });
    expect(store.asked.slice(0, 2)).toEqual([
      'debian:dists/test/InRelease',
      `debian:dists/test/main/binary-amd64/by-hash/SHA256/${lock.indexes[0]!.digest.slice(7)}`,
    ]);
  });

  test('gives the same bytes a second time, from any store', async () => {
    expect(formatLock((await lockedStore()).lock)).toBe(formatLock(lock));
  });

  test.each([
    ['a key that did not sign', other, {}, 'SIGNATURE'],
    ['an older archive than before', key, { old: { ...lock, date: '2024-05-02T00:00:00Z' } }, 'CHECK_FAILED'],
    ['the archive as it was', key, { old: lock }, 'no error'],
  ])('%s', async (_name, pinned, { old }: { old?: DebianLock }, want) => {
    const run = () => lockRoot(makeSpec([pinned]), [pinned.armored], old, makeStore(archive));
    expect(await codeOf(run)).toBe(want);
  });

  test('a release that is no longer valid, or still is', async () => {
    const release = (text: string) => text.replace('SHA256:', 'Valid-Until: Wed, 08 May 2024 00:00:00 UTC\nSHA256:');
    const dated = await makeArchive(PACKAGES, [key], { release });
    const at = (now: string) => codeOf(() => lockRoot(spec, [key.armored], undefined, makeStore(dated, new Date(now))));
    expect(await at('2024-05-07T00:00:00Z')).toBe('no error');
    expect(await at('2024-05-09T00:00:00Z')).toBe('CHECK_FAILED');
  });

  test('a dependency that is not there names who needs it', async () => {
    const broken = await makeArchive([{ name: 'app', fields: { Depends: 'gone' } }], [key]);
    await expect(lockRoot(spec, [key.armored], undefined, makeStore(broken))).rejects.toThrow(
      'no gone; it is here because of app, wanted',
    );
  });
});

describe('verifyRoot', () => {
  const verify = (changed: DebianLock, from: TestStore = store, wanted = spec) =>
    codeOf(() => verifyRoot(wanted, [key.armored], changed, from.bytesOf));
  const withPackage = (change: object): DebianLock => ({
    ...lock,
    packages: lock.packages.map((item) => (item.name === 'lib' ? { ...item, ...change } : item)),
  });

  test('accepts what was locked', async () => {
    expect(await verify(lock)).toBe('no error');
  });

  test.each([
    ['a version', withPackage({ version: '2.1-2' }), 'CHECK_FAILED'],
    ['a path', withPackage({ file: 'pool/main/l/lib/lib_2.1-2_amd64.deb' }), 'CHECK_FAILED'],
    ['a name', withPackage({ name: 'lob' }), 'CHECK_FAILED'],
    ['a size', withPackage({ size: 1 }), 'SOURCE_MISMATCH'],
    [
      "another package's bytes",
      withPackage({ digest: lock.packages[0]!.digest, size: lock.packages[0]!.size }),
      'CHECK_FAILED',
    ],
    ['a wanted package left out', { ...lock, packages: lock.packages.slice(1) }, 'CHECK_FAILED'],
    ['a package twice', { ...lock, packages: [...lock.packages, lock.packages[0]!] }, 'CHECK_FAILED'],
    [
      'a Packages file of another place',
      { ...lock, indexes: [{ ...lock.indexes[0]!, file: 'dists/test/extra/binary-amd64/Packages.xz' }] },
      'CHECK_FAILED',
    ],
    [
      'a Packages file InRelease does not list',
      { ...lock, indexes: [{ ...lock.packages[0]!, file: lock.indexes[0]!.file }] },
      'CHECK_FAILED',
    ],
    ['no Packages file', { ...lock, indexes: [] }, 'CHECK_FAILED'],
    ['the point release', { ...lock, version: '1.3' }, 'CHECK_FAILED'],
    ['the date', { ...lock, date: '2024-05-01T10:00:01Z' }, 'CHECK_FAILED'],
    ['the suite', { ...lock, suite: 'other' }, 'CHECK_FAILED'],
    [
      'an InRelease that is something else',
      { ...lock, inRelease: { ...lock.packages[0]!, file: lock.inRelease.file } },
      'SIGNATURE',
    ],
  ] as const)('notices an edited lock: %s', async (_name, changed, want) => {
    expect(await verify(changed)).toBe(want);
  });

  test.each([
    ['InRelease', lock.inRelease],
    ['Packages', lock.indexes[0]!],
    ['a package', lock.packages[1]!],
  ])('notices a changed byte in the store: %s', async (_name, item) => {
    const bytes = Buffer.from(store.blobs.get(item.digest)!);
    bytes[bytes.length >> 1]! ^= 1;
    const damaged = makeStore(archive);
    for (const [digest, blob] of store.blobs) damaged.blobs.set(digest, digest === item.digest ? bytes : blob);
    expect(await verify(lock, damaged)).toBe('SOURCE_MISMATCH');
  });

  test('notices a forged InRelease, digests and all', async () => {
    const forged = await makeArchive(PACKAGES, [other]);
    const forgedStore = makeStore(forged);
    const forgedLock = await lockRoot(makeSpec([other]), [other.armored], undefined, forgedStore);
    await forgedStore.fetchPinned(rootSources(forgedLock));
    expect(await verify(forgedLock, forgedStore)).toBe('SIGNATURE');
    expect(await verify(forgedLock, forgedStore, makeSpec([other]))).toBe('SIGNATURE');
  });

  test('notices another wish, another suite and another architecture in package.toml', async () => {
    expect(await verify(lock, store, makeSpec([key], { packages: ['app', 'unused'] }))).toBe('CHECK_FAILED');
    expect(await verify(lock, store, makeSpec([key], { suite: 'other' }))).toBe('CHECK_FAILED');
    expect(await verify(lock, store, makeSpec([key], { architecture: 'arm64' }))).toBe('CHECK_FAILED');
  });
});

describe('lock.toml', () => {
  const text = formatLock(lock);

  test('comes back as it was', () => {
    expect(parseLock(text, 'lock.toml')).toEqual(lock);
    expect(text.split('\n').filter((line) => line.includes('pool/'))).toHaveLength(3);
  });

  test.each([
    ['no TOML', 'suite = '],
    ['a comment nobody wrote', `${text}# trust me\n`],
    ['another key', `${text}extra = 1\n`],
    ['a short digest', text.replace(/sha256:../, 'sha256:')],
    ['a path that leaves the pool', text.replace('pool/main', 'pool/../main')],
    ['a path of another host', text.replace('"pool/', '"https://example.org/pool/')],
    ['no packages', text.replace(/packages = \[.*\n\]/s, 'packages = [\n]')],
    ['rows that are no tables', text.replace(/packages = \[.*\n\]/s, 'packages = [1]')],
    ['an empty file', ''],
  ])('is refused: %s', async (_name, changed) => {
    expect(changed).not.toBe(text);
    expect(await codeOf(() => parseLock(changed, 'lock.toml'))).toBe('RECIPE');
  });

  test('differences read as one line each', () => {
    const [app, dash, lib] = lock.packages;
    const fresh: DebianLock = {
      ...lock,
      version: '1.3',
      date: '2024-06-01T00:00:00Z',
      packages: [
        { ...app!, version: '3' },
        { ...dash!, digest: lib!.digest },
        { ...lib!, name: 'new' },
      ],
    };
    const root = (one: DebianLock) => debianKind(spec).read(formatLock(one), 'lock.toml');
    expect(describeChanges(root(lock), root(fresh))).toEqual([
      '~ test 1.2 of 2024-05-01T10:00:00Z -> test 1.3 of 2024-06-01T00:00:00Z',
      '~ app 2:1.0+x~1-1 -> 3',
      `~ dash 1.0-1: ${dash!.digest} -> ${lib!.digest}`,
      '- lib 2.1-1',
      '+ new 2.1-1',
    ]);
    expect(describeChanges(root(lock), root(lock))).toEqual([]);
    expect(describeChanges(undefined, root(lock))).toHaveLength(3);
  });
});

test('sources: all of them, once, with the machine first and the archive of everything last', () => {
  const sources = rootSources(lock);
  expect(sources.map((source) => source.file)).toEqual([
    'InRelease',
    'Packages.xz',
    'app_1.0+x~1-1_amd64.deb',
    'dash_1.0-1_amd64.deb',
    'lib_2.1-1_amd64.deb',
  ]);
  expect(sources[4]!.mirrors).toEqual([
    'debian:pool/main/l/lib/lib_2.1-1_amd64.deb',
    'https://snapshot.debian.org/archive/debian/20240502T100000Z/pool/main/l/lib/lib_2.1-1_amd64.deb',
  ]);
});

test('the cache key follows what a root is made of', () => {
  const keys = [
    rootKey(spec, lock),
    rootKey(spec, { ...lock, packages: lock.packages.slice(1) }),
    rootKey(makeSpec([other]), lock),
    rootKey(makeSpec([key], { files: { 'etc/x': '1' } }), lock),
    rootKey(makeSpec([key], { files: { 'etc/x': '2' } }), lock),
    rootKey(makeSpec([key], { links: { 'etc/x': '1' } }), lock),
    rootKey(makeSpec([key], { directories: { 'etc/x': '0755' } }), lock),
  ];
  expect(new Set(keys).size).toBe(keys.length);
  expect(rootKey(makeSpec([key]), parseLock(formatLock(lock), 'lock.toml'))).toBe(keys[0]);
});
