// Owns: the table of commands, in the order help shows them. A command is loaded when it is asked for, so that
// `--version` does not wait for the builder.

import type { Command } from './command.ts';

type Load = () => Promise<{ readonly command: Command }>;

export const COMMANDS: Readonly<Record<string, Load>> = {
  run: () => import('./run.ts'),
  build: () => import('./build.ts'),
  plan: () => import('./plan.ts'),
  fetch: () => import('./fetch.ts'),
  parse: () => import('./parse.ts'),
  lint: () => import('./lint.ts'),
  shell: () => import('./shell.ts'),
  export: () => import('./export.ts'),
  lock: () => import('./lock.ts'),
  ls: () => import('./ls.ts'),
  inspect: () => import('./inspect.ts'),
  du: () => import('./du.ts'),
  version: () => import('./version.ts'),
};
