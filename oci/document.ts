// Owns: reading JSON documents of the image-spec: bytes to a checked object, with the JSON path of whatever is wrong.
// Members nobody here knows are kept. `null` stands for an absent member, as Go programs write it.

import { isDigest } from './digest.ts';
import { OciError } from './errors.ts';
import type { Json } from './json.ts';

export type JsonObject = { readonly [key: string]: Json | undefined };

const MAX_DEPTH = 64;

/** Parses UTF-8 JSON whose top is an object. `what` names the document in messages. Throws OciError DOCUMENT_INVALID. */
export function parseDocument(bytes: Uint8Array, what: string): JsonObject {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes));
  } catch (cause) {
    throw new OciError('DOCUMENT_INVALID', `${what} is no JSON`, { got: (cause as Error).message, cause });
  }
  return asObject(tidy(value, what, 0), what);
}

/** Without null members, and with no number that canonical JSON could not write. */
function tidy(value: unknown, path: string, depth: number): Json {
  if (depth > MAX_DEPTH) throw invalid(path, `at most ${MAX_DEPTH} levels`, 'more');
  if (typeof value === 'number' && !Number.isSafeInteger(value)) throw invalid(path, 'a whole number', String(value));
  if (Array.isArray(value)) return value.map((item, i) => tidy(item, `${path}[${i}]`, depth + 1));
  if (value === null || typeof value !== 'object') return value as Json;
  const members = Object.entries(value).filter(([, item]) => item !== null);
  return Object.fromEntries(members.map(([key, item]) => [key, tidy(item, `${path}.${key}`, depth + 1)]));
}

export function invalid(path: string, want: string, got: unknown): OciError {
  const shown = typeof got === 'string' ? got : (JSON.stringify(got) ?? 'nothing');
  const short = shown.length > 80 ? `${shown.slice(0, 77)}...` : shown;
  return new OciError('DOCUMENT_INVALID', path, { want, got: short });
}

export function asObject(value: Json | undefined, path: string): JsonObject {
  if (value === undefined || value === null || typeof value !== 'object' || Array.isArray(value)) {
    throw invalid(path, 'an object', value);
  }
  return value as JsonObject;
}

type Check = (value: Json, path: string) => void;

/** Checks a member that may be absent. */
export function optional(object: JsonObject, key: string, path: string, check: Check): void {
  const value = object[key];
  if (value !== undefined) check(value, `${path}.${key}`);
}

/** Checks a member that must be there. */
export function required(object: JsonObject, key: string, path: string, check: Check): void {
  const value = object[key];
  if (value === undefined) throw new OciError('DOCUMENT_INVALID', `${path}.${key} is missing`);
  check(value, `${path}.${key}`);
}

export const isText: Check = (value, path) => {
  if (typeof value !== 'string') throw invalid(path, 'a string', value);
};

export const isFilledText: Check = (value, path) => {
  if (typeof value !== 'string' || value === '') throw invalid(path, 'a string that is not empty', value);
};

export const isYesNo: Check = (value, path) => {
  if (typeof value !== 'boolean') throw invalid(path, 'true or false', value);
};

export const isCount: Check = (value, path) => {
  if (typeof value !== 'number' || value < 0) throw invalid(path, 'a whole number, 0 or more', value);
};

export const isWhole: Check = (value, path) => {
  if (typeof value !== 'number') throw invalid(path, 'a whole number', value);
};

export const isSha256: Check = (value, path) => {
  if (!isDigest(value)) throw invalid(path, 'sha256: and 64 lower-case hex digits', value);
};

/** RFC 3339, as `created` has it. */
export const isTime: Check = (value, path) => {
  const form = /^\d{4}-\d{2}-\d{2}[Tt]\d{2}:\d{2}:\d{2}(\.\d+)?([Zz]|[+-]\d{2}:\d{2})$/;
  if (typeof value !== 'string' || !form.test(value)) throw invalid(path, 'a time as in RFC 3339', value);
};

export function isListOf(check: Check): Check {
  return (value, path) => {
    if (!Array.isArray(value)) throw invalid(path, 'a list', value);
    for (const [i, item] of value.entries()) check(item, `${path}[${i}]`);
  };
}

export function isMapOf(check: Check): Check {
  return (value, path) => {
    for (const [key, item] of Object.entries(asObject(value, path))) check(item as Json, `${path}.${key}`);
  };
}

export const isTextMap = isMapOf(isText);
export const isTextList = isListOf(isText);

export function isOneOf(...words: readonly (string | number)[]): Check {
  return (value, path) => {
    if (!words.includes(value as string | number)) throw invalid(path, words.join(' or '), value);
  };
}

export const isPlatform: Check = (value, path) => {
  const platform = asObject(value, path);
  required(platform, 'architecture', path, isText);
  required(platform, 'os', path, isText);
  optional(platform, 'variant', path, isText);
  optional(platform, 'os.version', path, isText);
  optional(platform, 'os.features', path, isTextList);
};

/** image-spec descriptor.md, "Properties". */
export const isDescriptor: Check = (value, path) => {
  const descriptor = asObject(value, path);
  required(descriptor, 'mediaType', path, isFilledText);
  required(descriptor, 'digest', path, isSha256);
  required(descriptor, 'size', path, isCount);
  optional(descriptor, 'annotations', path, isTextMap);
  optional(descriptor, 'urls', path, isTextList);
  optional(descriptor, 'data', path, isText);
  optional(descriptor, 'artifactType', path, isText);
  optional(descriptor, 'platform', path, isPlatform);
};
