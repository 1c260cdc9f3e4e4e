// Owns: locks between processes, on files. Node has no flock(2), so util-linux's (or busybox's) program holds each lock; it
// ends with us, however we end, because its standard input does. Who locks what, and in which order, is the caller's.

import { type ChildProcess, spawn } from 'node:child_process';
import { BuildError } from '../errors.ts';

/** A lock that is held. */
export interface FileLock {
  /** Resolves when another process can have it. */
  release(): Promise<void>;
}

/** Says so and then waits for the end of its input. */
const HOLDER = 'echo held && exec cat >/dev/null';
/** flock's own status when it may not wait. */
const TAKEN = 1;

export interface LockOptions {
  readonly signal: AbortSignal;
  /** Called once when the lock was not to be had for `patience` milliseconds. */
  readonly onWait?: () => void;
  readonly patience?: number;
}

/** Waits for an exclusive lock on the file, which is made when it is missing. Throws BuildError MACHINE, or the signal's reason. */
export async function lockFile(path: string, options: LockOptions): Promise<FileLock> {
  const patience = options.onWait === undefined ? undefined : setTimeout(options.onWait, options.patience ?? 2000);
  try {
    return (await take(path, [], options.signal))!;
  } finally {
    clearTimeout(patience);
  }
}

/** The same without waiting: undefined when somebody else has it. */
export async function tryLockFile(path: string, signal: AbortSignal): Promise<FileLock | undefined> {
  return take(path, ['-n'], signal);
}

async function take(path: string, flags: readonly string[], signal: AbortSignal): Promise<FileLock | undefined> {
  signal.throwIfAborted();
  const child = spawn('flock', ['-x', ...flags, path, 'sh', '-c', HOLDER], {
    // Not the terminal's: an interrupt is ours to hear, and the lock stays until the step has ended.
    detached: true,
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  const complaint: Buffer[] = [];
  child.stderr!.on('data', (chunk: Buffer) => complaint.push(chunk));
  child.stdin!.on('error', () => {});
  const ended = new Promise<number | Error>((done) => {
    child.on('error', done);
    child.on('close', (code) => done(code ?? -1));
  });
  const onAbort = (): void => endGroup(child);
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    const held = new Promise<'held'>((done) => child.stdout!.once('data', () => done('held')));
    const outcome = await Promise.race([held, ended]);
    signal.throwIfAborted();
    if (outcome === 'held') return { release: () => end(child, ended) };
    if (outcome === TAKEN && flags.length > 0 && complaint.length === 0) return undefined;
    throw new BuildError('MACHINE', `cannot lock ${path}`, {
      got:
        outcome instanceof Error ? outcome.message : Buffer.concat(complaint).toString().trim() || `status ${outcome}`,
      hint: 'the program flock of util-linux is needed for it',
    });
  } catch (error) {
    await end(child, ended);
    throw error;
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}

async function end(child: ChildProcess, ended: Promise<unknown>): Promise<void> {
  child.stdin?.end();
  await ended;
}

/** flock that waits, or the holder that it started. */
function endGroup(child: ChildProcess): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, 'SIGKILL');
  } catch {
    // Already gone.
  }
}
