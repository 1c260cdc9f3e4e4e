// Owns: `[root]` of a package.toml to a RootSpec. Takes the table as the TOML parser gave it; reads no files.

import { BuildError, type SourceLocation } from '../errors.ts';
import type { AlpineSpec, DebianSpec, RootSpec } from './types.ts';

/** Where the key at a path below `[root]` stands. */
export type Locate = (...path: readonly (string | number)[]) => SourceLocation;

const COMMON = ['packages', 'keys', 'signatures', 'directories', 'files', 'links'];
const DEBIAN = ['suite', 'components', 'architecture', ...COMMON];
const ALPINE = ['branch', 'repositories', 'architecture', ...COMMON];

/** Throws BuildError RECIPE, with the line, for an unknown key, a missing one, or a value that is none of its kind. */
export function parseRootSpec(
  kind: RootSpec['kind'],
  table: Readonly<Record<string, unknown>>,
  locate: Locate,
): RootSpec {
  return kind === 'debian-root' ? parseDebianSpec(table, locate) : parseAlpineSpec(table, locate);
}

/** As parseRootSpec, for a root of Debian packages. */
export function parseDebianSpec(table: Readonly<Record<string, unknown>>, locate: Locate): DebianSpec {
  const { word, words, common } = openTable(table, locate, DEBIAN);
  return {
    kind: 'debian-root',
    suite: word('suite', /^[a-z][a-z0-9-]*$/, 'a codename such as "bookworm"'),
    components: words('components', /^[a-z][a-z0-9-]*$/, 'a list such as ["main"], each once'),
    architecture: word('architecture', /^[a-z][a-z0-9-]*$/, 'a Debian architecture such as "amd64"'),
    packages: words('packages', /^[a-z0-9][a-z0-9+.-]+$/, 'a list of package names, each once'),
    ...common(/^[0-9A-F]{40}$/, 'keys/NAME.asc = "40 upper-case hex digits"'),
  };
}

/** As parseRootSpec, for a root of Alpine packages. */
export function parseAlpineSpec(table: Readonly<Record<string, unknown>>, locate: Locate): AlpineSpec {
  const { word, words, common } = openTable(table, locate, ALPINE);
  return {
    kind: 'alpine-root',
    branch: word('branch', /^(v[0-9]+\.[0-9]+|edge)$/, 'a branch such as "v3.22"'),
    repositories: words('repositories', /^[a-z]+$/, 'a list such as ["main"], each once'),
    architecture: word('architecture', /^[a-z][a-z0-9_]*$/, 'an Alpine architecture such as "x86_64"'),
    packages: words('packages', /^[A-Za-z0-9][A-Za-z0-9+._-]*$/, 'a list of package names, each once'),
    ...common(/^[0-9a-f]{64}$/, 'keys/NAME.rsa.pub = "64 lower-case hex digits"'),
  };
}

/** Reads values of `[root]`, and complains of them with their line. */
function openTable(table: Readonly<Record<string, unknown>>, locate: Locate, known: readonly string[]) {
  const fail = (path: readonly (string | number)[], want: string): never => {
    const shown = ['root', ...path.filter((part) => typeof part === 'string')].join('.');
    throw new BuildError('RECIPE', `${shown} is wrong or missing`, { want, location: locate(...path) });
  };
  for (const key of Object.keys(table)) {
    if (known.includes(key)) continue;
    throw new BuildError('RECIPE', `unknown key ${JSON.stringify(key)} in [root]`, {
      hint: `known are ${known.join(', ')}`,
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
  /** What every kind of root has, besides its packages. */
  const common = (fingerprint: RegExp, want: string) => {
    const fingerprints = pairs('keys', want, (name, value) =>
      isInside(name) && typeof value === 'string' && fingerprint.test(value) ? value : undefined,
    );
    const keys = [...fingerprints].map(([file, given]) => ({ file, fingerprint: given }));
    if (keys.length === 0) fail(['keys'], 'at least one pinned key');
    if (new Set(fingerprints.values()).size < keys.length) fail(['keys'], 'each fingerprint once');
    const signatures = table['signatures'] ?? 1;
    if (typeof signatures !== 'number' || !Number.isInteger(signatures) || signatures < 1 || signatures > keys.length) {
      return fail(['signatures'], `a count from 1 to ${keys.length}, the number of keys`);
    }
    return {
      keys,
      signatures,
      directories: pairs('directories', 'a path below the root = "octal permission bits"', (name, value) =>
        isInside(name) && typeof value === 'string' && /^[0-7]{3,4}$/.test(value)
          ? Number.parseInt(value, 8)
          : undefined,
      ),
      files: pairs('files', 'a path below the root = "content"', text),
      links: pairs('links', 'a path below the root = "target"', (name, value) => text(name, value) || undefined),
      location: locate(),
    };
  };
  return { word, words, common };
}

/** A relative path without `.`, `..` or empty parts, and without control characters. */
function isInside(path: string): boolean {
  return path.split('/').every((part) => part !== '' && part !== '.' && part !== '..') && !/[\x00-\x1f]/.test(path);
}
