// Owns: lock.toml of a root of Debian packages: one line for each file of the archive, sorted, so that a diff of it reads as
// what changed. Text in, DebianLock out, and back.

import { formatFile, formatLockText, openLockText, quote } from './lock-text.ts';
import type { DebianLock } from './types.ts';

const HEADER = `# Written by \`ocibuild lock\`: every file of the archive this root is made of. InRelease is signed by the keys that
# package.toml pins, its text holds the digests of the Packages files, and theirs those of the packages.
`;

/** The same bytes for the same lock. */
export function formatLock(lock: DebianLock): string {
  const head = [
    HEADER,
    `suite = ${quote(lock.suite)}`,
    `version = ${quote(lock.version)}`,
    `date = ${quote(lock.date)}`,
    `architecture = ${quote(lock.architecture)}`,
    `inrelease = { ${formatFile(lock.inRelease)} }`,
  ];
  return formatLockText(head, lock.indexes, lock.packages);
}

/** `shown` names the file in errors. Throws BuildError RECIPE for a text that formatLock cannot have written. */
export function parseLock(text: string, shown: string): DebianLock {
  const open = openLockText(text, shown);
  const lock: DebianLock = {
    suite: open.word('suite', /^[a-z][a-z0-9-]*$/),
    version: open.word('version', /^[0-9a-z.]*$/),
    date: open.word('date', /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/),
    architecture: open.word('architecture', /^[a-z][a-z0-9-]*$/),
    inRelease: open.file(open.row('inrelease'), /^dists\/[a-z0-9-]+\/InRelease$/),
    indexes: open.rows('indexes').map((row) => open.file(row, /^dists(\/[a-z0-9-]+)+\/Packages\.xz$/)),
    packages: open.rows('packages').map((row) => ({
      name: open.word('name', /^[a-z0-9][a-z0-9+.-]+$/, row),
      version: open.word('version', /^[A-Za-z0-9.+~:-]+$/, row),
      ...open.file(row, /^pool(\/[A-Za-z0-9][A-Za-z0-9.+~_:-]*)+$/),
    })),
  };
  open.requireSame(formatLock(lock));
  return lock;
}
