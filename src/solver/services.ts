// Owns: what a solve needs from the rest of the program, as interfaces: so that solving can be tested without a sandbox
// and does not know how images are assembled or sources fetched.

import type { Digest } from '../../oci/digest.ts';
import type { OpId, Watcher } from '../progress/event.ts';
import type { Recipe, Source } from '../recipe/types.ts';
import type { Sandbox } from '../sandbox/types.ts';
import type { SnapshotStore, Workspace } from '../snapshot/store.ts';
import type { DiffId, Snapshot } from '../snapshot/types.ts';

/** Thrown by a solve that may change nothing, as soon as there is something to do. Never reaches a user. */
export class NeedsWork extends Error {
  constructor(what: string) {
    super(`${what} is not in the cache`);
    this.name = 'NeedsWork';
  }
}

/** One layer of a finished image. */
export interface LayerBytes {
  readonly diffId: Digest;
  /** Uncompressed tar bytes, verified against the diffID when read to the end. */
  open(): Iterable<Uint8Array>;
}

/** A target's image once it lies in the store. */
export interface BuiltImage {
  readonly indexDigest: Digest;
  readonly manifestDigest: Digest;
  /** Bottom first. */
  readonly layers: readonly LayerBytes[];
  readonly isCached: boolean;
}

/** What an op gave. */
export interface OpResult {
  readonly snapshot: Snapshot;
  /** The op's own change; absent for scratch, images, and a COPY that joined layers. */
  readonly diff: DiffId | undefined;
  readonly isCached: boolean;
}

/** Results by op id. */
export type Results = ReadonlyMap<OpId, OpResult>;

export interface RootBuilder {
  /** Digest of everything that decides the rootfs: lock file and extras. */
  readonly key: Digest;
  /** Verifies signatures and digests, then writes the rootfs. */
  unpack(workspace: Workspace): Promise<void>;
}

export interface Secret {
  readonly id: string;
  /** Absolute host path. */
  readonly path: string;
}

export interface Services {
  /** Absolute. */
  readonly store: string;
  readonly snapshots: SnapshotStore;
  /** Opened at the first step that runs. */
  sandbox(): Promise<Sandbox>;
  /** Resolves when all of them lie in the store, verified. */
  fetch(recipe: Recipe, sources: readonly Source[]): Promise<void>;
  /** The path of the verified bytes. */
  fetchRemote(url: string, digest: Digest): Promise<string>;
  root(recipe: Recipe): Promise<RootBuilder>;
  readonly secrets: ReadonlyMap<string, Secret>;
  /** Host socket of the ssh agent, when --ssh was given. */
  readonly sshSocket: string | undefined;
  readonly jobs: number;
  /** Nothing may be changed in the store: whatever the cache does not hold throws NeedsWork. */
  readonly isReadOnly: boolean;
  /**
   * True: no op's earlier result is used. A set: not for the stages of these names, in lower case. A function: not for
   * the targets it is true for.
   */
  readonly noCache: boolean | ReadonlySet<string> | ((target: string) => boolean);
  readonly signal: AbortSignal;
  readonly watch: Watcher;
}
