// A program for the sandbox tests: enters the namespace, then runs steps given as JSON in its first argument and prints
// one line of JSON for each. Knows nothing of vitest.

import { BuildError } from '../../src/errors.ts';
import { openSandbox } from '../../src/sandbox/runtime.ts';
import type { Step } from '../../src/sandbox/types.ts';
import { enterNamespace, insideNamespace } from '../../src/sandbox/userns.ts';

export interface DriverJob {
  readonly singleId?: boolean;
  readonly runtime?: 'runc' | 'crun';
  readonly stateDirectory: string;
  readonly steps: ReadonlyArray<Partial<Step> & { readonly rootfs: string; readonly args: readonly string[] }>;
  /** How often all steps are run; only the last round is printed. */
  readonly rounds?: number;
  /** Abort each step after so many milliseconds. */
  readonly abortAfter?: number;
  /** Print chunks as they come. */
  readonly live?: boolean;
}

async function runJob(job: DriverJob): Promise<number> {
  const sandbox = await openSandbox({
    stateDirectory: job.stateDirectory,
    ...(job.runtime === undefined ? {} : { runtime: job.runtime }),
  });
  for (let round = 1; round <= (job.rounds ?? 1); round++) {
    for (const given of job.steps) {
      const step: Step = {
        id: 'test',
        env: [],
        cwd: '/',
        user: { uid: 0, gid: 0, additionalGids: [] },
        mounts: [],
        network: 'none',
        ...given,
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
      const milliseconds = performance.now() - started;
      if (round < (job.rounds ?? 1)) continue;
      process.stdout.write(`${JSON.stringify({ ...end, ...text, milliseconds, runtime: sandbox.runtime })}\n`);
    }
  }
  return 0;
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
