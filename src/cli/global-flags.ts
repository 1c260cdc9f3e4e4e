// Owns: the flags every command takes, and the settings they and the environment make.

import { availableParallelism, homedir } from 'node:os';
import { isAbsolute, join, resolve } from 'node:path';
import type { Args, Flags } from './args.ts';

export const GLOBAL_FLAGS = {
  tree: { value: 'DIR', summary: 'the recipe tree (default: the nearest folder upwards that holds one)' },
  store: {
    value: 'DIR',
    summary: 'the store (default: $OCIBUILD_STORE, $XDG_DATA_HOME/ocibuild, ~/.local/share/ocibuild)',
  },
  jobs: {
    value: 'N',
    count: true,
    short: 'j',
    summary: 'how many steps run side by side (default: one per processor)',
  },
  offline: { summary: 'open no connection; what the store lacks is an error' },
  progress: { value: 'KIND', choices: ['auto', 'tty', 'plain', 'json'], summary: 'auto, tty, plain or json' },
  'no-color': { summary: 'no colours, also on a terminal (as NO_COLOR)' },
  help: { short: 'h', summary: 'what this command does and takes' },
} as const satisfies Flags;

/** Absolute store folder. Empty variables count as unset, a relative XDG_DATA_HOME too (XDG base directory spec). */
export function storeDirectoryOf(flag: string | undefined, env: NodeJS.ProcessEnv, cwd: string): string {
  if (flag !== undefined) return resolve(cwd, flag);
  if (env['OCIBUILD_STORE']) return resolve(cwd, env['OCIBUILD_STORE']);
  const data = env['XDG_DATA_HOME'];
  if (data && isAbsolute(data)) return join(data, 'ocibuild');
  return join(env['HOME'] || homedir(), '.local/share/ocibuild');
}

/** How many ops may run side by side. */
export function jobsOf(args: Args): number {
  return args.count('jobs') ?? availableParallelism();
}

/** NO_COLOR counts when it is there and not empty (no-color.org); TERM=dumb has no colours. */
export function wantsColor(args: Args, env: NodeJS.ProcessEnv, stream: { isTTY?: boolean }): boolean {
  return stream.isTTY === true && !args.is('no-color') && !env['NO_COLOR'] && env['TERM'] !== 'dumb';
}
