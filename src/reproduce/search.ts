// Owns: from images that differ between two builds to the reason of each: builds under equal conditions first, then with
// fewer variations. Starts builds through the workshop; looks into files through locate.ts.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseIdMap } from '../sandbox/id-map.ts';
import { openSnapshotStore } from '../snapshot/store.ts';
import { attribute } from './attribute.ts';
import { type Kept, locate, stepPlace } from './locate.ts';
import type { Machine } from './machine.ts';
import type { Failure, Trace, TracedOp, Witnessed } from './trace.ts';
import type { Variation } from './variation.ts';
import type { Cause, Difference, Place } from './verdict.ts';
import type { Workshop } from './workshop.ts';
import { PLAIN, storeKindOf, type World } from './world.ts';

/** Builds of some images in one world, and how each came out. */
export interface WorldBuild {
  readonly world: World;
  /** Names of the variations in it. */
  readonly variations: readonly string[];
  readonly traces: ReadonlyMap<string, Trace>;
  readonly failures: ReadonlyMap<string, Failure>;
  /** See BuildWish. */
  readonly isHostile: boolean;
}

/** How the images of a build belong together. */
export interface Lineage {
  /** Whether the first is built with the second, directly or not. */
  needs(name: string, other: string): boolean;
  /** The recipe to be built to get an image. */
  recipeOf(name: string): string;
}

export interface SearchTools {
  readonly workshop: Workshop;
  readonly machine: Machine;
  /** In the order of reports. */
  readonly variations: readonly Variation[];
  readonly say: (line: string) => void;
}

export interface Found {
  readonly difference: Difference;
  /** In a build with these the image was the same. */
  readonly survived: ReadonlySet<string>;
}

/** How often a pair of builds that did not see the same second is made again. */
const PAIR_TRIES = 8;

export function worldOf(variations: readonly Variation[], machine: Machine): World {
  return variations.reduce((world, variation) => variation.apply(world, machine), PLAIN);
}

/**
 * Builds images in a world. A build that fails takes nothing from the others: what failed, and what needs it, is left out
 * and the rest goes on. `again` as in Job.
 */
export async function buildAll(
  { workshop, machine, variations }: SearchTools,
  names: readonly string[],
  among: readonly string[],
  again: readonly string[] | undefined,
  lineage: Lineage,
  isWitnessed: boolean,
): Promise<WorldBuild> {
  const world = worldOf(
    variations.filter(({ name }) => among.includes(name)),
    machine,
  );
  const traces = new Map<string, Trace>();
  const failures = new Map<string, Failure>();
  const seen: Witnessed[] = [];
  let left = [...names];
  let forced = again;
  while (left.length > 0) {
    const answer = await workshop.build({
      recipes: recipesOf(left, lineage),
      world,
      isWitnessed,
      // The long one; those of the search are only counted.
      isShown: again === undefined,
      isHostile: again === undefined,
      ...(forced === undefined ? {} : { again: forced }),
    });
    if ('traces' in answer) {
      const [trace] = answer.traces as [Trace];
      const whole = { ...trace, witnessed: [...seen, ...trace.witnessed] };
      for (const name of left) traces.set(name, whole);
      break;
    }
    const { failure } = answer;
    seen.push(...answer.witnessed);
    const guilty = failure.target;
    const lost = guilty === undefined ? left : left.filter((name) => name === guilty || lineage.needs(name, guilty));
    // Nobody to leave out: then it is everybody's.
    for (const name of lost.length === 0 ? left : lost) failures.set(name, failure);
    left = lost.length === 0 ? [] : left.filter((name) => !lost.includes(name));
    // What this world has made already is not made again, and nothing of another world is there.
    forced = (again ?? []).filter((name) => left.includes(name));
  }
  return { world, variations: among, traces, failures, isHostile: again === undefined };
}

function recipesOf(names: readonly string[], { recipeOf }: Lineage): readonly string[] {
  return [...new Set(names.map(recipeOf))];
}

/** Whether an image of a build is another one than in the first build, or is not there. */
export function isOther(first: Trace, build: WorldBuild, name: string): boolean {
  const trace = build.traces.get(name);
  return trace === undefined || manifestOf(trace, name) !== manifestOf(first, name);
}

export function manifestOf(trace: Pick<Trace, 'targets'>, name: string): string | undefined {
  return trace.targets.find((target) => target.name === name)?.manifest;
}

export class Search {
  readonly #tools: SearchTools;
  readonly #first: Trace;
  readonly #firstKept: Kept;
  readonly #lineage: Lineage;

  constructor(tools: SearchTools, first: Trace, lineage: Lineage) {
    this.#tools = tools;
    this.#first = first;
    this.#firstKept = keep(tools.workshop, first, PLAIN, false);
    this.#lineage = lineage;
  }

  /** Why each of `names` differs from the first build in `hostile`. None of them needs another. */
  async explain(names: readonly string[], hostile: WorldBuild): Promise<ReadonlyMap<string, Found>> {
    const { say, variations } = this.#tools;
    say(`${names.length} differ: built once more as always, to see whether they differ by themselves`);
    const control = await this.#build(names, []);
    const restless = names.filter((name) => isOther(this.#first, control, name));
    const found = new Map<string, Found>();
    if (restless.length > 0) {
      for (const [name, cause] of await this.#explainRestless(restless)) {
        found.set(name, { difference: this.#difference(name, control, cause), survived: new Set() });
      }
    }
    const calm = names.filter((name) => !restless.includes(name));
    if (calm.length === 0) return found;
    const unlikely = new Set(variations.filter(({ kind }) => kind === 'outside').map(({ name }) => name));
    const attributed = await attribute(
      calm,
      hostile.variations,
      hostile,
      async (recipes, among) => {
        const build = await this.#build(recipes, among);
        return { build, differing: new Set(recipes.filter((name) => isOther(this.#first, build, name))) };
      },
      unlikely,
    );
    for (const name of calm) {
      const { culprits, together, survived } = attributed.get(name)!;
      // The last of the builds that showed it; the hostile one where nothing was varied in it.
      const shown = culprits[0]?.build ?? together[0]?.build ?? hostile;
      const alone = culprits.map(({ variation }) => variation);
      const cause = causeOf(alone, together[0]?.variations);
      found.set(name, { difference: this.#difference(name, shown, cause), survived });
    }
    return found;
  }

  #build(names: readonly string[], among: readonly string[]): Promise<WorldBuild> {
    this.#tools.say(`building ${names.length} again ${among.length === 0 ? 'as always' : `with ${among.join(', ')}`}`);
    // Who looks has looked already: only the outcome counts.
    return buildAll(this.#tools, names, among, names, this.#lineage, false);
  }

  /**
   * Images that two builds under equal conditions make differently. What cannot be varied on purpose is held still: two
   * builds side by side see the same second, and without randomised addresses. If they agree, it was the one or the other.
   */
  async #explainRestless(names: readonly string[]): Promise<ReadonlyMap<string, Cause>> {
    const { machine, variations } = this.#tools;
    const fixed = variations.find(({ name }) => name === 'address-space');
    const canFix = fixed !== undefined && fixed.missing(machine) === undefined;
    const causes = new Map<string, Cause>();
    const { agreeing: held, undecided } = await this.#pairs(names, canFix ? [fixed] : []);
    for (const name of names) {
      if (held.has(name)) continue;
      const also = undecided.has(name)
        ? ', or the time of the build: its steps take too long to fit into one second'
        : '';
      const sentence =
        'two builds under equal conditions, side by side, differ: random numbers, names or identifiers, a race between ' +
        `processes, or a clock finer than a second${also}`;
      causes.set(name, { kind: 'itself', variations: [], sentence });
    }
    const still = names.filter((name) => held.has(name));
    const random = canFix && still.length > 0 ? (await this.#pairs(still, [])).agreeing : held;
    for (const name of still) {
      const cause = random.has(name) ? 'clock' : 'address-space';
      const sentence =
        cause === 'clock'
          ? 'it differs from one moment to the next, and two builds in the same second agree: the time of the build'
          : 'it differs in every build, but not where addresses are not randomised: where a program lies in memory';
      causes.set(name, { kind: 'each', variations: [cause], sentence });
    }
    return causes;
  }

  /** Those of `names` that two builds in the same second make alike, and those that never had such a second. */
  async #pairs(
    names: readonly string[],
    variations: readonly Variation[],
  ): Promise<{ agreeing: ReadonlySet<string>; undecided: ReadonlySet<string> }> {
    const { workshop, machine, say } = this.#tools;
    const agreeing = new Set<string>();
    let left = [...names];
    for (let tries = 0; tries < PAIR_TRIES && left.length > 0; tries++) {
      say(
        `building ${left.length} twice at the same time${variations.length === 0 ? '' : ', addresses not randomised'}`,
      );
      // One step of each at a time: the two go side by side.
      const world = { ...worldOf(variations, machine), jobs: 1 };
      const answer = await workshop.build({
        recipes: recipesOf(left, this.#lineage),
        world,
        again: left,
        times: 2,
        isWitnessed: true,
      });
      if (!('traces' in answer)) break;
      const [one, two] = answer.traces as [Trace, Trace];
      for (const name of left) if (manifestOf(one, name) === manifestOf(two, name)) agreeing.add(name);
      left = left.filter((name) => !agreeing.has(name) && !sawSameSecond(one, two, name));
    }
    return { agreeing, undecided: new Set(left) };
  }

  #difference(name: string, build: WorldBuild, cause: Cause): Difference {
    const among = build.variations;
    const second = among.length === 0 ? 'a second one' : `one with another ${among.join(', ')}`;
    return { first: 'an ordinary build', second, cause, place: this.#place(name, build) };
  }

  #place(name: string, build: WorldBuild): Place {
    const failure = build.failures.get(name);
    if (failure === undefined) {
      const kept = keep(this.#tools.workshop, build.traces.get(name)!, build.world, build.isHostile);
      return locate(this.#firstKept, kept, name);
    }
    // Lines that lead into a store that is gone by then help nobody.
    const message = failure.message
      .split('\n')
      .filter((line) => !/^ +(the whole log|look inside with): /.test(line))
      .join('\n');
    // As the first build names it: in another one the tree may lie elsewhere.
    const isFailed = (op: TracedOp): boolean =>
      op.target === failure.target &&
      op.stage === failure.stage &&
      op.step === failure.step &&
      op.text === failure.text;
    const op = this.#first.ops.find(isFailed);
    return { type: 'failure', message, ...(op === undefined ? {} : { step: stepPlace(op) }) };
  }
}

function causeOf(alone: readonly string[], together: readonly string[] | undefined): Cause {
  if (alone.length > 0) {
    return { kind: 'each', variations: alone, sentence: `${alone.join(', and also ')} alone changes it` };
  }
  if (together === undefined) {
    const sentence = 'one build differed and the next did not, with nothing varied: a race, or something seldom';
    return { kind: 'itself', variations: [], sentence };
  }
  const sentence = `no variation alone changed it, but these together did, unless by chance: ${together.join(', ')}`;
  return { kind: 'together', variations: together, sentence };
}

/** Whether every step of an image began and ended in one second of the clock, the same in both builds. */
function sawSameSecond(one: Trace, two: Trace, name: string): boolean {
  const timesOf = (trace: Trace, op: TracedOp): number[] =>
    trace.witnessed.filter((seen) => seen.key === op.key).flatMap(({ from, to }) => [from, to]);
  return one.ops
    .filter((op) => op.target === name)
    .every((op) => {
      const times = [...timesOf(one, op), ...timesOf(two, op)];
      return new Set(times.map((time) => Math.floor(time / 1000))).size <= 1;
    });
}

/** The snapshots of a build, to be looked at from here. */
export function keep(workshop: Workshop, trace: Trace, world: World, isHostile: boolean): Kept {
  const store = workshop.store(storeKindOf(world), isHostile);
  const snapshots = openSnapshotStore(store, { driver: 'copy', skeleton: join(store, 'skeleton'), readOnly: true });
  const map = parseIdMap(readFileSync('/proc/self/uid_map', 'latin1'));
  const base = map.find((extent) => extent.inside === 0)?.outside ?? 0;
  return { trace, snapshots, idOffset: world.hasOtherIds === true ? base : 0 };
}
