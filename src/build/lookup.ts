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
} & (
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
  | { readonly outcome: 'failed'; readonly error: BuildError | OciError }
);

/**
 * Looks requests up in a store opened with `isReadOnly`, in their order; `services` undefined stands for a store that is not
 * there. Changes nothing. Throws only what is nobody's recipe's fault.
 */
export async function lookUp(
  requests: readonly BuildRequest[],
  finder: ImageFinder,
  services: OpenServices | undefined,
): Promise<readonly Lookup[]> {
  const found = new Map<BuildRequest, Lookup>();
  // One recipe that cannot be read must not hide the others.
  const areSound = faultOf(() => lower(requests, finder)) === undefined;
  const sound = requests.filter((request) => {
    const error = areSound ? undefined : faultOf(() => lower([request], finder));
    if (error !== undefined) found.set(request, { ...nameOf(request), outcome: 'failed', error });
    return error === undefined;
  });
  const graph = lower(sound, finder);
  const recipes = recipeDigests(graph.targets.flatMap(({ recipe }) => recipe ?? []));
  const targets = new Map(sound.map((request, index) => [graph.requested[index]!, request] as const));
  const note = (target: number, lookup: (request: BuildRequest) => Lookup): void => {
    for (const [index, request] of targets) if (index === target) found.set(request, lookup(request));
  };
  const search = async (wanted: readonly number[]): Promise<void> => {
    const answer = services === undefined ? undefined : await ask(graph, wanted, services);
    if (answer !== undefined && 'images' in answer && (answer.imported.length === 0 || wanted.length === 1)) {
      for (const target of wanted)
        note(target, (request) => builtOf(request, { graph, recipes, services: services!, solution: answer }, target));
      return;
    }
    if (wanted.length > 1 && services !== undefined) {
      // Most often everything is there; where it is not, halves find out what is missing.
      const middle = wanted.length >> 1;
      await search(wanted.slice(0, middle));
      await search(wanted.slice(middle));
      return;
    }
    for (const target of wanted) {
      note(target, (request) =>
        answer === undefined || 'images' in answer
          ? { ...nameOf(request), outcome: 'not built' }
          : { ...nameOf(request), outcome: 'failed', error: answer },
      );
    }
  };
  await search([...targets.keys()]);
  return requests.map((request) => found.get(request)!);
}

function nameOf(request: BuildRequest): { name: string; platform: string } {
  return { name: request.name, platform: formatPlatform(request.platform) };
}

interface Answer {
  readonly graph: Graph;
  readonly recipes: ReadonlyMap<string, Digest>;
  readonly services: OpenServices;
  readonly solution: Solution;
}

function builtOf(request: BuildRequest, { graph, recipes, services, solution }: Answer, target: number): Lookup {
  const [imported] = solution.imported;
  const image = solution.images.get(target)!;
  const made = (version: string): Made =>
    madeOf(graph, target, {
      images: solution.images,
      recipes,
      manifestSize: services.layout.readBytes(image.manifestDigest).length,
      version,
    });
  return { ...nameOf(request), outcome: 'built', image, made, ...(imported === undefined ? {} : { imported }) };
}

/** Undefined when something would have to be done. */
async function ask(
  graph: Graph,
  requested: readonly number[],
  services: OpenServices,
): Promise<Solution | BuildError | OciError | undefined> {
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
