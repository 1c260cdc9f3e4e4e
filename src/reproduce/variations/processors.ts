// Owns: the variation `processors`. How many processors a step may use.

import type { Variation } from '../variation.ts';

export const processors: Variation = {
  name: 'processors',
  kind: 'inside',
  reason:
    'The build may use one processor (taskset). Numbers from nproc, and the order in which parallel work ends, change.',
  isDefault: true,
  missing: ({ processors, programs }) => {
    if (!programs.has('taskset')) return 'taskset(1) is not installed';
    return processors.length > 1 ? undefined : 'there is one processor only';
  },
  apply: (world, { processors }) => ({ ...world, processors: String(processors.at(-1)) }),
  inside: (facts) => `${facts.processors}`,
};
