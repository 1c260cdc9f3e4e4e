// Owns: what the store remembers of the layouts it wrote: how their blobs' files looked when their bytes were last known
// to be right. A file that looks otherwise has to be read. Nothing of it lies in the layouts themselves.
//
//   outputs/HEX.json      HEX: sha256 of the layout's real path; blob digest to [size, mtime, ctime, inode], ns as text

import { createHash, randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync, realpathSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Digest } from '../../oci/digest.ts';
import { OciError } from '../../oci/errors.ts';
import type { Layout } from '../../oci/layout/layout.ts';

type Look = readonly [size: string, mtimeNs: string, ctimeNs: string, inode: string];
type Looks = Record<string, Look>;

/** Nobody can set a ctime back: a file with the same one has not been written to. */
function lookOf(path: string): Look {
  const { size, mtimeNs, ctimeNs, ino } = statSync(path, { bigint: true });
  return [`${size}`, `${mtimeNs}`, `${ctimeNs}`, `${ino}`];
}

function recordPath(store: Layout, directory: string): string {
  const key = createHash('sha256').update(realpathSync(directory)).digest('hex');
  return join(dirname(store.directory), 'outputs', `${key}.json`);
}

/** A record that cannot be read is none: the blobs are read instead. */
function readRecord(path: string): Looks {
  try {
    const record: unknown = JSON.parse(readFileSync(path, 'utf8'));
    return typeof record === 'object' && record !== null ? (record as Looks) : {};
  } catch {
    return {};
  }
}

/** A store that cannot be written is no fault: the blobs are read again next time. */
function writeRecord(path: string, looks: Looks): void {
  const aside = `${path}.${randomBytes(8).toString('hex')}`;
  try {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(aside, JSON.stringify(looks), { flag: 'wx' });
    renameSync(aside, path);
  } catch {
    rmSync(aside, { force: true });
  }
}

/** Remembers that every blob of a layout, which lies in its place, was right when it looked like this. */
export function rememberOutput(store: Layout, directory: string, looks: ReadonlyMap<Digest, Look>): void {
  writeRecord(recordPath(store, directory), Object.fromEntries(looks));
}

/** How blobs of a layout look now. */
export function looksOf(layout: Layout, blobs: readonly Digest[]): ReadonlyMap<Digest, Look> {
  return new Map(blobs.map((digest) => [digest, lookOf(layout.blobPath(digest))]));
}

/** Whether all blobs of a layout hold what their names say. Reads only those that changed since it was last asked. */
export function areBlobsSound(store: Layout, output: Layout, blobs: readonly Digest[]): boolean {
  const path = recordPath(store, output.directory);
  const known = readRecord(path);
  const looks = looksOf(output, blobs);
  let hasRead = false;
  for (const [digest, look] of looks) {
    if (String(known[digest]) === String(look)) continue;
    hasRead = true;
    try {
      // Reading to the end is what verifies.
      for (const _ of output.readChunks(digest));
    } catch (error) {
      if (error instanceof OciError) return false;
      throw error;
    }
  }
  if (hasRead) writeRecord(path, Object.fromEntries(looks));
  return true;
}
