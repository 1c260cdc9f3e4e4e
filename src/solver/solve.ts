// Owns: solving a graph: every op once, as soon as its inputs are there, or not at all when the cache holds its result.
// How a step runs and how files are copied are run-step.ts and copy-step.ts; how an image is assembled is handed in.

import type { Digest } from '../../oci/digest.ts';
import type { Json } from '../../oci/json.ts';
import { openLayout } from '../../oci/layout/layout.ts';
import { openLayer } from '../../oci/layout/open-layer.ts';
import { BuildError } from '../errors.ts';
import { clampedKey, rootKey, workdirKey } from '../graph/cache-key.ts';
import {
  type Graph,
  inputsOf,
  type LayoutImageOp,
  type Op,
  type RootOp,
  type Target,
  type WorkdirOp,
} from '../graph/op.ts';
import type { OpId } from '../progress/event.ts';
import { makeDirectory } from '../snapshot/mkdir.ts';
import type { Workspace } from '../snapshot/store.ts';
import type { DiffId, Snapshot } from '../snapshot/types.ts';
import { importImage } from '../snapshot/unpack.ts';
import { ActionCache, type ImportedAction } from './actions.ts';
import { CopyStep } from './copy-step.ts';
import { RunStep } from './run-step.ts';
import { type BuiltImage, type LayerBytes, NeedsWork, type OpResult, type Results, type Services } from './services.ts';
import { Slots } from './slots.ts';
import { resolveUser } from './user.ts';

/**
 * Where an op stands. `waiting`: inputs are missing. `keyed`: its key is known. `running`: it executes.
 * `cached`, `done`, `failed`: the ends. Nothing goes back.
 */
export type OpState = 'waiting' | 'keyed' | 'running' | 'cached' | 'done' | 'failed';

export interface Solution {
  readonly results: Results;
  /** By position in `Graph.targets`; only those that were needed. */
  readonly images: ReadonlyMap<number, BuiltImage>;
  readonly states: readonly OpState[];
  /** Action records this solve used or made. */
  readonly actions: ReadonlySet<Digest>;
  /** What of it was not made here; empty when this machine did all the work. */
  readonly imported: readonly ImportedAction[];
}

/** Makes the image of a target whose rootfs is solved. */
export type Assemble = (target: Target, results: Results, actions: ActionCache) => Promise<BuiltImage>;

/** An op that can be run or taken from the cache: its key, and how it is done. */
interface Work {
  readonly key: Digest;
  readonly base: Snapshot;
  /** Fills the workspace, which holds the base; the caller commits it. */
  execute(workspace: Workspace): Promise<void>;
}

class Solver {
  readonly #graph: Graph;
  readonly #services: Services;
  readonly #assemble: Assemble;
  readonly #actions: ActionCache;
  readonly #slots: Slots;
  readonly #pending = new Map<OpId, Promise<OpResult>>();
  readonly #images = new Map<number, Promise<BuiltImage>>();
  /** By key: two ops that do the same thing at the same time are done once. */
  readonly #inFlight = new Map<Digest, Promise<DiffId>>();
  readonly #stop = new AbortController();
  #failure: { readonly error: unknown } | undefined;
  readonly #signal: AbortSignal;
  readonly #copy: CopyStep;
  readonly #run: RunStep;
  readonly results = new Map<OpId, OpResult>();
  readonly images = new Map<number, BuiltImage>();
  readonly states: OpState[];

  constructor(graph: Graph, services: Services, assemble: Assemble) {
    this.#graph = graph;
    this.#services = services;
    this.#assemble = assemble;
    this.#actions = new ActionCache(services.store, services.isReadOnly);
    this.#slots = new Slots(services.jobs);
    this.#signal = AbortSignal.any([services.signal, this.#stop.signal]);
    this.#copy = new CopyStep(services, this.#actions);
    this.#run = new RunStep(services, this.#signal, this.#copy);
    this.states = graph.ops.map(() => 'waiting');
  }

  get actions(): ActionCache {
    return this.#actions;
  }

  /** Solves what was asked for. The first failure stops what runs, and is thrown once nothing runs any more. */
  async solve(wanted: readonly number[]): Promise<void> {
    await this.#settle(wanted.map((target) => this.image(target)));
  }

  async solveOps(wanted: readonly OpId[]): Promise<void> {
    await this.#settle(wanted.map((op) => this.op(op)));
  }

  async #settle(work: readonly Promise<unknown>[]): Promise<void> {
    await Promise.all(work.map((each) => each.catch((error: unknown) => this.#noteFailure(error))));
    await Promise.allSettled([...this.#pending.values(), ...this.#images.values()]);
    if (this.#services.signal.aborted) throw this.#services.signal.reason;
    if (this.#failure !== undefined) throw this.#failure.error;
  }

  /** The first one counts, at once: what waits for several inputs does not wait for those that still run. */
  #noteFailure(error: unknown): void {
    if (this.#failure !== undefined) return;
    this.#failure = { error };
    this.#stop.abort(new BuildError('INTERRUPTED', 'another step failed'));
  }

  image(target: number): Promise<BuiltImage> {
    return remember(this.#images, target, async () => {
      const wanted = this.#graph.targets[target]!;
      if (wanted.members === undefined) await this.op(wanted.op);
      else await Promise.all(wanted.members.map((member) => this.image(member)));
      this.#signal.throwIfAborted();
      const started = performance.now();
      const image = await this.#assemble(wanted, this.results, this.#actions);
      this.images.set(target, image);
      this.#services.watch({
        type: 'image',
        target: wanted.name,
        indexDigest: image.indexDigest,
        milliseconds: performance.now() - started,
      });
      return image;
    });
  }

  op(id: OpId): Promise<OpResult> {
    return remember(this.#pending, id, async () => {
      const op = this.#graph.ops[id]!;
      const inputs = await Promise.allSettled(inputsOf(op).map((input) => this.op(input)));
      for (const input of inputs) if (input.status === 'rejected') throw input.reason;
      this.#signal.throwIfAborted();
      const result = await this.#resolve(op).catch((error: unknown) => {
        const located = withLocation(error, op);
        this.#noteFailure(located);
        throw located;
      });
      this.results.set(id, result);
      return result;
    });
  }

  async #resolve(op: Op): Promise<OpResult> {
    const { snapshots } = this.#services;
    switch (op.kind) {
      case 'scratch':
        return { snapshot: snapshots.scratch(), diff: undefined, isCached: true };
      case 'target-image': {
        const image = await this.image(op.target);
        return { snapshot: await importImage(snapshots, image.layers), diff: undefined, isCached: image.isCached };
      }
      case 'layout-image': {
        const layers = layoutLayers(op);
        this.#actions.noteImport(`${op.label.text} (${op.manifest})`);
        return { snapshot: await importImage(snapshots, layers), diff: undefined, isCached: true };
      }
      case 'root':
        return await this.#perform(op, await this.#rootWork(op));
      case 'workdir':
        return await this.#perform(op, this.#workdirWork(op));
      case 'copy': {
        const joined = this.#copy.join(op, this.results);
        if (joined !== undefined) return { snapshot: joined, diff: undefined, isCached: true };
        return await this.#perform(op, this.#copy.work(op, this.results, this.#layerEpoch(op)));
      }
      case 'run':
        return await this.#perform(op, this.#run.work(op, this.results, this.#layerEpoch(op)));
    }
  }

  async #rootWork(op: RootOp): Promise<Work> {
    const root = await this.#services.root(op.recipe);
    return {
      key: rootKey(root.key),
      base: this.#services.snapshots.scratch(),
      execute: (workspace) => root.unpack(workspace),
    };
  }

  #workdirWork(op: WorkdirOp): Work {
    const base = this.results.get(op.base)!.snapshot;
    return {
      key: workdirKey(op, base.id),
      base,
      execute: async (workspace) => {
        const view = this.#services.snapshots.view(base);
        makeDirectory(workspace, op.path, resolveUser(view, op.user, op.label.location), 0o755);
      },
    };
  }

  #mayUseCache(op: Op): boolean {
    const { noCache } = this.#services;
    if (typeof noCache === 'function') return !noCache(op.label.target);
    return typeof noCache === 'boolean' ? !noCache : !noCache.has(op.label.stage.toLowerCase());
  }

  /** Up to when, in seconds, the layers of the op's target carry the times of files; 0 when every time is the same. */
  #layerEpoch(op: Op): number {
    const policy = this.#graph.targets.find((target) => target.name === op.label.target)?.policy;
    return policy?.time === 'clamp' ? policy.epoch : 0;
  }

  /** The earlier result of the same key, or a new one. */
  async #perform(op: Op, found: Work): Promise<OpResult> {
    const { snapshots, watch } = this.#services;
    const epoch = this.#layerEpoch(op);
    const work = epoch === 0 ? found : { ...found, key: clampedKey(found.key, epoch) };
    this.states[op.id] = 'keyed';
    const known = this.#mayUseCache(op) ? this.#recorded(work.key) : undefined;
    const started = performance.now();
    if (known !== undefined) {
      watch({ type: 'op-start', op: op.id, ...op.label });
      watch({ type: 'op-end', op: op.id, outcome: 'cached', milliseconds: performance.now() - started });
      this.states[op.id] = 'cached';
      return { snapshot: snapshots.extend(work.base, known), diff: known, isCached: true };
    }
    if (this.#services.isReadOnly) throw new NeedsWork(op.label.text);
    const same = this.#inFlight.get(work.key);
    if (same !== undefined) {
      const diff = await same;
      this.states[op.id] = 'cached';
      return { snapshot: snapshots.extend(work.base, diff), diff, isCached: true };
    }
    const made = this.#slots.use(() => this.#execute(op, work));
    this.#inFlight.set(work.key, made);
    const diff = await made;
    return { snapshot: snapshots.extend(work.base, diff), diff, isCached: false };
  }

  #recorded(key: Digest): DiffId | undefined {
    const record = this.#actions.get(key) as { readonly diff?: DiffId } | undefined;
    return record?.diff !== undefined && this.#services.snapshots.has(record.diff) ? record.diff : undefined;
  }

  async #execute(op: Op, work: Work): Promise<DiffId> {
    const { snapshots, watch } = this.#services;
    this.#signal.throwIfAborted();
    this.states[op.id] = 'running';
    watch({ type: 'op-start', op: op.id, ...op.label });
    const started = performance.now();
    const end = (outcome: 'done' | 'failed'): void => {
      this.states[op.id] = outcome;
      watch({ type: 'op-end', op: op.id, outcome, milliseconds: performance.now() - started });
    };
    const workspace = snapshots.begin(work.base);
    try {
      await work.execute(workspace);
      this.#signal.throwIfAborted();
      const { diff } = snapshots.commit(workspace, this.#layerEpoch(op));
      const record: Json = { diff, op: op.kind, text: op.label.text.slice(0, 200) };
      this.#actions.put(work.key, record);
      end('done');
      return diff;
    } catch (error) {
      snapshots.discard(workspace);
      end('failed');
      throw withLocation(error, op);
    }
  }
}

/** Layers of a foreign image, verified as they are read. */
function layoutLayers(op: LayoutImageOp): readonly LayerBytes[] {
  const layout = openLayout(op.directory);
  return op.layers.map(({ descriptor, diffId }) => ({ diffId, open: () => openLayer(layout, descriptor) }));
}

/** An error that does not know which line caused it learns it here. */
function withLocation(error: unknown, op: Op): unknown {
  if (error instanceof BuildError && error.location === undefined && error.code !== 'INTERRUPTED') {
    const { want, got, hint, ...rest } = error.detail;
    const located = new BuildError(error.code, error.message, { cause: rest.cause, location: op.label.location });
    located.stack = error.stack ?? '';
    return located;
  }
  if (isNoSpace(error)) {
    return new BuildError('DISK_FULL', 'the store is full', {
      location: op.label.location,
      cause: error,
      hint: 'ocibuild gc frees what no recipe needs; ocibuild du shows what takes the room',
    });
  }
  return error;
}

function isNoSpace(error: unknown): boolean {
  return error instanceof Error && 'code' in error && (error.code === 'ENOSPC' || error.code === 'EDQUOT');
}

function remember<K, V>(memo: Map<K, Promise<V>>, key: K, make: () => Promise<V>): Promise<V> {
  const known = memo.get(key);
  if (known !== undefined) return known;
  const made = make();
  memo.set(key, made);
  return made;
}

/** Solves the targets asked for. Throws the first failure, located, once nothing runs any more. */
export async function solve(graph: Graph, services: Services, assemble: Assemble): Promise<Solution> {
  const solver = new Solver(graph, services, assemble);
  await solver.solve(graph.requested);
  return solution(solver);
}

/** Solves single ops, for `ocibuild shell`. */
export async function solveOps(
  graph: Graph,
  ops: readonly OpId[],
  services: Services,
  assemble: Assemble,
): Promise<Solution> {
  const solver = new Solver(graph, services, assemble);
  await solver.solveOps(ops);
  return solution(solver);
}

function solution(solver: Solver): Solution {
  return {
    results: solver.results,
    images: solver.images,
    states: solver.states,
    actions: solver.actions.used,
    imported: solver.actions.imported,
  };
}
