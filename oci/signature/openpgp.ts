// Owns: how openpgp is loaded and set. It is large, and most commands never need it.

import type { Config } from 'openpgp';

export async function loadOpenpgp() {
  return await import('openpgp');
}

/**
 * What counts today: no SHA-1 anywhere, not in the self-signatures of a key either, no RSA below 2048 bits. Signatures
 * carry no random notation, so that Ed25519 gives the same bytes for the same input and time.
 */
export async function strictConfig(): Promise<Config> {
  const { config, enums } = await loadOpenpgp();
  const { md5, ripemd, sha1 } = enums.hash;
  return {
    ...config,
    rejectHashAlgorithms: new Set([md5, ripemd, sha1]),
    rejectMessageHashAlgorithms: new Set([md5, ripemd, sha1]),
    minRSABits: 2048,
    preferredHashAlgorithm: enums.hash.sha512,
    nonDeterministicSignaturesViaNotation: false,
    allowInsecureVerificationWithReformattedKeys: false,
  };
}

/** Takes any hash: a revocation made with SHA-1 revokes all the same. */
export async function lenientConfig(): Promise<Config> {
  const { config } = await loadOpenpgp();
  return { ...config, rejectHashAlgorithms: new Set(), rejectMessageHashAlgorithms: new Set() };
}
