// Owns: mounting and unmounting overlays inside the mount namespace of this process, so that nothing is left mounted when
// the process dies, and deleting the directories they were mounted on. Knows nothing of diffs: it is given names relative
// to the store.
//
// Unmounting and deleting go on beside the build. Nothing that was an upper directory is mounted as a lower one before
// its own mount is gone.

import { BuildError } from '../errors.ts';
import { MountShell, type Request } from './mount-shell.ts';

/** One page, less what the other options and the names of upper and work need. */
export const LOWER_BYTES = 3800;
/** The kernel takes 500. */
export const LOWER_COUNT = 490;
/** So many directories are deleted by one rm. */
const BATCH = 32;

export interface OverlayMount {
  /** Topmost first, each once. Names here are relative to the store, without `:` and `,`. */
  readonly lowers: readonly string[];
  /** The directory of `upper`, `work` and `merged`. */
  readonly directory: string;
}

export class Overlays {
  readonly #store: string;
  readonly #scratch: () => string;
  readonly #standing = new Set<string>();
  readonly #leaving = new Map<string, Request>();
  #retired: string[] = [];
  #shell: MountShell | undefined;

  /** `store` is absolute; `scratch` gives an existing directory of this process. */
  constructor(store: string, scratch: () => string) {
    this.#store = store;
    this.#scratch = scratch;
  }

  /** Undefined when it is mounted, otherwise what mount(8) said. */
  tryMount({ lowers, directory }: OverlayMount): string | undefined {
    this.#settleAll();
    // userxattr: what an unprivileged mount is allowed to store. volatile: no fsync at unmount; flush() does it for all.
    const options =
      `userxattr,volatile,lowerdir=${lowers.join(':')},` + `upperdir=${directory}/upper,workdir=${directory}/work`;
    const problem = this.#started().mount(`${directory}/merged`, options);
    if (problem === undefined) this.#standing.add(directory);
    return problem;
  }

  /** Throws BuildError MACHINE. */
  mount(mount: OverlayMount): void {
    const problem = this.tryMount(mount);
    if (problem === undefined) return;
    throw new BuildError('MACHINE', `cannot mount an overlay of ${mount.lowers.length} directories`, {
      got: problem,
      hint: '`ocibuild doctor` says what this machine lacks; a store on overlayfs or NFS cannot hold one',
    });
  }

  /** True from its mount until it is known to be unmounted. */
  isMounted(directory: string): boolean {
    return this.#standing.has(directory) || this.#leaving.has(directory);
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

  /** Waits until everything that was retired is gone. */
  finish(): void {
    this.#settleAll();
    const removing = this.#removeRetired();
    if (removing !== undefined) this.#started().settle(removing);
  }

  /** Unmounts and ends; nothing can be mounted afterwards. */
  close(): void {
    for (const directory of [...this.#standing]) this.release(directory);
    this.finish();
    this.#shell?.close();
    this.#shell = undefined;
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
