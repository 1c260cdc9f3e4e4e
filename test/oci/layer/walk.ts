// Owns: a directory of the host as entries in canonical order, for tests. The product's own walk is elsewhere.

import { lstatSync, readdirSync, readlinkSync } from 'node:fs';
import type { TreeEntry } from '../../../oci/layer/entry.ts';
import { joinRaw, type RawPath, rawFromBuffer, rawToBuffer } from '../../../oci/raw-path.ts';

export function* walk(root: string): Generator<TreeEntry, void, void> {
  yield* below(root, '' as RawPath, new Map());
}

function* below(root: string, directory: RawPath, links: Map<string, RawPath>): Generator<TreeEntry, void, void> {
  const hostPath = (path: RawPath) => Buffer.concat([Buffer.from(`${root}/`), rawToBuffer(path)]);
  const names = readdirSync(hostPath(directory), { encoding: 'buffer' }).map(rawFromBuffer);
  for (const name of names.sort()) {
    const path = joinRaw(directory, name);
    const source = hostPath(path);
    const stat = lstatSync(source);
    const common = {
      path,
      mode: stat.mode & 0o7777,
      size: 0,
      owner: { uid: stat.uid, gid: stat.gid },
      mtime: Math.floor(stat.mtimeMs / 1000),
    };
    const first = stat.nlink > 1 && !stat.isDirectory() ? links.get(`${stat.ino}`) : undefined;
    if (first !== undefined) {
      yield { ...common, type: 'hardlink', target: first };
      continue;
    }
    links.set(`${stat.ino}`, path);
    const device = { major: (stat.rdev >> 8) & 0xfff, minor: (stat.rdev & 0xff) | ((stat.rdev >> 12) & 0xfff00) };
    if (stat.isDirectory()) {
      yield { ...common, type: 'directory' };
      yield* below(root, path, links);
    } else if (stat.isFile()) yield { ...common, type: 'file', size: stat.size, source };
    else if (stat.isSymbolicLink()) {
      yield { ...common, type: 'symlink', target: rawFromBuffer(readlinkSync(source, { encoding: 'buffer' })) };
    } else if (stat.isFIFO()) yield { ...common, type: 'fifo' };
    else if (stat.isCharacterDevice()) yield { ...common, type: 'char', device };
    else if (stat.isBlockDevice()) yield { ...common, type: 'block', device };
  }
}
