// Owns: the variation `clock`. The time of day goes on.

import type { Variation } from '../variation.ts';

export const clock: Variation = {
  name: 'clock',
  kind: 'inside',
  reason: 'Seconds pass between the two builds, as they do by themselves. What embeds the time of the build differs.',
  isDefault: true,
  missing: () => undefined,
  apply: (world) => world,
  inside: (facts) => new Date(facts.seconds * 1000).toISOString(),
};
