// Owns: the variation `hostname`. The host name a step is told.

import type { Variation } from '../variation.ts';

export const hostname: Variation = {
  name: 'hostname',
  kind: 'inside',
  reason:
    'The sandbox tells steps the host name elsewhere instead of its own. Other builders do not fix it, so a recipe that agrees with them does not use it.',
  isDefault: true,
  missing: () => undefined,
  apply: (world) => ({ ...world, story: { ...world.story, hostname: 'elsewhere' } }),
  inside: (facts) => facts.hostname,
};
