// Owns: the variation `timezone`. The time zone a step is told.

import { type Variation, variableOf } from '../variation.ts';

export const timezone: Variation = {
  name: 'timezone',
  kind: 'inside',
  reason: 'TZ is far from UTC, where the step sets none itself. Times that are printed or parsed as local ones change.',
  isDefault: true,
  missing: () => undefined,
  apply: (world) => ({ ...world, story: { ...world.story, timezone: 'XYZ-13:45' } }),
  inside: (facts) => variableOf(facts, 'TZ'),
};
