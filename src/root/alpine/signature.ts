// Owns: whose signature on a file of an Alpine repository counts: RSA (PKCS #1 v1.5) by keys pinned in package.toml.

import { createHash, createPublicKey, type KeyObject, verify } from 'node:crypto';
import { BuildError } from '../../errors.ts';
import type { AlpineSpec } from '../types.ts';
import type { Signed } from './segments.ts';

/** Shorter ones can be forged by those who can pay for it. */
const LEAST_BITS = 2048;

/** Reads PEM public keys and holds each to its fingerprint. `texts` is in the order of `spec.keys`. Throws BuildError SIGNATURE. */
export function readAlpineKeys(spec: AlpineSpec, texts: readonly string[]): readonly KeyObject[] {
  return spec.keys.map((pinned, position) => {
    const fail = (message: string, details: { want?: string; got?: string; cause?: unknown }): never => {
      throw new BuildError('SIGNATURE', `${pinned.file} ${message}`, { location: spec.location, ...details });
    };
    const text = texts[position] ?? '';
    if (text.split('-----BEGIN ').length !== 2) fail('is not one PEM public key', {});
    let key: KeyObject;
    try {
      key = createPublicKey(text);
    } catch (cause) {
      return fail('is no PEM public key', { cause });
    }
    const fingerprint = fingerprintOf(key);
    if (fingerprint !== pinned.fingerprint) {
      fail('is not the key package.toml names', { want: pinned.fingerprint, got: fingerprint });
    }
    const bits = key.asymmetricKeyDetails?.modulusLength ?? 0;
    if (key.asymmetricKeyType !== 'rsa' || bits < LEAST_BITS) {
      fail('is no key that counts', {
        want: `RSA of at least ${LEAST_BITS} bits`,
        got: `${key.asymmetricKeyType} of ${bits} bits`,
      });
    }
    return key;
  });
}

/** sha256 of the SubjectPublicKeyInfo: 64 lower-case hex digits. */
export function fingerprintOf(key: KeyObject): string {
  return createHash('sha256')
    .update(key.export({ type: 'spki', format: 'der' }))
    .digest('hex');
}

/**
 * Demands that `spec.signatures` of the pinned keys signed; each key counts once, other signatures are passed over. Under
 * which name a signature says it was made does not matter, only which key verifies it. Throws BuildError SIGNATURE.
 */
export function requireSignatures(spec: AlpineSpec, keys: readonly KeyObject[], signed: Signed, what: string): void {
  const signers = keys.filter((key) =>
    signed.signatures.some(({ hash, bytes }) => verify(hash, signed.body, key, bytes)),
  );
  if (signers.length >= spec.signatures) return;
  throw new BuildError('SIGNATURE', `${what} is not signed by enough of the pinned keys`, {
    location: spec.location,
    want: `${spec.signatures} of ${spec.keys.map((key) => key.file).join(', ')}`,
    got: `${signers.length}, in ${signed.signatures.length} signatures`,
  });
}
