// Owns: public keys: reading an armored one, which kinds every client takes, and whether a key or subkey of it could sign
// at a given time. Does not know who is trusted.

import type { Key, SignaturePacket, Subkey } from 'openpgp';
import { OciError } from '../errors.ts';
import { lenientConfig, loadOpenpgp, strictConfig } from './openpgp.ts';

export type { Key, Subkey };

/** Curves of ECDSA that gpg 2.2 and skopeo 1.9 were seen to verify. */
const CURVES = ['nistP256', 'nistP384', 'nistP521'];
const REMEDY = 'make a key that every client takes with `ocibuild keygen`';

/** 40 upper-case hex digits. */
export function fingerprintOf(key: Key | Subkey): string {
  return key.getFingerprint().toUpperCase();
}

/** Why not a fingerprint of a version 4 key in full, or undefined. gpg finds users by any part of it; nothing here does. */
export function fingerprintFault(text: string): string | undefined {
  if (/^[0-9A-F]{40}$/.test(text)) return undefined;
  if (/^(0x)?([0-9A-Fa-f]{8}|[0-9A-Fa-f]{16})$/.test(text)) return 'a short key id, which anybody can make a key for';
  if (/^[0-9A-Fa-f ]{40,}$/.test(text)) return 'not written as 40 upper-case hex digits without blanks';
  return 'no fingerprint';
}

/**
 * One armored public key: one block, one primary key, nothing secret. `what` names it in messages.
 * Throws OciError SIGNATURE_INVALID.
 */
export async function readPublicKey(armored: string, what: string): Promise<Key> {
  const { readKeys } = await loadOpenpgp();
  if (armored.includes('PRIVATE KEY BLOCK')) {
    throw new OciError('SIGNATURE_INVALID', `${what} is a secret key`, {
      want: 'the public key alone',
      hint: 'take it away from here, and if others could read it, revoke it',
    });
  }
  const blocks = armored.split('-----BEGIN ').length - 1;
  const keys = await readKeys({ armoredKeys: armored }).catch((cause: unknown) => {
    throw new OciError('SIGNATURE_INVALID', `${what} is no armored public key`, {
      got: cause instanceof Error ? cause.message : String(cause),
      cause,
    });
  });
  if (blocks !== 1 || keys.length !== 1) {
    throw new OciError('SIGNATURE_INVALID', `${what} holds several keys`, {
      want: 'one key a file',
      got: blocks === 1 ? `${keys.length} keys` : `${blocks} armored blocks`,
    });
  }
  return keys[0]!;
}

/** Why podman, skopeo or gpg would refuse what this key signs, with the remedy; undefined when they would not. */
export function clientFault(key: Key | Subkey): string | undefined {
  const { algorithm, bits = 0, curve = '' } = key.getAlgorithmInfo();
  const { version } = key.keyPacket;
  if (version !== 4) return `a key of version ${version}, which podman, skopeo and gpg refuse; ${REMEDY}`;
  switch (algorithm) {
    case 'rsaEncryptSign':
    case 'rsaSign':
      return bits < 2048 ? `an RSA key of ${bits} bits, want 2048 or more; ${REMEDY}` : undefined;
    case 'eddsaLegacy':
      return undefined;
    case 'ecdsa':
      return CURVES.includes(curve) ? undefined : `an ECDSA key on ${curve}, which not every client takes; ${REMEDY}`;
    case 'ed25519':
    case 'ed448':
      return `a key of the new ${algorithm} kind (RFC 9580), which podman, skopeo and gpg refuse; ${REMEDY}`;
    default:
      return `a key of kind ${algorithm}, which cannot sign or is too weak; ${REMEDY}`;
  }
}

/** Whether a primary key, or one of its subkeys, has been revoked by its owner: at any time, for any reason. */
export async function isRevoked(primary: Key, signing: Key | Subkey): Promise<'primary' | 'subkey' | undefined> {
  const config = await lenientConfig();
  // Without a date every revocation counts. The types do not know that null means so.
  const anyTime = null as unknown as Date;
  const any = undefined as unknown as SignaturePacket;
  if (await primary.isRevoked(any, undefined, anyTime, config)) return 'primary';
  if (isSubkey(signing) && (await signing.isRevoked(any, undefined as never, anyTime, config))) return 'subkey';
  return undefined;
}

export function isSubkey(key: Key | Subkey): key is Subkey {
  return 'mainKey' in key;
}

/** Why a key could not sign at a time, judged by its self-signatures alone, or undefined. Revocation is not asked here. */
export async function signingFault(primary: Key, signing: Key | Subkey, at: Date): Promise<string | undefined> {
  const day = (date: Date): string => date.toISOString().slice(0, 10);
  if (signing.getCreationTime() > at) {
    return `the key is newer than the signature: made ${day(signing.getCreationTime())}, signed ${day(at)}`;
  }
  const own = primary.users.flatMap((user) => user.selfCertifications);
  if (isWeakOnly(own)) return WEAK;
  if (isSubkey(signing)) {
    const bindings = signing.bindingSignatures;
    if (isWeakOnly(bindings)) return WEAK;
    if (bindings.every((binding) => binding.embeddedSignature === null)) {
      return 'the subkey never agreed to belong to this primary key: its binding has no cross-certification';
    }
  }
  try {
    // undefined: whichever user id is the primary one.
    await primary.getSigningKey(signing.getKeyID(), at, undefined, await strictConfig());
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error);
    if (/expired/i.test(text)) return `the key had expired when it signed, on ${day(at)}`;
    return `the key could not sign: ${text}`;
  }
  return undefined;
}

/** Whether the primary key itself may sign data, and not a subkey alone. */
export async function maySign(primary: Key, at: Date): Promise<boolean> {
  return (await signingFault(primary, primary, at)) === undefined;
}

const WEAK =
  'the key vouches for itself with SHA-1 only; renew it: gpg --cert-digest-algo SHA512 --quick-set-expire FPR never';

function isWeakOnly(signatures: readonly SignaturePacket[]): boolean {
  // 1 MD5, 2 SHA-1, 3 RIPEMD-160: RFC 9580 section 9.5.
  return signatures.length > 0 && signatures.every(({ hashAlgorithm }) => hashAlgorithm !== null && hashAlgorithm < 4);
}
