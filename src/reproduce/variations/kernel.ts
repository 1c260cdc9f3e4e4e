// Owns: the variation `kernel`. The kernel release a step is told.

import type { Variation } from '../variation.ts';

export const kernel: Variation = {
  name: 'kernel',
  kind: 'inside',
  reason: 'uname -r says 2.6 (personality UNAME26). configure scripts and kernel modules look at it.',
  isDefault: true,
  missing: ({ programs }) => (programs.has('setarch') ? undefined : 'setarch(8) is not installed'),
  apply: (world) => ({ ...world, personality: [...world.personality, '--uname-2.6'] }),
  inside: (facts) => facts.release,
};
