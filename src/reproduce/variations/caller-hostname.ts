// Owns: the variation `caller-hostname`. The host name of the machine.

import { STEP_HOSTNAME } from '../../sandbox/spec.ts';
import { asTold, type Variation } from '../variation.ts';

export const callerHostname: Variation = {
  name: 'caller-hostname',
  kind: 'outside',
  reason: 'The building process runs on a host of another name. It would reach configure scripts and build stamps.',
  isDefault: true,
  missing: ({ programs }) => (programs.has('hostname') ? undefined : 'hostname(1) is not installed'),
  apply: (world) => ({ ...world, hostname: 'another-machine.example' }),
  inside: (facts, world) => asTold(facts.hostname, world.story.hostname, STEP_HOSTNAME),
  outside: (facts) => facts.hostname,
};
