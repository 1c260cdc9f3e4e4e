// Owns: the mount points of one step, as a lower directory of its own above the base: they are there while the step
// runs, hide nothing, and leave no trace in the upper directory. Directories leading to them look as they do in the base.

import { closeSync, mkdirSync, openSync } from 'node:fs';
import { displayPath, joinRaw, type RawPath, rawPath } from '../../oci/raw-path.ts';
import { BuildError } from '../errors.ts';
import {
  bytesOf,
  existsRaw,
  type HostPath,
  makeDirectories,
  readdirRaw,
  setMode,
  setOwner,
  setTime,
  under,
} from './raw-fs.ts';
import { components } from './resolve.ts';
import type { MountPoint, View } from './types.ts';

/** Makes what the base lacks of `points` under `directory`. Gives every path it made that the base does not have. */
export function makeStubs(directory: HostPath, base: View, points: readonly MountPoint[]): RawPath[] {
  const made: RawPath[] = [];
  const copied: { path: HostPath; mtimeNs: bigint }[] = [];
  for (const point of points) {
    const target = base.resolve(rawPath(point.path), true);
    const there = base.lstat(target);
    if (target === '' || there !== undefined) {
      const isDirectory = target === '' || there?.type === 'directory';
      if (isDirectory === (point.type === 'directory')) continue;
      throw new BuildError('SNAPSHOT', `cannot mount a ${point.type} on ${point.path}`, {
        got: `a ${there?.type ?? 'directory'} at /${displayPath(target)}`,
        hint: 'choose another target, or remove what is there in an earlier step',
      });
    }
    makeDirectories(directory);
    const names = components(target);
    let path = '' as RawPath;
    for (const [position, name] of names.entries()) {
      path = joinRaw(path, name);
      const host = under(directory, path);
      if (existsRaw(host)) continue;
      const below = base.lstat(path);
      if (below !== undefined && below.type !== 'directory') {
        throw new BuildError('SNAPSHOT', `cannot make the mount point ${point.path}`, {
          got: `a ${below.type} at /${displayPath(path)}`,
        });
      }
      if (position === names.length - 1 && point.type === 'file') closeSync(openSync(bytesOf(host), 'wx', 0o644));
      else mkdirSync(bytesOf(host));
      setOwner(host, below?.uid ?? 0, below?.gid ?? 0);
      setMode(host, below?.mode ?? (position === names.length - 1 && point.type === 'file' ? 0o644 : 0o755));
      if (below === undefined) made.push(path);
      else copied.push({ path: host, mtimeNs: below.mtimeNs });
    }
  }
  for (const { path, mtimeNs } of copied) setTime(path, mtimeNs);
  return made;
}

/** Every path below a directory. */
export function pathsBelow(directory: HostPath): Set<RawPath> {
  const paths = new Set<RawPath>();
  const walk = (at: RawPath) => {
    for (const entry of readdirRaw(under(directory, at))) {
      const path = joinRaw(at, entry.name);
      paths.add(path);
      if (entry.isDirectory()) walk(path);
    }
  };
  walk('' as RawPath);
  return paths;
}
