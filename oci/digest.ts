// Owns: the Digest type. A digest is always of bytes as stored; see image-spec descriptor.md, "Digests".

import { createHash, type Hash } from 'node:crypto';
import { OciError } from './errors.ts';

/** `sha256:` and 64 lower-case hex digits. Made only by the functions here. */
export type Digest = string & { readonly __digest: unique symbol };

const FORM = /^sha256:[0-9a-f]{64}$/;

/** Text to Digest. Throws OciError DIGEST_INVALID for any other algorithm, case or length. */
export function parseDigest(text: string): Digest {
  if (!FORM.test(text)) {
    throw new OciError('DIGEST_INVALID', 'not a digest', { want: 'sha256: and 64 lower-case hex digits', got: text });
  }
  return text as Digest;
}

export function isDigest(text: unknown): text is Digest {
  return typeof text === 'string' && FORM.test(text);
}

/** The 64 hex digits alone, as file names use them. */
export function hexOf(digest: Digest): string {
  return digest.slice('sha256:'.length);
}

/** The digest of bytes, or of the UTF-8 form of a string. */
export function digestOf(bytes: Uint8Array | string): Digest {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}` as Digest;
}

/** Ends a running sha256 and gives its digest. The hash cannot be used afterwards. */
export function finishDigest(hash: Hash): Digest {
  return `sha256:${hash.digest('hex')}` as Digest;
}
