// Owns: images as a comparison sees them: a tree of image indexes, and images of a config and layers that can be read. The
// same for a layout and for Docker's archive, which has neither index nor manifest.

import { type ImageConfig, parseConfig } from '../config.ts';
import type { Descriptor } from '../descriptor.ts';
import { type Digest, digestOf } from '../digest.ts';
import { parseDocument } from '../document.ts';
import { OciError } from '../errors.ts';
import { parseImageIndex } from '../image-index.ts';
import { isIndex, isManifest } from '../layout/image.ts';
import { openLayer } from '../layout/open-layer.ts';
import { type Manifest, parseManifest } from '../manifest.ts';
import { MEDIA_TYPE } from '../media-type.ts';
import { formatPlatform } from '../platform.ts';
import { shownText } from '../shown-text.ts';
import { type ArchiveFiles, type BlobSource, checked, named, plainChunks } from './blob-source.ts';
import type { LayerSide } from './finding.ts';
import type { TarSource } from './tar-diff.ts';

/** One layer that can be read. */
export interface Layer extends TarSource {
  readonly side: LayerSide;
  /** The subject it lies in, as the user named it. */
  readonly source: string;
  /** As the config has it; every reading to the end checks it. */
  readonly diffId: Digest;
  /** Absent in Docker's archive, which names no blob. */
  readonly descriptor?: Descriptor;
  /** As stored, compressed or not, verified behind the last portion. */
  openStored(): Iterable<Uint8Array>;
}

export interface ImageNode {
  readonly kind: 'image';
  /** With the bytes of the manifest; absent in Docker's archive. */
  readonly manifest?: { readonly descriptor: Descriptor; readonly bytes: Buffer; readonly document: Manifest };
  readonly config: { readonly digest: Digest; readonly bytes: Buffer; readonly document: ImageConfig };
  readonly platform: string;
  readonly layers: readonly Layer[];
  /** The names it goes by, where it stands in an archive or a layout. */
  readonly names: readonly string[];
}

/** An artifact: a manifest whose config is no image's. Its blobs are compared as they are. */
export interface ArtifactNode {
  readonly kind: 'artifact';
  readonly descriptor: Descriptor;
  readonly bytes: Buffer;
  readonly document: Manifest;
  open(blob: Descriptor): Iterable<Uint8Array>;
}

export interface IndexNode {
  readonly kind: 'index';
  readonly descriptor: Descriptor;
  readonly bytes: Buffer;
  readonly children: readonly Child[];
}

/** Whatever is no document this program knows. */
export interface OtherNode {
  readonly kind: 'other';
  readonly descriptor: Descriptor;
}

export type Node = ImageNode | ArtifactNode | IndexNode | OtherNode;

/** A node with the descriptor that names it. */
export interface Child {
  readonly descriptor?: Descriptor;
  readonly node: Node;
}

const MAX_NESTING = 8;
const MAX_NODES = 4096;
const MAX_LAYERS = 4096;

/** Reads documents, and no layer. Throws OciError naming the blob that is wrong. */
export function readNode(source: BlobSource, descriptor: Descriptor): Child {
  let left = MAX_NODES;
  const read = (one: Descriptor, above: readonly Digest[]): Child => {
    if (left-- === 0) {
      throw new OciError('LAYOUT_INVALID', `${source.name}: too many manifests`, { want: `at most ${MAX_NODES}` });
    }
    if (isManifest(one)) return { descriptor: one, node: readManifest(source, one) };
    if (!isIndex(one)) return { descriptor: one, node: { kind: 'other', descriptor: one } };
    if (above.includes(one.digest)) {
      throw new OciError('LAYOUT_INVALID', `${source.name}: image index ${one.digest} holds itself`);
    }
    if (above.length === MAX_NESTING) {
      throw new OciError('LAYOUT_INVALID', `${source.name}: image indexes more than ${MAX_NESTING} deep`);
    }
    const bytes = source.readBytes(one);
    const children = inBlob(one, () => parseImageIndex(bytes)).manifests.map((next) =>
      read(next, [...above, one.digest]),
    );
    return { descriptor: one, node: { kind: 'index', descriptor: one, bytes, children } };
  };
  return read(descriptor, []);
}

/** Says in which blob a document is wrong. */
function inBlob<T>(descriptor: Descriptor, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof OciError)) throw error;
    throw new OciError(error.code, `blob ${descriptor.digest}: ${error.message}`, { cause: error });
  }
}

function readManifest(source: BlobSource, descriptor: Descriptor): ImageNode | ArtifactNode {
  const bytes = source.readBytes(descriptor);
  const document = inBlob(descriptor, () => parseManifest(bytes));
  const configType = document.config.mediaType;
  const isImage = configType === MEDIA_TYPE.config || configType === MEDIA_TYPE.dockerConfig;
  // BuildKit's attestations look like images, of an unknown platform.
  if (!isImage || descriptor.platform?.os === 'unknown') {
    return { kind: 'artifact', descriptor, bytes, document, open: (blob) => source.readChunks(blob) };
  }
  const configBytes = source.readBytes(document.config);
  const config = inBlob(document.config, () => parseConfig(configBytes));
  checkCount(config, document.layers.length, document.config.digest);
  const makers = makersOf(config);
  const layers = document.layers.map((layer, at): Layer => {
    const diffId = config.rootfs.diff_ids[at]!;
    const what = `${source.name}: layer ${layer.digest}`;
    return {
      side: { number: at + 1, digest: layer.digest, diffId, ...makers[at] },
      source: source.name,
      name: what,
      diffId,
      descriptor: layer,
      openStored: () => named(what, source.readChunks(layer)),
      open: () => named(what, checked(openLayer(source, layer), diffId, `${what}, uncompressed`)),
    };
  });
  return {
    kind: 'image',
    manifest: { descriptor, bytes, document },
    config: { digest: document.config.digest, bytes: configBytes, document: config },
    platform: shownText(formatPlatform(config)),
    layers,
    names: [],
  };
}

function checkCount(config: ImageConfig, layers: number, digest: Digest): void {
  const count = config.rootfs.diff_ids.length;
  if (layers > MAX_LAYERS) {
    throw new OciError('DOCUMENT_INVALID', `image of config ${digest}: too many layers`, {
      want: `at most ${MAX_LAYERS}`,
      got: String(layers),
    });
  }
  if (count === layers) return;
  throw new OciError('DOCUMENT_INVALID', `blob ${digest}: image config.rootfs.diff_ids`, {
    want: `${layers}, as there are layers`,
    got: String(count),
  });
}

/** For each layer the history entry that made it, as far as there are as many. */
function makersOf(config: ImageConfig): readonly Pick<LayerSide, 'createdBy' | 'history'>[] {
  const making = (config.history ?? []).map((entry, at) => ({ entry, at })).filter(({ entry }) => !entry.empty_layer);
  // A history that does not count as many layers says nothing about any.
  if (making.length !== config.rootfs.diff_ids.length) return [];
  return making.map(({ entry, at }) => {
    const words = entry.created_by ?? entry.comment;
    return { history: at, ...(words === undefined ? {} : { createdBy: shownText(words) }) };
  });
}

/** The images of Docker's archive (`docker save`): manifest.json names a config and layers for each. */
export function readDockerArchive(files: ArchiveFiles): readonly ImageNode[] {
  const what = `${files.name}: manifest.json`;
  if (!files.has('manifest.json')) {
    throw new OciError('LAYOUT_INVALID', `${files.name} is no Docker archive`, {
      want: 'a file manifest.json',
      ...(files.has('index.json') ? { hint: 'name it oci-archive:FILE' } : {}),
    });
  }
  // A document's top is an object; this file's is a list.
  const wrapped = Buffer.concat([Buffer.from('{"images":'), files.readBytes('manifest.json'), Buffer.from('}')]);
  const images = parseDocument(wrapped, what)['images'];
  if (!Array.isArray(images)) throw new OciError('DOCUMENT_INVALID', what, { want: 'a list' });
  return images.map((image: unknown, at) => {
    const { Config, Layers, RepoTags } = (image ?? {}) as Record<string, unknown>;
    const isTexts = (value: unknown): value is string[] =>
      Array.isArray(value) && value.every((item) => typeof item === 'string');
    if (typeof Config !== 'string' || !isTexts(Layers)) {
      throw new OciError('DOCUMENT_INVALID', `${what}: image ${at + 1}`, {
        want: 'Config, a text, and Layers, a list',
      });
    }
    const bytes = files.readBytes(Config);
    const digest = digestOf(bytes);
    const document = inBlob({ mediaType: MEDIA_TYPE.dockerConfig, digest, size: bytes.length }, () =>
      parseConfig(bytes),
    );
    checkCount(document, Layers.length, digest);
    const makers = makersOf(document);
    const layers = Layers.map((file, number): Layer => {
      const diffId = document.rootfs.diff_ids[number]!;
      const layer = `${files.name}: ${shownText(file)}`;
      return {
        side: { number: number + 1, diffId, ...makers[number] },
        source: files.name,
        name: layer,
        diffId,
        openStored: () => named(layer, files.readChunks(file)),
        open: () => named(layer, checked(plainChunks(files.readChunks(file)), diffId, `${layer}, uncompressed`)),
      };
    });
    return {
      kind: 'image',
      config: { digest, bytes, document },
      platform: shownText(formatPlatform(document)),
      layers,
      names: isTexts(RepoTags) ? RepoTags : [],
    };
  });
}
