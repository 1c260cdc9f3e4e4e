// Owns: writing a file that must not be there yet: whole, synced, under its name at once, replacing nothing.

import { closeSync, fsyncSync, linkSync, openSync, unlinkSync, writeSync } from 'node:fs';
import { BuildError } from '../errors.ts';
import { showPath } from '../recipe/recipe.ts';

/** Throws BuildError USAGE when the file is there or its folder cannot be written. */
export function writeNewFile(path: string, text: string, mode: number): void {
  const aside = `${path}.${process.pid}-${process.hrtime.bigint().toString(36)}`;
  try {
    const file = openSync(aside, 'wx', mode);
    try {
      writeSync(file, text);
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    try {
      // A rename would replace what somebody else wrote a moment ago.
      linkSync(aside, path);
    } finally {
      unlinkSync(aside);
    }
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    const message = code === 'EEXIST' ? `${showPath(path)} is there already` : `cannot write ${showPath(path)}`;
    throw new BuildError('USAGE', message, { got: code ?? String(cause), cause });
  }
}
