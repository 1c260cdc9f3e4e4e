import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readTrust } from '../../../src/signing/trust.ts';
import { makeKey as forgeKey } from '../../oci/signature/forge.ts';
import { type Person, REPOSITORY, SignedTree } from './tree.ts';

let tree: SignedTree;
let ann: Person;
let bob: Person;
beforeAll(async () => {
  tree = new SignedTree(['hello']);
  ann = await tree.person('ann');
  bob = await tree.person('bob');
});
afterAll(() => tree.remove());

test('a policy is read with its keys', async () => {
  const groups = { ann: 'groups = ["core"]', bob: 'groups = ["core", "distro"]' };
  const policy = await readTrust(
    tree.trust([ann, bob], { serial: 7, quorum: 2, groups: ['core', 'distro'], more: groups }),
  );
  expect(policy).toMatchObject({ serial: 7, repository: REPOSITORY, warnings: [] });
  expect(policy.quorum).toMatchObject({ count: 2, groups: ['core', 'distro'] });
  expect(policy.quorum.signers.map(({ name, groups: own }) => [name, own])).toEqual([
    ['ann', ['core']],
    ['bob', ['core', 'distro']],
  ]);
});

test('another key is another policy', async () => {
  const file = tree.trust([ann, bob], { quorum: 1 });
  const before = await readTrust(file);
  expect((await readTrust(file)).digest).toBe(before.digest);
  const path = join(tree.directory, 'keys/bob.asc');
  writeFileSync(path, `${readFileSync(path, 'utf8')}\n`);
  expect((await readTrust(file)).digest).not.toBe(before.digest);
});

test('a registry may be the repository', async () => {
  for (const repository of ['registry.example', 'localhost']) {
    expect(await readTrust(tree.trust([ann], { quorum: 1, repository }))).toMatchObject({ repository });
  }
});

const FPR = '0123456789ABCDEF0123456789ABCDEF01234567';
describe('refused, with the line', () => {
  const rows: readonly (readonly [string, (text: string) => string, RegExp])[] = [
    ['no TOML', () => '[', /incomplete/],
    ['an unknown key', (text) => `quorums = 1\n${text}`, /unknown key "quorums".*quorum/],
    [
      'an unknown key of a signer',
      (text) => `${text}fpr = "x"\n`,
      /unknown key "fpr".*known are fingerprint, key, groups/,
    ],
    ['no serial', (text) => text.replace('serial = 1\n', ''), /no serial/],
    ['a serial that is no number', (text) => text.replace('serial = 1', 'serial = "1"'), /serial is no count/],
    ['no repository', (text) => text.replace(/repository = .*\n/, ''), /no repository/],
    ['a repository without a registry', (text) => text.replace(REPOSITORY, 'ns/x'), /not a registry and a repository/],
    [
      'a repository with a tag',
      (text) => text.replace(REPOSITORY, `${REPOSITORY}:1`),
      /not a registry and a repository/,
    ],
    ['no quorum', (text) => text.replace('quorum = 1\n', ''), /no quorum/],
    ['a quorum of none', (text) => text.replace('quorum = 1', 'quorum = 0'), /never be met, or always is: want 1 to 2/],
    ['a quorum of more than there are', (text) => text.replace('quorum = 1', 'quorum = 3'), /never be met.*got 3/],
    ['no signers', (text) => text.slice(0, text.indexOf('[signers')), /no signers/],
    [
      'a group nobody is in',
      (text) => text.replace('groups = []', 'groups = ["core"]'),
      /nobody represents the group "core"/,
    ],
    ['a group nobody asks for', (text) => `${text}groups = ["core"]\n`, /the policy has no group "core"/],
    [
      'a short key id',
      (text) => text.replace(ann.fingerprint, ann.fingerprint.slice(-8)),
      /a short key id, which anybody can make/,
    ],
    ['a long key id', (text) => text.replace(ann.fingerprint, ann.fingerprint.slice(-16)), /a short key id/],
    [
      'a fingerprint with blanks',
      (text) => text.replace(ann.fingerprint, ann.fingerprint.replace(/(....)/g, '$1 ')),
      /without blanks/,
    ],
    [
      'a fingerprint in small letters',
      (text) => text.replace(ann.fingerprint, ann.fingerprint.toLowerCase()),
      /upper-case/,
    ],
    [
      'another fingerprint',
      (text) => text.replace(ann.fingerprint, FPR),
      /not the fingerprint of ann's key: want 0123/,
    ],
    ['no fingerprint', (text) => text.replace(/fingerprint = .*/, ''), /no fingerprint of ann's key/],
    ['a key that is not there', (text) => `${text}key = "keys/none.asc"\n`, /there is no key keys\/none.asc/],
    ['a key somewhere else', (text) => `${text}key = "../k.asc"\n`, /a key lies beside the policy/],
    ['a key at an absolute path', (text) => `${text}key = "/etc/k.asc"\n`, /a key lies beside the policy/],
    ['a name with a blank', (text) => text.replace('[signers.ann]', '[signers."a n"]'), /not a name for a signer/],
    [
      'one key for two',
      (text) =>
        text.replace(bob.fingerprint, ann.fingerprint).replace('[signers.bob]', '[signers.bob]\nkey = "keys/ann.asc"'),
      /the key of bob is ann's/,
    ],
  ];
  test.each(rows)('%s', async (_, change, message) => {
    const file = tree.trust([ann, bob], { quorum: 1 });
    writeFileSync(file, change(readFileSync(file, 'utf8')));
    await expect(readTrust(file)).rejects.toMatchObject({ code: 'RECIPE', location: { line: expect.any(Number) } });
    await expect(readTrust(file)).rejects.toThrow(message);
  });

  const keys: readonly (readonly [string, () => Promise<string>, RegExp])[] = [
    ['a secret key', async () => readFileSync(ann.file, 'utf8'), /the key of ann is a secret key/],
    ['no key', async () => 'hello', /no armored public key/],
    ['two keys in a file', async () => ann.armored + bob.armored, /holds several keys/],
    ['the key of somebody else', async () => bob.armored, /not the fingerprint of ann's key/],
  ];
  test.each(keys)('%s', async (_, make, message) => {
    const file = tree.trust([ann], { quorum: 1 });
    writeFileSync(join(tree.directory, 'keys/ann.asc'), await make());
    await expect(readTrust(file)).rejects.toThrow(message);
    await expect(readTrust(file)).rejects.toMatchObject({
      code: 'RECIPE',
      location: { file: expect.stringMatching(/trust.toml$/) },
    });
  });

  test('no policy at all', async () => {
    await expect(readTrust(join(tree.folder, 'none.toml'))).rejects.toThrow(/there is no policy.*--policy FILE/);
  });
});

test.each([
  ['curve25519', { type: 'curve25519' as const }, /nothing odd signs counts: .*ed25519 kind/],
  ['RSA of 1024 bits', { type: 'rsa' as const, rsaBits: 1024 as never }, /1024 bits/],
])('a key that can never count is warned of: %s', async (_, options, message) => {
  const key = await forgeKey('odd', options);
  const odd = { ...ann, name: 'odd', armored: key.toPublic().armor(), fingerprint: key.getFingerprint().toUpperCase() };
  const policy = await readTrust(tree.trust([ann, odd], { quorum: 1 }));
  expect(policy.warnings).toEqual([expect.stringMatching(message)]);
});
