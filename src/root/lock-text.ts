// Owns: the text of a lock.toml as every kind of root has it: values in quotes, then a table a line for each file. What the
// values are is a kind's own business.

import { parse as parseToml, TomlError } from 'smol-toml';
import { type Digest, isDigest } from '../../oci/digest.ts';
import { BuildError } from '../errors.ts';
import type { LockedFile, LockedPackage } from './types.ts';

/** No value of a lock has a character that TOML would want escaped; whoever reads one back holds it to that. */
export function quote(text: string): string {
  return `"${text}"`;
}

export function formatFile(item: LockedFile): string {
  return `file = ${quote(item.file)}, size = ${item.size}, digest = ${quote(item.digest)}`;
}

/** The same bytes for the same lock: what `head` says, then one line for each index and each package. */
export function formatLockText(
  head: readonly string[],
  indexes: readonly LockedFile[],
  packages: readonly LockedPackage[],
): string {
  return [
    ...head,
    '',
    'indexes = [',
    ...indexes.map((item) => `  { ${formatFile(item)} },`),
    ']',
    '',
    'packages = [',
    ...packages.map(
      (item) => `  { name = ${quote(item.name)}, version = ${quote(item.version)}, ${formatFile(item)} },`,
    ),
    ']',
    '',
  ].join('\n');
}

type Row = Readonly<Record<string, unknown>>;

/** A lock file while it is read. Every complaint is a BuildError RECIPE that names it. */
export interface LockText {
  /** A text among the values, or in a row. */
  word(key: string, isGood: RegExp | ((value: string) => boolean), row?: Row): string;
  row(key: string): Row;
  /** At least one. */
  rows(key: string): readonly Row[];
  file(row: Row, form: RegExp): LockedFile;
  /** Throws unless `again`, the lock written anew, is the text: anything else would be seen by readers and not by the build. */
  requireSame(again: string): void;
}

/** `shown` names the file in errors. Throws BuildError RECIPE for a text that is no TOML. */
export function openLockText(text: string, shown: string): LockText {
  const wrong = (got: string, line = 1) =>
    new BuildError('RECIPE', 'this lock file cannot be read', {
      got,
      hint: 'restore it, or write it again with `ocibuild lock`',
      location: { file: shown, line },
    });
  let table: Row;
  try {
    table = parseToml(text);
  } catch (error) {
    const { message } = error as Error;
    throw wrong(message.split('\n', 1)[0]!, error instanceof TomlError ? error.line : 1);
  }
  const asRow = (key: string, value: unknown): Row => {
    if (typeof value === 'object' && value !== null) return value as Row;
    throw wrong(`${key} holds ${JSON.stringify(value)}`);
  };
  const word: LockText['word'] = (key, isGood, row = table) => {
    const value = row[key];
    if (typeof value === 'string' && (isGood instanceof RegExp ? isGood.test(value) : isGood(value))) return value;
    throw wrong(`${key} = ${JSON.stringify(value)}`);
  };
  return {
    word,
    row: (key) => asRow(key, table[key]),
    rows(key) {
      const value = table[key];
      if (!Array.isArray(value) || value.length === 0) throw wrong(`no ${key}`);
      return value.map((item) => asRow(key, item));
    },
    file(row, form) {
      const { size, digest } = row;
      if (typeof size !== 'number' || !Number.isSafeInteger(size) || size < 0) {
        throw wrong(`size = ${JSON.stringify(size)}`);
      }
      if (!isDigest(digest)) throw wrong(`digest = ${JSON.stringify(digest)}`);
      return { file: word('file', form, row), size, digest: digest as Digest };
    },
    requireSame(again) {
      if (again !== text) throw wrong('lines that do not come from `ocibuild lock`');
    },
  };
}
