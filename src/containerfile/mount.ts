// Owns: the value of `RUN --mount=`. Knows nothing of stages or of where a mount's files come from.

import type { SourceLocation } from '../errors.ts';
import { nearMiss, refuse, shown } from './fault.ts';
import type { Mount } from './instruction.ts';

const TYPES = ['bind', 'cache', 'tmpfs', 'secret', 'ssh'] as const;
const SHARINGS = ['shared', 'private', 'locked'] as const;
type MountType = (typeof TYPES)[number];

/**
 * Every key of a mount, and the types that take it. Short names of a key stand in ALIASES. Where BuildKit takes a key and ignores it (an
 * id of a bind mount), so it is here.
 */
const KEYS: Readonly<Record<string, readonly MountType[]>> = {
  type: TYPES,
  target: TYPES,
  from: ['bind', 'cache', 'tmpfs', 'ssh'],
  source: TYPES,
  readonly: TYPES,
  readwrite: TYPES,
  id: TYPES,
  sharing: ['cache'],
  required: ['secret', 'ssh'],
  mode: ['cache', 'secret', 'ssh'],
  uid: TYPES,
  gid: TYPES,
  size: ['tmpfs'],
  env: ['secret'],
};
const ALIASES: Readonly<Record<string, string>> = {
  dst: 'target',
  destination: 'target',
  src: 'source',
  ro: 'readonly',
  rw: 'readwrite',
};
/** Keys that stand for true without a value. */
const SWITCHES = new Set(['readonly', 'readwrite', 'required']);

/**
 *     mount  = field (',' field)*         as one CSV record: a field with a comma in it is quoted
 *     field  = key '=' value | 'ro' | 'rw' | 'readonly' | 'readwrite' | 'required'
 *
 * `type` defaults to bind. `expand` is applied to each value first; when it is undefined, values that hold a `$` are left out of the
 * result and unchecked. Throws BuildError PARSE for anything unknown or contradictory, the flag's line being that of the instruction.
 */
export function parseMount(text: string, at: SourceLocation, expand?: (value: string) => string): Mount {
  const given = new Map<string, string>();
  let incomplete = false;
  for (const field of csvFields(text, at)) {
    const { key, value } = readField(field, text, at);
    if (key === 'from' && value.includes('$')) {
      refuse(at, 'a variable cannot stand in from= of a mount', {
        got: shown(value),
        hint: 'name a stage with FROM … AS instead',
      });
    }
    if (given.has(key)) refuse(at, `${key} is given twice in --mount=${text}`);
    if (expand === undefined && value.includes('$')) incomplete = true;
    else given.set(key, expand === undefined ? value : expand(value));
  }
  return toMount(given, text, at, incomplete);
}

function readField(field: string, text: string, at: SourceLocation): { key: string; value: string } {
  const equals = field.indexOf('=');
  const written = (equals < 0 ? field : field.slice(0, equals)).trim().toLowerCase();
  const key = Object.hasOwn(ALIASES, written) ? ALIASES[written]! : written;
  if (!Object.hasOwn(KEYS, key)) {
    const hint = nearMiss(written, [...Object.keys(KEYS), ...Object.keys(ALIASES)]);
    refuse(at, `${shown(written)} is no key of --mount=${text}`, hint === undefined ? {} : { hint });
  }
  if (equals >= 0) return { key, value: field.slice(equals + 1) };
  if (!SWITCHES.has(key)) refuse(at, `${key} has no value in --mount=${text}`, { want: `${key}=VALUE` });
  return { key, value: 'true' };
}

function toMount(given: ReadonlyMap<string, string>, text: string, at: SourceLocation, incomplete: boolean): Mount {
  const bad = (key: string, want: string): never =>
    refuse(at, `${key} of --mount=${text}`, { want, got: shown(given.get(key)!) });
  const oneOf = <T extends string>(key: string, words: readonly T[]): T | undefined => {
    const value = given.get(key)?.toLowerCase();
    if (value === undefined) return undefined;
    return words.find((word) => word === value) ?? bad(key, `one of ${words.join(', ')}`);
  };
  const number = (key: string, pattern: RegExp, base: number, want: string): number | undefined => {
    const value = given.get(key);
    if (value === undefined) return undefined;
    const parsed = pattern.test(value) ? Number.parseInt(value, base) : Number.NaN;
    return parsed <= 0xffffffff ? parsed : bad(key, want);
  };
  const flag = (key: string): boolean | undefined => {
    const value = given.get(key);
    if (value === undefined) return undefined;
    if (/^(1|t|T|TRUE|true|True)$/.test(value)) return true;
    return /^(0|f|F|FALSE|false|False)$/.test(value) ? false : bad(key, 'true or false');
  };

  const type = oneOf('type', TYPES) ?? 'bind';
  // With the type itself in a variable, which keys it takes is not known yet.
  const typeKnown = !incomplete || given.has('type') || !/(^|,)\s*"?type=/i.test(text);
  for (const key of typeKnown ? given.keys() : []) {
    if (!KEYS[key]!.includes(type)) refuse(at, `a mount of type ${type} has no ${key}`, { got: `--mount=${text}` });
  }
  const sharing = oneOf('sharing', SHARINGS);
  const mode = number('mode', /^[0-7]+$/, 8, 'an octal number');
  const uid = number('uid', /^[0-9]+$/, 10, 'a number');
  const gid = number('gid', /^[0-9]+$/, 10, 'a number');
  const size = given.has('size')
    ? (parseSize(given.get('size')!) ?? bad('size', 'bytes, or a number and k, m, g'))
    : undefined;
  const required = flag('required');
  const readwrite = flag('readwrite');
  const readonly = flag('readonly') ?? (readwrite === undefined ? undefined : !readwrite);
  if (given.has('readonly') && given.has('readwrite'))
    refuse(at, `readonly and readwrite are both given in --mount=${text}`);
  if (type === 'secret' && !incomplete) {
    if (given.has('id') && given.has('source')) refuse(at, `id and source are both given in --mount=${text}`);
    if (!given.has('id') && !given.has('source') && !given.has('target')) {
      refuse(at, 'a secret mount needs an id', { got: `--mount=${text}` });
    }
  }
  const texts: Partial<Record<'target' | 'source' | 'from' | 'id' | 'env', string>> = {};
  for (const key of ['target', 'source', 'from', 'id', 'env'] as const) {
    const value = given.get(key);
    if (value !== undefined && value !== '') texts[key] = value;
  }
  return {
    type,
    ...texts,
    ...(readonly === undefined ? {} : { readonly }),
    ...(sharing === undefined ? {} : { sharing }),
    ...(required === undefined ? {} : { required }),
    ...(mode === undefined ? {} : { mode }),
    ...(uid === undefined ? {} : { uid }),
    ...(gid === undefined ? {} : { gid }),
    ...(size === undefined ? {} : { size }),
  };
}

/**
 *     size = digits ['.' digits] [' '] ['k' | 'm' | 'g' | 't' | 'p'] ['i'] ['b']      in powers of 1024, case does not count
 *
 * Bytes, rounded down; undefined when it is no size.
 */
export function parseSize(text: string): number | undefined {
  const match = /^([0-9]+(?:\.[0-9]+)?) ?(?:([kmgtp])i?)?b?$/i.exec(text);
  if (match === null) return undefined;
  const power = match[2] === undefined ? 0 : 'kmgtp'.indexOf(match[2].toLowerCase()) + 1;
  const bytes = Math.floor(Number(match[1]) * 1024 ** power);
  return Number.isSafeInteger(bytes) ? bytes : undefined;
}

/** One CSV record (RFC 4180): fields between commas; a field that starts with `"` ends at the next single one, `""` is one inside. */
function csvFields(text: string, at: SourceLocation): string[] {
  const fields: string[] = [];
  let pos = 0;
  for (;;) {
    if (text[pos] === '"') {
      const match = /"((?:[^"]|"")*)"(,|$)/y;
      match.lastIndex = pos;
      const found = match.exec(text);
      if (found === null) refuse(at, `a quoted field of --mount=${text} does not end`);
      fields.push(found[1]!.replaceAll('""', '"'));
      pos = match.lastIndex;
      if (found[2] === '') return fields;
      continue;
    }
    const comma = text.indexOf(',', pos);
    const field = text.slice(pos, comma < 0 ? text.length : comma);
    if (field.includes('"')) refuse(at, `a quote stands in the middle of a field of --mount=${text}`);
    fields.push(field);
    if (comma < 0) return fields;
    pos = comma + 1;
  }
}
