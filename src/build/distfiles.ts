// Owns: pinned files put down for others: in a folder by their sha256, and as one artifact of an OCI layout. Both can be
// given back with --distfiles.

import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { type Digest, finishDigest, hexOf } from '../../oci/digest.ts';
import { openAside, writeAll } from '../../oci/layout/aside.ts';
import { REF_NAME } from '../../oci/layout/image.ts';
import { createLayout } from '../../oci/layout/layout.ts';
import { encodeManifest, type Manifest } from '../../oci/manifest.ts';
import { MEDIA_TYPE } from '../../oci/media-type.ts';
import { native } from '../../oci/profile.ts';
import { EMPTY_BYTES, EMPTY_CONFIG } from '../../oci/referrers.ts';
import { BuildError } from '../errors.ts';
import { fileChunks } from '../fetch/file-chunks.ts';
import type { PinnedFile } from './all-sources.ts';

const SOURCES_TYPE = 'application/vnd.ocibuild.sources.v1';
const TITLE = 'org.opencontainers.image.title';

export interface PutDown {
  /** Files that were not there yet. */
  readonly written: number;
  /** Different files in all. */
  readonly files: number;
  /** Bytes of all of them. */
  readonly bytes: number;
}

/** Each different file once, by digest; the smallest name of those it goes by. Sorted by name, then digest. */
function distinct(files: readonly PinnedFile[]): readonly PinnedFile[] {
  const found = new Map<Digest, PinnedFile>();
  for (const each of files) {
    const known = found.get(each.digest);
    if (known === undefined || each.file < known.file) found.set(each.digest, each);
  }
  const keyOf = ({ file, digest }: PinnedFile): string => `${file}\0${digest}`;
  return [...found.values()].sort((one, other) => (keyOf(one) < keyOf(other) ? -1 : 1));
}

/** Throws BuildError STORE when the store's file is not, or no longer, what it is called. */
function checkWritten(file: PinnedFile, got: Digest): void {
  if (got === file.digest) return;
  throw new BuildError('STORE', `${file.path} is damaged`, {
    want: file.digest,
    got,
    hint: 'remove it; it is fetched again when it is needed',
  });
}

function digestOfFile(path: string): Digest {
  const hash = createHash('sha256');
  for (const chunk of fileChunks(path)) hash.update(chunk);
  return finishDigest(hash);
}

/**
 * Copies files to `<folder>/sha256/<hex>`. What is there and right stays; what is there and wrong is replaced. A file appears
 * whole or not at all. Throws BuildError STORE.
 */
export function fillFolder(files: readonly PinnedFile[], folder: string): PutDown {
  const all = distinct(files);
  const directory = join(folder, 'sha256');
  mkdirSync(directory, { recursive: true });
  let written = 0;
  for (const file of all) {
    const path = join(directory, hexOf(file.digest));
    if (existsSync(path) && digestOfFile(path) === file.digest) continue;
    const aside = openAside(directory);
    try {
      const hash = createHash('sha256');
      for (const chunk of fileChunks(file.path)) {
        hash.update(chunk);
        writeAll(aside.fd, chunk);
      }
      checkWritten(file, finishDigest(hash));
      aside.commit(path);
      written++;
    } finally {
      aside.abort();
    }
  }
  return { written, files: all.length, bytes: all.reduce((sum, { size }) => sum + size, 0) };
}

/**
 * Writes files into an OCI layout as one artifact, a blob each, titled with its name; the same files give the same digest.
 * Other artifacts and images of the layout stay. Throws BuildError STORE, OciError.
 */
export async function writeMirror(
  files: readonly PinnedFile[],
  directory: string,
): Promise<PutDown & { readonly digest: Digest }> {
  const all = distinct(files);
  const layout = createLayout(directory);
  let written = 0;
  for (const file of all) {
    const path = layout.blobPath(file.digest);
    if (layout.has(file.digest)) {
      if (digestOfFile(path) === file.digest) continue;
      rmSync(path);
    }
    const blob = layout.beginBlob();
    try {
      for (const chunk of fileChunks(file.path)) blob.write(chunk);
      checkWritten(file, (await blob.commit()).digest);
      written++;
    } finally {
      blob.abort();
    }
  }
  await layout.putBytes(EMPTY_BYTES);
  const manifest: Manifest = {
    schemaVersion: 2,
    mediaType: MEDIA_TYPE.manifest,
    artifactType: SOURCES_TYPE,
    config: EMPTY_CONFIG,
    layers: all.map(({ file, digest, size }) => ({
      mediaType: MEDIA_TYPE.octets,
      digest,
      size,
      annotations: { [TITLE]: file },
    })),
  };
  const { digest, size } = await layout.putBytes(encodeManifest(manifest, native));
  const others = layout.readIndex().filter((each) => each.annotations?.[REF_NAME] !== 'sources');
  const mine = {
    mediaType: MEDIA_TYPE.manifest,
    artifactType: SOURCES_TYPE,
    digest,
    size,
    annotations: { [REF_NAME]: 'sources' },
  };
  layout.writeIndex([...others, mine]);
  return { digest, written, files: all.length, bytes: all.reduce((sum, each) => sum + each.size, 0) };
}
