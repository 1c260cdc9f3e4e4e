// Owns: the file `index` of a diff: the sha256 of each of its files, so that no file is read twice.
//
//   <64 hex digits> SP <path, bytes> LF
//
// in the order of the layer; in a path `\\` stands for a backslash and `\n` for a newline. Read when first asked for.

import { readFileSync } from 'node:fs';
import type { Digest } from '../../oci/digest.ts';
import { hexOf, parseDigest } from '../../oci/digest.ts';
import type { RawPath } from '../../oci/raw-path.ts';
import { bytesOf, type HostPath } from './raw-fs.ts';

export type DigestIndex = ReadonlyMap<RawPath, Digest>;

export function indexLine(path: RawPath, digest: Digest): string {
  const escaped = /[\\\n]/.test(path) ? path.replaceAll('\\', '\\\\').replaceAll('\n', '\\n') : path;
  return `${hexOf(digest)} ${escaped}\n`;
}

/** Throws what reading throws, and OciError DIGEST_INVALID for a damaged line. */
export function readIndex(file: HostPath): DigestIndex {
  const text = readFileSync(bytesOf(file), 'latin1');
  const index = new Map<RawPath, Digest>();
  let start = 0;
  while (start < text.length) {
    const end = text.indexOf('\n', start);
    const stop = end < 0 ? text.length : end;
    const digest = parseDigest(`sha256:${text.slice(start, start + 64)}`);
    const escaped = text.slice(start + 65, stop);
    const path = escaped.includes('\\')
      ? escaped.replace(/\\(.)/g, (_, char) => (char === 'n' ? '\n' : char))
      : escaped;
    index.set(path as RawPath, digest);
    start = stop + 1;
  }
  return index;
}
