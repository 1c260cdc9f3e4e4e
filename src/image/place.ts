// Owns: the places outputs go to: whether one can be written, names beside it, how what is whole takes its place, and what
// an errno there means to the user. Knows no image.

import { randomBytes } from 'node:crypto';
import {
  accessSync,
  chownSync,
  closeSync,
  constants,
  fsyncSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  realpathSync,
  renameSync,
  rmSync,
  type Stats,
  statfsSync,
  statSync,
  writeSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { BuildError } from '../errors.ts';

/** Who shall own what is written; the store's own files may belong to an id the caller is not. */
export interface Ownership {
  readonly uid: number;
  readonly gid: number;
}

/** What a place holds when it is written: one file, a whole OCI layout, or a folder that was empty before. */
export type PlaceKind = 'file' | 'layout' | 'folder';

const HINTS: Readonly<Record<string, string>> = {
  EISDIR: 'a folder is there: name a file',
  ENOTDIR: 'a part of the path is a file: name another path',
  EACCES: 'name a path you may write to',
  EPERM: 'name a path you may write to',
  EROFS: 'the file system is read-only: name another path',
  EEXIST: 'something else is there: name another path, or move it away',
  ENOTEMPTY: 'something else is there: name another path, or move it away',
  ENOENT: 'nothing can be made there: name another path',
  ELOOP: 'its links lead round in a circle: name another path',
  ENAMETOOLONG: 'name a shorter path',
  EBUSY: 'something is mounted there: name a path below it',
  EXDEV: 'name a path on one file system',
};

/** proc and sysfs hold no files of users: making one there fails in odd ways, or never ends. */
const PSEUDO_FILE_SYSTEMS = new Set([0x9fa0, 0x62656572]);

function cannotWrite(path: string, cause: NodeJS.ErrnoException): BuildError {
  const code = cause.code!;
  const at = cause.path === undefined || cause.path === path ? '' : ` at ${cause.path}`;
  return new BuildError('USAGE', `cannot write ${path}`, { got: `${code}${at}`, hint: HINTS[code]!, cause });
}

/** Whether an error is about the place, not about what was read for it. */
function isAboutPlace(error: unknown, path: string): error is NodeJS.ErrnoException {
  if (!(error instanceof Error) || !('code' in error) || HINTS[String(error.code)] === undefined) return false;
  const { path: from, dest } = error as NodeJS.ErrnoException & { dest?: string };
  return [from, dest].every(
    (one) => one === undefined || one.startsWith(dirname(path)) || dirname(path).startsWith(one),
  );
}

/** Runs work that writes a place; an errno that the place gives becomes BuildError USAGE. */
export async function writingTo<T>(path: string, work: () => T | Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw isAboutPlace(error, path) ? cannotWrite(path, error) : error;
  }
}

/** The synchronous form of writingTo. */
export function writingToNow<T>(path: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw isAboutPlace(error, path) ? cannotWrite(path, error) : error;
  }
}

/**
 * Throws BuildError USAGE unless a place can be written: the nearest folder above it that exists may be written to, and
 * what stands there already, if anything, is of the kind that may be replaced. Changes nothing.
 */
export function requirePlace(path: string, kind: PlaceKind): void {
  writingToNow(path, () => {
    const found = statOf(path);
    if (found !== undefined) requireKind(path, kind, found);
    let above = dirname(path);
    while (statOf(above) === undefined) above = dirname(above);
    if (!statSync(above).isDirectory()) {
      throw new BuildError('USAGE', `cannot write ${path}`, { got: `${above} is no folder`, hint: HINTS['ENOTDIR']! });
    }
    accessSync(above, constants.W_OK | constants.X_OK);
    if (PSEUDO_FILE_SYSTEMS.has(statfsSync(above).type)) {
      throw new BuildError('USAGE', `cannot write ${path}`, {
        got: `${above} belongs to the kernel`,
        hint: 'name another path',
      });
    }
  });
}

/** Follows links; undefined where nothing is, a link to nothing included. */
function statOf(path: string): Stats | undefined {
  return statSync(path, { throwIfNoEntry: false });
}

function requireKind(path: string, kind: PlaceKind, found: Stats): void {
  if (kind === 'file') {
    if (found.isFile()) return;
    const got = found.isDirectory() ? 'a folder' : 'a device, pipe or socket';
    throw new BuildError('USAGE', `${path} is there and is no file`, { got, hint: 'name a file' });
  }
  if (!found.isDirectory()) {
    throw new BuildError('USAGE', `${path} is there and is no folder`, { hint: 'name another path, or move it away' });
  }
  if (kind === 'layout') refuseForeign(path);
  else if (namesIn(path).length > 0) {
    throw new BuildError('USAGE', `${path} is not empty`, { hint: 'name a directory that is not there yet' });
  }
}

/** Another build may be replacing the layout: what looks foreign is looked at again. */
function refuseForeign(directory: string): void {
  for (let look = 0; look < 3; look++) {
    if (look > 0) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 20);
    const names = namesIn(directory);
    if (names.length === 0 || names.includes('oci-layout')) return;
  }
  throw new BuildError('USAGE', `${directory} is there and is no OCI layout`, {
    hint: 'name another path, or move it away',
  });
}

function namesIn(directory: string): readonly string[] {
  try {
    return readdirSync(directory);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}

/** The path itself, or where it leads when it is a link to something: the link stays, what it leads to is replaced. */
export function realPlace(path: string): string {
  return statOf(path) === undefined ? path : realpathSync(path);
}

/** A name beside a path that no other process takes: process ids repeat themselves from namespace to namespace. */
export function besideOf(path: string, what: 'new' | 'old'): string {
  return join(dirname(path), `.${basename(path).slice(0, 100)}.${what}-${randomBytes(8).toString('hex')}`);
}

/** Makes what is missing of a path, and gives what it made to the caller. Throws BuildError USAGE. */
export function makeDirectories(directory: string, owner: Ownership): void {
  writingToNow(directory, () => {
    const missing: string[] = [];
    // One by one: where a folder cannot be made, making it with all above it may try for ever.
    for (let at = directory; statOf(at) === undefined && at !== dirname(at); at = dirname(at)) missing.push(at);
    for (const each of missing.reverse()) {
      try {
        mkdirSync(each);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'EEXIST' && statOf(each)?.isDirectory()) continue;
        throw error;
      }
      chownSync(each, owner.uid, owner.gid);
    }
  });
}

/** Hands a fresh tree over, everything below it included. */
export function giveTo(path: string, owner: Ownership): void {
  if (owner.uid === 0 && owner.gid === 0) return;
  for (const entry of readdirSync(path, { withFileTypes: true })) {
    const below = join(path, entry.name);
    if (entry.isDirectory()) giveTo(below, owner);
    else chownSync(below, owner.uid, owner.gid);
  }
  chownSync(path, owner.uid, owner.gid);
}

/**
 * Gives a whole directory its place. Whoever else does the same at the same time is no error: the last one stays. If it
 * cannot be placed, what was there before is put back.
 */
export function swapInto(fresh: string, directory: string): void {
  for (;;) {
    if (renamed(fresh, directory, ['ENOTEMPTY', 'EEXIST'])) return;
    const old = besideOf(directory, 'old');
    // Gone meanwhile: then the place is free.
    if (!renamed(directory, old, ['ENOENT'])) continue;
    try {
      if (renamed(fresh, directory, ['ENOTEMPTY', 'EEXIST'])) return;
    } catch (error) {
      if (lstatSync(directory, { throwIfNoEntry: false }) === undefined) renameSync(old, directory);
      throw error;
    } finally {
      rmSync(old, { recursive: true, force: true });
    }
  }
}

/** False when it fails in one of the ways that are expected. */
function renamed(from: string, to: string, expected: readonly string[]): boolean {
  try {
    renameSync(from, to);
    return true;
  } catch (error) {
    if (expected.includes((error as NodeJS.ErrnoException).code ?? '')) return false;
    throw error;
  }
}

/** Makes a directory beside its place, has it filled, and swaps it in. Nothing of it is left when that fails. */
export function placeDirectory(directory: string, fill: (aside: string) => void): void {
  const aside = besideOf(directory, 'new');
  try {
    mkdirSync(aside, { mode: 0o755 });
    fill(aside);
    swapInto(aside, directory);
  } finally {
    rmSync(aside, { recursive: true, force: true });
  }
}

/** Streams a file beside its place, syncs it, and renames it in. Nothing of it is left when that fails. */
export async function placeFile(
  path: string,
  owner: Ownership,
  produce: (write: (chunk: Uint8Array) => void) => Promise<unknown>,
): Promise<void> {
  const aside = besideOf(path, 'new');
  const file = openSync(aside, 'wx', 0o644);
  try {
    try {
      await produce((chunk) => {
        for (let at = 0; at < chunk.length; ) at += writeSync(file, chunk, at);
      });
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    chownSync(aside, owner.uid, owner.gid);
    renameSync(aside, path);
  } finally {
    rmSync(aside, { force: true });
  }
}
