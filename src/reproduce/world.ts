// Owns: a world: everything that is changed about one build, as plain data that can be handed to another process. Knows
// no variation by name, and starts nothing.

import type { RuntimeSpec } from '../sandbox/spec.ts';
import type { Step } from '../sandbox/types.ts';

/** Which of the stores a build uses: each belongs to one file system and to one set of ids. */
export type StoreKind = 'disk' | 'memory' | 'disk-ids' | 'memory-ids';

/** What steps are told instead of what they are told always. Absent: as always. */
export interface StoryChange {
  readonly hostname?: string;
  /** Where the step does not name a TZ itself. */
  readonly timezone?: string;
  /** LANG, where the step sets no part of the locale itself. */
  readonly locale?: string;
  readonly umask?: number;
  /** The id map's second line is cut in two at this id; the ids stay the same. */
  readonly splitIdsAt?: number;
}

export interface World {
  // -- what the building process finds
  readonly umask?: number;
  /** Variables of the caller; undefined removes one. */
  readonly environment: Readonly<Record<string, string>>;
  readonly hostname?: string;
  readonly runtime?: 'runc' | 'crun';
  readonly jobs?: number;
  /** The store and the tree are reached by other paths. */
  readonly isElsewhere?: boolean;
  /** The builder's ids are other ids of the machine. */
  readonly hasOtherIds?: boolean;
  /** The store lies in memory. */
  readonly isInMemory?: boolean;
  /** So many processes keep the processors busy. */
  readonly load?: number;
  /** Processors, as taskset takes them. */
  readonly processors?: string;

  // -- what steps find
  /** Flags of setarch(8). */
  readonly personality: readonly string[];
  /** Seconds added to the monotonic and boot-time clocks. */
  readonly uptime?: number;
  readonly story: StoryChange;
}

/** As it always is. */
export const PLAIN: World = { environment: {}, personality: [], story: {} };

export function storeKindOf(world: World): StoreKind {
  const place = world.isInMemory === true ? 'memory' : 'disk';
  return world.hasOtherIds === true ? `${place}-ids` : place;
}

/** Programs that start the runtime, so that what they change reaches the step: the last one starts what follows. */
export function runtimePrefix(world: World): string[] {
  const prefix: string[] = [];
  if (world.uptime !== undefined) {
    const seconds = String(world.uptime);
    prefix.push('unshare', '--time', '--boottime', seconds, '--monotonic', seconds, '--fork', '--kill-child', '--');
  }
  if (world.personality.length > 0) prefix.push('setarch', ...world.personality, '--');
  return prefix;
}

/** The document of a step in which the story is another one. */
export function changeSpec(spec: RuntimeSpec, step: Step, { story }: World): RuntimeSpec {
  const named = new Set(step.env.map((pair) => pair.split('=', 1)[0]!));
  const hasLocale = [...named].some((name) => name === 'LANG' || name.startsWith('LC_'));
  const env = spec.process.env.map((pair) => {
    if (story.timezone !== undefined && !named.has('TZ') && pair.startsWith('TZ=')) return `TZ=${story.timezone}`;
    if (story.locale !== undefined && !hasLocale && pair.startsWith('LANG=')) return `LANG=${story.locale}`;
    return pair;
  });
  const split = <T extends { readonly containerID: number; readonly hostID: number; readonly size: number }>(
    maps: readonly T[],
  ): { containerID: number; hostID: number; size: number }[] => maps.flatMap((map) => splitMap(map, story.splitIdsAt));
  return {
    ...spec,
    hostname: story.hostname ?? spec.hostname,
    process: { ...spec.process, env, user: { ...spec.process.user, umask: story.umask ?? spec.process.user.umask } },
    linux: {
      ...spec.linux,
      uidMappings: split(spec.linux.uidMappings),
      gidMappings: split(spec.linux.gidMappings),
    },
  };
}

function splitMap(
  { containerID, hostID, size }: { readonly containerID: number; readonly hostID: number; readonly size: number },
  at: number | undefined,
): { containerID: number; hostID: number; size: number }[] {
  const first = at === undefined ? 0 : at - containerID;
  if (first <= 0 || first >= size) return [{ containerID, hostID, size }];
  return [
    { containerID, hostID, size: first },
    { containerID: containerID + first, hostID: hostID + first, size: size - first },
  ];
}
