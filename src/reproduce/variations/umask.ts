// Owns: the variation `umask`. The umask a step is told.

import { umaskText, type Variation } from '../variation.ts';

export const umask: Variation = {
  name: 'umask',
  kind: 'inside',
  reason:
    'The umask is 0002. A file that is made without saying its mode differs, which is no fault where the sandbox fixes the umask: only on request.',
  isDefault: false,
  missing: () => undefined,
  apply: (world) => ({ ...world, story: { ...world.story, umask: 0o002 } }),
  inside: umaskText,
};
