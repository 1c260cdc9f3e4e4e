// Owns: `[root]` of a package.toml to a RootSpec. Takes the table as the TOML parser gave it; reads no files.

import { BuildError, type SourceLocation } from '../errors.ts';
import type { RootSpec } from './types.ts';

/** Where the key at a path below `[root]` stands. */
export type Locate = (...path: readonly (string | number)[]) => SourceLocation;

const KEYS = [
  'suite',
  'components',
  'architecture',
  'packages',
  'keys',
  'signatures',
  'directories',
  'files',
  'links',
] as const;

/** Throws BuildError RECIPE, with the line, for an unknown key, a missing one, or a value that is none of its kind. */
export function parseRootSpec(table: Readonly<Record<string, unknown>>, locate: Locate): RootSpec {
  const fail = (path: readonly (string | number)[], want: string): never => {
    const shown = ['root', ...path.filter((part) => typeof part === 'string')].join('.');
    throw new BuildError('RECIPE', `${shown} is wrong or missing`, { want, location: locate(...path) });
  };
  for (const key of Object.keys(table)) {
    if (KEYS.includes(key as (typeof KEYS)[number])) continue;
    throw new BuildError('RECIPE', `unknown key ${JSON.stringify(key)} in [root]`, {
      hint: `known are ${KEYS.join(', ')}`,
      location: locate(key),
    });
  }
  const word = (key: string, form: RegExp, want: string): string => {
    const value = table[key];
    return typeof value === 'string' && form.test(value) ? value : fail([key], want);
  };
  const words = (key: string, form: RegExp, want: string): string[] => {
    const value = table[key];
    if (!Array.isArray(value) || value.length === 0) return fail([key], want);
    for (const [index, item] of value.entries()) {
      if (typeof item !== 'string' || !form.test(item) || value.indexOf(item) !== index) fail([key, index], want);
    }
    return [...(value as string[])].sort();
  };
  function pairs<T>(key: string, want: string, read: (name: string, value: unknown) => T | undefined): Map<string, T> {
    const value = table[key] ?? {};
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return fail([key], want);
    const found = new Map<string, T>();
    for (const [name, item] of Object.entries(value)) found.set(name, read(name, item) ?? fail([key, name], want));
    return found;
  }
  const text = (name: string, value: unknown) => (isInside(name) && typeof value === 'string' ? value : undefined);

  const fingerprints = pairs('keys', 'keys/NAME.asc = "40 upper-case hex digits"', (name, value) =>
    isInside(name) && typeof value === 'string' && /^[0-9A-F]{40}$/.test(value) ? value : undefined,
  );
  const keys = [...fingerprints].map(([file, fingerprint]) => ({ file, fingerprint }));
  if (keys.length === 0) fail(['keys'], 'at least one pinned key');
  if (new Set(fingerprints.values()).size < keys.length) fail(['keys'], 'each fingerprint once');
  const signatures = table['signatures'] ?? 1;
  if (typeof signatures !== 'number' || !Number.isInteger(signatures) || signatures < 1 || signatures > keys.length) {
    return fail(['signatures'], `a count from 1 to ${keys.length}, the number of keys`);
  }
  return {
    suite: word('suite', /^[a-z][a-z0-9-]*$/, 'a codename such as "bookworm"'),
    components: words('components', /^[a-z][a-z0-9-]*$/, 'a list such as ["main"], each once'),
    architecture: word('architecture', /^[a-z][a-z0-9-]*$/, 'a Debian architecture such as "amd64"'),
    packages: words('packages', /^[a-z0-9][a-z0-9+.-]+$/, 'a list of package names, each once'),
    keys,
    signatures,
    directories: pairs('directories', 'a path below the root = "octal permission bits"', (name, value) =>
      isInside(name) && typeof value === 'string' && /^[0-7]{3,4}$/.test(value) ? Number.parseInt(value, 8) : undefined,
    ),
    files: pairs('files', 'a path below the root = "content"', text),
    links: pairs('links', 'a path below the root = "target"', (name, value) => text(name, value) || undefined),
    location: locate(),
  };
}

/** A relative path without `.`, `..` or empty parts, and without control characters. */
function isInside(path: string): boolean {
  return path.split('/').every((part) => part !== '' && part !== '.' && part !== '..') && !/[\x00-\x1f]/.test(path);
}
