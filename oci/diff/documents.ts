// Owns: what two JSON documents say differently, by JSON path; and documents that mean the same in other bytes.

import { canonicalJson, type Json } from '../json.ts';
import { shownText } from '../shown-text.ts';
import { firstDifference } from './bytes.ts';
import type { Detail } from './finding.ts';

/** Most differences told of one document. */
const MAX_DETAILS = 500;
const MAX_SHOWN = 300;

/**
 * Differences of two values; `skip` leaves out paths that something deeper tells. Lists are aligned at both ends, so that one
 * more item is one difference. Path of the top is ''.
 */
export function compareJson(left: unknown, right: unknown, skip: (path: string) => boolean = () => false): Detail[] {
  const found: Detail[] = [];
  compareAt(left, right, '', found, skip);
  return found;
}

function compareAt(left: unknown, right: unknown, path: string, into: Detail[], skip: (path: string) => boolean): void {
  if (skip(path) || into.length >= MAX_DETAILS) return;
  if (Array.isArray(left) && Array.isArray(right)) compareLists(left, right, path, into, skip);
  else if (isObject(left) && isObject(right)) {
    for (const key of [...new Set([...Object.keys(left), ...Object.keys(right)])].sort()) {
      const has = [Object.hasOwn(left, key), Object.hasOwn(right, key)];
      const step = /^[A-Za-z_][\w-]*$/.test(key) ? `.${key}` : `[${JSON.stringify(shownText(key))}]`;
      const at = path === '' ? step.replace(/^\./, '') : path + step;
      if (has[0] && has[1]) compareAt(left[key], right[key], at, into, skip);
      else if (!skip(at)) into.push(oneSided(at, has[0] === true, has[0] ? left[key] : right[key]));
    }
  } else if (!isSame(left, right)) {
    into.push({ kind: 'changed', field: path, left: shown(left), right: shown(right), inner: [] });
  }
}

function compareLists(
  left: readonly unknown[],
  right: readonly unknown[],
  path: string,
  into: Detail[],
  skip: (path: string) => boolean,
): void {
  const sorted = (list: readonly unknown[]): string => list.map(textOf).sort().join('\n');
  if (left.length === right.length && left.length > 1 && !isSame(left, right) && sorted(left) === sorted(right)) {
    if (!skip(path)) into.push({ kind: 'order', field: path, left: shown(left), right: shown(right), inner: [] });
    return;
  }
  let start = 0;
  let [end, otherEnd] = [left.length, right.length];
  if (left.length !== right.length) {
    while (start < Math.min(end, otherEnd) && isSame(left[start], right[start])) start++;
    while (end > start && otherEnd > start && isSame(left[end - 1], right[otherEnd - 1])) {
      end--;
      otherEnd--;
    }
  }
  for (let i = start; i < Math.max(end, otherEnd); i++) {
    const at = `${path}[${i}]`;
    if (i < end && i < otherEnd) compareAt(left[i], right[i], at, into, skip);
    else if (!skip(at)) into.push(oneSided(at, i < end, i < end ? left[i] : right[i]));
  }
}

function oneSided(field: string, isLeft: boolean, value: unknown): Detail {
  return { kind: 'missing', field, ...(isLeft ? { left: shown(value) } : { right: shown(value) }), inner: [] };
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return value !== null && typeof value === 'object' && !Array.isArray(value);
}

function isSame(left: unknown, right: unknown): boolean {
  return left === right || textOf(left) === textOf(right);
}

function textOf(value: unknown): string {
  return canonicalJson((value ?? null) as Json);
}

function shown(value: unknown): string {
  const text = shownText(JSON.stringify(value) ?? 'nothing').replace(/\\\\/g, '\\');
  return text.length > MAX_SHOWN ? `${text.slice(0, MAX_SHOWN)}...` : text;
}

/** Where the bytes of two documents that mean the same begin to differ. */
export function compareEncoding(left: Uint8Array, right: Uint8Array): Detail | undefined {
  const step = firstDifference([left], [right]).next();
  const first = step.done === true ? step.value : undefined;
  if (first === undefined) return undefined;
  return {
    kind: 'encoding',
    field: 'json',
    left: `${left.length} bytes`,
    right: `${right.length} bytes`,
    offset: first.offset,
    hex: first.hex,
    inner: [],
    note: 'the same document, written in other bytes',
  };
}
