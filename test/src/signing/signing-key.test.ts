// Keys to sign with: keygen, files, passphrases, and the kinds that are refused before they sign.

import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { revokeKey } from 'openpgp';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { digestOf } from '../../../oci/digest.ts';
import type { Claim } from '../../../oci/signature/claim.ts';
import { parseOwner } from '../../../oci/signature/secret-key.ts';
import { command as keygen } from '../../../src/cli/keygen.ts';
import { openKeyFile, placeSignature } from '../../../src/signing/signing-key.ts';
import { MADE, makeKey } from '../../oci/signature/forge.ts';
import { type Ran, runCommand } from '../cli/run-command.ts';

const CLAIM: Claim = { kind: 'image', name: 'registry.example/a:1', digest: digestOf('x') };
let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'signing-key-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

const make = (...words: string[]): Promise<Ran> => runCommand(keygen, words, folder, folder);
const write = (name: string, text: string, mode = 0o600): string => {
  const path = join(folder, name);
  writeFileSync(path, text, { mode });
  return path;
};

describe('keygen', () => {
  test('makes a key, a public one and a way to end it', async () => {
    const { stdout } = await make('--out', 'one', '--name', 'Ann Example <ann@example.org>');
    expect(stdout).toMatch(/^[0-9A-F]{40} one\n$/);
    const mode = (name: string): number => statSync(join(folder, name)).mode & 0o777;
    expect([mode('one'), mode('one.pub'), mode('one.revoke')]).toEqual([0o600, 0o644, 0o600]);
    expect(readFileSync(join(folder, 'one.pub'), 'utf8')).not.toContain('PRIVATE');
    expect(await openKeyFile(join(folder, 'one'), undefined)).toMatchObject({ fingerprint: stdout.slice(0, 40) });
  });
  test('replaces nothing', async () => {
    await make('--out', 'two', '--name', 'Ann Example <ann@example.org>');
    const before = readFileSync(join(folder, 'two'), 'utf8');
    const names = readdirSync(folder);
    await expect(make('--out', 'two', '--name', 'Ann Example <ann@example.org>')).rejects.toThrow(/is there already/);
    expect(readFileSync(join(folder, 'two'), 'utf8')).toBe(before);
    rmSync(join(folder, 'two'));
    await expect(make('--out', 'two', '--name', 'Ann Example <ann@example.org>')).rejects.toThrow(
      /two.pub is there already/,
    );
    expect(readdirSync(folder)).toEqual(names.filter((name) => name !== 'two'));
  });
  test('locks it with a passphrase', async () => {
    const phrase = write('phrase', 'correct horse\nsecond line\n');
    await make('--out', 'locked', '--name', 'A B <a@b.c>', '--passphrase-file', phrase);
    const file = join(folder, 'locked');
    await expect(openKeyFile(file, undefined)).rejects.toThrow(/locked with a passphrase; give --passphrase-file/);
    await expect(openKeyFile(file, write('wrong', 'horse\n'))).rejects.toThrow(/does not unlock/);
    await expect(openKeyFile(file, write('empty', '\n'))).rejects.toThrow(/the first line is empty/);
    expect((await openKeyFile(file, write('right', 'correct horse'))).fingerprint).toMatch(/^[0-9A-F]{40}$/);
  });
  test.each([
    'ann',
    'ann@example.org',
    '<a@b.c>',
    'A <a b@c>',
    'A\n<a@b.c>',
    'A <a@b.c> x',
    ' A <a@b.c>',
    'A\u001b <a@b.c>',
  ])('%j is nobody', async (name) => {
    expect(() => parseOwner(name)).toThrow(/want NAME <MAIL>/);
    await expect(make('--out', 'none', '--name', name)).rejects.toMatchObject({ code: 'USAGE' });
  });
  test('wants both flags', async () => {
    await expect(make('--out', 'x')).rejects.toMatchObject({ code: 'USAGE' });
    await expect(make('--name', 'A <a@b.c>')).rejects.toMatchObject({ code: 'USAGE' });
  });
});

describe('a key file', () => {
  test.each([0o640, 0o604, 0o644])('that others can read is refused', async (mode) => {
    const file = write('open', (await makeKey('ann')).armor());
    chmodSync(file, mode);
    await expect(openKeyFile(file, undefined)).rejects.toThrow(/other users can reach .*want mode 0600.*chmod 600/);
  });
  test('that is not there', async () => {
    await expect(openKeyFile(join(folder, 'nowhere'), undefined)).rejects.toMatchObject({ code: 'USAGE' });
  });
  test('that is no key, or only a public one', async () => {
    await expect(openKeyFile(write('text', 'hello'), undefined)).rejects.toMatchObject({ code: 'SIGNATURE' });
    const open = (await makeKey('ann')).toPublic().armor();
    await expect(openKeyFile(write('public', open), undefined)).rejects.toThrow(/not an armored secret key/);
  });
  test.each([
    [
      'of the new kind',
      { type: 'curve25519' as const },
      /new ed25519 kind .*podman, skopeo and gpg refuse; make a key .*keygen/,
    ],
    ['of version 6', { type: 'curve25519' as const, config: { v6Keys: true } }, /version 6.*ocibuild keygen/],
    ['of 1024 bits', { type: 'rsa' as const, rsaBits: 1024 as never }, /1024 bits.*ocibuild keygen/],
  ])('%s is refused before it signs, with the remedy', async (_, options, message) => {
    const file = write('odd', (await makeKey('odd', options)).armor());
    await expect(openKeyFile(file, undefined)).rejects.toThrow(message);
  });
  test('that has expired is refused', async () => {
    const file = write('expired', (await makeKey('old', { keyExpirationTime: 60 })).armor());
    await expect(openKeyFile(file, undefined)).rejects.toThrow(/expired/);
  });
  test('that was revoked is refused', async () => {
    const { privateKey } = await revokeKey({ key: await makeKey('gone'), format: 'object', date: MADE });
    await expect(openKeyFile(write('gone', privateKey.armor()), undefined)).rejects.toThrow(/the key has been revoked/);
  });
  test('with a subkey signs by its primary key', async () => {
    const key = await openKeyFile(
      write('sub', (await makeKey('sub', { subkeys: [{ sign: true }] })).armor()),
      undefined,
    );
    expect(await placeSignature(join(folder, 'by-primary'), CLAIM, key)).not.toHaveProperty('subkey');
  });
});

describe('a signature', () => {
  test('of Ed25519 is the same bytes for the same time', async () => {
    const { signClaim } = await import('../../../oci/signature/secret-key.ts');
    const key = await makeKey('ann');
    const at = new Date('2025-01-01T00:00:00Z');
    const [one, other] = [await signClaim(CLAIM, key, at), await signClaim(CLAIM, key, at)];
    expect(Buffer.from(one).equals(Buffer.from(other))).toBe(true);
  });
  test('is added once for a key and a text, whatever the clock', async () => {
    const root = join(folder, 'once');
    const [ann, bob] = await Promise.all(
      ['ann', 'bob'].map(async (name) => openKeyFile(write(`${name}.key`, (await makeKey(name)).armor()), undefined)),
    );
    expect(await placeSignature(root, CLAIM, ann!)).toMatchObject({
      isNew: true,
      path: expect.stringMatching(/signature-1$/),
    });
    expect(await placeSignature(root, CLAIM, bob!)).toMatchObject({
      isNew: true,
      path: expect.stringMatching(/signature-2$/),
    });
    expect(await placeSignature(root, CLAIM, ann!)).toMatchObject({
      isNew: false,
      path: expect.stringMatching(/signature-1$/),
    });
    expect(await placeSignature(root, { ...CLAIM, digest: digestOf('y') }, ann!)).toMatchObject({ isNew: true });
    expect(await placeSignature(root, { ...CLAIM, name: 'registry.example/a:2' }, ann!)).toMatchObject({ isNew: true });
  });
  test('that verify would not count is not written', async () => {
    const root = join(folder, 'none');
    const ann = await openKeyFile(write('ann.key', (await makeKey('ann')).armor()), undefined);
    const liar = { ...ann, sign: () => ann.sign({ ...CLAIM, digest: digestOf('another') }) };
    await expect(placeSignature(root, CLAIM, liar)).rejects.toThrow(/would not count: signed for another digest/);
    expect(() => readdirSync(root)).toThrow(/ENOENT/);
  });
});
