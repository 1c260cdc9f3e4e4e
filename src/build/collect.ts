// Owns: what of the store outside the snapshot room is garbage: blobs, actions, logs, sources that no target's last build
// used. Diffs are the snapshot room's.

import { existsSync, lstatSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { type Digest, hexOf } from '../../oci/digest.ts';
import { parseImageIndex } from '../../oci/image-index.ts';
import type { Layout } from '../../oci/layout/layout.ts';
import { parseManifest } from '../../oci/manifest.ts';
import type { RootRecord } from './roots-record.ts';

export interface Removed {
  readonly files: number;
  readonly bytes: number;
}

export interface CollectOptions {
  /** Sources no kept target pins go too. */
  readonly sources: boolean;
  /** Cache mounts go too. */
  readonly cache: boolean;
  readonly dryRun: boolean;
}

/** Every blob an image index leads to; those of an index that is gone or damaged are not kept. */
function blobsOf(layout: Layout, index: Digest): readonly Digest[] {
  try {
    const manifests = parseImageIndex(layout.readBytes(index)).manifests.map((manifest) => manifest.digest);
    const below = manifests.flatMap((digest) => {
      const manifest = parseManifest(layout.readBytes(digest));
      return [manifest.config.digest, ...manifest.layers.map((layer) => layer.digest)];
    });
    return [index, ...manifests, ...below];
  } catch {
    return [];
  }
}

/** Removes what the records do not lead to. Call it only while nothing else builds in the store. */
export function collectFiles(
  store: string,
  layout: Layout,
  roots: readonly RootRecord[],
  options: CollectOptions,
): Removed {
  let files = 0;
  let bytes = 0;
  const remove = (path: string): void => {
    files++;
    bytes += sizeOf(path);
    if (!options.dryRun) rmSync(path, { recursive: true, force: true });
  };
  const blobs = new Set(roots.flatMap((root) => root.images).flatMap((index) => blobsOf(layout, index)));
  for (const digest of layout.digests()) if (!blobs.has(digest)) remove(layout.blobPath(digest));

  const actions = new Set(roots.flatMap((root) => root.actions.map((key) => `${hexOf(key)}.json`)));
  for (const folder of namesIn(join(store, 'actions'))) {
    for (const name of namesIn(join(store, 'actions', folder))) {
      if (!actions.has(folder + name)) remove(join(store, 'actions', folder, name));
    }
  }
  for (const name of namesIn(join(store, 'logs'))) remove(join(store, 'logs', name));
  if (options.cache) for (const name of namesIn(join(store, 'cache'))) remove(join(store, 'cache', name));
  if (options.sources) {
    const kept = new Set(roots.flatMap((root) => root.sources.map(hexOf)));
    const folder = join(store, 'sources', 'sha256');
    for (const name of namesIn(folder)) if (!kept.has(name)) remove(join(folder, name));
  }
  return { files, bytes };
}

function namesIn(directory: string): readonly string[] {
  return existsSync(directory) ? readdirSync(directory).sort() : [];
}

function sizeOf(path: string): number {
  const stats = lstatSync(path);
  return stats.isDirectory() ? namesIn(path).reduce((sum, name) => sum + sizeOf(join(path, name)), 0) : stats.size;
}
