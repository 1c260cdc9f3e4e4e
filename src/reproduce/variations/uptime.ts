// Owns: the variation `uptime`. The clocks that count from the start of the machine.

import type { Variation } from '../variation.ts';

const HALF_A_YEAR = 182 * 86_400;

export const uptime: Variation = {
  name: 'uptime',
  kind: 'inside',
  reason:
    'The monotonic and the boot-time clock are half a year ahead (time namespace), as on a machine that has run so long.',
  isDefault: true,
  missing: ({ hasTimeNamespace }) => (hasTimeNamespace ? undefined : 'unshare(1) cannot make a time namespace here'),
  apply: (world) => ({ ...world, uptime: HALF_A_YEAR }),
  inside: (facts) => `${facts.uptime} s`,
  // It always goes on: months count.
  isVaried: (first, second) => second.uptime - first.uptime > HALF_A_YEAR / 2,
};
