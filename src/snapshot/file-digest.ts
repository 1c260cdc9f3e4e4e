// Owns: sha256 of a file on disk, in bounded memory.

import { createHash } from 'node:crypto';
import { type BigIntStats, closeSync, fstatSync, openSync, readSync, writeSync } from 'node:fs';
import { type Digest, finishDigest } from '../../oci/digest.ts';
import { bytesOf, type HostPath } from './raw-fs.ts';

/** Reused: allocating a buffer for each of 20,000 files costs more than reading them. */
const buffer = Buffer.allocUnsafeSlow(1 << 20);

/**
 * Reads to the end, one portion at a time. `size` is what a stat said, if one was made: a read that asked for more and got
 * just that much has seen the end, and the usual file takes one read. Wrong, it costs a read and changes nothing.
 */
function readAll(fd: number, size: number | undefined, take: (part: Buffer) => void): void {
  for (let total = 0; ; ) {
    const count = readSync(fd, buffer, 0, buffer.length, null);
    if (count === 0) return;
    take(count === buffer.length ? buffer : buffer.subarray(0, count));
    total += count;
    if (total === size && count < buffer.length) return;
  }
}

/** Throws what open and read throw. */
export function digestFile(path: HostPath | Buffer, size?: number): Digest {
  const fd = openSync(typeof path === 'string' ? bytesOf(path) : path, 'r');
  try {
    const hash = createHash('sha256');
    readAll(fd, size, (part) => hash.update(part));
    return finishDigest(hash);
  } finally {
    closeSync(fd);
  }
}

/** The digest of a file, and what fstat says of it once it was read. */
export function digestAndStat(path: HostPath, size: number): { digest: Digest; stats: BigIntStats } {
  const fd = openSync(bytesOf(path), 'r');
  try {
    const hash = createHash('sha256');
    readAll(fd, size, (part) => hash.update(part));
    return { digest: finishDigest(hash), stats: fstatSync(fd, { bigint: true }) };
  } finally {
    closeSync(fd);
  }
}

/**
 * Copies a file's bytes into `target` (an open descriptor) and gives the digest of what was written: a source that
 * changes meanwhile cannot be recorded under a digest it does not have. `size` as a stat said.
 */
export function copyAndDigest(source: Buffer, target: number, size: number): Digest {
  const fd = openSync(source, 'r');
  try {
    const hash = createHash('sha256');
    readAll(fd, size, (part) => {
      hash.update(part);
      writeAll(target, part);
    });
    return finishDigest(hash);
  } finally {
    closeSync(fd);
  }
}

/** write(2) may write less than it was given. */
export function writeAll(fd: number, bytes: Uint8Array): void {
  let done = 0;
  while (done < bytes.length) done += writeSync(fd, bytes, done, bytes.length - done);
}
