// Owns: finding one image in a layout: from index.json through image indexes to the manifest for a platform, and its config.

import { type ImageConfig, parseConfig } from '../config.ts';
import type { Descriptor } from '../descriptor.ts';
import { type Digest, isDigest } from '../digest.ts';
import { OciError } from '../errors.ts';
import { parseImageIndex } from '../image-index.ts';
import { type Manifest, parseManifest } from '../manifest.ts';
import { MEDIA_TYPE } from '../media-type.ts';
import { formatPlatform, type Platform, parsePlatform, samePlatform } from '../platform.ts';
import type { Layout } from './layout.ts';

/** The annotation that carries a tag, image-spec annotations.md. */
export const REF_NAME = 'org.opencontainers.image.ref.name';
const MAX_NESTING = 8;

export interface ResolvedImage {
  /** The outermost image index, where the image is in one. */
  readonly index?: Descriptor;
  /** Of the manifest. */
  readonly descriptor: Descriptor;
  readonly manifest: Manifest;
  readonly config: ImageConfig;
}

/**
 * The image for a platform. `selector` is a tag (the annotation org.opencontainers.image.ref.name, whole or behind its
 * last `:`) or a digest; without one the layout must hold a single image, or one for this platform.
 * Throws OciError LAYOUT_INVALID where no image or several fit, PLATFORM_INVALID where there is one but not for the
 * platform, and what reading a blob throws.
 */
export function resolveImage(layout: Layout, platform: Platform, selector?: string): ResolvedImage {
  // The same manifest may be listed twice, by itself and through an index.
  const found = new Map<Digest, Candidate>();
  for (const top of select(layout, selector)) {
    for (const descriptor of manifestsBelow(layout, top, 0)) {
      if (found.has(descriptor.digest)) continue;
      const own = platformOf(layout, descriptor);
      if (own === undefined) continue;
      found.set(descriptor.digest, { descriptor, platform: own, ...(top === descriptor ? {} : { index: top }) });
    }
  }
  const candidates = [...found.values()];
  const exact = candidates.filter((candidate) => samePlatform(candidate.platform, platform));
  const fitting =
    exact.length > 0 ? exact : candidates.filter((candidate) => isVariantOf(candidate.platform, platform));
  const [image, ...others] = fitting;
  if (image === undefined) {
    throw new OciError('PLATFORM_INVALID', `${layout.directory} has no image for the platform`, {
      want: formatPlatform(platform),
      got: [...new Set(candidates.map((candidate) => formatPlatform(candidate.platform)))].join(', ') || 'no image',
    });
  }
  if (others.length > 0) {
    throw new OciError('LAYOUT_INVALID', `${layout.directory} has several images for ${formatPlatform(platform)}`, {
      want: 'one, or a tag or digest that names it',
      got: fitting.map(({ descriptor }) => descriptor.digest).join(', '),
    });
  }
  const { descriptor, index } = image;
  const manifest = parseManifest(layout.readBytes(descriptor));
  const config = parseConfig(layout.readBytes(manifest.config));
  if (config.rootfs.diff_ids.length !== manifest.layers.length) {
    throw new OciError('DOCUMENT_INVALID', `image ${descriptor.digest}: image config.rootfs.diff_ids`, {
      want: `${manifest.layers.length}, as the manifest has layers`,
      got: String(config.rootfs.diff_ids.length),
    });
  }
  return { ...(index === undefined ? {} : { index }), descriptor, manifest, config };
}

interface Candidate {
  readonly index?: Descriptor;
  readonly descriptor: Descriptor;
  readonly platform: Platform;
}

/** By the descriptor, or by the config where that says nothing; undefined for what is no image (attestations, artifacts). */
function platformOf(layout: Layout, descriptor: Descriptor): Platform | undefined {
  if (descriptor.annotations?.['vnd.docker.reference.type'] !== undefined) return undefined;
  if (descriptor.platform !== undefined) return baseline(descriptor.platform);
  const { config } = parseManifest(layout.readBytes(descriptor));
  if (config.mediaType !== MEDIA_TYPE.config && config.mediaType !== MEDIA_TYPE.dockerConfig) return undefined;
  return baseline(parseConfig(layout.readBytes(config)));
}

/** Only what a platform is compared by, and without a variant that is the architecture's baseline. */
function baseline({ os, architecture, variant }: Platform): Platform {
  return parsePlatform([os, architecture, ...(variant === undefined || variant === '' ? [] : [variant])].join('/'));
}

function isVariantOf(found: Platform, wanted: Platform): boolean {
  return found.os === wanted.os && found.architecture === wanted.architecture && wanted.variant === undefined;
}

/** The descriptors of index.json that a selector means. A digest may also be that of any blob of the layout. */
function select(layout: Layout, selector: string | undefined): readonly Descriptor[] {
  const all = layout.readIndex();
  if (selector === undefined) return all;
  if (isDigest(selector)) {
    const listed = all.filter(({ digest }) => digest === selector);
    if (listed.length > 0) return listed.slice(0, 1);
    return [{ mediaType: typeOf(layout, selector), digest: selector, size: layout.readBytes(selector).length }];
  }
  const tagged = all.filter(({ annotations }) => {
    const name = annotations?.[REF_NAME];
    return name !== undefined && (name === selector || name.endsWith(`:${selector}`));
  });
  if (tagged.length === 0) {
    const names = all.map(({ annotations }) => annotations?.[REF_NAME]).filter((name) => name !== undefined);
    throw new OciError('LAYOUT_INVALID', `${layout.directory} has no image of that name`, {
      want: selector,
      got: names.join(', ') || 'no names at all',
    });
  }
  return tagged;
}

/** What a document says of itself; one that says nothing is known by its members. */
function typeOf(layout: Layout, digest: Digest): string {
  const document = JSON.parse(layout.readBytes(digest).toString('utf8')) as Record<string, unknown>;
  const { mediaType } = document;
  if (typeof mediaType === 'string') return mediaType;
  return document['manifests'] === undefined ? MEDIA_TYPE.manifest : MEDIA_TYPE.index;
}

function manifestsBelow(layout: Layout, descriptor: Descriptor, depth: number): Descriptor[] {
  if (isManifest(descriptor)) return [descriptor];
  // Whatever is no index either (a signature, a plain file) is no image.
  if (!isIndex(descriptor)) return [];
  if (depth === MAX_NESTING) {
    throw new OciError('LAYOUT_INVALID', `image indexes in image indexes, more than ${MAX_NESTING} deep`);
  }
  const { manifests } = parseImageIndex(layout.readBytes(descriptor));
  return manifests.flatMap((next) => manifestsBelow(layout, next, depth + 1));
}

export function isManifest({ mediaType }: Descriptor): boolean {
  return mediaType === MEDIA_TYPE.manifest || mediaType === MEDIA_TYPE.dockerManifest;
}

export function isIndex({ mediaType }: Descriptor): boolean {
  return mediaType === MEDIA_TYPE.index || mediaType === MEDIA_TYPE.dockerIndex;
}
