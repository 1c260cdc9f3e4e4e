// Owns: file names as bytes. Linux names are bytes without NUL, not text; a layer must carry them unchanged.
//
// A RawPath is a JavaScript string with one char (0..255) for each byte: comparing two of them with < compares
// bytes, they work as Map keys, and joining is plain concatenation. It is never shown to a user or put into JSON as it
// is: displayPath is for people.

import { escapeHidden } from './shown-text.ts';

/** Bytes of a path, one char a byte. Relative to a rootfs: no leading `/`, no `.` or `..`, no trailing `/`; '' is the root. */
export type RawPath = string & { readonly __rawPath: unique symbol };

/** The bytes of UTF-8 text. */
export function rawPath(text: string): RawPath {
  return Buffer.from(text, 'utf8').toString('latin1') as RawPath;
}

export function rawFromBuffer(bytes: Uint8Array): RawPath {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1') as RawPath;
}

/** What node:fs takes. */
export function rawToBuffer(path: RawPath): Buffer {
  return Buffer.from(path, 'latin1');
}

/** For messages: UTF-8 where the bytes are UTF-8; bytes that are not as \xHH, and so whatever a terminal would obey. */
export function displayPath(path: RawPath): string {
  const bytes = rawToBuffer(path);
  const text = bytes.toString('utf8');
  const shown = Buffer.from(text, 'utf8').equals(bytes) ? text : path.replace(/[^ -~]/g, escapeByte);
  return escapeHidden(shown);
}

function escapeByte(char: string): string {
  return `\\x${char.charCodeAt(0).toString(16).padStart(2, '0')}`;
}

/** Joins below a directory; '' is the root. */
export function joinRaw(directory: RawPath, name: RawPath | string): RawPath {
  return (directory === '' ? name : `${directory}/${name}`) as RawPath;
}

/** The directory above; the root's own is ''. */
export function parentRaw(path: RawPath): RawPath {
  const slash = path.lastIndexOf('/');
  return (slash < 0 ? '' : path.slice(0, slash)) as RawPath;
}

export function baseRaw(path: RawPath): RawPath {
  return path.slice(path.lastIndexOf('/') + 1) as RawPath;
}
