// Owns: the way from a solved target to an image: each layer written once and read back, config, manifest, image index.
// Everything lands in the store's OCI layout; copying it out is output.ts's subject.

import { createCompressor } from '../../oci/codec/load.ts';
import { encodeConfig, type ImageConfig } from '../../oci/config.ts';
import type { Descriptor } from '../../oci/descriptor.ts';
import { type Digest, isDigest } from '../../oci/digest.ts';
import type { JsonObject } from '../../oci/document.ts';
import { encodeImageIndex, imageIndex } from '../../oci/image-index.ts';
import type { Json } from '../../oci/json.ts';
import { writeLayer } from '../../oci/layer/writer.ts';
import { type Layout, openLayout } from '../../oci/layout/layout.ts';
import { openLayer } from '../../oci/layout/open-layer.ts';
import { proveLayer } from '../../oci/layout/proof.ts';
import { encodeManifest, imageManifest, parseManifest } from '../../oci/manifest.ts';
import { MEDIA_TYPE } from '../../oci/media-type.ts';
import { formatId, type Profile } from '../../oci/profile.ts';
import { BuildError } from '../errors.ts';
import { imageKey, layerKey } from '../graph/cache-key.ts';
import { type Graph, isLayerOp, type LayerOp, type LayoutImageOp, type RootOp, type Target } from '../graph/op.ts';
import type { Watcher } from '../progress/event.ts';
import type { SnapshotStore } from '../snapshot/store.ts';
import type { DiffId, Snapshot } from '../snapshot/types.ts';
import type { ActionCache } from '../solver/actions.ts';
import { type BuiltImage, type LayerBytes, NeedsWork, type Results } from '../solver/services.ts';
import type { Assemble } from '../solver/solve.ts';
import { differenceOf, requireAgreement } from './agree.ts';
import { hasBlob, readSound } from './sound-blob.ts';

/** One layer as the manifest and the config name it. */
interface Layer {
  readonly descriptor: Descriptor;
  readonly diffId: Digest;
}

interface ImageRecord {
  readonly index: Digest;
  readonly manifest: Digest;
  readonly layers: readonly Layer[];
}

export interface AssembleServices {
  readonly graph: Graph;
  readonly layout: Layout;
  readonly snapshots: SnapshotStore;
  readonly profile: Profile;
  readonly isReadOnly: boolean;
  /** Told what a layer cannot carry, when one is made. */
  readonly watch: Watcher;
}

/** Makes the function the solver calls for every target. Images are remembered by the targets' positions. */
export function createAssembler(services: AssembleServices): Assemble {
  const assembler = new Assembler(services);
  return (target, results, actions) => assembler.assemble(target, results, actions);
}

class Assembler {
  readonly #services: AssembleServices;
  readonly #images = new Map<number, readonly Layer[]>();
  readonly #built = new Map<number, BuiltImage>();

  constructor(services: AssembleServices) {
    this.#services = services;
  }

  async assemble(target: Target, results: Results, actions: ActionCache): Promise<BuiltImage> {
    const { graph, layout } = this.#services;
    const position = graph.targets.indexOf(target);
    const { members } = target;
    const image =
      members === undefined
        ? await this.#assembleOne(target, results, actions)
        : await requireAgreement(
            graph,
            target,
            members.map((member) => this.#built.get(member)!),
            (one, other) => differenceOf(layout, one, other),
          );
    // What is built on an agreement has the layers of the first: they are everybody's.
    if (members !== undefined) this.#images.set(position, this.#images.get(members[0]!)!);
    this.#built.set(position, image);
    return image;
  }

  async #assembleOne(target: Target, results: Results, actions: ActionCache): Promise<BuiltImage> {
    const { graph, profile } = this.#services;
    const { owner, time, epoch } = target.policy;
    const { below, own } = await this.#parts(target, results);
    const format = formatId(profile);
    const key = imageKey({
      format,
      below: below.map((layer) => layer.descriptor.digest),
      own: own.map((layer) => layer.diff),
      policy: { owner, time, epoch },
      config: target.config as unknown as Json,
      platform: target.platform as unknown as Json,
    });
    const known = this.#recorded(actions, key);
    if (known === undefined && this.#services.isReadOnly) throw new NeedsWork(target.name);
    const record = known ?? (await this.#make(target, below, own, actions, format));
    if (known === undefined) actions.put(key, { ...record } as unknown as JsonObject);
    this.#images.set(graph.targets.indexOf(target), record.layers);
    return {
      indexDigest: record.index,
      manifestDigest: record.manifest,
      layers: record.layers.map((layer) => this.#layerBytes(layer)),
      isCached: known !== undefined,
    };
  }

  #layerBytes(layer: Layer): LayerBytes {
    return { diffId: layer.diffId, open: () => openLayer(this.#services.layout, layer.descriptor) };
  }

  /** A record counts only while every blob it leads to is there: documents verified, layers in their full length. */
  #recorded(actions: ActionCache, key: Digest): ImageRecord | undefined {
    const record = actions.get(key) as unknown as ImageRecord | undefined;
    if (record === undefined || !isDigest(record.index) || !isDigest(record.manifest)) return undefined;
    const { layout } = this.#services;
    const index = readSound(layout, record.index);
    const manifest = readSound(layout, record.manifest);
    if (index === undefined || manifest === undefined) return undefined;
    if (readSound(layout, parseManifest(manifest).config.digest) === undefined) return undefined;
    return record.layers.every((layer) => hasBlob(layout, layer.descriptor)) ? record : undefined;
  }

  /** The layers an image inherits, and the changes that become its own, bottom first. */
  async #parts(target: Target, results: Results): Promise<{ below: readonly Layer[]; own: readonly OwnLayer[] }> {
    const { graph, snapshots } = this.#services;
    const own: OwnLayer[] = [];
    let op = graph.ops[target.op]!;
    while (isLayerOp(op)) {
      own.unshift({ op, diff: results.get(op.id)!.diff!, below: results.get(op.base)!.snapshot });
      op = graph.ops[op.base]!;
    }
    switch (op.kind) {
      case 'scratch':
        return { below: [], own };
      case 'root':
        return { below: [], own: [{ op, diff: results.get(op.id)!.diff!, below: snapshots.scratch() }, ...own] };
      case 'target-image':
        return { below: this.#images.get(op.target)!, own };
      case 'layout-image':
        await this.#adopt(op);
        return { below: op.layers, own };
    }
  }

  /** The blobs of a foreign image come into the store, verified, so that the result is whole. */
  async #adopt(op: LayoutImageOp): Promise<void> {
    const { layout } = this.#services;
    const foreign = openLayout(op.directory);
    for (const { descriptor } of op.layers) {
      if (hasBlob(layout, descriptor)) continue;
      const blob = layout.beginBlob();
      try {
        for (const chunk of foreign.readChunks(descriptor)) blob.write(chunk);
        await blob.commit();
      } finally {
        blob.abort();
      }
    }
  }

  async #make(
    target: Target,
    below: readonly Layer[],
    own: readonly OwnLayer[],
    actions: ActionCache,
    format: string,
  ): Promise<ImageRecord> {
    const { layout, profile } = this.#services;
    const layers: readonly Layer[] = [...below, ...(await this.#layers(target, own, actions, format))];
    const config: ImageConfig = {
      ...target.config,
      rootfs: { type: 'layers', diff_ids: layers.map((layer) => layer.diffId) },
    };
    const configBlob = await layout.putBytes(encodeConfig(config, profile));
    const document = imageManifest(
      { mediaType: MEDIA_TYPE.config, ...configBlob },
      layers.map((layer) => layer.descriptor),
      profile,
    );
    const manifest = await layout.putBytes(encodeManifest(document, profile));
    const descriptor = { mediaType: MEDIA_TYPE.manifest, ...manifest, platform: target.platform };
    const index = await layout.putBytes(encodeImageIndex(imageIndex([descriptor], profile), profile));
    return { index: index.digest, manifest: manifest.digest, layers };
  }

  /**
   * An image's own layers, a few at a time: while one waits for its last blocks to be compressed or is read back, the
   * next is being written. Throws what the lowest of those that failed threw, when none is under way any more.
   */
  async #layers(
    target: Target,
    own: readonly OwnLayer[],
    actions: ActionCache,
    format: string,
  ): Promise<readonly Layer[]> {
    const layers: Layer[] = [];
    const failed = new Map<number, unknown>();
    let next = 0;
    const work = async (): Promise<void> => {
      while (next < own.length && failed.size === 0) {
        const position = next++;
        try {
          layers[position] = await this.#layer(target, own[position]!, actions, format);
        } catch (error) {
          failed.set(position, error);
        }
      }
    };
    await Promise.all(Array.from({ length: LAYERS_AT_ONCE }, work));
    if (failed.size > 0) throw failed.get(Math.min(...failed.keys()));
    return layers;
  }

  /** Written, then read back from its file: a layer that is cut short never becomes part of an image. */
  async #layer(target: Target, own: OwnLayer, actions: ActionCache, format: string): Promise<Layer> {
    const { layout, profile, snapshots, watch } = this.#services;
    const { policy } = target;
    const key = layerKey({ format, diff: own.diff, owner: policy.owner, time: policy.time, epoch: policy.epoch });
    const known = actions.get(key) as unknown as Layer | undefined;
    if (known !== undefined && hasBlob(layout, known.descriptor)) return known;
    try {
      const { location } = own.op.label;
      const warn = (message: string): void => watch({ type: 'warning', message, location });
      const written = await writeLayer(snapshots.entries(own.below, own.diff, warn), policy, {
        compressorFor: createCompressor,
        blob: layout.beginBlob(),
        profile,
      });
      const layer: Layer = { descriptor: written.descriptor, diffId: written.diffId };
      await proveLayer(layout, layer.descriptor, layer.diffId);
      actions.put(key, { ...layer } as unknown as JsonObject);
      return layer;
    } catch (error) {
      throw locate(error, own.op);
    }
  }
}

/** Each takes a buffer of 4 MiB and blocks of as much again for every thread. */
const LAYERS_AT_ONCE = 3;

interface OwnLayer {
  readonly op: LayerOp | RootOp;
  readonly diff: DiffId;
  readonly below: Snapshot;
}

/** A file no layer can carry was made by some instruction: name it. */
function locate(error: unknown, op: LayerOp | RootOp): unknown {
  if (!(error instanceof Error) || !('code' in error) || error.code !== 'ENTRY_UNREPRESENTABLE') return error;
  return new BuildError('SNAPSHOT', error.message, { location: op.label.location, cause: error });
}
