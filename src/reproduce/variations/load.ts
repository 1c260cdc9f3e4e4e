// Owns: the variation `load`. Other programs that want the processors.

import type { Variation } from '../variation.ts';

export const load: Variation = {
  name: 'load',
  kind: 'inside',
  reason:
    'Two busy processes for every processor. What depends on timing, on timeouts, or on who is first, has another outcome.',
  isDefault: true,
  missing: ({ programs }) => (programs.has('setpriv') ? undefined : 'setpriv(1) is not installed'),
  apply: (world, { processors }) => ({ ...world, load: 2 * processors.length }),
  inside: (facts) => `${facts.running} running`,
  // It must be more, not just another number.
  isVaried: (first, second) => second.running > first.running,
};
