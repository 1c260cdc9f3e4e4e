// Owns: what differs in two files' contents: which format's inspector looks into them, and the bytes where none can tell.

import { type Bytes, firstDifference, memoryBytes } from './bytes.ts';
import type { Detail } from './finding.ts';

/** Contents up to this size are held in memory while they are looked into, one of each side. */
export const MAX_HELD = 16 << 20;

/** A content of `size` bytes in memory, read from a stream that gives as many. */
export function hold(size: number, chunks: Iterable<Uint8Array>): Bytes {
  const into = Buffer.allocUnsafe(size);
  let at = 0;
  for (const chunk of chunks) {
    into.set(chunk.subarray(0, size - at), at);
    at += chunk.length;
  }
  return memoryBytes(into.subarray(0, at));
}

/** Every difference worth naming between two contents; at least one where their bytes differ, none where they are equal. */
export function* compareContents(left: Bytes, right: Bytes): Generator<undefined, Detail[], void> {
  const bytes = yield* compareBytes(left.chunks(), right.chunks());
  return bytes === undefined ? [] : [bytes];
}

/** The first differing byte, with what stands around it. */
export function* compareBytes(
  left: Iterable<Uint8Array>,
  right: Iterable<Uint8Array>,
): Generator<undefined, Detail | undefined, void> {
  const first = yield* firstDifference(left, right);
  if (first === undefined) return undefined;
  const { offset, differing, leftSize, rightSize, hex } = first;
  const shorter = Math.min(leftSize, rightSize);
  const note =
    offset === shorter
      ? `the ${leftSize < rightSize ? 'left' : 'right'} ends here`
      : `${differing} of ${shorter} bytes differ`;
  const sizes = leftSize === rightSize ? {} : { left: `${leftSize} bytes`, right: `${rightSize} bytes` };
  return { kind: 'changed', field: 'content', ...sizes, offset, inner: [], hex, note };
}
