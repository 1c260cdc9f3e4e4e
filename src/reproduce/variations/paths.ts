// Owns: the variation `paths`. Where the store and the tree lie.

import { storyOf, type Variation } from '../variation.ts';

export const paths: Variation = {
  name: 'paths',
  kind: 'outside',
  reason:
    'The store and the recipe tree are reached by longer paths elsewhere. Paths of the host must not get into a result.',
  isDefault: true,
  missing: ({ programs }) => (programs.has('unshare') ? undefined : 'unshare(1) is not installed'),
  apply: (world) => ({ ...world, isElsewhere: true }),
  inside: (facts, world) => storyOf(facts, world),
  outside: (facts) => facts.paths,
};
