// Owns: the folders of `RUN --mount=type=cache`: which one a step gets, who else may use it meanwhile, how one comes to be.
//
//   <store>/cache/<name>         a cache; <name> is a digest of its id
//   <store>/cache/<name>.lock    held while a step has it, where it may not be shared

import { chmodSync, chownSync, existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { digestOf, hexOf } from '../../oci/digest.ts';
import { BuildError } from '../errors.ts';
import type { OpMount, RunOp } from '../graph/op.ts';
import type { Watcher } from '../progress/event.ts';
import { isErrno } from '../snapshot/raw-fs.ts';
import { type FileLock, lockFile, tryLockFile } from './file-lock.ts';

export interface CacheOptions {
  /** Absolute. */
  readonly store: string;
  /** An existing folder on the store's file system, for what is not finished. */
  readonly aside: string;
  readonly signal: AbortSignal;
  readonly watch: Watcher;
}

/** The caches of one step, from before it starts until after it ends. */
export class StepCaches {
  readonly #op: RunOp;
  readonly #options: CacheOptions;
  readonly #folders = new Map<OpMount, string>();
  readonly #locks: FileLock[] = [];

  private constructor(op: RunOp, options: CacheOptions) {
    this.#op = op;
    this.#options = options;
  }

  /**
   * Finds or makes the folder of each cache mount. One of `sharing=locked` is waited for until no other step has it, in
   * this process or another; for `private`, a step that finds all caches of the id in use gets a new one.
   * Throws BuildError MACHINE, or the signal's reason, holding nothing then.
   */
  static async open(op: RunOp, options: CacheOptions): Promise<StepCaches> {
    const caches = new StepCaches(op, options);
    try {
      await caches.#take(op.mounts.filter((mount) => mount.type === 'cache'));
      return caches;
    } catch (error) {
      await caches.release();
      throw error;
    }
  }

  /** Absolute host path of the mount's folder. */
  folder(mount: OpMount): string {
    return this.#folders.get(mount)!;
  }

  async release(): Promise<void> {
    await Promise.all(this.#locks.map((lock) => lock.release()));
  }

  async #take(mounts: readonly OpMount[]): Promise<void> {
    const { store, signal, watch } = this.#options;
    if (mounts.length > 0) mkdirSync(join(store, 'cache'), { recursive: true });
    // Sorted, so that two steps never wait for each other; `private` never waits.
    const locked = new Set(mounts.filter((mount) => mount.sharing === 'locked').map((mount) => mount.id));
    for (const id of [...locked].sort()) {
      const onWait = (): void => {
        const message = `another step has the cache ${id}, which is not shared: waiting for it`;
        watch({ type: 'warning', message, location: this.#op.label.location });
      };
      this.#locks.push(await lockFile(`${this.#path(`\n${id}`)}.lock`, { signal, onWait }));
    }
    const own = new Map<string, string>();
    for (const mount of mounts) {
      const { id } = mount;
      if (mount.sharing === 'private' && !own.has(id)) own.set(id, await this.#takePrivate(id));
      this.#folders.set(mount, this.#make(mount, mount.sharing === 'private' ? own.get(id)! : this.#path(`\n${id}`)));
    }
  }

  async #takePrivate(id: string): Promise<string> {
    for (let number = 0; ; number++) {
      const path = this.#path(`private ${number}\n${id}`);
      const lock = await tryLockFile(`${path}.lock`, this.#options.signal);
      if (lock === undefined) continue;
      this.#locks.push(lock);
      return path;
    }
  }

  #path(name: string): string {
    return join(this.#options.store, 'cache', hexOf(digestOf(name)));
  }

  /** Made aside and moved: one that could not be given its owner is never found later. */
  #make(mount: OpMount, path: string): string {
    if (existsSync(path)) return path;
    const aside = mkdtempSync(join(this.#options.aside, 'cache-'));
    try {
      giveOwner(aside, mount, this.#op);
      chmodSync(aside, mount.mode ?? 0o755);
      renameSync(aside, path);
    } catch (error) {
      rmSync(aside, { recursive: true, force: true });
      // Another process was quicker, and there is something in it.
      if (!isErrno(error, 'ENOTEMPTY', 'EEXIST')) throw error;
    }
    return path;
  }
}

/** What `uid=` and `gid=` of a mount say. Throws BuildError MACHINE for an id that does not exist in the namespace. */
export function giveOwner(path: string, mount: OpMount, op: RunOp): void {
  try {
    chownSync(path, mount.uid, mount.gid);
  } catch (cause) {
    if (!isErrno(cause, 'EINVAL', 'EPERM')) throw cause;
    throw new BuildError('MACHINE', `--mount=type=${mount.type} cannot belong to ${mount.uid}:${mount.gid} here`, {
      location: op.label.location,
      got: 'no such id exists for this user',
      hint: 'give the calling user a range in /etc/subuid and /etc/subgid, with newuidmap installed',
      cause,
    });
  }
}
