// Owns: the variation `id-map`. How a step is shown its id map.

import type { Variation } from '../variation.ts';

export const idMap: Variation = {
  name: 'id-map',
  kind: 'inside',
  reason:
    '/proc/self/uid_map has one line more; the ids are the same. What tells containers from machines by it, or prints it, changes.',
  isDefault: true,
  missing: ({ hasIdRange }) => (hasIdRange ? undefined : 'single-id mode: there is one id only'),
  apply: (world) => ({ ...world, story: { ...world.story, splitIdsAt: 32_768 } }),
  inside: (facts) => facts.idMap.replaceAll('\n', ', '),
};
