// Owns: a reproduction from beginning to end: images built from nothing, compared with what was there before, then in a
// hostile world, and the search for the reason where something differs. Prints nothing, reads no command line.

import type { Digest } from '../../oci/digest.ts';
import { BuildError, type BuildErrorCode, type SourceLocation } from '../errors.ts';
import { judge, type Side } from './judge.ts';
import { type Machine, surveyMachine } from './machine.ts';
import {
  buildAll,
  type Found,
  isOther,
  type Lineage,
  manifestOf,
  Search,
  type SearchTools,
  type WorldBuild,
} from './search.ts';
import type { Failure, Trace, TracedTarget } from './trace.ts';
import type { Variation } from './variation.ts';
import type { Comparison, Difference, ImageVerdict, VariationVerdict, Verdict } from './verdict.ts';
import { Workshop, type WorkshopOptions } from './workshop.ts';
import { PLAIN } from './world.ts';

/** Something an image was before. */
export interface Earlier {
  /** `recipes/digests.txt`, `out/busybox`. */
  readonly label: string;
  readonly manifest: Digest;
  readonly location?: SourceLocation;
  /** Where its layers are known: to tell compression from content. */
  readonly target?: Pick<TracedTarget, 'diffIds' | 'config'>;
  /** Finds where the new image parts from it; absent where only a digest is known. The new one lies in `store`. */
  readonly explain?: (fresh: Trace, store: string) => Promise<Difference>;
}

export interface VaryOptions {
  /** What is to be varied, in the order of reports. */
  readonly variations: readonly Variation[];
  /** Names: not varied is an error. */
  readonly required: readonly string[];
}

export interface ReproduceOptions extends WorkshopOptions {
  /** Full names of recipes. */
  readonly recipes: readonly string[];
  /** What an image was before, most telling first; empty where nothing is known. */
  readonly earlier: (image: TracedTarget) => Promise<readonly Earlier[]>;
  /** Absent: one build, compared with what was there before. */
  readonly vary?: VaryOptions;
  /** Told what is being done, a line at a time. */
  readonly say: (line: string) => void;
}

/**
 * Builds recipes, and everything they need, from nothing but sources, and says whether that gave the same. Inside the
 * namespace only. `options.directory` is empty, or holds what is the caller's; nothing of the builds is left in it afterwards. Throws BuildError: what a
 * failing build throws, MACHINE, INTERRUPTED.
 */
export async function reproduce(options: ReproduceOptions): Promise<Verdict> {
  const workshop = new Workshop(options);
  try {
    return await new Reproduction(options, workshop).run();
  } finally {
    workshop.close();
  }
}

class Reproduction {
  readonly #options: ReproduceOptions;
  readonly #workshop: Workshop;
  readonly #problems: string[] = [];

  constructor(options: ReproduceOptions, workshop: Workshop) {
    this.#options = options;
    this.#workshop = workshop;
  }

  async run(): Promise<Verdict> {
    const { recipes, say, vary } = this.#options;
    say(`building ${recipes.join(', ')} and all they need from nothing`);
    const first = await this.#firstBuild();
    this.#requireWork(first);
    const images = new Map<string, ImageVerdict>();
    for (const target of first.targets) images.set(target.name, await this.#compare(first, target));
    if (vary === undefined) this.#requireComparison([...images.values()]);
    const notPermitted = vary === undefined ? [] : await this.#vary(first, images, vary);
    const list = [...images.values()];
    const isSame = list.every(isSound);
    return {
      isReproduced: isSame && this.#problems.length === 0,
      images: list,
      executed: first.executed,
      hits: first.hits,
      builds: this.#workshop.builds,
      problems: this.#problems,
      notPermitted,
    };
  }

  async #firstBuild(): Promise<Trace> {
    const { recipes, vary } = this.#options;
    const answer = await this.#workshop.build({
      recipes,
      world: PLAIN,
      isWitnessed: vary !== undefined,
      isShown: true,
    });
    if ('traces' in answer) return answer.traces[0]!;
    throw errorOf(answer.failure);
  }

  /** A reproduction that did nothing says nothing. */
  #requireWork({ executed, hits }: Trace): void {
    if (executed === 0) this.#problems.push('nothing was executed: there is nothing to be said about it');
    if (hits > 0)
      this.#problems.push(`${hits} ops were answered by what was there before, in a store that should be empty`);
  }

  #requireComparison(images: readonly ImageVerdict[]): void {
    const alone = images.filter((image) => image.isRequested && image.comparisons.length === 0).map(({ name }) => name);
    if (alone.length === 0) return;
    this.#problems.push(
      `there is nothing to compare ${alone.join(', ')} with: no line in digests.txt, no image under out/, none in the ` +
        'store; build it with `ocibuild run`, or see with --vary what it depends on',
    );
  }

  async #compare(first: Trace, target: TracedTarget): Promise<ImageVerdict> {
    const { name, platform, manifest, index } = target;
    const earlier = await this.#options.earlier(target);
    const comparisons: Comparison[] = [];
    let difference: Difference | undefined;
    for (const { label, manifest: want, location, target: known, explain } of earlier) {
      const isSame = want === manifest;
      const isCompression = !isSame && known !== undefined && known.diffIds.join() === target.diffIds.join();
      comparisons.push({
        with: label,
        outcome: isSame ? 'same' : isCompression && known.config === target.config ? 'compression' : 'different',
        want,
        got: manifest,
        ...(location === undefined ? {} : { location }),
      });
      if (isSame || difference !== undefined || explain === undefined) continue;
      difference = await explain(first, this.#workshop.store('disk'));
    }
    if (difference === undefined && comparisons.some(({ outcome }) => outcome !== 'same')) {
      difference = digestsOnly(target, comparisons.find(({ outcome }) => outcome !== 'same')!);
    }
    return {
      ...{ name, platform, manifest, index, comparisons },
      isRequested: this.#options.recipes.includes(name),
      variations: [],
      ...(difference === undefined ? {} : { difference }),
    };
  }

  /** Fills in what the variations did. Gives what was not permitted. */
  async #vary(
    first: Trace,
    images: Map<string, ImageVerdict>,
    { variations, required }: VaryOptions,
  ): Promise<Verdict['notPermitted']> {
    const { say, jobs, runtime, env, recipes } = this.#options;
    const machine = surveyMachine(this.#workshop.store('disk'), jobs, runtime, env);
    const reasons = new Map(variations.map((one) => [one.name, this.#missing(one, machine)] as const));
    const applied = variations.filter(({ name }) => reasons.get(name) === undefined).map(({ name }) => name);
    const tools: SearchTools = { workshop: this.#workshop, machine, variations, say };
    const lineage = lineageOf(first);
    const { needs } = lineage;
    // Each step is to see another second than before.
    await new Promise((done) => setTimeout(done, 1100));
    say(`building them from nothing with ${applied.length} variations at once`);
    const hostile = await buildAll(tools, recipes, applied, undefined, lineage, true);
    const differing = first.targets
      .map(({ name }) => name)
      .filter((name) => isOtherWithin(first, hostile, name, needs));
    // What is built on an image that differs has other inputs: it is not asked.
    const roots = differing.filter((name) => !differing.some((other) => other !== name && needs(name, other)));
    const found =
      roots.length === 0 ? new Map<string, Found>() : await new Search(tools, first, lineage).explain(roots, hostile);
    for (const { name } of first.targets) {
      const image = images.get(name)!;
      const own = found.get(name);
      const blamed = own === undefined ? differing.find((other) => other !== name && needs(name, other)) : undefined;
      const trace = traceOf(hostile, name, needs);
      const verdicts = variations.map((variation) => {
        const reason = reasons.get(variation.name);
        if (reason !== undefined) return verdictOf(variation, 'not varied', reason);
        if (blamed !== undefined) return verdictOf(variation, 'unknown', `${blamed}, which it is built on, differs`);
        return judged(variation, name, { trace: first, world: PLAIN }, trace, hostile, own);
      });
      images.set(name, {
        ...image,
        variations: verdicts,
        // It names its cause, which one with an earlier build cannot.
        ...(own === undefined ? {} : { difference: own.difference }),
      });
    }
    this.#require(images, required);
    return variations.flatMap(({ name }) => {
      const reason = reasons.get(name);
      return reason === undefined ? [] : [{ name, reason }];
    });
  }

  /** Whether the machine permits it, this store's size included. */
  #missing(variation: Variation, machine: Machine): string | undefined {
    if (!machine.witness) return `there is no witness for ${process.arch} processors`;
    const reason = variation.missing(machine);
    if (reason !== undefined || variation.apply(PLAIN, machine).isInMemory !== true) return reason;
    const wanted = this.#workshop.diskBytes() * 1.5;
    if (wanted < machine.memory / 2) return undefined;
    const [need, have] = [wanted, machine.memory / 2].map((bytes) => `${Math.ceil(bytes / 2 ** 20)} MiB`);
    return `the store needs about ${need}, and no more than ${have} of memory are for it`;
  }

  #require(images: ReadonlyMap<string, ImageVerdict>, required: readonly string[]): void {
    for (const name of required) {
      const open = [...images.values()].filter(({ isRequested, variations }) => {
        const outcome = variations.find((variation) => variation.name === name)?.outcome;
        return isRequested && outcome !== 'survived' && outcome !== 'changed';
      });
      if (open.length === 0) continue;
      const why = open[0]!.variations.find((variation) => variation.name === name)?.detail ?? 'it was left out';
      this.#problems.push(`${name} is required, and ${open.map((image) => image.name).join(', ')}: not varied: ${why}`);
    }
  }
}

function isSound({ comparisons, difference, variations }: ImageVerdict): boolean {
  return (
    difference === undefined &&
    comparisons.every(({ outcome }) => outcome === 'same') &&
    variations.every(({ outcome }) => outcome === 'survived' || outcome === 'not varied')
  );
}

function judged(
  variation: Variation,
  name: string,
  first: Side,
  trace: Trace | undefined,
  hostile: WorldBuild,
  own: Found | undefined,
): VariationVerdict {
  const cause = own?.difference.cause;
  if (cause?.variations.includes(variation.name) === true) {
    return verdictOf(variation, 'changed', cause.kind === 'each' ? cause.sentence : 'together with others');
  }
  if (trace === undefined) return verdictOf(variation, 'unknown', 'the build failed before anybody could look');
  const { state, detail } = judge(variation, name, first, { trace, world: hostile.world });
  if (state !== 'varied') return verdictOf(variation, state, detail);
  if (own === undefined || own.survived.has(variation.name)) return verdictOf(variation, 'survived', detail);
  return verdictOf(variation, 'unknown', 'hidden by what it differs by');
}

function verdictOf({ name, kind }: Variation, outcome: VariationVerdict['outcome'], detail: string): VariationVerdict {
  return { name, kind, outcome, detail };
}

/** An earlier build of which nothing but a digest is known. */
function digestsOnly(target: TracedTarget, { with: label, want, got }: Comparison): Difference {
  const details = [
    `manifest ${want} and ${got}`,
    ...target.diffIds.map((id, at) => `layer ${at + 1} now: diffID ${id}`),
  ];
  return earlierDifference(label, { type: 'image', details });
}

/** A difference from a build that was made before. */
export function earlierDifference(label: string, place: Difference['place']): Difference {
  const sentence = `${label} says something else; what was different then is not known: --vary finds out what the image depends on`;
  return { first: label, second: 'the new build', cause: { kind: 'earlier', variations: [], sentence }, place };
}

function lineageOf(trace: Trace): Lineage {
  const direct = new Map(trace.targets.map(({ name, dependencies }) => [name, dependencies] as const));
  const recipes = new Map(trace.targets.map(({ name, recipe }) => [name, recipe] as const));
  const closures = new Map<string, ReadonlySet<string>>();
  const closureOf = (name: string): ReadonlySet<string> => {
    const known = closures.get(name);
    if (known !== undefined) return known;
    const found = new Set((direct.get(name) ?? []).flatMap((each) => [each, ...closureOf(each)]));
    closures.set(name, found);
    return found;
  };
  return { needs: (name, other) => closureOf(name).has(other), recipeOf: (name) => recipes.get(name) ?? name };
}

/** The hostile build of a recipe that was asked for holds those of what it needs, too. */
function traceOf(build: WorldBuild, name: string, needs: (name: string, other: string) => boolean): Trace | undefined {
  const own = build.traces.get(name);
  if (own !== undefined) return own;
  for (const [asked, trace] of build.traces) {
    if (needs(asked, name) && manifestOf(trace, name) !== undefined) return trace;
  }
  return undefined;
}

/** Whether an image differs in a build in which perhaps only what needs it was asked for. */
function isOtherWithin(
  first: Trace,
  build: WorldBuild,
  name: string,
  needs: (name: string, other: string) => boolean,
): boolean {
  const trace = traceOf(build, name, needs);
  if (trace !== undefined) return isOther(first, { ...build, traces: new Map([[name, trace]]) }, name);
  // Nothing that needs it came to an end: it differs if it is what failed.
  const failures = [...build.failures.values()];
  return failures.some(({ target }) => target === undefined || target === name || needs(name, target));
}

function errorOf({ code, message, location }: Failure): BuildError {
  return new BuildError(code as BuildErrorCode, message, location === undefined ? {} : { location });
}
