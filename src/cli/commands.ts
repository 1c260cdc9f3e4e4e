// Owns: the table of commands, in the order help shows them. A command is loaded when it is asked for, so that
// `--version` does not wait for the builder.

import type { Command } from './command.ts';

type Load = () => Promise<{ readonly command: Command }>;

export const COMMANDS: Readonly<Record<string, Load>> = {
  lock: () => import('./lock.ts'),
  version: () => import('./version.ts'),
};
