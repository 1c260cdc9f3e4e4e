// A program for the sandbox tests: enters the namespace, then runs steps given as JSON in its first argument and prints
// one line of JSON for each. Knows nothing of vitest.

import { execFileSync } from 'node:child_process';
import { chmodSync, lstatSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { BuildError } from '../../src/errors.ts';
import { openSandbox } from '../../src/sandbox/runtime.ts';
import { writeSkeleton } from '../../src/sandbox/skeleton.ts';
import type { Step } from '../../src/sandbox/types.ts';
import { enterNamespace, insideNamespace } from '../../src/sandbox/userns.ts';

export interface DriverJob {
  readonly singleId?: boolean;
  readonly runtime?: 'runc' | 'crun';
  readonly stateDirectory: string;
  readonly steps: ReadonlyArray<Partial<Step> & { readonly rootfs: string; readonly args: readonly string[] }>;
  /** How often all steps are run; only the last round is printed, with the shortest time of all. */
  readonly rounds?: number;
  /** Abort each step after so many milliseconds. */
  readonly abortAfter?: number;
  /** A directory to make an overlay in, over each step's rootfs and the skeleton; prints what reached the upper one. */
  readonly overlay?: string;
  /** Print chunks as they come. */
  readonly live?: boolean;
}

async function runJob(job: DriverJob): Promise<number> {
  const sandbox = await openSandbox({
    stateDirectory: job.stateDirectory,
    ...(job.runtime === undefined ? {} : { runtime: job.runtime }),
  });
  const fastest = new Map<object, number>();
  for (let round = 1; round <= (job.rounds ?? 1); round++) {
    for (const given of job.steps) {
      const mounted = job.overlay === undefined ? undefined : mountOverlay(job.overlay, given.rootfs);
      const step: Step = {
        id: 'test',
        env: [],
        cwd: '/',
        user: { uid: 0, gid: 0, additionalGids: [] },
        mounts: [],
        network: 'none',
        ...given,
        ...(mounted === undefined ? {} : { rootfs: mounted.merged }),
      };
      const text = { stdout: '', stderr: '' };
      const controller = new AbortController();
      if (job.abortAfter !== undefined) setTimeout(() => controller.abort(), job.abortAfter);
      const started = performance.now();
      let end: object;
      try {
        const result = await sandbox.run(
          step,
          (stream, chunk) => {
            text[stream] += chunk.toString();
            if (job.live === true) process.stdout.write(chunk);
          },
          controller.signal,
        );
        end = { status: result.status };
      } catch (error) {
        if (!(error instanceof BuildError)) throw error;
        end = { code: error.code, message: error.message };
      }
      const milliseconds = Math.min(performance.now() - started, fastest.get(given) ?? Number.POSITIVE_INFINITY);
      fastest.set(given, milliseconds);
      const upper = mounted?.finish();
      if (round < (job.rounds ?? 1)) continue;
      process.stdout.write(`${JSON.stringify({ ...end, ...text, upper, milliseconds, runtime: sandbox.runtime })}\n`);
    }
  }
  return 0;
}

/** As the snapshot room does: one overlay per step, with the skeleton as its lowest layer. */
function mountOverlay(directory: string, rootfs: string): { merged: string; finish: () => string[] } {
  const path = (name: string): string => join(directory, name);
  for (const name of ['skeleton', 'upper', 'work', 'merged']) {
    rmSync(path(name), { recursive: true, force: true });
    mkdirSync(path(name), { recursive: true });
    chmodSync(path(name), 0o755);
  }
  writeSkeleton(path('skeleton'));
  const options = `userxattr,volatile,lowerdir=${rootfs}:${path('skeleton')},upperdir=${path('upper')},workdir=${path('work')}`;
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
