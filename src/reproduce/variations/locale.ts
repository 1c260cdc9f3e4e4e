// Owns: the variation `locale`. The locale a step is told.

import { type Variation, variableOf } from '../variation.ts';

export const locale: Variation = {
  name: 'locale',
  kind: 'inside',
  reason:
    'LANG is C.UTF-8 instead of C, where the step sets no locale itself. Tools treat bytes beyond ASCII in another way.',
  isDefault: true,
  missing: () => undefined,
  apply: (world) => ({ ...world, story: { ...world.story, locale: 'C.UTF-8' } }),
  inside: (facts) => variableOf(facts, 'LANG'),
};
