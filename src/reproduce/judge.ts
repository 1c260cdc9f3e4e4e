// Owns: what the witnesses of two builds say about one image: for each variation whether it was there at all, and whether
// the sandbox kept it out where it should. Pure.

import type { Trace } from './trace.ts';
import type { Variation } from './variation.ts';
import type { InsideFacts } from './witness.ts';
import type { World } from './world.ts';

export interface Side {
  readonly trace: Pick<Trace, 'ops' | 'witnessed' | 'outside'>;
  readonly world: World;
}

/** `varied`: both witnesses say so. `not varied` and `leaked`: as VariationOutcome. */
export interface Judgement {
  readonly state: 'varied' | 'not varied' | 'leaked';
  readonly detail: string;
}

/** Judges one variation for the steps of one image. */
export function judge(variation: Variation, name: string, first: Side, second: Side): Judgement {
  if (variation.kind === 'outside') {
    const [before, after] = [first, second].map(({ trace }) => String(variation.outside!(trace.outside)));
    if (before === after) return { state: 'not varied', detail: `outside it is ${shorten(before!)} in both builds` };
  }
  const steps = first.trace.ops.filter((op) => op.kind === 'run' && op.target === name);
  if (steps.length === 0) return { state: 'not varied', detail: 'no step runs for this image' };
  const pairs = steps.map((op) => {
    return { op, one: witnessOf(first, op.key), two: witnessOf(second, op.key) };
  });
  const blind = pairs.filter(({ one, two }) => one === undefined || two === undefined);
  if (blind.length > 0) {
    return { state: 'not varied', detail: `no witness in ${blind.length} of ${steps.length} steps` };
  }
  const said = pairs.map(({ op, one, two }) => {
    const before = variation.inside(one!, first.world);
    const after = variation.inside(two!, second.world);
    const isVaried = variation.isVaried?.(one!, two!) ?? before !== after;
    return { op, before, after, isVaried };
  });
  if (variation.kind === 'outside') {
    const leak = said.find(({ before, after }) => before !== after);
    if (leak === undefined) {
      const [before, after] = [first, second].map(({ trace }) => shorten(String(variation.outside!(trace.outside))));
      return { state: 'varied', detail: `outside ${before} and ${after}; inside the same` };
    }
    const { op, before, after } = leak;
    return { state: 'leaked', detail: `in ${op.stage} ${op.step}: ${shorten(before)} and ${shorten(after)}` };
  }
  const same = said.filter(({ isVaried }) => !isVaried);
  if (same.length > 0) {
    const { before, after } = same[0]!;
    return {
      state: 'not varied',
      detail: `the witness says ${shorten(before)} and ${shorten(after)} in ${same.length} of ${said.length} steps`,
    };
  }
  const { before, after } = said[0]!;
  return { state: 'varied', detail: `${shorten(before)} and ${shorten(after)}` };
}

function witnessOf({ trace }: Side, key: string): InsideFacts | undefined {
  return trace.witnessed.find((seen) => seen.key === key)?.facts;
}

/** One line of at most 60 characters, nothing of a terminal's. */
function shorten(text: string): string {
  const line = text
    .replace(/\s+/g, ' ')
    .replace(/[^\x20-\x7e]/g, '?')
    .trim();
  if (line === '') return '(nothing)';
  return line.length > 60 ? `${line.slice(0, 57)}...` : line;
}
