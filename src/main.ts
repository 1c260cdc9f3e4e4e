// Owns: argv to command, errors to exit status. Knows no command by name but help and --version.
//
// Exit status: 0 done, 1 the build or the check failed, 2 usage, 3 this machine can't do it, 130 interrupted. A fault of
// ocibuild itself is 1 as well, with a stack trace and a line saying so. When the reader of our output goes away (EPIPE),
// the command carries on to its end in silence: a build does not fail because a log viewer was closed.

import { OciError } from '../oci/errors.ts';
import { type Args, parseArgs } from './cli/args.ts';
import type { Command, CommandContext } from './cli/command.ts';
import { COMMANDS } from './cli/commands.ts';
import { GLOBAL_FLAGS, jobsOf, storeDirectoryOf, wantsColor } from './cli/global-flags.ts';
import { BuildError, exitStatusOf, formatError } from './errors.ts';
import { didYouMean } from './recipe/near-miss.ts';

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
const FLAGS_BEFORE = { ...GLOBAL_FLAGS, version: { summary: 'print the version' } };

/** Runs one command line (argv without node and script) and gives the exit status. */
async function main(words: readonly string[]): Promise<number> {
  const before = parseArgs(words, FLAGS_BEFORE, { help: 'ocibuild help', stopAtOperand: true });
  if (before.is('version')) {
    const { programVersion } = await import('./cli/version.ts');
    process.stdout.write(`ocibuild ${programVersion()}\n`);
    return 0;
  }
  const [name, ...after] = before.operands;
  if (name === undefined || name === 'help') {
    const asked = before.is('help') || name === 'help';
    const [topic] = parseArgs(after, GLOBAL_FLAGS, { help: 'ocibuild help' }).operands;
    return printHelp(asked ? process.stdout : process.stderr, topic, asked);
  }
  const command = await loadCommand(name);
  if (before.is('help')) return printHelp(process.stdout, name, true);
  // Flags before the command are read with it, so that the later one wins wherever it stands.
  const leading = words.slice(0, words.length - before.operands.length);
  const flags = { ...command.flags, ...GLOBAL_FLAGS };
  const help = `ocibuild help ${name}`;
  const args = parseArgs([...leading.filter((word) => word !== '--'), ...after], flags, { help });
  if (args.is('help')) return printHelp(process.stdout, name, true);
  checkOperands(command, args, help);
  if (command.needsNamespace) {
    const { enterNamespace, insideNamespace } = await import('./sandbox/userns.ts');
    if (!insideNamespace()) {
      const answered = await answerOutside(command, args);
      if (answered !== undefined) return answered;
      const { ensureTools } = await import('./sandbox/provision.ts');
      await ensureTools({ env: process.env, stderr: process.stderr });
      // For who wants to know that a build needs one id only, on a machine that has a range.
      const singleId = process.env['OCIBUILD_SINGLE_ID'] === '1';
      return enterNamespace({ argv: words, env: process.env, ...(singleId ? { singleId } : {}) });
    }
  }
  return withContext(args, (context) => command.run(context));
}

/**
 * Many a build finds everything in its cache, and needs no namespace to say so: that saves starting a second time. Root's
 * store belongs to other ids, so root always goes inside.
 */
async function answerOutside(command: Command, args: Args): Promise<number | undefined> {
  const { answerFromCache } = command;
  if (answerFromCache === undefined || process.getuid?.() === 0) return undefined;
  return withContext(args, answerFromCache);
}

async function loadCommand(name: string): Promise<Command> {
  const load = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
  if (load === undefined) {
    const near = didYouMean(name, Object.keys(COMMANDS));
    throw new BuildError('USAGE', `no command is called ${name}`, {
      hint: `${near === undefined ? '' : `${near} `}see \`ocibuild help\``,
    });
  }
  return load();
}

function checkOperands(command: Command, args: Args, help: string): void {
  const { min, max } = command.operands ?? { min: 0, max: Number.POSITIVE_INFINITY };
  const got = args.operands.length;
  if (got >= min && got <= max) return;
  throw new BuildError('USAGE', `too ${got < min ? 'few' : 'many'} arguments for ${command.name}`, {
    want: `ocibuild ${command.name} ${command.usage.split('\n')[0]}`.trimEnd(),
    hint: `see \`${help}\``,
  });
}

async function printHelp(out: NodeJS.WriteStream, name: string | undefined, asked: boolean): Promise<number> {
  const { commandText, overviewText } = await import('./cli/help.ts');
  if (name !== undefined && name !== 'help') out.write(commandText(await loadCommand(name)));
  else out.write(overviewText(await Promise.all(Object.values(COMMANDS).map((load) => load()))));
  return asked ? 0 : exitStatusOf('USAGE');
}

/** Runs work that a signal may stop. */
async function withContext<T>(args: Args, work: (context: CommandContext) => Promise<T>): Promise<T> {
  const { env, stdout, stderr } = process;
  const cwd = process.cwd();
  const { createProgress } = await import('./progress/progress.ts');
  const controller = new AbortController();
  const stop = (name: NodeJS.Signals): void => {
    // The second one does not wait for anything to end in order.
    if (controller.signal.aborted) process.exit(exitStatusOf('INTERRUPTED'));
    controller.abort(new BuildError('INTERRUPTED', `stopped by ${name}`));
  };
  for (const name of SIGNALS) process.on(name, stop);
  const context: CommandContext = {
    args,
    stdout,
    stderr,
    signal: controller.signal,
    env,
    cwd,
    storeDirectory: storeDirectoryOf(args.text('store'), env, cwd),
    treeDirectory: args.text('tree'),
    jobs: jobsOf(args),
    offline: args.is('offline'),
    color: wantsColor(args, env, stdout),
    openProgress: () =>
      createProgress((args.text('progress') ?? 'auto') as 'auto', stderr, { color: wantsColor(args, env, stderr) }),
  };
  try {
    return await work(context);
  } catch (error) {
    // Whatever breaks because it was stopped, was stopped.
    if (controller.signal.aborted && !isUserFault(error)) throw controller.signal.reason;
    throw error;
  } finally {
    for (const name of SIGNALS) process.off(name, stop);
  }
}

function isUserFault(error: unknown): error is BuildError | OciError {
  return error instanceof BuildError || error instanceof OciError;
}

/** Prints an error the way the user gets it, and gives the exit status. */
function report(error: unknown): number {
  if (isUserFault(error)) {
    process.stderr.write(`${formatError(error)}\n`);
    return exitStatusOf(error.code);
  }
  const code = (error as NodeJS.ErrnoException | undefined)?.code;
  if (code === 'ENOSPC' || code === 'EDQUOT') {
    process.stderr.write(`DISK_FULL: ${(error as Error).message}\n`);
    return exitStatusOf('DISK_FULL');
  }
  if ((code === 'EACCES' || code === 'EROFS') && error instanceof Error) {
    process.stderr.write(`MACHINE: ${error.message}; the user who runs this must be able to use it\n`);
    return exitStatusOf('MACHINE');
  }
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  process.stderr.write(
    `${text}\nThis is a fault of ocibuild, not of your files: please report it with the lines above.\n`,
  );
  return 1;
}

/** A stream whose reader went away stays silent; anything else wrong with it is reported once. */
function muteBrokenPipe(stream: NodeJS.WriteStream): void {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE' || error.code === 'ERR_STREAM_DESTROYED') return;
    process.exit(report(error));
  });
}

/** Resolves when everything written has reached the pipe, or its reader has gone. */
function drain(stream: NodeJS.WriteStream): Promise<void> {
  return new Promise((done) => {
    if (stream.destroyed) done();
    else stream.write('', () => done());
  });
}

muteBrokenPipe(process.stdout);
muteBrokenPipe(process.stderr);
process.on('uncaughtException', (error) => process.exit(report(error)));
const status = await main(process.argv.slice(2)).catch(report);
await Promise.all([drain(process.stdout), drain(process.stderr)]);
// No forgotten handle keeps the program alive.
process.exit(status);
