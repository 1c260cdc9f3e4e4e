// A program for the sandbox tests: enters the namespace, makes a rootfs of a static busybox, runs the steps its first
// argument describes as JSON, prints one line of JSON for each, and deletes what it made. Knows nothing of vitest.

import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { BuildError } from '../../src/errors.ts';
import { openSandbox } from '../../src/sandbox/runtime.ts';
import { writeSkeleton } from '../../src/sandbox/skeleton.ts';
import type { Sandbox, Step } from '../../src/sandbox/types.ts';
import { callerId, enterNamespace, insideNamespace } from '../../src/sandbox/userns.ts';

export interface DriverJob {
  /** An existing directory of the caller's; everything is made in it. */
  readonly work: string;
  /** A static busybox. */
  readonly busybox: string;
  readonly singleId?: boolean;
  readonly runtimes: ReadonlyArray<'runc' | 'crun'>;
  readonly steps: ReadonlyArray<DriverStep>;
  /** How often all steps are run; only the last round is printed, with the shortest time of all. */
  readonly rounds?: number;
  /** Print output as it comes, beside the results. */
  readonly live?: boolean;
}

export interface DriverStep extends Partial<Omit<Step, 'rootfs'>> {
  readonly args: readonly string[];
  /** Abort the step after so many milliseconds. */
  readonly abortAfter?: number;
}

export interface DriverResult {
  readonly status?: number;
  /** Of a BuildError, instead of a status. */
  readonly code?: string;
  readonly message?: string;
  readonly stdout: string;
  readonly stderr: string;
  readonly milliseconds: number;
  /** From the abort to the end of `run`. */
  readonly sinceAbort?: number;
  readonly runtime: string;
  /** What reached the overlay's upper directory: `path uid:gid mode`. */
  readonly upper: readonly string[];
  /** Processes left in the namespace beside this one. */
  readonly left: readonly string[];
  readonly caller: { readonly uid: number; readonly gid: number };
}

const APPLETS =
  'cat chmod chown dd dmesg echo env false hostname id ifconfig kill ln ls mkdir mknod mount nc ping ps rm sh sleep stat su touch true ulimit umount unshare wc';

async function runJob(job: DriverJob): Promise<number> {
  const base = join(job.work, 'rootfs');
  mkdirSync(join(base, 'bin'), { recursive: true });
  mkdirSync(join(base, 'etc'));
  mkdirSync(join(base, 'tmp'));
  chmodSync(join(base, 'tmp'), 0o1777);
  copyFileSync(job.busybox, join(base, 'bin/busybox'));
  chmodSync(join(base, 'bin/busybox'), 0o755);
  mkdirSync(join(base, 'setuid'));
  copyFileSync(job.busybox, join(base, 'setuid/su'));
  chmodSync(join(base, 'setuid/su'), 0o4755);
  for (const name of APPLETS.split(' ')) symlinkSync('busybox', join(base, 'bin', name));
  writeFileSync(join(base, 'etc/passwd'), 'root::0:0::/root:/bin/sh\nuser:x:1000:1000::/home/user:/bin/sh\n');
  const seconds = new Map<object, number>();
  try {
    for (const runtime of job.runtimes) {
      const sandbox = await openSandbox({ stateDirectory: join(job.work, `state-${runtime}`), runtime });
      for (let round = 1; round <= (job.rounds ?? 1); round++) {
        for (const given of job.steps) {
          const result = await runStep(sandbox, job, base, given);
          const milliseconds = Math.min(result.milliseconds, seconds.get(given) ?? Number.POSITIVE_INFINITY);
          seconds.set(given, milliseconds);
          if (round === (job.rounds ?? 1)) process.stdout.write(`${JSON.stringify({ ...result, milliseconds })}\n`);
        }
      }
      seconds.clear();
    }
  } finally {
    for (const name of ['rootfs', 'skeleton', 'upper', 'work', 'merged']) {
      rmSync(join(job.work, name), { recursive: true, force: true });
    }
  }
  return 0;
}

async function runStep(sandbox: Sandbox, job: DriverJob, base: string, given: DriverStep): Promise<DriverResult> {
  const { abortAfter, ...rest } = given;
  const overlay = mountOverlay(job.work, base);
  const step: Step = {
    id: 'test',
    env: [],
    cwd: '/',
    user: { uid: 0, gid: 0, additionalGids: [] },
    mounts: [],
    network: 'none',
    ...rest,
    rootfs: overlay.merged,
  };
  const text = { stdout: '', stderr: '' };
  const controller = new AbortController();
  let aborted = 0;
  if (abortAfter !== undefined) {
    setTimeout(() => {
      aborted = performance.now();
      controller.abort();
    }, abortAfter);
  }
  const started = performance.now();
  let end: object;
  try {
    const { status } = await sandbox.run(
      step,
      (stream, chunk) => {
        text[stream] += chunk.toString();
        if (job.live === true) process.stdout.write(chunk);
      },
      controller.signal,
    );
    end = { status };
  } catch (error) {
    if (!(error instanceof BuildError)) throw error;
    end = { code: error.code, message: error.message };
  }
  const now = performance.now();
  return {
    ...end,
    ...text,
    milliseconds: now - started,
    ...(aborted === 0 ? {} : { sinceAbort: now - aborted }),
    runtime: sandbox.runtime,
    left: processesLeft(),
    upper: overlay.finish(),
    caller: callerId(),
  };
}

/** As the snapshot room does: one overlay per step, with the skeleton as its lowest layer. */
function mountOverlay(directory: string, rootfs: string): { merged: string; finish: () => string[] } {
  const path = (name: string): string => join(directory, name);
  for (const name of ['skeleton', 'upper', 'work', 'merged']) {
    rmSync(path(name), { recursive: true, force: true });
    mkdirSync(path(name));
    chmodSync(path(name), 0o755);
  }
  writeSkeleton(path('skeleton'));
  const lower = `lowerdir=${rootfs}:${path('skeleton')}`;
  const options = `userxattr,volatile,${lower},upperdir=${path('upper')},workdir=${path('work')}`;
  execFileSync('mount', ['-t', 'overlay', '-o', options, 'overlay', path('merged')]);
  return {
    merged: path('merged'),
    finish: () => {
      execFileSync('umount', [path('merged')]);
      const names = readdirSync(path('upper'), { recursive: true }) as string[];
      return names.sort().map((name) => {
        const { uid, gid, mode } = lstatSync(join(path('upper'), name));
        return `${name} ${uid}:${gid} ${(mode & 0o7777).toString(8)}`;
      });
    },
  };
}

/** Living processes of this namespace, ourselves apart. */
function processesLeft(): string[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && name !== String(process.pid))
    .flatMap((pid) => {
      if (!existsSync(`/proc/${pid}/status`)) return [];
      const status = readFileSync(`/proc/${pid}/status`, 'latin1');
      return /^State:\s+Z/m.test(status) ? [] : [/^Name:\s+(.*)$/m.exec(status)?.[1] ?? pid];
    });
}

const job = JSON.parse(process.argv[2]!) as DriverJob;
process.exit(
  insideNamespace()
    ? await runJob(job)
    : await enterNamespace({
        argv: process.argv.slice(2),
        env: process.env,
        ...(job.singleId === true ? { singleId: true } : {}),
      }),
);
