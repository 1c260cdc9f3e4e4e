// Owns: running another command of this program and reading what it prints. For what has to be done inside the namespace
// by a command that has to stay outside, where the caller's keys and agents are.

import { spawn } from 'node:child_process';
import { BuildError } from '../errors.ts';
import type { CommandContext } from './command.ts';

export interface OwnResult {
  readonly status: number;
  readonly stdout: string;
}

/** Its stderr goes to ours, and so does its stdout unless it is to be read. Global flags are passed on. Throws INTERRUPTED. */
export async function runOwn(
  context: CommandContext,
  words: readonly string[],
  stdout: 'read' | 'show',
): Promise<OwnResult> {
  const { args, storeDirectory, treeDirectory, jobs, offline } = context;
  const flags = [
    ...['--store', storeDirectory, '--jobs', String(jobs)],
    ...(treeDirectory === undefined ? [] : ['--tree', treeDirectory]),
    ...(offline ? ['--offline'] : []),
    ...(args.is('no-color') ? ['--no-color'] : []),
    ...(args.has('progress') ? ['--progress', args.text('progress')!] : []),
  ];
  const [command, ...rest] = words;
  const child = spawn(process.execPath, [...process.execArgv, process.argv[1]!, command!, ...flags, ...rest], {
    cwd: context.cwd,
    env: context.env,
    stdio: ['ignore', stdout === 'read' ? 'pipe' : 'inherit', 'inherit'],
  });
  const stop = (): void => void child.kill('SIGTERM');
  context.signal.addEventListener('abort', stop);
  let text = '';
  child.stdout?.setEncoding('utf8').on('data', (part: string) => {
    text += part;
  });
  try {
    const status = await new Promise<number>((done, failed) => {
      child.once('error', failed);
      child.once('close', (code) => done(code ?? 1));
    });
    context.signal.throwIfAborted();
    return { status, stdout: text };
  } catch (cause) {
    context.signal.throwIfAborted();
    throw new BuildError('MACHINE', `cannot start ocibuild ${command}`, { got: String(cause), cause });
  } finally {
    context.signal.removeEventListener('abort', stop);
  }
}
