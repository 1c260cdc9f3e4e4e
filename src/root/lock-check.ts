// Owns: what holds for the lock of every kind of root: it says what package.toml and the archive say, and its files have
// their digests.

import type { Digest } from '../../oci/digest.ts';
import { BuildError } from '../errors.ts';
import type { LockedFile, RootSpec } from './types.ts';

/** Throws BuildError CHECK_FAILED unless the lock (`got`) says what it should. */
export function requireAgreement(spec: RootSpec, what: string, want: string, got: string): void {
  if (want === got) return;
  throw new BuildError('CHECK_FAILED', `lock.toml has another ${what}`, {
    want,
    got,
    hint: 'write it again with `ocibuild lock`, and read what changed',
    location: spec.location,
  });
}

/** Throws BuildError SOURCE_MISMATCH unless the bytes that were read are those of the pinned file. */
export function requireFile(item: LockedFile, digest: Digest, size: number): void {
  if (digest === item.digest && size === item.size) return;
  throw new BuildError('SOURCE_MISMATCH', item.file, {
    want: `${item.digest}, ${item.size} bytes`,
    got: `${digest}, ${size} bytes`,
  });
}

/** As lock files write a time: `2026-07-11T10:16:37Z`. */
export function formatTime(time: Date): string {
  return time.toISOString().replace(/\.\d+Z$/, 'Z');
}
