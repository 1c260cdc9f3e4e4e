// Owns: lock.toml, the file that pins a root: one line for each file of the archive, sorted, so that a diff of it reads as
// what changed. Text in, DebianLock out, and back.

import { parse as parseToml, TomlError } from 'smol-toml';
import { type Digest, isDigest } from '../../oci/digest.ts';
import { BuildError } from '../errors.ts';
import type { DebianLock, LockedFile } from './types.ts';

const HEADER = `# Written by \`ocibuild lock\`: every file of the archive this root is made of. InRelease is signed by the keys that
# package.toml pins, its text holds the digests of the Packages files, and theirs those of the packages.
`;

/** The same bytes for the same lock. */
export function formatLock(lock: DebianLock): string {
  const file = (item: LockedFile) => `file = ${quote(item.file)}, size = ${item.size}, digest = ${quote(item.digest)}`;
  return [
    HEADER,
    `suite = ${quote(lock.suite)}`,
    `version = ${quote(lock.version)}`,
    `date = ${quote(lock.date)}`,
    `architecture = ${quote(lock.architecture)}`,
    `inrelease = { ${file(lock.inRelease)} }`,
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

/** No value of a lock has a character that TOML would want escaped; parseLock holds them to that. */
function quote(text: string): string {
  return `"${text}"`;
}

/** `shown` names the file in errors. Throws BuildError RECIPE for a text that formatLock cannot have written. */
export function parseLock(text: string, shown: string): DebianLock {
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
    throw wrong(
      error instanceof Error ? error.message.split('\n', 1)[0]! : String(error),
      error instanceof TomlError ? error.line : 1,
    );
  }
  const word = (from: Record<string, unknown>, key: string, form: RegExp): string => {
    const value = from[key];
    if (typeof value === 'string' && form.test(value)) return value;
    throw wrong(`${key} = ${JSON.stringify(value)}`);
  };
  const rows = (key: string): Record<string, unknown>[] => {
    const value = table[key];
    if (!Array.isArray(value) || value.length === 0) throw wrong(`no ${key}`);
    return value.map((item) => rowOf(key, item));
  };
  const rowOf = (key: string, value: unknown): Record<string, unknown> => {
    if (typeof value === 'object' && value !== null) return value as Record<string, unknown>;
    throw wrong(`${key} holds ${JSON.stringify(value)}`);
  };
  const file = (row: Record<string, unknown>, form: RegExp): LockedFile => {
    const { size, digest } = row;
    if (typeof size !== 'number' || !Number.isSafeInteger(size) || size < 0)
      throw wrong(`size = ${JSON.stringify(size)}`);
    if (!isDigest(digest)) throw wrong(`digest = ${JSON.stringify(digest)}`);
    return { file: word(row, 'file', form), size, digest: digest as Digest };
  };
  const lock: DebianLock = {
    suite: word(table, 'suite', /^[a-z][a-z0-9-]*$/),
    version: word(table, 'version', /^[0-9a-z.]*$/),
    date: word(table, 'date', /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/),
    architecture: word(table, 'architecture', /^[a-z][a-z0-9-]*$/),
    inRelease: file(rowOf('inrelease', table['inrelease']), /^dists\/[a-z0-9-]+\/InRelease$/),
    indexes: rows('indexes').map((row) => file(row, /^dists(\/[a-z0-9-]+)+\/Packages\.xz$/)),
    packages: rows('packages').map((row) => ({
      name: word(row, 'name', /^[a-z0-9][a-z0-9+.-]+$/),
      version: word(row, 'version', /^[A-Za-z0-9.+~:-]+$/),
      ...file(row, /^pool(\/[A-Za-z0-9][A-Za-z0-9.+~_:-]*)+$/),
    })),
  };
  // Anything else in the file would be something a reader sees and the build does not.
  if (formatLock(lock) !== text) throw wrong('lines that do not come from `ocibuild lock`');
  return lock;
}
