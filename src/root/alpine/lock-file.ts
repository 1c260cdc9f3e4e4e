// Owns: lock.toml of a root of Alpine packages: one line for each file of the archive, sorted. Text in, AlpineLock out,
// and back.

import { formatLockText, openLockText, quote } from '../lock-text.ts';
import type { AlpineLock } from '../types.ts';
import { isVersion } from './version.ts';

const HEADER = `# Written by \`ocibuild lock\`: every file of the archive this root is made of. The indexes and the packages are signed
# by the keys that package.toml pins. The digests are this file's own: the archive has only SHA-1 for its packages.
`;

/** The same bytes for the same lock. */
export function formatAlpineLock(lock: AlpineLock): string {
  const head = [
    HEADER,
    `branch = ${quote(lock.branch)}`,
    `date = ${quote(lock.date)}`,
    `architecture = ${quote(lock.architecture)}`,
  ];
  return formatLockText(head, lock.indexes, lock.packages);
}

/** `shown` names the file in errors. Throws BuildError RECIPE for a text that formatAlpineLock cannot have written. */
export function parseAlpineLock(text: string, shown: string): AlpineLock {
  const open = openLockText(text, shown);
  const lock: AlpineLock = {
    branch: open.word('branch', /^(v[0-9]+\.[0-9]+|edge)$/),
    date: open.word('date', /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/),
    architecture: open.word('architecture', /^[a-z][a-z0-9_]*$/),
    indexes: open.rows('indexes').map((row) => open.file(row, /^[a-z0-9.]+\/[a-z]+\/[a-z0-9_]+\/APKINDEX\.tar\.gz$/)),
    packages: open.rows('packages').map((row) => ({
      name: open.word('name', /^[A-Za-z0-9][A-Za-z0-9+._-]*$/, row),
      version: open.word('version', isVersion, row),
      ...open.file(row, /^[a-z0-9.]+\/[a-z]+\/[a-z0-9_]+\/[A-Za-z0-9][A-Za-z0-9+._~-]*\.apk$/),
    })),
  };
  open.requireSame(formatAlpineLock(lock));
  return lock;
}
