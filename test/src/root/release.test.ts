import { PrivateKey, reformatKey } from 'openpgp';
import { describe, expect, test } from 'vitest';
import { checkRelease, parseRelease, readPinnedKeys, verifyInRelease } from '../../../src/root/release.ts';
import { clearsign, codeOf, makeKey, makeSpec, SIGNED, type TestKey } from './fixture.ts';

const one = await makeKey('one');
const two = await makeKey('two');
const stranger = await makeKey('stranger');
/** Valid until 2024-01-31. */
const brief = await makeKey('brief', 30);

const RELEASE = `Suite: stable
Version: 1.2
Codename: test
Date: Wed, 01 May 2024 10:00:00 UTC
Architectures: all amd64
Components: main
SHA256:
 ${'ab'.repeat(32)} 12 main/binary-amd64/Packages.xz
`;

async function verified(pinned: readonly TestKey[], signatures: number, inRelease: Buffer): Promise<string> {
  const spec = makeSpec(pinned, { signatures });
  const keys = await readPinnedKeys(
    spec,
    pinned.map((key) => key.armored),
  );
  return verifyInRelease(spec, keys, inRelease);
}

describe('verifyInRelease', () => {
  test.each([
    ['one pinned key of one', [one], 1, [one], SIGNED, 'no error'],
    ['one pinned key of two', [one, two], 1, [two], SIGNED, 'no error'],
    ['both of two', [one, two], 2, [one, two], SIGNED, 'no error'],
    ['a stranger beside a pinned key', [one], 1, [stranger, one], SIGNED, 'no error'],
    ['one of two where both must', [one, two], 2, [one], SIGNED, 'SIGNATURE'],
    ['one key twice where two must', [one, two], 2, [one, one], SIGNED, 'SIGNATURE'],
    ['only a stranger', [one], 1, [stranger], SIGNED, 'SIGNATURE'],
    ['a key that expired after it signed', [brief], 1, [brief], new Date('2024-01-20T00:00:00Z'), 'no error'],
  ] as const)('%s', async (_name, pinned, signatures, signers, date, want) => {
    const inRelease = await clearsign(RELEASE, signers, date);
    expect(await codeOf(() => verified(pinned, signatures, inRelease))).toBe(want);
  });

  test('a key that had expired when it signed counts for nothing', async () => {
    // The signer believes the key is still valid; the key that is pinned says otherwise.
    const { privateKey } = await reformatKey({
      privateKey: new PrivateKey(brief.secret.toPacketList()),
      userIDs: [{ name: 'brief' }],
      date: new Date('2024-01-01T00:00:00Z'),
      keyExpirationTime: 0,
      format: 'object',
    });
    const inRelease = await clearsign(RELEASE, [{ ...brief, secret: privateKey }]);
    expect(privateKey.getFingerprint().toUpperCase()).toBe(brief.fingerprint);
    const spec = makeSpec([brief]);
    const keys = await readPinnedKeys(spec, [brief.armored]);
    await expect(verifyInRelease(spec, keys, inRelease)).rejects.toThrow(/not signed by enough.*expired/s);
  });

  test('a signature from the future counts for nothing', async () => {
    const inRelease = await clearsign(RELEASE, [one], new Date(Date.now() + 2 * 86400_000));
    await expect(verified([one], 1, inRelease)).rejects.toThrow(/future/);
  });

  test('one changed character', async () => {
    const good = (await clearsign(RELEASE, [one])).toString();
    expect(await codeOf(() => verified([one], 1, Buffer.from(good.replace('12 main', '13 main'))))).toBe('SIGNATURE');
  });

  test('a Release file nobody signed', async () => {
    expect(await codeOf(() => verified([one], 1, Buffer.from(RELEASE)))).toBe('SIGNATURE');
    expect(await codeOf(() => verified([one], 1, Buffer.alloc(0)))).toBe('SIGNATURE');
  });

  test('text around the signed part is not part of what is read', async () => {
    const good = await clearsign(RELEASE, [one]);
    const framed = Buffer.concat([Buffer.from('Codename: evil\n\n'), good, Buffer.from('Codename: evil\n')]);
    const text = await verified([one], 1, framed).catch((error: { code: string }) => error.code);
    expect([RELEASE, 'SIGNATURE']).toContain(text);
    expect(await verified([one], 1, good)).toBe(RELEASE);
  });
});

describe('readPinnedKeys', () => {
  test.each([
    ['another key than the one named', [one], two.armored],
    ['two keys in one file', [one], `${one.armored}\n${two.armored}`],
    ['no key', [one], 'hello'],
    ['an empty file', [one], ''],
  ] as const)('refuses %s', async (_name, pinned, text) => {
    expect(await codeOf(() => readPinnedKeys(makeSpec(pinned), [text]))).toBe('SIGNATURE');
  });
});

describe('parseRelease', () => {
  test('reads what is used', () => {
    const release = parseRelease(RELEASE);
    expect(release).toMatchObject({ suite: 'stable', codename: 'test', version: '1.2', components: ['main'] });
    expect(release.date.toISOString()).toBe('2024-05-01T10:00:00.000Z');
    expect([...release.files]).toEqual([
      ['main/binary-amd64/Packages.xz', { size: 12, digest: `sha256:${'ab'.repeat(32)}` }],
    ]);
  });

  test.each([
    ['no date', RELEASE.replace(/Date.*\n/, ''), 'want a field Date'],
    ['a date without a zone', RELEASE.replace(' UTC', ''), 'want a date in UTC'],
    ['no SHA256 table', RELEASE.replace('SHA256:', 'MD5Sum:'), 'want a table SHA256'],
    ['a field twice', `${RELEASE}Codename: other\n`, 'each name once'],
    ['a path twice', RELEASE + RELEASE.split('\n')[7] + '\n', 'want each path once'],
    ['a short digest', RELEASE.replace('abab', 'ab'), 'sha256 size path'],
  ])('refuses %s', (_name, text, message) => {
    expect(() => parseRelease(text)).toThrow(message);
  });

  test.each([
    ['another suite', { suite: 'other' }, 'codename'],
    ['another architecture', { architecture: 'arm64' }, 'architectures'],
    ['another component', { components: ['main', 'contrib'] }, 'components'],
  ])('is held to the spec: %s', (_name, more, message) => {
    expect(() => checkRelease(makeSpec([one], more), parseRelease(RELEASE))).toThrow(message);
    expect(() => checkRelease(makeSpec([one]), parseRelease(RELEASE))).not.toThrow();
  });
});
