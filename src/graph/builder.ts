// Owns: the graph while it grows: ops, targets in order of need, each lowered once, cycles found. What the instructions of
// a file mean is stage.ts's subject.

import { digestOf, hexOf } from '../../oci/digest.ts';
import { formatPlatform, type Platform } from '../../oci/platform.ts';
import { BuildError, type SourceLocation } from '../errors.ts';
import type { OpId } from '../progress/event.ts';
import { type Agreement, SELF, START } from '../recipe/types.ts';
import { emptyImage, type ImageState, inheritImage, toConfig } from './image-state.ts';
import { inputsOf, isLayerOp, type Op, type OpLabel, type StageEnd, type Target } from './op.ts';
import type { BuildRequest, ImageFinder } from './request.ts';

/** A new op without what the graph adds. */
export type NewOp = Op extends infer Each ? (Each extends Op ? Omit<Each, 'id' | 'layered'> : never) : never;

/** A rootfs state and the config that goes with it. */
export interface Lowered {
  readonly op: OpId;
  readonly state: ImageState;
  /** Triggers of the image, to be fired by the stage that is built on it. */
  readonly triggers: readonly string[];
}

/** The last state of a request's wanted stage, and the end of every stage that was lowered, by name and number. */
export interface LoweredFile {
  readonly lowered: Lowered;
  readonly stage: StageEnd;
  readonly stages: ReadonlyMap<string, StageEnd>;
}

/** Two builds may give their targets one name: folder, file and platform tell them apart. See Target. */
export function identityOf({ name, context, containerfile, platform, recipe }: BuildRequest): string {
  // A recipe's file is named as seen from where the user is, so it cannot be part of it, nor need it be.
  const file = recipe === undefined ? (containerfile?.file ?? '') : '';
  const parts = [name, context.directory, file, formatPlatform(platform)];
  return hexOf(digestOf(JSON.stringify(parts))).slice(0, 12);
}

/** Turns one Containerfile into ops of the builder; stage.ts has the one there is. */
export type FileLowerer = (builder: GraphBuilder, request: BuildRequest) => LoweredFile;

/** The graph while it grows. Shared by all files lowered in one go. */
export class GraphBuilder {
  readonly ops: Op[] = [];
  readonly targets: Target[] = [];
  readonly warnings: { message: string; location?: SourceLocation }[] = [];
  readonly finder: ImageFinder;
  readonly #byName = new Map<string, number>();
  readonly #images = new Map<string, OpId>();
  /** Names being lowered, outermost first, each with the place that asked for it. */
  readonly #open: { name: string; at: SourceLocation | undefined }[] = [];

  readonly #lowerFile: FileLowerer;

  constructor(finder: ImageFinder, lowerFile: FileLowerer) {
    this.finder = finder;
    this.#lowerFile = lowerFile;
  }

  add(op: NewOp): OpId {
    const id = this.ops.length;
    this.ops.push({ ...op, id, layered: false } as Op);
    return id;
  }

  warn(message: string, location?: SourceLocation): void {
    this.warnings.push(location === undefined ? { message } : { message, location });
  }

  /** The target for a request, made when it is not there yet. Throws BuildError CYCLE, naming the way round. */
  target(name: string, request: () => BuildRequest, at: SourceLocation | undefined): number {
    const known = this.#byName.get(name);
    if (known !== undefined) return known;
    const start = this.#open.findIndex((open) => open.name === name);
    if (start >= 0) {
      const way = [...this.#open.slice(start).map((open) => open.name), name].join(' -> ');
      throw new BuildError('CYCLE', `recipes need each other: ${way}`, {
        ...(at === undefined ? {} : { location: at }),
        hint: 'one of them has to be built from something else',
      });
    }
    this.#open.push({ name, at });
    const made = this.#lowerTarget(request());
    this.#open.pop();
    this.targets.push(made);
    this.#byName.set(name, this.targets.length - 1);
    return this.targets.length - 1;
  }

  /** The op that stands for another target's image; one for all that read it. */
  targetImage(target: number, label: OpLabel): Lowered {
    const config = this.targets[target]!.config;
    const op = this.#once(`target ${target}`, () => this.add({ kind: 'target-image', target, label }));
    return { op, state: inheritImage(config), triggers: config.config?.OnBuild ?? [] };
  }

  layoutImage(directory: string, platform: Platform, selector: string | undefined, label: OpLabel): Lowered {
    const image = this.finder.layoutImage(directory, platform, selector);
    const op = this.#once(`layout ${directory} ${selector ?? ''} ${formatPlatform(platform)}`, () =>
      this.add({ kind: 'layout-image', directory, manifest: image.manifest, layers: image.layers, label }),
    );
    return { op, state: inheritImage(image.config), triggers: image.config.config?.OnBuild ?? [] };
  }

  scratch(label: OpLabel): Lowered {
    return {
      op: this.#once('scratch', () => this.add({ kind: 'scratch', label })),
      state: emptyImage(),
      triggers: [],
    };
  }

  #once(key: string, make: () => OpId): OpId {
    const known = this.#images.get(key);
    if (known !== undefined) return known;
    const op = make();
    this.#images.set(key, op);
    return op;
  }

  #lowerTarget(request: BuildRequest): Target {
    const agreement = request.origin === undefined ? request.recipe?.agreement : undefined;
    if (agreement !== undefined) return this.#lowerAgreement(request, agreement);
    const { lowered, stage, stages } =
      request.containerfile === undefined ? this.#lowerRoot(request) : this.#lowerFile(this, request);
    this.#markLayers(lowered.op);
    for (const [name, value] of request.labels) lowered.state.labels.set(name, value);
    return {
      name: request.name,
      identity: identityOf(request),
      recipe: request.recipe,
      platform: request.platform,
      op: lowered.op,
      config: toConfig(lowered.state, request.platform, request.profile.time(request.policy.epoch)),
      policy: request.policy,
      dependencies: this.#dependenciesOf(lowered.op),
      stage,
      stages,
    };
  }

  /** One target for each origin, and one that stands for what they agree on. */
  #lowerAgreement(request: BuildRequest, { origins, locations, start }: Agreement): Target {
    const members: number[] = [];
    // What this recipe gave so far compiles it once more.
    let last = start === undefined ? undefined : this.#lowerOrigin(request, start.recipe, start.location);
    for (const [index, origin] of origins.entries()) {
      const made = origin === SELF || origin === START ? this.targets[last!]!.name : undefined;
      last = this.#lowerOrigin(request, origin, locations[index]!, made);
      members.push(last);
    }
    const first = this.targets[members[0]!]!;
    const dependencies = [...new Set(members)].sort((a, b) => a - b);
    if (dependencies.length < members.length) {
      throw new BuildError('RECIPE', 'two origins of this agreement are one recipe', { location: locations[0]! });
    }
    return { ...first, name: request.name, identity: identityOf(request), dependencies, members };
  }

  /** The build of an agreement on one origin: a recipe, or the target `made` under the name `origin`. */
  #lowerOrigin(request: BuildRequest, origin: string, location: SourceLocation, made?: string): number {
    const found = made ?? this.finder.lookup(origin);
    if (found === undefined) {
      throw new BuildError('UNKNOWN_RECIPE', `the tree has no recipe ${origin}`, {
        location,
        hint: 'ocibuild plan --all lists those it has',
      });
    }
    const name = `${request.name} from ${made === undefined ? found : origin}`;
    return this.target(name, () => ({ ...request, name, origin: found }), location);
  }

  #lowerRoot(request: BuildRequest): LoweredFile {
    const recipe = request.recipe!;
    const text = `root ${recipe.name}`;
    const label: OpLabel = {
      target: recipe.name,
      stage: 'root',
      step: 1,
      steps: 1,
      text,
      location: recipe.location,
    };
    const state = emptyImage();
    const { policy, profile } = request;
    state.history.push(profile.history({ createdBy: text, epoch: policy.epoch, emptyLayer: false }));
    const op = this.add({ kind: 'root', recipe, label });
    const env = [...state.env].map(([name, value]) => `${name}=${value}`);
    const stage: StageEnd = { op, name: 'root', env, cwd: '/', user: '', shell: undefined };
    return { lowered: { op, state, triggers: [] }, stage, stages: new Map([['root', stage]]) };
  }

  /** Every change between the image's base and its last state is a layer of its own. */
  #markLayers(last: OpId): void {
    let op = this.ops[last]!;
    while (isLayerOp(op)) {
      op.layered = true;
      op = this.ops[op.base]!;
    }
    if (op.kind === 'root') op.layered = true;
  }

  #dependenciesOf(last: OpId): readonly number[] {
    const found = new Set<number>();
    const seen = new Set<OpId>();
    const waiting = [last];
    for (let id = waiting.pop(); id !== undefined; id = waiting.pop()) {
      if (seen.has(id)) continue;
      seen.add(id);
      const op = this.ops[id]!;
      if (op.kind === 'target-image') found.add(op.target);
      waiting.push(...inputsOf(op));
    }
    return [...found].sort((a, b) => a - b);
  }
}
