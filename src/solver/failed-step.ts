// Owns: what is remembered of a step that failed, one for each stage, so that `ocibuild shell` can open what it left.

import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { OpLabel } from '../graph/op.ts';
import type { DiffId } from '../snapshot/types.ts';
import { writeFileWhole } from './actions.ts';

/** The rootfs a failed step left, and what it ran with. */
export interface FailedStep {
  /** Bottom first. */
  readonly diffs: readonly DiffId[];
  /** `NAME=value`. */
  readonly env: readonly string[];
  readonly cwd: string;
  readonly user: string;
  /** The instruction. */
  readonly text: string;
}

type Place = Pick<OpLabel, 'target' | 'stage'>;

function pathOf(store: string, { target, stage }: Place): string {
  return join(store, 'failed', `${`${target}@${stage}`.replace(/[^\w.@-]+/g, '_')}.json`);
}

export function rememberFailedStep(store: string, place: Place, step: FailedStep): void {
  writeFileWhole(pathOf(store, place), `${JSON.stringify(step)}\n`);
}

/** Called when a step of the stage succeeds: what failed before is out of date. */
export function forgetFailedStep(store: string, place: Place): void {
  rmSync(pathOf(store, place), { force: true });
}

/** Undefined when the stage's last run did not fail. */
export function readFailedStep(store: string, place: Place): FailedStep | undefined {
  const path = pathOf(store, place);
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
