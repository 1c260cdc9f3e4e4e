// Owns: comparing images from the outside in: image index, manifest, config, layers. What only follows from a difference
// further in (a digest, a size) is not told again.

import { parseDocument } from '../document.ts';
import { formatPlatform } from '../platform.ts';
import { shownText } from '../shown-text.ts';
import { firstDifference, hold, MAX_HELD } from './bytes.ts';
import { compareEncoding, compareJson } from './documents.ts';
import type { Detail, Found, Level, Steps } from './finding.ts';
import type { ArtifactNode, Child, ImageNode, IndexNode } from './image.ts';
import { type Context, compareLayers, readThrough } from './layers.ts';

/** Two lists of images or indexes: matched by platform and kind, then by place. */
export function* compareChildren(left: readonly Child[], right: readonly Child[], context: Context): Steps {
  const rest = [...right];
  const pairs: [Child, Child | undefined][] = left.map((child) => [child, undefined]);
  const match = (fits: (one: Child, other: Child) => boolean): void => {
    for (const pair of pairs) {
      if (pair[1] !== undefined) continue;
      const at = rest.findIndex((other) => fits(pair[0], other));
      if (at >= 0) pair[1] = rest.splice(at, 1)[0];
    }
  };
  match((one, other) => one.descriptor !== undefined && one.descriptor.digest === other.descriptor?.digest);
  const labels = new Map([...left, ...right].map((child) => [child, labelOf(child)]));
  match((one, other) => labels.get(one) === labels.get(other));
  // One of each is a pair, whatever it says of itself.
  if (left.length === 1 && right.length === 1) match(() => true);
  let last = -1;
  for (const [one, other] of pairs) {
    if (other === undefined) {
      yield* lone(one, 'left', context);
      continue;
    }
    const place = right.indexOf(other);
    if (place < last) {
      const found = { left: `number ${left.indexOf(one) + 1}`, right: `number ${place + 1}` };
      yield { level: 'index', kind: 'order', field: 'manifests', ...found, inner: [], note: labelOf(one) };
    }
    last = Math.max(last, place);
    yield* compareDescriptors(one, other);
    yield* compareNodes(one, other, context);
  }
  for (const child of rest) yield* lone(child, 'right', context);
}

function labelOf({ descriptor, node }: Child): string {
  if (node.kind === 'image') return `image for ${node.platform}`;
  const type = descriptor === undefined ? '' : shownText(descriptor.mediaType);
  const platform = descriptor?.platform === undefined ? '' : ` for ${shownText(formatPlatform(descriptor.platform))}`;
  if (node.kind === 'artifact') return `artifact ${shownText(node.document.artifactType ?? type)}${platform}`;
  return `${node.kind === 'index' ? 'image index' : type}${platform}`;
}

/** What one side has alone is read too: an image that is damaged is damaged. */
function* lone(child: Child, side: 'left' | 'right', context: Context): Steps {
  yield* verifyNode(child, context);
  const value = `${labelOf(child)}${child.descriptor === undefined ? '' : `, ${child.descriptor.digest}`}`;
  const found = side === 'left' ? { left: value } : { right: value };
  yield { level: 'index', kind: 'missing', field: 'manifests', ...found, inner: [] };
}

function* verifyNode({ node }: Child, context: Context): Generator<undefined, void, void> {
  if (!context.verify) return;
  if (node.kind === 'image') for (const layer of node.layers) yield* readThrough(layer, context);
  else if (node.kind === 'index') for (const child of node.children) yield* verifyNode(child, context);
  else if (node.kind === 'artifact') {
    for (const blob of [node.document.config, ...node.document.layers]) {
      for (const _ of node.open(blob)) yield;
    }
  }
}

/** What an index says of a manifest, besides its digest. */
function* compareDescriptors(one: Child, other: Child): Steps {
  if (one.descriptor === undefined || other.descriptor === undefined || one.node.kind !== other.node.kind) return;
  const skip = (path: string): boolean => path === 'digest' || path === 'size';
  for (const detail of compareJson(one.descriptor, other.descriptor, skip)) {
    yield { level: 'index', ...detail, field: `manifests[].${detail.field}`, note: labelOf(one) };
  }
}

function* compareNodes(one: Child, other: Child, context: Context): Steps {
  const [left, right] = [one.node, other.node];
  if (left.kind === 'index' && right.kind === 'index') yield* compareIndexes(left, right, context);
  else if (left.kind === 'index' || right.kind === 'index') yield* unwrapped(one, other, context);
  else if (left.kind === 'image' && right.kind === 'image') yield* compareImages(left, right, context);
  else if (left.kind === 'artifact' && right.kind === 'artifact') yield* compareArtifacts(left, right, context);
  else if (one.descriptor?.digest !== other.descriptor?.digest || left.kind !== right.kind) {
    const [a, b] = [labelOf(one), labelOf(other)];
    const same = a === b;
    yield {
      level: 'index',
      kind: 'changed',
      field: same ? 'digest' : 'kind',
      left: same ? String(one.descriptor?.digest) : a,
      right: same ? String(other.descriptor?.digest) : b,
      inner: [],
    };
  }
}

function* compareIndexes(left: IndexNode, right: IndexNode, context: Context): Steps {
  if (left.descriptor.digest === right.descriptor.digest) {
    yield* verifyNode({ node: left }, context);
    yield* verifyNode({ node: right }, context);
    return;
  }
  let isTold = false;
  for (const detail of documents(left.bytes, right.bytes, 'image index', (path) => path === 'manifests')) {
    isTold = true;
    yield { level: 'index', ...detail };
  }
  for (const found of compareChildren(left.children, right.children, context)) {
    isTold ||= found !== undefined && found.weight !== 'note';
    yield found;
  }
  if (!isTold) yield* bytesOnly('index', left.bytes, right.bytes);
}

/** An image by itself on one side, in an index on the other: the index is one difference, and the images are compared. */
function* unwrapped(one: Child, other: Child, context: Context): Steps {
  const describe = (child: Child): string => `${labelOf(child)}, ${child.descriptor?.digest ?? 'without a digest'}`;
  const isDocker = [one, other].some(({ node }) => node.kind === 'image' && node.manifest === undefined);
  yield {
    level: 'index',
    kind: 'missing',
    field: 'index',
    ...(one.node.kind === 'index' ? { left: describe(one) } : { right: describe(other) }),
    inner: [],
    // Docker's archive has no place for one.
    ...(isDocker ? { weight: 'note' } : {}),
  };
  const inside = (child: Child): readonly Child[] => (child.node.kind === 'index' ? child.node.children : [child]);
  const images = (child: Child): readonly Child[] => inside(child).filter(({ node }) => node.kind !== 'artifact');
  const [a, b] = isDocker ? [images(one), images(other)] : [inside(one), inside(other)];
  const strip = (list: readonly Child[]): readonly Child[] => list.map(({ node }) => ({ node }));
  yield* compareChildren(strip(a), strip(b), context);
}

function* compareImages(left: ImageNode, right: ImageNode, context: Context): Steps {
  const platform = left.platform === right.platform ? left.platform : `${left.platform} and ${right.platform}`;
  for (const found of imageFindings(left, right, context))
    yield found === undefined ? undefined : { platform, ...found };
}

function* imageFindings(left: ImageNode, right: ImageNode, context: Context): Steps {
  let told = 0;
  function* counted(steps: Iterable<Found | undefined>): Steps {
    for (const found of steps) {
      if (found !== undefined && found.weight !== 'note') told++;
      yield found;
    }
  }
  if (left.manifest !== undefined && right.manifest !== undefined) {
    if (left.manifest.descriptor.digest !== right.manifest.descriptor.digest) {
      // Layers are compared below, each with its own descriptor.
      const follows = (path: string): boolean => /^(config\.(digest|size)|layers)$/.test(path);
      const details = documents(left.manifest.bytes, right.manifest.bytes, 'manifest', follows);
      yield* counted(details.map((detail): Found => ({ level: 'manifest', ...detail })));
    }
  } else {
    yield {
      level: 'manifest',
      kind: 'missing',
      field: 'manifest',
      ...(left.manifest === undefined ? {} : { left: left.manifest.descriptor.digest }),
      ...(right.manifest === undefined ? {} : { right: right.manifest.descriptor.digest }),
      inner: [],
      weight: 'note',
      note: "Docker's archive has no manifest: config and uncompressed layers are compared",
    };
  }
  if (left.config.digest !== right.config.digest) {
    const before = told;
    const follows = (path: string): boolean => path.startsWith('rootfs.diff_ids');
    const details = documents(left.config.bytes, right.config.bytes, 'image config', follows);
    yield* counted(details.map((detail): Found => ({ level: 'config', ...detail })));
    const isTold = told > before || diffIds(left) !== diffIds(right);
    if (!isTold) yield* counted(bytesOnly('config', left.config.bytes, right.config.bytes));
  }
  yield* counted(compareLayers(left.layers, right.layers, context));
  if (told === 0 && left.manifest !== undefined && right.manifest !== undefined) {
    yield* bytesOnly('manifest', left.manifest.bytes, right.manifest.bytes);
  }
}

function diffIds({ layers }: ImageNode): string {
  return layers.map(({ diffId }) => diffId).join();
}

/** Differences of meaning. Members that are null count here, although readers take them for absent. */
function documents(left: Buffer, right: Buffer, what: string, skip: (path: string) => boolean): Detail[] {
  const parse = (bytes: Buffer): unknown => {
    // Checks size of numbers and depth, which JSON.parse does not.
    parseDocument(bytes, what);
    return JSON.parse(bytes.toString('utf8'));
  };
  return compareJson(parse(left), parse(right), skip);
}

function* bytesOnly(level: Level, left: Buffer, right: Buffer): Steps {
  const detail = compareEncoding(left, right);
  if (detail !== undefined) yield { level, ...detail };
}

/** Signatures, attestations, SBOMs: the manifest, then each blob by the place it stands in. */
function* compareArtifacts(left: ArtifactNode, right: ArtifactNode, context: Context): Steps {
  if (left.descriptor.digest === right.descriptor.digest) {
    yield* verifyNode({ node: left }, context);
    yield* verifyNode({ node: right }, context);
    return;
  }
  const follows = (path: string): boolean => /^(config|layers\[\d+\])\.(digest|size)$/.test(path);
  let isTold = false;
  for (const detail of documents(left.bytes, right.bytes, 'manifest', follows)) {
    isTold = true;
    yield { level: 'manifest', ...detail };
  }
  const [ours, theirs] = [left, right].map(({ document }) => [document.config, ...document.layers]);
  for (let i = 0; i < Math.min(ours!.length, theirs!.length); i++) {
    const [one, other] = [ours![i]!, theirs![i]!];
    const name = i === 0 ? 'config' : `layers[${i - 1}]`;
    if (one.digest === other.digest) continue;
    isTold = true;
    if (one.size > MAX_HELD || other.size > MAX_HELD) {
      const first = yield* firstDifference(left.open(one), right.open(other));
      const place = first === undefined ? {} : { offset: first.offset, hex: first.hex };
      yield { level: 'content', kind: 'changed', field: 'content', path: name, ...place, inner: [] };
      continue;
    }
    const held = [hold(one.size, left.open(one)), hold(other.size, right.open(other))] as const;
    for (const detail of yield* context.budget.look(...held)) yield { level: 'content', path: name, ...detail };
  }
  if (!isTold) yield* bytesOnly('manifest', left.bytes, right.bytes);
}
