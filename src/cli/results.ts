// Owns: what a finished build prints.

import type { BuildOutcome } from '../build.ts';
import type { BuiltImage } from '../solver/services.ts';

/** `recipes/hello sha256:… 1.2s built`: name, index digest, seconds, and whether anything had to be done for it. */
export function resultLine(name: string, image: BuiltImage, milliseconds: number): string {
  const seconds = (milliseconds / 1000).toFixed(milliseconds < 10_000 ? 2 : 0);
  return `${name} ${image.indexDigest} ${seconds}s ${image.isCached ? 'cached' : 'built'}\n`;
}

/** `steps: 12 run, 30 cached`: over everything the build needed. */
export function solveSummary(outcome: BuildOutcome): string {
  const count = (state: string): number => outcome.solution.states.filter((each) => each === state).length;
  return `steps: ${count('done')} run, ${count('cached')} cached\n`;
}
