// Owns: lock.toml of a root of Alpine packages: one line for each file of the archive, sorted. Text in, AlpineLock out,
// and back.

import { parse as parseToml, TomlError } from 'smol-toml';
import { type Digest, isDigest } from '../../../oci/digest.ts';
import { BuildError } from '../../errors.ts';
import type { AlpineLock, LockedFile } from '../types.ts';
import { isVersion } from './version.ts';

const HEADER = `# Written by \`ocibuild lock\`: every file of the archive this root is made of. The indexes and the packages are signed
# by the keys that package.toml pins. The digests are this file's own: the archive has only SHA-1 for its packages.
`;

/** The same bytes for the same lock. */
export function formatAlpineLock(lock: AlpineLock): string {
  const file = (item: LockedFile) => `file = ${quote(item.file)}, size = ${item.size}, digest = ${quote(item.digest)}`;
  return [
    HEADER,
    `branch = ${quote(lock.branch)}`,
    `date = ${quote(lock.date)}`,
    `architecture = ${quote(lock.architecture)}`,
    '',
    'indexes = [',
    ...lock.indexes.map((item) => `  { ${file(item)} },`),
    ']',
    '',
    'packages = [',
    ...lock.packages.map(
      (item) => `  { name = ${quote(item.name)}, version = ${quote(item.version)}, ${file(item)} },`,
    ),
    ']',
    '',
  ].join('\n');
}

/** No value of a lock has a character that TOML would want escaped; parseAlpineLock holds them to that. */
function quote(text: string): string {
  return `"${text}"`;
}

/** `shown` names the file in errors. Throws BuildError RECIPE for a text that formatAlpineLock cannot have written. */
export function parseAlpineLock(text: string, shown: string): AlpineLock {
  const wrong = (got: string, line = 1) =>
    new BuildError('RECIPE', 'this lock file cannot be read', {
      got,
      hint: 'restore it, or write it again with `ocibuild lock`',
      location: { file: shown, line },
    });
  let table: Record<string, unknown>;
  try {
    table = parseToml(text);
  } catch (error) {
    const { message } = error as Error;
    throw wrong(message.split('\n', 1)[0]!, error instanceof TomlError ? error.line : 1);
  }
  const word = (from: Record<string, unknown>, key: string, isGood: (value: string) => boolean): string => {
    const value = from[key];
    if (typeof value === 'string' && isGood(value)) return value;
    throw wrong(`${key} = ${JSON.stringify(value)}`);
  };
  const like = (form: RegExp) => (value: string) => form.test(value);
  const rows = (key: string): Record<string, unknown>[] => {
    const value = table[key];
    if (!Array.isArray(value) || value.length === 0) throw wrong(`no ${key}`);
    return value.map((item: unknown) => {
      if (typeof item === 'object' && item !== null) return item as Record<string, unknown>;
      throw wrong(`${key} holds ${JSON.stringify(item)}`);
    });
  };
  const file = (row: Record<string, unknown>, form: RegExp): LockedFile => {
    const { size, digest } = row;
    if (typeof size !== 'number' || !Number.isSafeInteger(size) || size < 0) {
      throw wrong(`size = ${JSON.stringify(size)}`);
    }
    if (!isDigest(digest)) throw wrong(`digest = ${JSON.stringify(digest)}`);
    return { file: word(row, 'file', like(form)), size, digest: digest as Digest };
  };
  const lock: AlpineLock = {
    branch: word(table, 'branch', like(/^(v[0-9]+\.[0-9]+|edge)$/)),
    date: word(table, 'date', like(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/)),
    architecture: word(table, 'architecture', like(/^[a-z][a-z0-9_]*$/)),
    indexes: rows('indexes').map((row) => file(row, /^[a-z0-9.]+\/[a-z]+\/[a-z0-9_]+\/APKINDEX\.tar\.gz$/)),
    packages: rows('packages').map((row) => ({
      name: word(row, 'name', like(/^[A-Za-z0-9][A-Za-z0-9+._-]*$/)),
      version: word(row, 'version', isVersion),
      ...file(row, /^[a-z0-9.]+\/[a-z]+\/[a-z0-9_]+\/[A-Za-z0-9][A-Za-z0-9+._~-]*\.apk$/),
    })),
  };
  // Anything else in the file would be something a reader sees and the build does not.
  if (formatAlpineLock(lock) !== text) throw wrong('lines that do not come from `ocibuild lock`');
  return lock;
}
