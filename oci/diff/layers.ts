// Owns: comparing the layers of two images: which belongs with which, layers that differ in compression only, and layers whose
// tars differ. A layer that both sides have alike is read and checked all the same, unless nobody wants that.

import { MEDIA_TYPE } from '../media-type.ts';
import { firstDifference } from './bytes.ts';
import { compareJson } from './documents.ts';
import type { Detail, LayerPlace, LayerSide, Steps } from './finding.ts';
import type { Layer } from './image.ts';
import { type Budget, diffTars } from './tar-diff.ts';
import { longestRise } from './tar-index.ts';

/** What the comparison of one pair of subjects shares. */
export interface Context {
  readonly budget: Budget;
  readonly verify: boolean;
  /** Blobs found sound: none is read twice to be checked. */
  readonly sound: Set<string>;
}

export type LayerPair = readonly [left: Layer | undefined, right: Layer | undefined];

/** Every layer of both, once, bottom first: equal diffIDs together, then what one instruction made, then by place. */
export function pairLayers(left: readonly Layer[], right: readonly Layer[]): readonly LayerPair[] {
  const leftOf = new Int32Array(right.length).fill(-1);
  const taken = new Set<Layer>();
  const places = new Map<string, number[]>();
  for (const [at, { diffId }] of [...left.entries()].reverse()) places.set(diffId, [...(places.get(diffId) ?? []), at]);
  for (const [at, { diffId }] of right.entries()) {
    const other = places.get(diffId)?.pop();
    if (other === undefined) continue;
    taken.add(left[other]!);
    leftOf[at] = other;
  }
  const inOrder = longestRise(leftOf);
  const pairs: LayerPair[] = [];
  let [from, otherFrom] = [0, 0];
  for (let at = 0; at <= right.length; at++) {
    if (at < right.length && inOrder[at] === 0) continue;
    const goal = at < right.length ? leftOf[at]! : left.length;
    const ours = left.slice(from, goal).filter((layer) => !taken.has(layer));
    const theirs = right.slice(otherFrom, at).filter((_, i) => leftOf[otherFrom + i]! < 0);
    pairs.push(...pairGap(ours, theirs));
    for (let moved = otherFrom; moved < at; moved++) {
      if (leftOf[moved]! >= 0) pairs.push([left[leftOf[moved]!], right[moved]]);
    }
    if (at < right.length) pairs.push([left[goal], right[at]]);
    [from, otherFrom] = [goal + 1, at + 1];
  }
  return pairs;
}

function pairGap(left: readonly Layer[], right: readonly Layer[]): LayerPair[] {
  if (left.length === right.length) return left.map((layer, i) => [layer, right[i]]);
  const rest = [...right];
  const pairs: LayerPair[] = left.map((layer) => {
    const made = layer.side.createdBy;
    const at = made === undefined ? -1 : rest.findIndex(({ side }) => side.createdBy === made);
    return [layer, at < 0 ? undefined : rest.splice(at, 1)[0]];
  });
  return [
    ...pairs.map(([one, other]): LayerPair => [one, other ?? rest.shift()]),
    ...rest.map((layer): LayerPair => [undefined, layer]),
  ];
}

/** Differences of all layers of two images. */
export function* compareLayers(left: readonly Layer[], right: readonly Layer[], context: Context): Steps {
  const pairs = pairLayers(left, right);
  const compared = new Set<string>();
  let last = 0;
  for (const pair of pairs) {
    const [one, other] = pair;
    const layer = placeOf(one?.side, other?.side);
    if (one === undefined || other === undefined) {
      const there = (one ?? other)!;
      yield* readThrough(there, context);
      const value = describeLayer(there);
      const side = one === undefined ? { right: value } : { left: value };
      yield { level: 'layer', kind: 'missing', field: 'layer', layer, ...side, inner: [] };
      continue;
    }
    for (const detail of compareDescriptors(one, other)) yield { level: 'manifest', ...detail, layer };
    if (one.diffId === other.diffId) {
      if (one.side.number < last) {
        const [a, b] = [one, other].map(({ side }) => `layer ${side.number}`);
        yield { level: 'layer', kind: 'order', field: 'layer-order', layer, left: a!, right: b!, inner: [] };
      }
      last = Math.max(last, one.side.number);
      yield* compareStored(one, other, layer, context);
    } else if (compared.has(`${one.diffId} ${other.diffId}`)) {
      const note = 'the same two layers as before: their differences are told there';
      const sides = { left: one.diffId, right: other.diffId };
      yield { level: 'layer', kind: 'changed', field: 'layer', layer, ...sides, inner: [], note };
    } else {
      compared.add(`${one.diffId} ${other.diffId}`);
      yield* within(layer, diffTars(one, other, context.budget));
    }
  }
}

/** What the manifest says of a layer, besides its digest. */
function compareDescriptors(left: Layer, right: Layer): Detail[] {
  if (left.descriptor === undefined || right.descriptor === undefined) return [];
  const skip = (path: string): boolean => path === 'digest' || path === 'size';
  const details = compareJson(left.descriptor, right.descriptor, skip);
  return details.map((detail) => ({ ...detail, field: `layers[${left.side.number - 1}].${detail.field}` }));
}

/** Gives every finding the layer it lies in. */
export function* within(layer: LayerPlace, findings: Steps): Steps {
  for (const found of findings) yield found === undefined ? undefined : { ...found, layer };
}

function placeOf(left: LayerSide | undefined, right: LayerSide | undefined): LayerPlace {
  return { ...(left === undefined ? {} : { left }), ...(right === undefined ? {} : { right }) };
}

function describeLayer({ descriptor, diffId }: Layer): string {
  return descriptor === undefined ? `diffID ${diffId}` : `${descriptor.digest}, ${descriptor.size} bytes`;
}

/** Two layers of one diffID: the same tar, stored alike or not. */
function* compareStored(left: Layer, right: Layer, layer: LayerPlace, context: Context): Steps {
  yield* readThrough(left, context);
  yield* readThrough(right, context);
  // Docker's archive keeps the tar alone: it has no compression to compare.
  if (left.descriptor === undefined || right.descriptor === undefined) return;
  if (left.descriptor.digest === right.descriptor.digest) return;
  const detail = yield* compareCompression(left, right);
  yield { level: 'layer', ...detail, layer };
}

/** The same tar in other compressed bytes: how each side stores it, and where the bytes begin to differ. */
export function* compareCompression(
  left: Pick<Layer, 'openStored' | 'descriptor'>,
  right: Pick<Layer, 'openStored' | 'descriptor'>,
): Generator<undefined, Detail, void> {
  const first = yield* firstDifference(left.openStored(), right.openStored());
  const describe = ({ descriptor }: Pick<Layer, 'descriptor'>, size: number): string =>
    `${compressionOf(descriptor?.mediaType)}${size} bytes`;
  return {
    kind: 'compression',
    field: 'compression',
    left: describe(left, first?.leftSize ?? 0),
    right: describe(right, first?.rightSize ?? 0),
    ...(first === undefined ? {} : { offset: first.offset, hex: first.hex }),
    inner: [],
    note: 'the same tar: the layers differ in compression only',
  };
}

function compressionOf(mediaType: string | undefined): string {
  const names: Readonly<Record<string, string>> = {
    [MEDIA_TYPE.layerTar]: 'uncompressed, ',
    [MEDIA_TYPE.layerGzip]: 'gzip, ',
    [MEDIA_TYPE.layerZstd]: 'zstd, ',
    [MEDIA_TYPE.dockerLayerGzip]: 'gzip, ',
  };
  return names[mediaType ?? ''] ?? '';
}

/** Reads a layer to its end, which checks its digest and its diffID; once for each blob of each subject. */
export function* readThrough(layer: Layer, { verify, sound }: Context): Generator<undefined, void, void> {
  if (!verify) return;
  const name = `${layer.source}\n${layer.descriptor?.digest ?? layer.side.number}\n${layer.diffId}`;
  if (sound.has(name)) return;
  let read = 0;
  for (const chunk of layer.open()) {
    read += chunk.length;
    if (read < TURN) continue;
    read = 0;
    yield;
  }
  sound.add(name);
}

const TURN = 32 << 20;
