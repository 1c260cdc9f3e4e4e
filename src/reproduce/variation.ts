// Owns: what a variation is. The variations themselves lie in variations/, one file each.

import { STEP_HOSTNAME } from '../sandbox/spec.ts';
import type { Machine } from './machine.ts';
import type { OutsideFacts } from './trace.ts';
import type { InsideFacts } from './witness.ts';
import type { World } from './world.ts';

/**
 * `outside`: the sandbox is there to absorb it. A witness outside differs between the two builds, while the one inside
 * the step says in both what the story says; if it says anything else, the sandbox leaks.
 * `inside`: what the step sees is changed on purpose; the witness in the step must say different things.
 */
export interface Variation {
  readonly name: string;
  readonly kind: 'outside' | 'inside';
  /** What it changes, and what it would find. */
  readonly reason: string;
  /** False: only with --with NAME, since sound recipes may depend on it; the reason says why. */
  readonly isDefault: boolean;
  /** Why this machine does not permit it; undefined where it does. */
  missing(machine: Machine): string | undefined;
  apply(world: World, machine: Machine): World;
  /** What the witness in the step says of it; for `outside`, of what should stay as it is told. */
  inside(facts: InsideFacts, world: World): string;
  /** `outside` only. */
  outside?(facts: OutsideFacts): string;
  /** For what must differ in one direction; different strings suffice otherwise. */
  isVaried?(first: InsideFacts, second: InsideFacts): boolean;
}

/** The value of a variable a step was given, `unset` where it has none. */
export function variableOf(facts: InsideFacts, name: string): string {
  return facts.environment.find((line) => line.startsWith(`${name}=`))?.slice(name.length + 1) ?? 'unset';
}

/** A value that is what this world means to tell counts as unchanged. `always` is what is told otherwise. */
export function asTold(value: string, told: string | undefined, always: string): string {
  return value === (told ?? always) ? 'as told' : value;
}

/** Everything of the story the witness sees, for variations that must not reach any of it. */
export function storyOf(facts: InsideFacts, { story }: World): string {
  return [
    `hostname ${asTold(facts.hostname, story.hostname, STEP_HOSTNAME)}`,
    `umask ${asTold(umaskText(facts), story.umask?.toString(8).padStart(4, '0'), '0022')}`,
    `TZ ${asTold(variableOf(facts, 'TZ'), story.timezone, 'UTC')}`,
    `LANG ${asTold(variableOf(facts, 'LANG'), story.locale, 'C')}`,
    `cwd ${facts.cwd}`,
    ...facts.environment.filter((line) => !/^(TZ|LANG)=/.test(line)),
  ].join(', ');
}

export function umaskText(facts: InsideFacts): string {
  return facts.umask.toString(8).padStart(4, '0');
}
