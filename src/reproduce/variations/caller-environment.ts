// Owns: the variation `caller-environment`. The other variables of whoever calls.

import { storyOf, type Variation } from '../variation.ts';

const CALLER = {
  HOME: '/nonexistent/somebody-else',
  USER: 'somebody-else',
  LOGNAME: 'somebody-else',
  CFLAGS: '-O1 -DFROM_THE_CALLER',
  MAKEFLAGS: '-s',
  SOURCE_DATE_EPOCH: '1234567890',
};

export const callerEnvironment: Variation = {
  name: 'caller-environment',
  kind: 'outside',
  reason:
    'HOME, USER and LOGNAME of the caller are another user, CFLAGS, MAKEFLAGS and SOURCE_DATE_EPOCH are set. A step must see none of them.',
  isDefault: true,
  missing: () => undefined,
  apply: (world) => ({ ...world, environment: { ...world.environment, ...CALLER } }),
  inside: (facts, world) => storyOf(facts, world),
  outside: (facts) => facts.environment.join(' '),
};
