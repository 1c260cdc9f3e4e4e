// Owns: the variation `caller-umask`. The umask of whoever calls.

import { asTold, umaskText, type Variation } from '../variation.ts';

export const callerUmask: Variation = {
  name: 'caller-umask',
  kind: 'outside',
  reason:
    'The umask of the caller is 0077 instead of its own. A builder that lets it through gives every file another mode.',
  isDefault: true,
  missing: () => undefined,
  apply: (world) => ({ ...world, umask: 0o077 }),
  inside: (facts, world) => asTold(umaskText(facts), world.story.umask?.toString(8).padStart(4, '0'), '0022'),
  outside: (facts) => facts.umask,
};
