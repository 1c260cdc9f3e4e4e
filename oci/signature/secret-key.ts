// Owns: secret keys in files: making one, reading one, signing with one. Keys that stay in gpg or on a card are not here.

import type { PrivateKey } from 'openpgp';
import { OciError } from '../errors.ts';
import { type Claim, encodeClaim } from './claim.ts';
import { clientFault, fingerprintOf, maySign } from './key.ts';
import { loadOpenpgp, strictConfig } from './openpgp.ts';

export interface MadeKey {
  /** Armored. Whoever has it, and the passphrase if there is one, signs as this key. */
  readonly secret: string;
  /** Armored: what others are given. */
  readonly public: string;
  /** Armored: whoever has it can say that the key counts no more. */
  readonly revocation: string;
  readonly fingerprint: string;
}

export interface KeyOwner {
  readonly name: string;
  readonly email: string;
}

/** `NAME <MAIL>`. Throws OciError SIGNATURE_INVALID. */
export function parseOwner(text: string): KeyOwner {
  const [, name, email] =
    /^([^<>()\u0000-\u001f\u007f]+) <([^<>\s\u0000-\u001f]+@[^<>\s\u0000-\u001f]+)>$/.exec(text) ?? [];
  if (name === undefined || email === undefined || name.trim() !== name || Buffer.byteLength(text) > 1000) {
    throw new OciError('SIGNATURE_INVALID', 'not the owner of a key', {
      want: 'NAME <MAIL>',
      got: JSON.stringify(text),
    });
  }
  return { name, email };
}

/**
 * A key that gpg, podman and skopeo of every age in use take: Ed25519 as version 4 had it, one primary key that signs. It
 * never expires: those clients reject all that an expired key ever signed.
 */
export async function makeKey(owner: KeyOwner, passphrase: string | undefined, date: Date): Promise<MadeKey> {
  const { generateKey } = await loadOpenpgp();
  const made = await generateKey({
    type: 'ecc',
    curve: 'ed25519Legacy',
    subkeys: [],
    userIDs: [{ ...owner }],
    date,
    format: 'object',
    config: await strictConfig(),
    ...(passphrase === undefined ? {} : { passphrase }),
  });
  return {
    secret: made.privateKey.armor(),
    public: made.publicKey.armor(),
    revocation: made.revocationCertificate,
    fingerprint: fingerprintOf(made.publicKey),
  };
}

/** Reads an armored secret key and unlocks it. Throws OciError SIGNATURE_INVALID. */
export async function readSecretKey(armored: string, passphrase: string | undefined): Promise<PrivateKey> {
  const { decryptKey, readPrivateKey } = await loadOpenpgp();
  const key = await readPrivateKey({ armoredKey: armored }).catch((cause: unknown) => {
    throw new OciError('SIGNATURE_INVALID', 'not an armored secret key', { cause });
  });
  if (key.isDecrypted()) return key;
  if (passphrase === undefined) {
    throw new OciError('SIGNATURE_INVALID', 'the key is locked with a passphrase', {
      hint: 'give --passphrase-file FILE',
    });
  }
  return decryptKey({ privateKey: key, passphrase }).catch((cause: unknown) => {
    throw new OciError('SIGNATURE_INVALID', 'the passphrase does not unlock the key', { cause });
  });
}

/** Signs a claim: a binary signed message. Throws OciError SIGNATURE_INVALID for a key that clients would refuse. */
export async function signClaim(claim: Claim, key: PrivateKey, date: Date): Promise<Uint8Array> {
  const { createMessage, sign } = await loadOpenpgp();
  const config = await strictConfig();
  const fault = clientFault(key);
  if (fault !== undefined) throw new OciError('SIGNATURE_INVALID', fault);
  const message = await createMessage({ binary: encodeClaim(claim), date });
  // skopeo 1.9 does not take a subkey's word for its primary key's, so the primary key signs where it can.
  const canPrimary = await maySign(key, date);
  const signed = await sign({
    message,
    signingKeys: key,
    ...(canPrimary ? { signingKeyIDs: key.getKeyID() } : {}),
    date,
    format: 'binary',
    config,
  }).catch((cause: unknown) => {
    throw new OciError('SIGNATURE_INVALID', `the key cannot sign: ${(cause as Error).message}`, { cause });
  });
  return signed as Uint8Array;
}
