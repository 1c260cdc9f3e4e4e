// Owns: the variation `caller-locale`. The locale of whoever calls.

import { asTold, type Variation, variableOf } from '../variation.ts';

export const callerLocale: Variation = {
  name: 'caller-locale',
  kind: 'outside',
  reason: 'LANG, LC_ALL and LC_COLLATE of the caller name Turkish. Sorting, upper case and messages would follow them.',
  isDefault: true,
  missing: () => undefined,
  apply: (world) => ({
    ...world,
    environment: {
      ...world.environment,
      LANG: 'tr_TR.UTF-8',
      LC_ALL: 'tr_TR.UTF-8',
      LC_COLLATE: 'tr_TR.UTF-8',
      LANGUAGE: 'tr',
    },
  }),
  inside: (facts, world) =>
    [
      asTold(variableOf(facts, 'LANG'), world.story.locale, 'C'),
      ...['LC_ALL', 'LC_COLLATE', 'LANGUAGE'].map((name) => variableOf(facts, name)),
    ].join(' '),
  outside: (facts) => facts.locale,
};
