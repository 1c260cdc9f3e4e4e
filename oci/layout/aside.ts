// Owns: writing aside: a file appears under its name complete and synced, or not at all.

import { randomBytes } from 'node:crypto';
import { closeSync, fsyncSync, openSync, readdirSync, renameSync, statSync, unlinkSync, writeSync } from 'node:fs';
import { dirname, join } from 'node:path';

const ASIDE = /^\.aside-([0-9]+)-[0-9a-f]{16}$/;

/** A name nobody else uses, in the same directory and so on the same file system. */
function asidePath(directory: string): string {
  return join(directory, `.aside-${process.pid}-${randomBytes(8).toString('hex')}`);
}

/** A file being written. Exactly one of commit and abort ends it; abort after either does nothing. */
export interface AsideFile {
  readonly fd: number;
  /** Syncs, and gives the file its name, replacing what has it. */
  commit(path: string): void;
  abort(): void;
}

/** Starts a file, mode 0644, in `directory`, which must be on the file system of its later name. */
export function openAside(directory: string): AsideFile {
  const aside = asidePath(directory);
  const fd = openSync(aside, 'wx+', 0o644);
  let isOpen = true;
  const abort = () => {
    if (!isOpen) return;
    isOpen = false;
    closeSync(fd);
    unlinkSync(aside);
  };
  return {
    fd,
    commit(path) {
      if (!isOpen) throw new RangeError('commit of a file that is finished');
      try {
        fsyncSync(fd);
        renameSync(aside, path);
      } catch (error) {
        abort();
        throw error;
      }
      isOpen = false;
      closeSync(fd);
    },
    abort,
  };
}

/** Replaces the file at `path` with these bytes. */
export function writeAside(path: string, bytes: Uint8Array | string): void {
  const file = openAside(dirname(path));
  try {
    writeAll(file.fd, typeof bytes === 'string' ? Buffer.from(bytes, 'utf8') : bytes);
    file.commit(path);
  } finally {
    file.abort();
  }
}

/** writeSync until everything is written; at `position` of the file, or where it stands. */
export function writeAll(fd: number, bytes: Uint8Array, position: number | null = null): void {
  for (let at = 0; at < bytes.length; ) {
    at += writeSync(fd, bytes, at, bytes.length - at, position === null ? null : position + at);
  }
}

/** A process in another pid namespace looks gone: what it wrote to lately stays. */
const ABANDONED_MS = 10 * 60 * 1000;

/** Removes aside files whose process is gone and that nobody has written to for ten minutes. */
export function removeAbandoned(directory: string): void {
  for (const name of readdirSync(directory)) {
    const pid = ASIDE.exec(name)?.[1];
    if (pid === undefined || isRunning(Number(pid))) continue;
    try {
      const path = join(directory, name);
      if (Date.now() - statSync(path).mtimeMs > ABANDONED_MS) unlinkSync(path);
    } catch (error) {
      // Another process may have been tidying too.
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    }
  }
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ESRCH';
  }
}
