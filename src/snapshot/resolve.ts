// Owns: following symlinks inside a rootfs, never out of it. Knows nothing of where the names come from.

import { displayPath, joinRaw, parentRaw, type RawPath } from '../../oci/raw-path.ts';
import { BuildError } from '../errors.ts';

/** As many as no honest tree has; the kernel's own limit is 40. */
const LIMIT = 255;

/** What resolving asks of a tree: never called with a path through a symlink. */
export interface LinkTree {
  lstat(path: RawPath): { readonly type: string } | undefined;
  readlink(path: RawPath): RawPath;
}

/**
 * Follows symlinks as a process chrooted into the tree would: absolute targets start at the root, `..` stops there.
 * Components that do not exist are kept. Throws BuildError COPY after 255 links.
 */
export function resolveIn(tree: LinkTree, path: RawPath, followLast: boolean): RawPath {
  const ahead = components(path).reverse();
  let here = '' as RawPath;
  let links = 0;
  while (ahead.length > 0) {
    const name = ahead.pop()!;
    if (name === '..') {
      here = parentRaw(here);
      continue;
    }
    const next = joinRaw(here, name);
    if ((ahead.length === 0 && !followLast) || tree.lstat(next)?.type !== 'symlink') {
      here = next;
      continue;
    }
    if (++links > LIMIT) {
      throw new BuildError('COPY', `too many symlinks in ${displayPath(path)}`, {
        want: `at most ${LIMIT}`,
        hint: 'a link probably points to itself',
      });
    }
    const target = tree.readlink(next);
    if (target.startsWith('/')) here = '' as RawPath;
    for (const part of components(target).reverse()) ahead.push(part);
  }
  return here;
}

/** Splits at `/`, leaving out empty parts and `.`; `..` stays. */
export function components(path: string): RawPath[] {
  return path.split('/').filter((part) => part !== '' && part !== '.') as RawPath[];
}

/** `a/./b/../c` to `a/c`, by text alone; `..` stops at the root. */
export function cleanPath(path: string): RawPath {
  const out: RawPath[] = [];
  for (const part of components(path)) {
    if (part === '..') out.pop();
    else out.push(part);
  }
  return out.join('/') as RawPath;
}
