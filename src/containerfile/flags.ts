// Owns: which flags an instruction takes and of what kind, and reading them.

import type { SourceLocation } from '../errors.ts';
import { nearMiss, refuse, shown } from './fault.ts';
import type { Flag } from './token.ts';

/** `bool` stands alone or says true or false; `text` once with a value; `list` any number of times with a value. */
type FlagKind = 'bool' | 'text' | 'list';

const FLAGS: Readonly<Record<string, Readonly<Record<string, FlagKind>>>> = {
  FROM: { platform: 'text' },
  RUN: { mount: 'list', network: 'text', security: 'text' },
  COPY: { from: 'text', chown: 'text', chmod: 'text', link: 'bool', parents: 'bool', exclude: 'list' },
  ADD: {
    chown: 'text',
    chmod: 'text',
    link: 'bool',
    exclude: 'list',
    checksum: 'text',
    'keep-git-dir': 'bool',
    unpack: 'bool',
  },
  HEALTHCHECK: {
    interval: 'text',
    timeout: 'text',
    'start-period': 'text',
    'start-interval': 'text',
    retries: 'text',
  },
};

export interface FlagValues {
  /** Undefined when the flag is absent or its value is empty, which mean the same. */
  text(name: string): string | undefined;
  bool(name: string): boolean | undefined;
  list(name: string): readonly string[];
}

/** Throws BuildError PARSE for a flag this instruction has not, one given twice, and a value that is missing or not of its kind. */
export function readFlags(keyword: string, flags: readonly Flag[], at: SourceLocation): FlagValues {
  const kinds = Object.hasOwn(FLAGS, keyword) ? FLAGS[keyword]! : {};
  const values = new Map<string, string[]>();
  for (const { name, value } of flags) {
    const kind = Object.hasOwn(kinds, name) ? kinds[name]! : undefined;
    if (kind === undefined) refuseUnknown(keyword, name, Object.keys(kinds), at);
    if (kind !== 'list' && values.has(name)) refuse(at, `--${name} is given twice`);
    if (kind === 'bool') {
      const lower = value?.toLowerCase() ?? 'true';
      if (lower !== 'true' && lower !== 'false') {
        refuse(at, `--${name} of ${keyword}`, { want: 'true or false', got: shown(lower) });
      }
      values.set(name, [lower]);
      continue;
    }
    if (value === undefined) refuse(at, `--${name} of ${keyword} has no value`, { want: `--${name}=VALUE` });
    values.set(name, [...(values.get(name) ?? []), value]);
  }
  return {
    text: (name) => values.get(name)?.[0] || undefined,
    bool: (name) => (values.has(name) ? values.get(name)![0] === 'true' : undefined),
    list: (name) => values.get(name) ?? [],
  };
}

function refuseUnknown(keyword: string, name: string, known: readonly string[], at: SourceLocation): never {
  if (keyword === 'RUN' && name === 'device') {
    refuse(at, 'RUN --device is not supported', { hint: 'steps see no devices of the machine' });
  }
  const near = nearMiss(name, known);
  const all =
    known.length === 0 ? `${keyword} has no flags` : `${keyword} has ${known.map((flag) => `--${flag}`).join(', ')}`;
  refuse(at, `${keyword} has no flag ${shown(`--${name}`)}`, { hint: near?.replace('mean ', 'mean --') ?? all });
}
