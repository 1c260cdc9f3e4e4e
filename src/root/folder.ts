// Owns: the files of a root's recipe folder: its keys, and lock.toml, which is read and written here.

import { randomBytes } from 'node:crypto';
import { closeSync, fsyncSync, openSync, readFileSync, renameSync, rmSync, writeSync } from 'node:fs';
import path from 'node:path';
import { BuildError } from '../errors.ts';
import { kindOf } from './kind.ts';
import type { Root, RootSpec } from './types.ts';

export const LOCK_FILE = 'lock.toml';

/** The key files' texts in the order of `spec.keys`. Throws BuildError RECIPE for one that is not there. */
export function readKeyFiles(directory: string, spec: RootSpec): readonly string[] {
  return spec.keys.map((key) => {
    const text = readIfThere(path.join(directory, key.file));
    if (text !== undefined) return text;
    throw new BuildError('RECIPE', `${key.file} is not there`, { want: key.fingerprint, location: spec.location });
  });
}

/** The lock of a folder, undefined when there is none. `shown` is the folder as the user would type it. Throws BuildError RECIPE. */
export function readLockFile(directory: string, shown: string, spec: RootSpec): Root | undefined {
  const text = readIfThere(path.join(directory, LOCK_FILE));
  return text === undefined ? undefined : kindOf(spec).read(text, path.join(shown, LOCK_FILE));
}

/** Like readLockFile, for a build: throws BuildError RECIPE when there is no lock. */
export function needLockFile(directory: string, shown: string, spec: RootSpec): Root {
  const root = readLockFile(directory, shown, spec);
  if (root !== undefined) return root;
  throw new BuildError('RECIPE', `${shown} has no ${LOCK_FILE}`, {
    hint: `make one: ocibuild lock ${shown}`,
    location: spec.location,
  });
}

/** Writes aside, then renames: a lock file is the old one or the new one, never a part. Throws BuildError RECIPE. */
export function writeLockFile(directory: string, root: Root): void {
  const file = path.join(directory, LOCK_FILE);
  const aside = `${file}.${randomBytes(8).toString('hex')}.new`;
  try {
    const handle = openSync(aside, 'wx', 0o644);
    try {
      writeSync(handle, root.text);
      fsyncSync(handle);
    } finally {
      closeSync(handle);
    }
    renameSync(aside, file);
  } catch (cause) {
    rmSync(aside, { force: true });
    const got = (cause as NodeJS.ErrnoException).code ?? String(cause);
    throw new BuildError('RECIPE', `cannot write ${file}`, { got, cause });
  }
}

function readIfThere(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code ?? String(cause);
    if (code === 'ENOENT') return undefined;
    throw new BuildError('RECIPE', `cannot read ${file}`, { got: code, cause });
  }
}
