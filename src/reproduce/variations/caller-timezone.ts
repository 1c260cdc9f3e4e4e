// Owns: the variation `caller-timezone`. The time zone of whoever calls.

import { asTold, type Variation, variableOf } from '../variation.ts';

export const callerTimezone: Variation = {
  name: 'caller-timezone',
  kind: 'outside',
  reason:
    'TZ of the caller is 11 hours and 45 minutes from UTC, with the clocks moved in summer. Times printed by a step would follow it.',
  isDefault: true,
  missing: () => undefined,
  apply: (world) => ({ ...world, environment: { ...world.environment, TZ: 'AAA-11:45BBB,M4.1.0,M10.1.0' } }),
  inside: (facts, world) => asTold(variableOf(facts, 'TZ'), world.story.timezone, 'UTC'),
  outside: (facts) => facts.timezone,
};
