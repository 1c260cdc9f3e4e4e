// Owns: the variation `address-space`. Where the kernel puts a program in memory.

import type { Variation } from '../variation.ts';

export const addressSpace: Variation = {
  name: 'address-space',
  kind: 'inside',
  reason:
    'The layout of address spaces is not randomised (personality ADDR_NO_RANDOMIZE). Pointers that get into hashes, orders or output change with it.',
  isDefault: true,
  missing: ({ programs }) => (programs.has('setarch') ? undefined : 'setarch(8) is not installed'),
  apply: (world) => ({ ...world, personality: [...world.personality, '--addr-no-randomize'] }),
  inside: (facts) => facts.stack,
};
