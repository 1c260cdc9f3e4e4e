// Owns: the variation `jobs`. How many steps run side by side.

import { storyOf, type Variation } from '../variation.ts';

export const jobs: Variation = {
  name: 'jobs',
  kind: 'outside',
  reason:
    'Steps run one after the other instead of side by side, or side by side instead of one after the other. Their order must not count.',
  isDefault: true,
  missing: () => undefined,
  apply: (world, { jobs }) => ({ ...world, jobs: jobs === 1 ? 4 : 1 }),
  inside: (facts, world) => storyOf(facts, world),
  outside: (facts) => facts.jobs,
};
