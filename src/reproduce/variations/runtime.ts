// Owns: the variation `runtime`. The program that runs steps.

import { storyOf, type Variation } from '../variation.ts';

export const runtime: Variation = {
  name: 'runtime',
  kind: 'outside',
  reason: 'Steps are run by the other one of runc and crun. A step must not be able to tell them apart.',
  isDefault: true,
  missing: ({ otherRuntime }) => (otherRuntime === undefined ? 'only one of runc and crun is installed' : undefined),
  apply: (world, { otherRuntime }) => ({ ...world, runtime: otherRuntime! }),
  inside: (facts, world) => storyOf(facts, world),
  outside: (facts) => facts.runtime,
};
