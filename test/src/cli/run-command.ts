// Owns: running one command in this process, its output kept.

import { parseArgs } from '../../../src/cli/args.ts';
import type { Command } from '../../../src/cli/command.ts';
import { GLOBAL_FLAGS } from '../../../src/cli/global-flags.ts';
import { renderPlain } from '../../../src/progress/plain.ts';

export interface Ran {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** The command line's words after the command's name. Throws what the command throws. */
export async function runCommand(
  command: Command,
  words: readonly string[],
  cwd: string,
  store: string,
  env: NodeJS.ProcessEnv = {},
): Promise<Ran> {
  const written = { stdout: '', stderr: '' };
  const stream = (name: 'stdout' | 'stderr') =>
    ({
      write(text: string) {
        written[name] += text;
        return true;
      },
    }) as unknown as NodeJS.WriteStream;
  const args = parseArgs(words, { ...command.flags, ...GLOBAL_FLAGS }, { help: '' });
  const [stdout, stderr] = [stream('stdout'), stream('stderr')];
  const status = await command.run({
    args,
    stdout,
    stderr,
    signal: new AbortController().signal,
    env,
    cwd,
    storeDirectory: store,
    treeDirectory: args.text('tree'),
    jobs: args.count('jobs') ?? 1,
    offline: args.is('offline'),
    color: false,
    openProgress: () => renderPlain(stderr, () => 0),
  });
  return { status, ...written };
}
