// Owns: sources in the store, by digest: where they lie, that they are sound, how new ones land. Knows no network.
//
//   STORE/sources/sha256/HEX                  verified when it landed, never written again
//   STORE/sources/partial/HEX                 the start of a download that nobody is working on
//   STORE/sources/partial/HEX.PID.RANDOM      one that process PID is working on
//
// A writer works on a file of its own, which it gets by renaming HEX, or by copying what a dead process left. Two
// processes may therefore fetch the same source at once; the later one replaces equal bytes by equal bytes.

import { createHash, type Hash, randomBytes } from 'node:crypto';
import { constants, type Stats } from 'node:fs';
import { copyFile, type FileHandle, mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { type Digest, finishDigest, hexOf } from '../../oci/digest.ts';
import { BuildError } from '../errors.ts';

const CHUNK = 1 << 20;

/** Where a source of that digest lies, or would lie. */
export function sourcePath(store: string, digest: Digest): string {
  return path.join(store, 'sources', 'sha256', hexOf(digest));
}

function partialDirectory(store: string): string {
  return path.join(store, 'sources', 'partial');
}

/** Files this process has read and found sound, with what would show that they were replaced since. */
const verified = new Map<string, string>();

function identity(stats: Stats): string {
  return `${stats.dev}:${stats.ino}:${stats.size}:${stats.mtimeMs}`;
}

/** Bytes of a stored source, or why it cannot be used. */
export type Stored = { readonly size: number } | 'missing' | 'damaged';

/**
 * Looks for a source. Its bytes are hashed the first time this process asks; a damaged file is removed.
 * Throws BuildError STORE when the store cannot be read.
 */
export async function findStored(store: string, digest: Digest): Promise<Stored> {
  const file = sourcePath(store, digest);
  const stats = await statIfThere(file);
  if (stats === undefined) return 'missing';
  if (verified.get(file) === identity(stats)) return { size: stats.size };
  try {
    if (stats.isFile() && (await hashFile(file)) === digest) {
      verified.set(file, identity(stats));
      return { size: stats.size };
    }
    // Another process may have put a sound one in its place meanwhile.
    const now = await statIfThere(file);
    if (now !== undefined && now.ino === stats.ino) await rm(file, { force: true, recursive: true });
    return 'damaged';
  } catch (error) {
    // Removed meanwhile, by a gc or by somebody who found it damaged.
    if (isAbsence(error)) return 'missing';
    throw storeError(error, file);
  }
}

async function statIfThere(file: string): Promise<Stats | undefined> {
  try {
    return await stat(file);
  } catch (error) {
    if (isAbsence(error)) return undefined;
    throw storeError(error, file);
  }
}

export function isAbsence(error: unknown): boolean {
  const code = (error as NodeJS.ErrnoException | undefined)?.code;
  return code === 'ENOENT' || code === 'ENOTDIR';
}

/** A BuildError for what the file system refused. */
export function storeError(error: unknown, file: string): BuildError {
  if (error instanceof BuildError) return error;
  const code = (error as NodeJS.ErrnoException | undefined)?.code ?? String(error);
  if (code === 'ENOSPC' || code === 'EDQUOT') {
    return new BuildError('DISK_FULL', `no space left for ${file}`, {
      hint: 'free some, or run ocibuild gc',
      cause: error,
    });
  }
  return new BuildError('STORE', `cannot use ${file}`, { got: code, cause: error });
}

async function hashFile(file: string): Promise<Digest> {
  const handle = await open(file, 'r');
  try {
    const hash = createHash('sha256');
    await hashInto(handle, hash);
    return finishDigest(hash);
  } finally {
    await handle.close();
  }
}

/** Hashes a file from its start; gives its length. */
async function hashInto(handle: FileHandle, hash: Hash): Promise<number> {
  const buffer = Buffer.allocUnsafe(CHUNK);
  for (let offset = 0; ; ) {
    const { bytesRead } = await handle.read(buffer, 0, CHUNK, offset);
    if (bytesRead === 0) return offset;
    hash.update(buffer.subarray(0, bytesRead));
    offset += bytesRead;
  }
}

/** Takes bytes one after the other. */
export interface Sink {
  /** Bytes it has. */
  readonly length: number;
  write(bytes: Uint8Array): Promise<void>;
  /** Forgets everything it has. */
  restart(): Promise<void>;
}

/** A source on its way into the store. End it with exactly one of land, keep and discard. */
export class Landing implements Sink {
  length = 0;
  private readonly store: string;
  private readonly digest: Digest;
  private readonly file: string;
  private readonly handle: FileHandle;
  private hash = createHash('sha256');

  private constructor(store: string, digest: Digest, file: string, handle: FileHandle) {
    this.store = store;
    this.digest = digest;
    this.file = file;
    this.handle = handle;
  }

  /** Starts a landing, with the bytes an earlier one left behind. Throws BuildError STORE or DISK_FULL. */
  static async open(store: string, digest: Digest): Promise<Landing> {
    const directory = partialDirectory(store);
    const file = path.join(directory, `${hexOf(digest)}.${process.pid}.${randomBytes(6).toString('hex')}`);
    try {
      await mkdir(directory, { recursive: true });
      await mkdir(path.dirname(sourcePath(store, digest)), { recursive: true });
      await claimPartial(directory, hexOf(digest), file);
      const handle = await open(file, constants.O_RDWR | constants.O_CREAT, 0o644);
      const landing = new Landing(store, digest, file, handle);
      landing.length = await hashInto(handle, landing.hash);
      return landing;
    } catch (error) {
      throw storeError(error, file);
    }
  }

  async write(bytes: Uint8Array): Promise<void> {
    try {
      for (let done = 0; done < bytes.length; ) {
        const { bytesWritten } = await this.handle.write(bytes, done, bytes.length - done, this.length + done);
        done += bytesWritten;
      }
    } catch (error) {
      throw storeError(error, this.file);
    }
    this.hash.update(bytes);
    this.length += bytes.length;
  }

  /** True when the bytes so far are the whole source: it was interrupted after its last byte. */
  isComplete(): boolean {
    return finishDigest(this.hash.copy()) === this.digest;
  }

  async restart(): Promise<void> {
    await this.handle.truncate(0);
    this.hash = createHash('sha256');
    this.length = 0;
  }

  /**
   * Puts the bytes into the store when they are the right ones. Otherwise forgets them, gives the digest they have, and
   * can be written to again.
   */
  async land(): Promise<Digest> {
    const got = finishDigest(this.hash);
    if (got !== this.digest) {
      await this.restart();
      return got;
    }
    const target = sourcePath(this.store, this.digest);
    try {
      await this.handle.sync();
      const stats = await this.handle.stat();
      await this.handle.close();
      await rename(this.file, target);
      await syncDirectory(path.dirname(target));
      verified.set(target, identity(stats));
    } catch (error) {
      throw storeError(error, target);
    }
    return got;
  }

  /** Leaves the bytes for a later attempt. */
  async keep(): Promise<void> {
    await this.handle.close();
    if (this.length === 0) await rm(this.file, { force: true });
    else await rename(this.file, path.join(partialDirectory(this.store), hexOf(this.digest))).catch(() => {});
  }

  async discard(): Promise<void> {
    await this.handle.close();
    await rm(this.file, { force: true });
  }
}

/** Makes `file` out of what is there of that source; leaves it missing when nothing is. */
async function claimPartial(directory: string, hex: string, file: string): Promise<void> {
  try {
    await rename(path.join(directory, hex), file);
    return;
  } catch (error) {
    if (!isAbsence(error)) throw error;
  }
  for (const name of await readdir(directory)) {
    const [owner, pid] = name.split('.');
    if (owner !== hex || pid === undefined || isAlive(Number(pid))) continue;
    const left = path.join(directory, name);
    try {
      // A copy: a process of that number may be alive where this one cannot see it, and still be writing.
      await copyFile(left, file, constants.COPYFILE_FICLONE);
      await rm(left, { force: true });
      return;
    } catch (error) {
      if (!isAbsence(error)) throw error;
    }
  }
}

function isAlive(pid: number): boolean {
  if (!Number.isSafeInteger(pid) || pid <= 0) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

async function syncDirectory(directory: string): Promise<void> {
  const handle = await open(directory, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
