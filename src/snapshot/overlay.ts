// Owns: mounting and unmounting overlays inside the mount namespace of this process, so that nothing is left mounted when
// the process dies, and deleting the directories they were mounted on. Knows nothing of diffs: it is given names relative
// to the store.
//
// Unmounting and deleting go on beside the build. Nothing that was an upper directory is mounted as a lower one before
// its own mount is gone.

import { statSync } from 'node:fs';
import { BuildError } from '../errors.ts';
import { MountShell, type Request } from './mount-shell.ts';

/** One page, less what the other options and the names of upper and work need. */
export const LOWER_BYTES = 3800;
/** The kernel takes 500. */
export const LOWER_COUNT = 490;
/** So many directories are deleted by one rm. */
const BATCH = 32;
/** So many overlays that nothing was written to are kept for the next step on the same stack. */
const IDLE = 8;

export interface OverlayMount {
  /** Topmost first, each once. Names here are relative to the store, without `:` and `,`. */
  readonly lowers: readonly string[];
  /** The same for the same lowers: what finds an overlay to be used again. */
  readonly stack: string;
  /** The directory of `upper`, `work` and `merged`. */
  readonly directory: string;
}

interface Standing {
  readonly stack: string;
  /** The upper directory when it was mounted: its change time, mode and owner. */
  readonly upper: string;
}

export class Overlays {
  readonly #store: string;
  readonly #scratch: () => string;
  /** By directory, what is mounted there. */
  readonly #standing = new Map<string, Standing>();
  /** Directories of overlays that can be used again, oldest first. */
  readonly #idle = new Set<string>();
  readonly #leaving = new Map<string, Request>();
  #retired: string[] = [];
  #shell: MountShell | undefined;

  /** `store` is absolute; `scratch` gives an existing directory of this process. */
  constructor(store: string, scratch: () => string) {
    this.#store = store;
    this.#scratch = scratch;
  }

  /** Undefined when it is mounted, otherwise what mount(8) said. */
  tryMount({ lowers, stack, directory }: OverlayMount): string | undefined {
    this.#settleAll();
    // userxattr: what an unprivileged mount is allowed to store. volatile: no fsync at unmount; flush() does it for all.
    const options =
      `userxattr,volatile,lowerdir=${lowers.join(':')},` + `upperdir=${directory}/upper,workdir=${directory}/work`;
    const problem = this.#started().mount(`${directory}/merged`, options);
    if (problem === undefined) this.#standing.set(directory, { stack, upper: this.#upperOf(directory) });
    return problem;
  }

  /** True from its mount until it is known to be unmounted. */
  isMounted(directory: string): boolean {
    return this.#standing.has(directory) || this.#leaving.has(directory);
  }

  /** True where this stack is mounted and nothing was ever written above it. */
  isFresh(directory: string, stack: string): boolean {
    const standing = this.#standing.get(directory);
    return standing?.stack === stack && this.#upperOf(directory) === standing.upper;
  }

  /**
   * Keeps an overlay for the next step on the same stack, if nothing was written to it. Whatever a step creates, deletes
   * or changes, in however deep a directory, needs a name in the upper one or changes the upper one itself; even when it
   * is gone again, the kernel has noted the time.
   */
  keep(directory: string): boolean {
    const standing = this.#standing.get(directory);
    if (standing === undefined || !this.isFresh(directory, standing.stack)) return false;
    this.#idle.add(directory);
    if (this.#idle.size > IDLE) {
      const [oldest] = this.#idle;
      this.#idle.delete(oldest!);
      this.retire(oldest!);
    }
    return true;
  }

  /** A directory given to keep() in which this stack is mounted; it is the caller's again. */
  reuse(stack: string): string | undefined {
    for (const directory of this.#idle) {
      if (this.#standing.get(directory)?.stack !== stack) continue;
      this.#idle.delete(directory);
      return directory;
    }
    return undefined;
  }

  /** Begins to unmount what is mounted below a directory. */
  release(directory: string): void {
    if (this.#standing.delete(directory)) this.#leaving.set(directory, this.#started().unmount(`${directory}/merged`));
  }

  /** Unmounts before it returns. Throws BuildError SNAPSHOT. */
  unmount(directory: string): void {
    this.release(directory);
    this.#settle(directory);
  }

  /** Unmounts and deletes a directory, some time. A failure to delete is left to the next garbage collection. */
  retire(directory: string): void {
    this.release(directory);
    this.#retired.push(directory);
    if (this.#retired.length >= BATCH) this.#removeRetired();
  }

  /** Waits until everything that was kept or retired is gone. */
  finish(): void {
    for (const directory of this.#idle) this.retire(directory);
    this.#idle.clear();
    this.#settleAll();
    const removing = this.#removeRetired();
    if (removing !== undefined) this.#started().settle(removing);
  }

  /** Unmounts and ends; nothing can be mounted afterwards. */
  close(): void {
    for (const directory of [...this.#standing.keys()]) this.release(directory);
    this.finish();
    this.#shell?.close();
    this.#shell = undefined;
  }

  #upperOf(directory: string): string {
    const { ctimeNs, mode, uid, gid } = statSync(`${this.#store}/${directory}/upper`, { bigint: true });
    return `${ctimeNs} ${mode} ${uid} ${gid}`;
  }

  #started(): MountShell {
    this.#shell ??= new MountShell(this.#store, this.#scratch());
    return this.#shell;
  }

  #removeRetired(): Request | undefined {
    if (this.#retired.length === 0) return undefined;
    for (const directory of this.#retired) this.#settle(directory);
    const request = this.#started().remove(this.#retired);
    this.#retired = [];
    return request;
  }

  #settleAll(): void {
    for (const directory of this.#leaving.keys()) this.#settle(directory);
  }

  #settle(directory: string): void {
    const request = this.#leaving.get(directory);
    if (request === undefined) return;
    this.#leaving.delete(directory);
    const problem = this.#started().settle(request);
    if (problem === undefined) return;
    throw new BuildError('SNAPSHOT', `cannot unmount ${this.#store}/${directory}/merged`, { got: problem });
  }
}

/** The error for what tryMount() said. */
export function notMounted(mount: OverlayMount, got: string): BuildError {
  return new BuildError('MACHINE', `cannot mount an overlay of ${mount.lowers.length} directories`, {
    got,
    hint: '`ocibuild doctor` says what this machine lacks; a store on overlayfs or NFS cannot hold one',
  });
}
