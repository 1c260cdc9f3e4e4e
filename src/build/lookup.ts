// Owns: what the store holds of recipes as they are now, without building anything: the image of each, and whether this
// machine did all the work behind it. `digests` and `sign` ask this.

import type { Digest } from '../../oci/digest.ts';
import { OciError } from '../../oci/errors.ts';
import { formatPlatform } from '../../oci/platform.ts';
import { native } from '../../oci/profile.ts';
import { recipeDigests } from '../digests/recipe-digest.ts';
import { BuildError, formatError } from '../errors.ts';
import { lower } from '../graph/lower.ts';
import type { Graph } from '../graph/op.ts';
import type { BuildRequest, ImageFinder } from '../graph/request.ts';
import { createAssembler } from '../image/assemble.ts';
import { type Made, madeOf } from '../provenance/made.ts';
import { ReadOnlyStore } from '../snapshot/read-only.ts';
import type { ImportedAction } from '../solver/actions.ts';
import { type BuiltImage, NeedsWork } from '../solver/services.ts';
import { type Solution, solve } from '../solver/solve.ts';
import type { OpenServices } from './services.ts';

export type Lookup = {
  /** As the request says. */
  readonly name: string;
  /** `linux/amd64`. */
  readonly platform: string;
} & LookupResult;

type LookupResult =
  | {
      readonly outcome: 'built';
      readonly image: BuiltImage;
      /** The first result in the recipe's closure that was not made here; absent when this machine did all the work. */
      readonly imported?: ImportedAction;
      /** What provenance and bill of materials are made of; takes the version of ocibuild. */
      made(version: string): Made;
    }
  /** The store has no result of the recipe as it is now: never built, changed since, or the build failed. */
  | { readonly outcome: 'not built' }
  /** Its files are wrong: `error` is what a build would say. */
  | { readonly outcome: 'failed'; readonly error: BuildError | OciError };

/**
 * Looks requests up in a store opened with `isReadOnly`, in their order; `services` undefined stands for a store that is not
 * there. Changes nothing. Throws only what is nobody's recipe's fault.
 */
export async function lookUp(
  requests: readonly BuildRequest[],
  finder: ImageFinder,
  services: OpenServices | undefined,
): Promise<readonly Lookup[]> {
  const failed = new Map<BuildRequest, BuildError | OciError>();
  // One recipe that cannot be read must not hide the others.
  const areSound = faultOf(() => lower(requests, finder)) === undefined;
  for (const request of areSound ? [] : requests) {
    const error = faultOf(() => lower([request], finder));
    if (error !== undefined) failed.set(request, error);
  }
  const sound = requests.filter((request) => !failed.has(request));
  const graph = lower(sound, finder);
  const search = new Search(graph, services);
  await search.ask([...new Set(graph.requested)].sort((a, b) => a - b));
  const targets = new Map(sound.map((request, index) => [request, graph.requested[index]!] as const));
  return requests.map((request): Lookup => {
    const named = { name: request.name, platform: formatPlatform(request.platform) };
    const error = failed.get(request);
    if (error !== undefined) return { ...named, outcome: 'failed', error };
    return { ...named, ...search.result(targets.get(request)!) };
  });
}

/** A solution, an error that is the recipe's fault, or undefined when something would have to be done. */
type Answer = Solution | BuildError | OciError | undefined;

/** Answers for targets of one graph. */
class Search {
  readonly #graph: Graph;
  readonly #services: OpenServices | undefined;
  readonly #recipes: ReadonlyMap<string, Digest>;
  readonly #answers = new Map<number, Answer>();

  constructor(graph: Graph, services: OpenServices | undefined) {
    this.#graph = graph;
    this.#services = services;
    this.#recipes = recipeDigests(graph.targets.flatMap(({ recipe }) => recipe ?? []));
  }

  /** `targets`: those that others are made from stand first. */
  async ask(targets: readonly number[]): Promise<void> {
    const wanted = targets.filter((target) => {
      // What is made from something that has no result has none either, for the same reason.
      const lacking = belowOf(this.#graph, target).find((index) => this.#lacks(index));
      if (lacking !== undefined) this.#answers.set(target, this.#answers.get(lacking));
      return lacking === undefined;
    });
    if (wanted.length === 0) return;
    const answer = this.#services === undefined ? undefined : await solveReadOnly(this.#graph, wanted, this.#services);
    const isWhole = isSolution(answer) && answer.imported.length === 0;
    if (isWhole || wanted.length === 1 || this.#services === undefined) {
      for (const target of wanted) this.#answers.set(target, answer);
      return;
    }
    // Most often everything is there; where it is not, halves find out what is missing, or was not made here.
    const middle = wanted.length >> 1;
    await this.ask(wanted.slice(0, middle));
    await this.ask(wanted.slice(middle));
  }

  #lacks(target: number): boolean {
    return this.#answers.has(target) && !isSolution(this.#answers.get(target));
  }

  result(target: number): LookupResult {
    const answer = this.#answers.get(target);
    if (answer === undefined) return { outcome: 'not built' };
    if (!isSolution(answer)) return { outcome: 'failed', error: answer };
    const [imported] = answer.imported;
    const image = answer.images.get(target)!;
    const made = (version: string): Made =>
      madeOf(this.#graph, target, {
        images: answer.images,
        recipes: this.#recipes,
        manifestSize: this.#services!.layout.readBytes(image.manifestDigest).length,
        version,
      });
    return { outcome: 'built', image, made, ...(imported === undefined ? {} : { imported }) };
  }
}

function isSolution(answer: Answer): answer is Solution {
  return answer !== undefined && 'images' in answer;
}

/** Every target that one is made from, directly or not. */
function belowOf(graph: Graph, target: number): readonly number[] {
  const found = new Set<number>();
  const waiting = [...graph.targets[target]!.dependencies];
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    if (found.has(next)) continue;
    found.add(next);
    waiting.push(...graph.targets[next]!.dependencies);
  }
  return [...found];
}

async function solveReadOnly(graph: Graph, requested: readonly number[], services: OpenServices): Promise<Answer> {
  const { layout, snapshots } = services;
  const part = { ...graph, requested };
  const watch = (): void => {};
  const assemble = createAssembler({ graph: part, layout, snapshots, profile: native, isReadOnly: true, watch });
  try {
    return await solve(part, { ...services, watch }, assemble);
  } catch (error) {
    services.signal.throwIfAborted();
    if (error instanceof NeedsWork || error instanceof ReadOnlyStore) return undefined;
    if (error instanceof BuildError || error instanceof OciError) return error;
    throw error;
  }
}

function faultOf(work: () => unknown): BuildError | OciError | undefined {
  try {
    work();
    return undefined;
  } catch (error) {
    if (error instanceof BuildError || error instanceof OciError) return error;
    throw error;
  }
}

/** One line, as the user would get it from a build. */
export function reasonOf(error: BuildError | OciError): string {
  return formatError(error instanceof BuildError ? error : { code: error.code, message: error.message });
}
