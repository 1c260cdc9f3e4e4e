// Owns: what is remembered of a step that failed, one for each stage, so that `ocibuild shell` can open what it left.

import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Digest } from '../../oci/digest.ts';
import { runKey } from '../graph/cache-key.ts';
import type { RunOp } from '../graph/op.ts';
import { SANDBOX_VERSION } from '../sandbox/spec.ts';
import type { DiffId } from '../snapshot/types.ts';
import { writeFileWhole } from './actions.ts';

/** The rootfs a failed step left, and what it ran with. */
export interface FailedStep {
  /** See failedStepKey. */
  readonly key: Digest;
  /** The snapshot the step started from. */
  readonly base: Digest;
  /** Bottom first. */
  readonly diffs: readonly DiffId[];
  /** `NAME=value`. */
  readonly env: readonly string[];
  readonly cwd: string;
  readonly user: string;
  /** The instruction. */
  readonly text: string;
}

/** What the step was and what it stood on, but for the files it mounted: while this is the same, so is the step. */
export function failedStepKey(op: RunOp, base: Digest): Digest {
  return runKey(op, base, [], SANDBOX_VERSION);
}

/** `identity` is the target's; stage names are letters, digits and a few signs, none of them a slash. */
function pathOf(store: string, identity: string, stage: string): string {
  return join(store, 'failed', `${identity}@${stage}.json`);
}

export function rememberFailedStep(store: string, identity: string, stage: string, step: FailedStep): void {
  writeFileWhole(pathOf(store, identity, stage), `${JSON.stringify(step)}\n`);
}

/** Called when a step of the stage succeeds: what failed before is out of date. */
export function forgetFailedStep(store: string, identity: string, stage: string): void {
  rmSync(pathOf(store, identity, stage), { force: true });
}

/** Undefined when the stage's last run did not fail. */
export function readFailedStep(store: string, identity: string, stage: string): FailedStep | undefined {
  const path = pathOf(store, identity, stage);
  return existsSync(path) ? (JSON.parse(readFileSync(path, 'utf8')) as FailedStep) : undefined;
}

/** All that can be read, `warn` hears of the others: their snapshots are kept by a garbage collection. */
export function readFailedSteps(store: string, warn: (message: string) => void): readonly FailedStep[] {
  const directory = join(store, 'failed');
  if (!existsSync(directory)) return [];
  return readdirSync(directory)
    .filter((name) => name.endsWith('.json'))
    .sort()
    .flatMap((name) => {
      const path = join(directory, name);
      try {
        const step = JSON.parse(readFileSync(path, 'utf8')) as Partial<FailedStep> | null;
        if (Array.isArray(step?.diffs)) return [step as FailedStep];
      } catch (error) {
        if (!(error instanceof SyntaxError)) throw error;
      }
      warn(`${path} is no record of a failed step: what it left is not kept`);
      return [];
    });
}
