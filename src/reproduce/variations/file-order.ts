// Owns: the variation `file-order`. The order in which a directory lists its names.

import type { Variation } from '../variation.ts';

export const fileOrder: Variation = {
  name: 'file-order',
  kind: 'inside',
  reason:
    'The store lies on another file system (tmpfs), which lists names in another order, gives other inode numbers and counts other block sizes.',
  isDefault: true,
  missing: ({ isDiskMemory, programs }) =>
    isDiskMemory
      ? 'the first store is on a tmpfs itself: name a folder of a disk with --work'
      : programs.has('mount')
        ? undefined
        : 'mount(8) is not installed',
  apply: (world) => ({ ...world, isInMemory: true }),
  inside: (facts) => facts.order.join(' '),
};
