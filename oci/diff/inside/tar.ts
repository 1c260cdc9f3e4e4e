// Owns: telling a tar from its first block.

import { BLOCK, parseHeader } from '../../layer/header.ts';
import type { Bytes } from '../bytes.ts';

/** Is the first block a header with a right checksum, of a dialect that says so, or an old one with a name? */
export function isTar(bytes: Bytes): boolean {
  const block = bytes.read(0, BLOCK);
  if (block.length < BLOCK || block.every((byte) => byte === 0)) return false;
  try {
    return parseHeader(block, 0).name !== '';
  } catch {
    return false;
  }
}
