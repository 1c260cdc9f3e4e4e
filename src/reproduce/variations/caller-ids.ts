// Owns: the variation `caller-ids`. Which ids of the machine the builder has.

import type { Variation } from '../variation.ts';

/** A map whose line was cut in two on purpose, as it would be otherwise. */
function uncut(map: string, at: number | undefined): string {
  const lines: number[][] = [];
  for (const line of map.split('\n').map((text) => text.split(' ').map(Number))) {
    if (at !== undefined && line[0] === at && lines.length > 0) lines.at(-1)![2]! += line[2]!;
    else lines.push(line);
  }
  return lines.map((line) => line.join(' ')).join(', ');
}

export const callerIds: Variation = {
  name: 'caller-ids',
  kind: 'outside',
  reason:
    'The builder and its files have other user ids of the machine, as if another user built. A step must see the same ids and the same map.',
  isDefault: true,
  missing: ({ hasOtherIds }) => (hasOtherIds ? undefined : 'the caller has one range of ids only; root has them all'),
  apply: (world) => ({ ...world, hasOtherIds: true }),
  inside: (facts, world) => uncut(facts.idMap, world.story.splitIdsAt),
  outside: (facts) => facts.idMap,
};
