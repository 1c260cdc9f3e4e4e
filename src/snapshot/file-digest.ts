// Owns: sha256 of a file on disk, in bounded memory.

import { createHash } from 'node:crypto';
import { closeSync, openSync, readSync, writeSync } from 'node:fs';
import { type Digest, finishDigest } from '../../oci/digest.ts';
import { bytesOf, type HostPath } from './raw-fs.ts';

/** Reused: allocating a buffer for each of 20,000 files costs more than reading them. */
const buffer = Buffer.allocUnsafeSlow(1 << 20);

/** Throws what open and read throw. */
export function digestFile(path: HostPath | Buffer): Digest {
  const fd = openSync(typeof path === 'string' ? bytesOf(path) : path, 'r');
  try {
    const hash = createHash('sha256');
    for (;;) {
      const count = readSync(fd, buffer, 0, buffer.length, null);
      if (count === 0) return finishDigest(hash);
      hash.update(count === buffer.length ? buffer : buffer.subarray(0, count));
    }
  } finally {
    closeSync(fd);
  }
}

/**
 * Copies a file's bytes into `target` (an open descriptor) and gives the digest of what was written: a source that
 * changes meanwhile cannot be recorded under a digest it does not have.
 */
export function copyAndDigest(source: Buffer, target: number): Digest {
  const fd = openSync(source, 'r');
  try {
    return copyDescriptor(fd, target);
  } finally {
    closeSync(fd);
  }
}

function copyDescriptor(fd: number, target: number): Digest {
  const hash = createHash('sha256');
  for (;;) {
    const count = readSync(fd, buffer, 0, buffer.length, null);
    if (count === 0) return finishDigest(hash);
    const part = count === buffer.length ? buffer : buffer.subarray(0, count);
    hash.update(part);
    writeAll(target, part);
  }
}

/** write(2) may write less than it was given. */
export function writeAll(fd: number, bytes: Uint8Array): void {
  let done = 0;
  while (done < bytes.length) done += writeSync(fd, bytes, done, bytes.length - done);
}
