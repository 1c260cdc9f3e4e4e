// Owns: the one image, or the one stack of layers, that is meant where a subject holds several.

import { OciError } from '../errors.ts';
import { formatPlatform, hostPlatform, type Platform, samePlatform } from '../platform.ts';
import type { Child, ImageNode } from './image.ts';
import { mergeLayers, type RootfsNode, type RootfsOptions, readDirectory } from './rootfs.ts';
import type { Subject } from './subject.ts';

/** Every image, each once. */
export function imagesOf(children: readonly Child[]): readonly ImageNode[] {
  const found = new Map<string, ImageNode>();
  const collect = ({ node }: Child): void => {
    if (node.kind === 'image') {
      found.set(node.manifest?.descriptor.digest ?? `${node.config.digest} ${found.size}`, node);
    } else if (node.kind === 'index') for (const child of node.children) collect(child);
  };
  for (const child of children) collect(child);
  return [...found.values()];
}

/** The only image, or the only one for the platform (the host's by default). Throws OciError PLATFORM_INVALID, LAYOUT_INVALID. */
export function chooseImage(subject: Extract<Subject, { kind: 'images' }>, platform?: Platform): ImageNode {
  const images = imagesOf(subject.children);
  const wanted = platform ?? hostPlatform();
  const fitting =
    images.length === 1 && platform === undefined
      ? images
      : images.filter(({ config }) => samePlatform(config.document, wanted));
  const [image, ...others] = fitting;
  if (image === undefined) {
    throw new OciError('PLATFORM_INVALID', `${subject.name} has no image for the platform`, {
      want: formatPlatform(wanted),
      got: [...new Set(images.map((one) => one.platform))].join(', ') || 'no image',
    });
  }
  if (others.length > 0) {
    throw new OciError('LAYOUT_INVALID', `${subject.name} has several images for ${image.platform}`, {
      want: 'one, or a tag or digest that names it',
      got: fitting.map(({ config, manifest }) => manifest?.descriptor.digest ?? config.digest).join(', '),
    });
  }
  return image;
}

/** The rootfs a subject stands for; yields for a turn. */
export function* rootfsOf(
  subject: Subject,
  options: RootfsOptions & { readonly platform?: Platform } = {},
): Generator<undefined, RootfsNode, void> {
  if (subject.kind === 'directory') return yield* readDirectory(subject.directory, options);
  if (subject.kind === 'tar') return yield* mergeLayers([subject], options);
  return yield* mergeLayers(chooseImage(subject, options.platform).layers, options);
}
