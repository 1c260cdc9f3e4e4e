// Owns: what a command is, and what it is given. One file per command in this folder exports `command`.

import type { Progress } from '../progress/progress.ts';
import type { Args, Flags } from './args.ts';

export interface CommandContext {
  readonly args: Args;
  readonly stdout: NodeJS.WriteStream;
  readonly stderr: NodeJS.WriteStream;
  /** Fires on the first SIGINT, SIGTERM or SIGHUP; its reason is a BuildError INTERRUPTED. */
  readonly signal: AbortSignal;
  readonly env: NodeJS.ProcessEnv;
  /** Absolute. */
  readonly cwd: string;
  /** Absolute: --store, OCIBUILD_STORE, $XDG_DATA_HOME/ocibuild, ~/.local/share/ocibuild. It may not exist yet. */
  readonly storeDirectory: string;
  /** --tree as given, undefined: the nearest folder upwards that holds one. */
  readonly treeDirectory: string | undefined;
  /** At least 1: --jobs, or one for each processor this program may use. */
  readonly jobs: number;
  readonly offline: boolean;
  /** Whether stdout may carry colours. */
  readonly color: boolean;
  /** Starts the progress view on stderr, in the form the user asked for. The command closes it. */
  openProgress(): Progress;
}

export interface Command {
  /** As typed. */
  readonly name: string;
  /** One line, no full stop. */
  readonly summary: string;
  /** What follows the name: `[RECIPE…]`. Further lines, if any, stand below it in help. */
  readonly usage: string;
  readonly flags: Flags;
  /** How many operands there may be; any number when absent. */
  readonly operands?: { readonly min: number; readonly max: number };
  /** Runs inside the user namespace, where it may own, read and delete what the store holds. */
  readonly needsNamespace: boolean;
  /**
   * Tried before entering the namespace, where it saves time: the exit status when the store alone answers, undefined
   * when there is something to do. Changes nothing in the store.
   */
  readonly answerFromCache?: (context: CommandContext) => Promise<number | undefined>;
  /** Gives the exit status; throws BuildError or OciError. */
  run(context: CommandContext): Promise<number>;
}
