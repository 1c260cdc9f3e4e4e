// Owns: what a finished build prints.

import type { BuildOutcome, Built } from '../build.ts';

/** `recipes/hello sha256:… 1.20s built`: name, index digest, seconds, and whether anything was done for it. */
export function resultLine(outcome: BuildOutcome, { target, image }: Built, milliseconds: number): string {
  const seconds = (milliseconds / 1000).toFixed(milliseconds < 10_000 ? 2 : 0);
  const hasRun = outcome.graph.ops.some(
    (op) => op.label.target === target.name && outcome.solution.states[op.id] === 'done',
  );
  return `${target.name} ${image.indexDigest} ${seconds}s ${image.isCached && !hasRun ? 'cached' : 'built'}\n`;
}

/** `steps: 12 run, 30 cached`: over everything the build needed. */
export function solveSummary(outcome: BuildOutcome): string {
  const count = (state: string): number => outcome.solution.states.filter((each) => each === state).length;
  return `steps: ${count('done')} run, ${count('cached')} cached\n`;
}

/** For a build without an output. */
export function unwrittenHint(): string {
  return 'the image lies in the store only: -o oci:DIR writes it out\n';
}
