// Owns: the variation `calendar`. The date, months away.

import type { Variation } from '../variation.ts';

export const calendar: Variation = {
  name: 'calendar',
  kind: 'inside',
  reason:
    'The date is another month. What embeds no more than a date, or has a certificate that ends, differs only then.',
  isDefault: true,
  missing: () =>
    'only the real clock tells the date (time namespaces move the others), and setting that would reach every program of the machine',
  apply: (world) => world,
  inside: (facts) => new Date(facts.seconds * 1000).toISOString().slice(0, 7),
};
