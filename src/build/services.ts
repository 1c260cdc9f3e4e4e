// Owns: the wiring of one build: the store's parts, the sandbox when a step needs it, sources when a COPY needs them.

import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { dirname, join, posix } from 'node:path';
import { createLayout, type Layout, openLayout } from '../../oci/layout/layout.ts';
import { native, type Profile, withCompression } from '../../oci/profile.ts';
import { fetchPinned, fetchSources } from '../fetch/fetch.ts';
import { makeDirectories } from '../image/place.ts';
import type { Watcher } from '../progress/event.ts';
import { openSandbox } from '../sandbox/runtime.ts';
import { writeSkeleton } from '../sandbox/skeleton.ts';
import type { Sandbox } from '../sandbox/types.ts';
import { callerId } from '../sandbox/userns.ts';
import { openSnapshotStore } from '../snapshot/store.ts';
import type { Secret, Services } from '../solver/services.ts';
import { openRoot } from './roots.ts';

export interface ServiceOptions {
  /** Absolute; made when it is not there. */
  readonly store: string;
  readonly jobs: number;
  readonly offline: boolean;
  readonly distfiles: readonly string[];
  readonly noCache: boolean | ReadonlySet<string>;
  readonly secrets: ReadonlyMap<string, Secret>;
  readonly sshSocket: string | undefined;
  readonly runtime: 'runc' | 'crun' | undefined;
  readonly driver: 'auto' | 'overlay' | 'copy';
  /** Of layers; the profile's own where it is absent. */
  readonly compression?: Profile['compression'];
  /** Nothing is made or changed; the store has to be there. */
  readonly isReadOnly: boolean;
  readonly env: NodeJS.ProcessEnv;
  readonly signal: AbortSignal;
  readonly watch: Watcher;
}

export interface OpenServices extends Services {
  readonly layout: Layout;
  /** What decides the bytes of images, besides their content. */
  readonly profile: Profile;
}

/** Made aside, so that another process never sees half of it. */
function makeSkeleton(directory: string): void {
  if (existsSync(directory)) return;
  const aside = `${directory}.new-${process.pid}-${randomBytes(4).toString('hex')}`;
  mkdirSync(aside);
  writeSkeleton(aside);
  try {
    renameSync(aside, directory);
  } catch (error) {
    rmSync(aside, { recursive: true });
    if (!existsSync(directory)) throw error;
  }
}

/** Opens the store and everything a solve needs of it. Must run inside the user namespace. */
export function openServices(options: ServiceOptions): OpenServices {
  const { store, signal, watch } = options;
  if (!options.isReadOnly) {
    makeDirectories(dirname(store), callerId());
    mkdirSync(store, { recursive: true });
  }
  const skeleton = join(store, 'skeleton');
  if (!options.isReadOnly) makeSkeleton(skeleton);
  let sandbox: Promise<Sandbox> | undefined;
  const fetching = {
    store,
    distfiles: options.distfiles,
    offline: options.offline,
    jobs: Math.max(options.jobs, 4),
    onEvent: watch,
    signal,
    env: options.env,
  };
  const snapshots = openSnapshotStore(store, { driver: options.driver, skeleton, readOnly: options.isReadOnly });
  // However this process ends in order, it gives its workspaces up: another one must not take it for alive.
  if (!options.isReadOnly) process.once('exit', () => snapshots.close());
  return {
    store,
    layout: options.isReadOnly ? openLayout(join(store, 'layout')) : createLayout(join(store, 'layout')),
    snapshots,
    profile: withCompression(native, options.compression ?? native.compression),
    sandbox: () => {
      const opened =
        sandbox ??
        openSandbox({
          ...(options.runtime === undefined ? {} : { runtime: options.runtime }),
          stateDirectory: join(store, 'state'),
        });
      sandbox = opened;
      return opened;
    },
    fetch: async (recipe, sources) => {
      await fetchSources(sources, { ...fetching, recipeDirectory: () => recipe.directory });
    },
    fetchRemote: async (url, digest) => {
      const file = posix.basename(new URL(url).pathname);
      return (await fetchPinned(digest, [url], { ...fetching, file, command: 'ocibuild build, without --offline' }))
        .path;
    },
    root: (recipe) => openRoot(recipe, fetching),
    secrets: options.secrets,
    sshSocket: options.sshSocket,
    jobs: options.jobs,
    isReadOnly: options.isReadOnly,
    noCache: options.noCache,
    signal,
    watch,
  };
}
