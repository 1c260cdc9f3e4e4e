// Owns: the flags that run, build, shell and export share, and the services they describe.

import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { Profile } from '../../oci/profile.ts';
import { type OpenServices, openServices } from '../build/services.ts';
import { BuildError } from '../errors.ts';
import type { Watcher } from '../progress/event.ts';
import type { Secret } from '../solver/services.ts';
import type { Flags } from './args.ts';
import type { CommandContext } from './command.ts';

export const SOLVE_FLAGS: Flags = {
  'no-cache': { summary: 'run every step again, and those of every recipe it stands on' },
  'no-cache-filter': {
    summary: 'run the steps of this stage again (more than once, or with commas)',
    value: 'STAGE',
    repeatable: true,
  },
  distfiles: { summary: 'look for sources in this folder first', value: 'DIR', repeatable: true },
  runtime: { summary: 'the program that runs steps', value: 'NAME', choices: ['runc', 'crun'] },
  driver: { summary: 'how root file systems are stacked', value: 'NAME', choices: ['auto', 'overlay', 'copy'] },
};

/** Of the commands that make images. */
export const IMAGE_FLAGS: Flags = {
  compression: {
    summary: 'how layers are compressed (gzip); another way gives other digests',
    value: 'NAME',
    choices: ['gzip', 'zstd', 'none'],
  },
};

export interface SolveExtras {
  readonly secrets?: ReadonlyMap<string, Secret>;
  readonly sshSocket?: string | undefined;
  /** The store is only asked: a build with anything to do throws NeedsWork. */
  readonly isReadOnly?: boolean;
  readonly compression?: Profile['compression'] | undefined;
}

/** What --compression says, undefined where it is not given. */
export function compressionOf({ args }: CommandContext): Profile['compression'] | undefined {
  return args.text('compression') as Profile['compression'] | undefined;
}

/** Folders to look for sources in, absolute: the flag's, then those of the environment. */
export function distfilesOf({ args, env, cwd }: CommandContext): readonly string[] {
  const fromEnv = (env['OCIBUILD_DISTFILES'] ?? '').split(':').filter((path) => path !== '');
  return [...args.list('distfiles'), ...fromEnv].map((path) => resolve(cwd, path));
}

/** The runtime asked for, undefined where any will do. Throws BuildError USAGE. */
export function runtimeOf({ args, env }: CommandContext): 'runc' | 'crun' | undefined {
  const runtime = args.text('runtime') ?? env['OCIBUILD_RUNTIME'];
  if (runtime !== undefined && runtime !== 'runc' && runtime !== 'crun') {
    throw new BuildError('USAGE', 'not a runtime', { want: 'runc or crun', got: runtime });
  }
  return runtime;
}

/** The services a command line asks for. */
export function servicesOf(context: CommandContext, watch: Watcher, extras: SolveExtras = {}): OpenServices {
  const { args, env } = context;
  const filter = args
    .list('no-cache-filter')
    .flatMap((text) => text.split(','))
    .filter((name) => name !== '')
    .map((name) => name.toLowerCase());
  return openServices({
    store: context.storeDirectory,
    jobs: context.jobs,
    offline: context.offline,
    distfiles: distfilesOf(context),
    noCache: args.is('no-cache') ? true : filter.length > 0 ? new Set(filter) : false,
    secrets: extras.secrets ?? new Map(),
    sshSocket: extras.sshSocket,
    isReadOnly: extras.isReadOnly ?? false,
    runtime: runtimeOf(context),
    driver: (args.text('driver') as 'auto' | 'overlay' | 'copy' | undefined) ?? 'auto',
    ...(extras.compression === undefined ? {} : { compression: extras.compression }),
    env,
    signal: context.signal,
    watch,
  });
}

/** The store alone, for commands that build nothing. */
export function storeServices(context: CommandContext): OpenServices {
  return storeOnly(context, false);
}

/** The store to be asked what it holds, and not changed; undefined when it is not there. */
export function lookupServices(context: CommandContext): OpenServices | undefined {
  const parts = ['actions', 'diffs', 'layout/oci-layout'].map((part) => join(context.storeDirectory, part));
  return parts.every((part) => existsSync(part)) ? storeOnly(context, true) : undefined;
}

function storeOnly(context: CommandContext, isReadOnly: boolean): OpenServices {
  return openServices({
    store: context.storeDirectory,
    jobs: context.jobs,
    offline: true,
    distfiles: [],
    noCache: false,
    secrets: new Map(),
    sshSocket: undefined,
    isReadOnly,
    runtime: undefined,
    driver: 'auto',
    env: context.env,
    signal: context.signal,
    watch: () => {},
  });
}
