// Owns: JSON that means the same to every reader: no name twice in an object, no bytes that are not UTF-8, no NUL, nothing
// around the value. JSON.parse takes the last of two members and other readers the first, so a signed text needs this.

import { OciError } from '../errors.ts';
import type { Json } from '../json.ts';

const MAX_DEPTH = 16;
const BLANK = /[ \t\r\n]*/y;
const STRING = /"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/y;
const NUMBER = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y;
const WORD = /true|false|null/y;

/** Bytes to a value, in which objects have no prototype. Throws OciError SIGNATURE_INVALID with the offset. */
export function parseStrictJson(bytes: Uint8Array): Json {
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (cause) {
    throw new OciError('SIGNATURE_INVALID', 'the signed text is not UTF-8', { cause });
  }
  let at = 0;
  const fail = (message: string): never => {
    throw new OciError('SIGNATURE_INVALID', `${message}, at character ${at} of the signed text`);
  };
  const match = (pattern: RegExp): string | undefined => {
    pattern.lastIndex = at;
    const found = pattern.exec(text)?.[0];
    if (found !== undefined) at += found.length;
    return found;
  };
  const skip = (mark: string): boolean => {
    match(BLANK);
    if (text[at] !== mark) return false;
    at++;
    match(BLANK);
    return true;
  };
  const readString = (): string => {
    const raw = match(STRING) ?? fail('no string where one belongs');
    const value = JSON.parse(raw) as string;
    // C programs, and people, stop reading at a NUL.
    if (value.includes('\0')) fail('a NUL character');
    return value;
  };
  const readObject = (depth: number): Json => {
    const object = Object.create(null) as Record<string, Json>;
    if (skip('}')) return object;
    for (;;) {
      const name = readString();
      if (name in object) fail(`the member ${JSON.stringify(name)} twice`);
      if (!skip(':')) fail('no colon behind a member');
      object[name] = readValue(depth + 1);
      if (skip('}')) return object;
      if (!skip(',')) fail('no comma between members');
    }
  };
  const readList = (depth: number): Json => {
    const list: Json[] = [];
    if (skip(']')) return list;
    for (;;) {
      list.push(readValue(depth + 1));
      if (skip(']')) return list;
      if (!skip(',')) fail('no comma between values');
    }
  };
  const readValue = (depth: number): Json => {
    if (depth > MAX_DEPTH) return fail('too many levels');
    if (skip('{')) return readObject(depth);
    if (skip('[')) return readList(depth);
    if (text[at] === '"') return readString();
    const word = match(WORD);
    if (word !== undefined) return JSON.parse(word) as Json;
    return Number(match(NUMBER) ?? fail('the signed text is no JSON'));
  };
  match(BLANK);
  const value = readValue(0);
  match(BLANK);
  if (at !== text.length) fail('something behind the JSON');
  return value;
}
