import { gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { digestOf } from '../../../../oci/digest.ts';
import { readTarSync } from '../../../../oci/layer/reader.ts';
import { alpineKind } from '../../../../src/root/alpine/kind.ts';
import { parseAlpineLock } from '../../../../src/root/alpine/lock-file.ts';
import { describeChanges } from '../../../../src/root/kind.ts';
import type { Root } from '../../../../src/root/types.ts';
import { codeOf } from '../fixture.ts';
import { makeAlpineSpec, makeRepository, makeRsaKey, storeOf, type TestApk } from './fixture.ts';

const key = makeRsaKey();
const other = makeRsaKey();
const spec = makeAlpineSpec([key]);
const PACKAGES: readonly TestApk[] = [
  { name: 'app', version: '1.2_rc1-r3', fields: { D: 'so:libx.so.1 cmd:sh !old lib>=2.0' } },
  { name: 'lib', version: '2.10-r0', fields: { p: 'so:libx.so.1=1.0.3', A: 'noarch' } },
  { name: 'shell', fields: { p: 'cmd:sh=1.0-r0', k: '10' } },
  {
    name: 'bigshell',
    fields: { p: 'cmd:sh=1.0-r0', k: '100' },
    members: [{ name: 'bin/sh', type: 'symlink', link: '/bin/bigshell' }],
  },
  { name: 'old' },
];
const repository = await makeRepository(PACKAGES, [{ key }]);
const store = storeOf(repository);
const root = await alpineKind(spec).lock([key.pem], undefined, store);

const verify = (one: Root, from = store, wanted = spec, pem = key.pem) =>
  codeOf(() => alpineKind(wanted).read(one.text, 'lock.toml').verify([pem], from.bytesOf));
const lockOf = async (
  packages: readonly TestApk[],
  tamper: Parameters<typeof makeRepository>[2] = {},
  signers: Parameters<typeof makeRepository>[1] = [{ key }],
  wanted = spec,
) => alpineKind(wanted).lock([key.pem], undefined, storeOf(await makeRepository(packages, signers, tamper)));

describe('lock', () => {
  test('pins the closure, sorted, with the index above it', () => {
    expect(root.packages.map((item) => `${item.name} ${item.version}`)).toEqual([
      'app 1.2_rc1-r3',
      'bigshell 1.0-r0',
      'lib 2.10-r0',
    ]);
    expect(root.title).toBe('v3.22 of 2024-05-01T10:00:00Z');
    expect(root.sources.map(({ file, mirrors }) => [file, ...mirrors])).toEqual([
      ['v3.22-main-APKINDEX.tar.gz', 'alpine:v3.22/main/x86_64/APKINDEX.tar.gz'],
      ['app-1.2_rc1-r3.apk', 'alpine:v3.22/main/x86_64/app-1.2_rc1-r3.apk'],
      ['bigshell-1.0-r0.apk', 'alpine:v3.22/main/x86_64/bigshell-1.0-r0.apk'],
      ['lib-2.10-r0.apk', 'alpine:v3.22/main/x86_64/lib-2.10-r0.apk'],
    ]);
    const app = repository.files.get('v3.22/main/x86_64/app-1.2_rc1-r3.apk')!;
    expect(root.packages[0]).toMatchObject({ size: app.length, digest: digestOf(app) });
  });

  test.each(['sha1', 'sha256'] as const)('takes a signature over %s', async (hash) => {
    expect((await lockOf(PACKAGES, {}, [{ key, hash }])).packages).toHaveLength(3);
  });

  test.each<[string, () => Promise<unknown>, string]>([
    ['a key that did not sign', () => lockOf(PACKAGES, {}, [{ key: other }]), 'SIGNATURE'],
    ['no signature at all', () => lockOf(PACKAGES, {}, []), 'SIGNATURE'],
    [
      'one key signing twice where two are wanted',
      () => {
        const wanted = makeAlpineSpec([key, other], { signatures: 2 });
        return makeRepository(PACKAGES, [{ key }, { key, hash: 'sha1' }]).then((made) =>
          alpineKind(wanted).lock([key.pem, other.pem], undefined, storeOf(made)),
        );
      },
      'SIGNATURE',
    ],
    ['a key file with another key', () => alpineKind(spec).lock([other.pem], undefined, store), 'SIGNATURE'],
    ['two keys in one file', () => alpineKind(spec).lock([key.pem + other.pem], undefined, store), 'SIGNATURE'],
    ['a key file that is none', () => alpineKind(spec).lock(['hello'], undefined, store), 'SIGNATURE'],
    ['a dependency that is not there', () => lockOf([{ name: 'app', fields: { D: 'gone' } }]), 'RECIPE'],
    ['a version that is too old', () => lockOf([{ name: 'app', fields: { D: 'lib>3' } }, { name: 'lib' }]), 'RECIPE'],
    [
      'packages that exclude each other',
      () => lockOf([{ name: 'app', fields: { D: 'lib !lib' } }, { name: 'lib' }]),
      'RECIPE',
    ],
    ['a package nobody has', () => lockOf([{ name: 'lib' }]), 'RECIPE'],
    [
      'data that is not what .PKGINFO says',
      () => lockOf(PACKAGES, { data: (_, data) => Buffer.concat([data, gzipSync('x')]) }),
      'CHECK_FAILED',
    ],
    [
      'a package under another name',
      () => lockOf(PACKAGES, { info: (text) => text.replace('= app', '= apq') }),
      'CHECK_FAILED',
    ],
    ['a datahash twice', () => lockOf(PACKAGES, { info: (text) => `${text}datahash = 00\n` }), 'CHECK_FAILED'],
    [
      'an index with a line that is none',
      () => lockOf(PACKAGES, { index: (text) => `hello\n${text}` }),
      'CHECK_FAILED',
    ],
    ['an index with a letter twice', () => lockOf(PACKAGES, { index: (text) => `P:x\n${text}` }), 'CHECK_FAILED'],
    [
      'an index with another SHA-1',
      () => lockOf(PACKAGES, { index: (text) => text.replace(/C:Q1...../, 'C:Q1AAAAA') }),
      'CHECK_FAILED',
    ],
    [
      'an index with another size',
      () => lockOf(PACKAGES, { index: (text) => text.replace(/S:\d+/, 'S:9') }),
      'CHECK_FAILED',
    ],
  ])('refuses %s', async (_name, run, code) => {
    expect(await codeOf(run)).toBe(code);
  });

  test('a short key does not count', async () => {
    const short = makeRsaKey(1024);
    expect(await codeOf(() => alpineKind(makeAlpineSpec([short])).lock([short.pem], undefined, store))).toBe(
      'SIGNATURE',
    );
  });

  test('an archive that went back in time is refused', async () => {
    const earlier = await makeRepository(
      PACKAGES.map((item) => ({ ...item, fields: { ...item.fields, t: '1714557599' } })),
      [{ key }],
    );
    const again = (old: Root) => codeOf(() => alpineKind(spec).lock([key.pem], old, storeOf(earlier)));
    expect(await again(root)).toBe('CHECK_FAILED');
    const older = await alpineKind(spec).lock([key.pem], undefined, storeOf(earlier));
    expect(await again(older)).toBe('no error');
    expect(describeChanges(older, root)).toContain('~ v3.22 of 2024-05-01T09:59:59Z -> v3.22 of 2024-05-01T10:00:00Z');
  });

  test('every cut of an index is refused', async () => {
    const whole = repository.files.get('v3.22/main/x86_64/APKINDEX.tar.gz')!;
    for (let length = 0; length < whole.length; length += 7) {
      const cut = storeOf({ files: new Map([['v3.22/main/x86_64/APKINDEX.tar.gz', whole.subarray(0, length)]]) });
      expect(await codeOf(() => alpineKind(spec).lock([key.pem], undefined, cut))).toBe('CHECK_FAILED');
    }
  });
});

describe('verify', () => {
  const edited = (from: string | RegExp, to: string): Root => ({ ...root, text: root.text.replace(from, to) });
  const [app, , lib] = root.packages;

  test('accepts what was locked', async () => {
    expect(await verify(root)).toBe('no error');
  });

  test.each<[string, Root, string]>([
    ['a version', edited('1.2_rc1-r3", file', '1.2-r3", file'), 'CHECK_FAILED'],
    ['a name', edited('name = "lib"', 'name = "lob"'), 'CHECK_FAILED'],
    ['a size', edited(`size = ${lib!.size}`, 'size = 1'), 'SOURCE_MISMATCH'],
    [
      "another package's bytes",
      edited(`size = ${lib!.size}, digest = "${lib!.digest}`, `size = ${app!.size}, digest = "${app!.digest}`),
      'CHECK_FAILED',
    ],
    ['a wanted package left out', edited(/ {2}\{ name = "app".*\n/, ''), 'CHECK_FAILED'],
    ['a package twice', edited(/( {2}\{ name = "lib".*\n)/, '$1$1'), 'CHECK_FAILED'],
    ['the branch', edited('branch = "v3.22"', 'branch = "v3.21"'), 'CHECK_FAILED'],
    ['the date', edited('T10:00:00Z', 'T10:00:01Z'), 'CHECK_FAILED'],
    ['the architecture', edited('architecture = "x86_64"', 'architecture = "aarch64"'), 'CHECK_FAILED'],
    [
      'an index of another repository',
      edited('v3.22/main/x86_64/APKINDEX', 'v3.22/community/x86_64/APKINDEX'),
      'CHECK_FAILED',
    ],
  ])('notices an edited lock: %s', async (_name, changed, want) => {
    expect(changed.text).not.toBe(root.text);
    expect(await verify(changed)).toBe(want);
  });

  test('notices a changed byte of any file in the store', async () => {
    for (const { digest } of root.sources) {
      const damaged = storeOf(repository);
      for (const [name, blob] of store.blobs) {
        const bytes = Buffer.from(blob);
        if (name === digest) bytes[bytes.length >> 1]! ^= 1;
        damaged.blobs.set(name, bytes);
      }
      expect(await verify(root, damaged)).toBe('SOURCE_MISMATCH');
    }
  });

  test('notices a forged archive, digests and all, and another wish', async () => {
    const forged = storeOf(await makeRepository(PACKAGES, [{ key: other }]));
    const forgedRoot = await alpineKind(makeAlpineSpec([other])).lock([other.pem], undefined, forged);
    expect(await verify(forgedRoot, forged)).toBe('SIGNATURE');
    expect(await verify(root, store, makeAlpineSpec([key], { packages: ['app', 'old'] }))).toBe('CHECK_FAILED');
  });
});

describe('lock.toml', () => {
  test('comes back as it was', () => {
    expect(alpineKind(spec).read(root.text, 'lock.toml').text).toBe(root.text);
  });

  test.each([
    ['no TOML', 'branch = '],
    ['a comment nobody wrote', `${root.text}# trust me\n`],
    ['a path that leaves', root.text.replace('v3.22/main/x86_64/app', 'v3.22/main/../app')],
    ['a short digest', root.text.replace(/sha256:../, 'sha256:')],
    ['no packages', root.text.replace(/packages = \[.*\n\]/s, 'packages = [\n]')],
  ])('is refused: %s', async (_name, changed) => {
    expect(changed).not.toBe(root.text);
    expect(await codeOf(() => parseAlpineLock(changed, 'lock.toml'))).toBe('RECIPE');
  });
});

describe('unpack', () => {
  const namesOf = (one: Root, from = store) =>
    [...one.unpack(from.bytesOf)].flatMap(({ tar }) =>
      [...readTarSync(tar, { endMarker: 'optional' })].map(({ entry }) => `${entry.type} ${entry.path}`),
    );

  test('gives data members only, in order, then the extras', async () => {
    const wanted = makeAlpineSpec([key], {
      directories: { 'home/build': '0755' },
      files: { 'etc/x': '1' },
      links: { 'usr/bin/y': 'x' },
    });
    const extended = alpineKind(wanted).read(root.text, 'lock.toml');
    expect(namesOf(extended)).toEqual([
      'file usr/share/app',
      'symlink bin/sh',
      'file usr/share/lib',
      'directory home/build',
      'file etc/x',
      'symlink usr/bin/y',
    ]);
    expect(extended.key).not.toBe(root.key);
  });

  test('two packages with one file are an error, and so is an extra in the place of one', async () => {
    const clash = await makeRepository(
      [
        { name: 'app', fields: { D: 'lib' }, members: [{ name: 'etc/x', content: 'a' }] },
        { name: 'lib', members: [{ name: 'etc/x', content: 'b' }] },
      ],
      [{ key }],
    );
    const from = storeOf(clash);
    const locked = await alpineKind(spec).lock([key.pem], undefined, from);
    expect(await codeOf(() => namesOf(locked, from))).toBe('CHECK_FAILED');
    const wanted = makeAlpineSpec([key], { files: { 'usr/share/app': '1' } });
    expect(await codeOf(() => namesOf(alpineKind(wanted).read(root.text, 'lock.toml')))).toBe('CHECK_FAILED');
  });
});
