// Owns: reading parts of a content at any place: from memory, or from a stream that can be opened again. And the first place
// where two contents differ.

import type { Detail, HexWindow } from './finding.ts';

/** A content of known length. */
export interface Bytes {
  readonly size: number;
  /** The bytes from `offset`; fewer than `length` only at the end. Valid for good. */
  read(offset: number, length: number): Buffer;
  /** All of it, in portions valid until the next. */
  chunks(): Iterable<Uint8Array>;
}

export function memoryBytes(bytes: Uint8Array): Bytes {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return {
    size: buffer.length,
    read: (offset, length) =>
      buffer.subarray(Math.min(offset, buffer.length), Math.min(offset + length, buffer.length)),
    chunks: () => [buffer],
  };
}

/** Most bytes one read of a stream gives: what asks for more is no format anybody writes. */
const MAX_READ = 16 << 20;

/** Reading forwards goes on in the same stream; reading backwards opens it again. Close it when done. */
export function streamBytes(size: number, open: () => Iterable<Uint8Array>): Bytes & { close(): void } {
  let source: Iterator<Uint8Array> | undefined;
  let at = 0;
  let rest: Uint8Array = new Uint8Array(0);
  const close = (): void => {
    source?.return?.();
    source = undefined;
  };
  const read = (offset: number, length: number): Buffer => {
    if (source === undefined || offset < at) {
      close();
      source = open()[Symbol.iterator]();
      at = 0;
      rest = new Uint8Array(0);
    }
    const wanted = Math.max(0, Math.min(length, size - offset, MAX_READ));
    const into = Buffer.alloc(wanted);
    for (let done = 0; done < wanted; ) {
      if (rest.length === 0) {
        const next = source.next();
        if (next.done === true) return into.subarray(0, done);
        rest = next.value;
      }
      const skip = Math.min(rest.length, offset + done - at);
      rest = rest.subarray(skip);
      at += skip;
      const part = rest.subarray(0, wanted - done);
      into.set(part, done);
      rest = rest.subarray(part.length);
      at += part.length;
      done += part.length;
    }
    return into;
  };
  return { size, read, chunks: open, close };
}

/** Bytes shown before the line the difference stands in, and altogether: whole lines of 16. */
const LEAD = 16;
const WINDOW = 64;

export interface FirstDifference {
  readonly offset: number;
  /** How many bytes differ where both sides have one. */
  readonly differing: number;
  readonly leftSize: number;
  readonly rightSize: number;
  readonly hex: { readonly left: HexWindow; readonly right: HexWindow };
}

/** The first place where two streams differ, undefined where they are equal. Reads both to their end; yields for a turn. */
export function* firstDifference(
  left: Iterable<Uint8Array>,
  right: Iterable<Uint8Array>,
): Generator<undefined, FirstDifference | undefined, void> {
  const [a, b] = [cursor(left), cursor(right)];
  let at = 0;
  let offset: number | undefined;
  let differing = 0;
  let turnedAt = 0;
  let before: Buffer = Buffer.alloc(0);
  const shown: [Buffer[], Buffer[]] = [[], []];
  const room = [0, 0];
  const show = (side: 0 | 1, bytes: Uint8Array): void => {
    if (bytes.length === 0 || room[side]! <= 0) return;
    const part = Buffer.from(bytes.subarray(0, room[side]));
    shown[side].push(part);
    room[side]! -= part.length;
  };
  for (;;) {
    const [one, other] = [a.some(), b.some()];
    const length = Math.min(one.length, other.length);
    if (length === 0) {
      // One side has ended: the rest of the other is counted, and shown where it is the difference.
      if (one.length > 0 || other.length > 0) {
        if (offset === undefined) {
          offset = at;
          begin();
        }
        for (const [side, stream] of [
          [0, a],
          [1, b],
        ] as const) {
          for (let bytes = stream.some(); bytes.length > 0; bytes = stream.some()) {
            show(side, bytes);
            stream.advance(bytes.length);
            if (stream.at - turnedAt >= TURN) {
              turnedAt = stream.at;
              yield;
            }
          }
        }
      }
      break;
    }
    const [x, y] = [one.subarray(0, length), other.subarray(0, length)];
    if (Buffer.compare(x, y) !== 0) {
      let i = 0;
      if (offset === undefined) {
        while (x[i] === y[i]) i++;
        offset = at + i;
        before = Buffer.concat([before, x.subarray(Math.max(0, i - LEAD - 16), i)]);
        begin();
        show(0, x.subarray(i));
        show(1, y.subarray(i));
      } else {
        show(0, x);
        show(1, y);
      }
      for (; i < length; i++) if (x[i] !== y[i]) differing++;
    } else if (offset !== undefined) {
      show(0, x);
      show(1, y);
    } else {
      const kept = x.subarray(Math.max(0, length - LEAD - 16));
      before = Buffer.concat([before, kept]).subarray(-(LEAD + 16));
    }
    at += length;
    a.advance(length);
    b.advance(length);
    if (at - turnedAt >= TURN) {
      turnedAt = at;
      yield;
    }
  }
  if (offset === undefined) return undefined;
  const start = startOf(offset);
  const window = (side: 0 | 1): HexWindow => ({ at: start, bytes: Buffer.concat(shown[side]).toString('hex') });
  return { offset, differing, leftSize: a.at, rightSize: b.at, hex: { left: window(0), right: window(1) } };

  function begin(): void {
    const lead = before.subarray(before.length - (offset! - startOf(offset!)));
    shown[0].push(lead);
    shown[1].push(lead);
    room[0] = WINDOW - lead.length;
    room[1] = WINDOW - lead.length;
  }
}

/** A turn of the event loop for every so many bytes. */
const TURN = 32 << 20;

function startOf(offset: number): number {
  return Math.max(0, offset - (offset % 16) - LEAD);
}

interface Cursor {
  /** Bytes passed. */
  at: number;
  /** What comes next, at least one byte, or nothing at the end. */
  some(): Uint8Array;
  advance(count: number): void;
}

function cursor(chunks: Iterable<Uint8Array>): Cursor {
  const source = chunks[Symbol.iterator]();
  let rest: Uint8Array = new Uint8Array(0);
  return {
    at: 0,
    some() {
      while (rest.length === 0) {
        const next = source.next();
        if (next.done === true) return rest;
        rest = next.value;
      }
      return rest;
    },
    advance(count) {
      rest = rest.subarray(count);
      this.at += count;
    },
  };
}

const PORTION = 1 << 20;

/** A part of a content. */
export function sliceBytes(bytes: Bytes, offset: number, size: number): Bytes {
  const whole = Math.max(0, Math.min(size, bytes.size - offset));
  return {
    size: whole,
    read: (at, length) => bytes.read(offset + at, Math.max(0, Math.min(length, whole - at))),
    *chunks() {
      for (let at = 0; at < whole; ) {
        const part = bytes.read(offset + at, Math.min(PORTION, whole - at));
        if (part.length === 0) return;
        yield part;
        at += part.length;
      }
    },
  };
}

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
