// Owns: lock.toml, the file that pins a root: one line for each file of the archive, sorted, so that a diff of it reads as
// what changed. Text in, RootLock out, and back; what two locks differ in.

import { parse as parseToml, TomlError } from 'smol-toml';
import { type Digest, isDigest } from '../../oci/digest.ts';
import { BuildError } from '../errors.ts';
import type { LockedFile, LockedPackage, RootLock } from './types.ts';

export const LOCK_FILE = 'lock.toml';

const HEADER = `# Written by \`ocibuild lock\`: every file of the archive this root is made of. InRelease is signed by the keys that
# package.toml pins, its text holds the digests of the Packages files, and theirs those of the packages.
`;

/** The same bytes for the same lock. */
export function formatLock(lock: RootLock): string {
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
export function parseLock(text: string, shown: string): RootLock {
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
  const lock: RootLock = {
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

/** One line for each difference, sorted by package: `+` new, `-` gone, `~` changed. Empty when nothing changed. */
export function describeChanges(old: RootLock | undefined, fresh: RootLock): readonly string[] {
  const lines: string[] = [];
  if (old !== undefined && `${old.version} ${old.date}` !== `${fresh.version} ${fresh.date}`) {
    lines.push(`~ ${fresh.suite} ${old.version} of ${old.date} -> ${fresh.version} of ${fresh.date}`);
  }
  const before = new Map((old?.packages ?? []).map((item) => [item.name, item]));
  const after = new Map(fresh.packages.map((item) => [item.name, item]));
  for (const name of [...new Set([...before.keys(), ...after.keys()])].sort()) {
    const line = describeOne(before.get(name), after.get(name));
    if (line !== undefined) lines.push(line);
  }
  return lines;
}

function describeOne(was: LockedPackage | undefined, is: LockedPackage | undefined): string | undefined {
  if (is === undefined) return `- ${was!.name} ${was!.version}`;
  if (was === undefined) return `+ ${is.name} ${is.version}`;
  if (was.version !== is.version) return `~ ${is.name} ${was.version} -> ${is.version}`;
  return was.digest === is.digest ? undefined : `~ ${is.name} ${is.version}: ${was.digest} -> ${is.digest}`;
}
