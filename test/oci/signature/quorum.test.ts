// A quorum counts distinct primary keys, and nothing else.

import type { PrivateKey } from 'openpgp';
import { beforeAll, describe, expect, test } from 'vitest';
import type { Wanted } from '../../../oci/signature/judge.ts';
import type { SignatureFile } from '../../../oci/signature/lookaside.ts';
import { countSignatures, type Quorum, type Signer } from '../../../oci/signature/quorum.ts';
import { DIGEST, makeKey, NAME, NOW, SIGNED, signText, text } from './forge.ts';

const WANTED: Wanted = { kind: 'image', name: NAME, digest: DIGEST };

let keys: Record<'ann' | 'bob' | 'eve' | 'twin', PrivateKey>;
let signers: Record<'ann' | 'bob' | 'twin', Signer>;
beforeAll(async () => {
  keys = {
    ann: await makeKey('ann'),
    bob: await makeKey('bob'),
    eve: await makeKey('eve'),
    twin: await makeKey('twin', { subkeys: [{ sign: true }, { sign: true }] }),
  };
  const signer = (name: 'ann' | 'bob' | 'twin', ...groups: string[]): Signer => ({
    name,
    key: keys[name].toPublic(),
    groups,
  });
  signers = { ann: signer('ann', 'core'), bob: signer('bob', 'core', 'distro'), twin: signer('twin') };
});

const files = (...bytes: (Uint8Array | string)[]): SignatureFile[] =>
  bytes.map((each, index) => {
    const path = `ns/hello@sha256=00/signature-${index + 1}`;
    return typeof each === 'string' ? { path, problem: each } : { path, bytes: each };
  });
const quorum = (count: number, groups: string[] = [], who: Signer[] = Object.values(signers)): Quorum => ({
  signers: who,
  count,
  groups,
});
const count = async (signed: SignatureFile[], of: Quorum) => {
  const tally = await countSignatures(signed, WANTED, of, NOW);
  return {
    isMet: tally.isMet,
    names: tally.signers.map(({ name }) => name),
    states: tally.ballots.map(({ state, refusal, message }) =>
      [state, refusal ?? '', message].filter(Boolean).join(' '),
    ),
    missing: tally.missingGroups,
  };
};

/** Both subkeys of one key, one each. */
async function bySubkey(position: number): Promise<Buffer> {
  const whole = keys.twin;
  const part = Object.assign(Object.create(Object.getPrototypeOf(whole)), whole) as PrivateKey;
  part.subkeys = [whole.subkeys[position]!];
  return signText(text(), part);
}

describe('quorum', () => {
  test('two keys are two', async () => {
    const signed = files(await signText(text(), keys.ann), await signText(text(), keys.bob));
    expect(await count(signed, quorum(2))).toMatchObject({ isMet: true, names: ['ann', 'bob'] });
    expect(await count(signed, quorum(3))).toMatchObject({ isMet: false, names: ['ann', 'bob'] });
  });
  test('none is none', async () => {
    expect(await count([], quorum(1))).toMatchObject({ isMet: false, names: [] });
  });
  test('two subkeys of one key are one', async () => {
    const [one, other] = [await bySubkey(0), await bySubkey(1)];
    expect(one.equals(other)).toBe(false);
    expect(await count(files(one, other), quorum(2))).toMatchObject({
      isMet: false,
      names: ['twin'],
      states: ['counts', 'again the key that signed signature-1 already, by a subkey: counted once'],
    });
  });
  test('a second signature by the same key, of another time, is one', async () => {
    const later = await signText(text(), keys.ann, { date: new Date(SIGNED.getTime() + 1000) });
    expect(await count(files(await signText(text(), keys.ann), later), quorum(2))).toMatchObject({
      isMet: false,
      states: ['counts', 'again the key that signed signature-1 already: counted once'],
    });
  });
  test('a copied file adds nothing', async () => {
    const signed = await signText(text(), keys.ann);
    expect(await count(files(signed, signed), quorum(2))).toMatchObject({
      isMet: false,
      names: ['ann'],
      states: ['counts', 'refused COPY a copy of signature-1'],
    });
  });
  test('a copy with another wrapping adds nothing either', async () => {
    const { deflateRawSync } = await import('node:zlib');
    const { packet } = await import('./forge.ts');
    const signed = await signText(text(), keys.ann);
    const wrapped = packet(8, Buffer.from([1]), deflateRawSync(signed));
    expect(await count(files(signed, wrapped), quorum(2))).toMatchObject({ isMet: false, names: ['ann'] });
  });
  test('a file where no client looks adds nothing', async () => {
    const signed = files(await signText(text(), keys.ann), 'clients never read it: there is no signature-2');
    expect(await count(signed, quorum(2))).toMatchObject({
      isMet: false,
      states: ['counts', 'refused PLACE clients never read it: there is no signature-2'],
    });
  });
  test('a stranger adds nothing, and takes nothing', async () => {
    const signed = files(await signText(text(), keys.eve), await signText(text(), keys.ann));
    expect(await count(signed, quorum(1))).toMatchObject({ isMet: true, names: ['ann'] });
    expect(await count(signed, quorum(2))).toMatchObject({ isMet: false, names: ['ann'] });
  });
  test('each group must be represented', async () => {
    const [ann, bob, twin] = await Promise.all([keys.ann, keys.bob, keys.twin].map((key) => signText(text(), key)));
    const groups = ['core', 'distro'];
    expect(await count(files(ann!, twin!), quorum(2, groups))).toMatchObject({ isMet: false, missing: ['distro'] });
    expect(await count(files(twin!), quorum(1, groups))).toMatchObject({ isMet: false, missing: groups });
    expect(await count(files(bob!), quorum(1, groups))).toMatchObject({ isMet: true, missing: [] });
    expect(await count(files(bob!), quorum(2, groups))).toMatchObject({ isMet: false, missing: [] });
  });
});
