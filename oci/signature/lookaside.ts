// Owns: where signature files lie, in the layout that podman and skopeo read as a lookaside:
//
//   ROOT/PATH@sha256=HEX/signature-N      N from 1; a client stops at the first number that is missing
//
// PATH is the repository without its registry: `ns/name` of registry.example/ns/name:tag. What is not an image lies under
// paths that no repository can have: `_recipe/recipes/NAME`, `_policy`, `_release`.

import {
  closeSync,
  fsyncSync,
  linkSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  unlinkSync,
} from 'node:fs';
import { join } from 'node:path';
import { type Digest, hexOf, isDigest } from '../digest.ts';
import { openAside, writeAll } from '../layout/aside.ts';
import { parseReference } from '../reference.ts';
import type { Claim } from './claim.ts';
import { MAX_SIGNATURE_FILE } from './signed-message.ts';

/** Below the lookaside's root, with `/`. Throws OciError REFERENCE_INVALID for an image whose name is no reference. */
export function signatureFolder({ kind, name, digest }: Claim): string {
  return `${pathOf(kind, name)}@sha256=${hexOf(digest)}`;
}

function pathOf(kind: Claim['kind'], name: string): string {
  switch (kind) {
    case 'image':
      return parseReference(name).repository;
    case 'recipe':
      return `_recipe/${parseReference(name).repository}`;
    case 'policy':
    case 'release':
      return `_${kind}`;
  }
}

/** A file of a signature folder. Exactly one of `bytes` and `problem` is there. */
export interface SignatureFile {
  /** Below the lookaside's root, with `/`. */
  readonly path: string;
  readonly bytes?: Uint8Array;
  /** Why a client would never read it as a signature. */
  readonly problem?: string;
}

/** The files of one folder, signature-1 first, strays behind; none when there is no such folder. */
export function listSignatures(root: string, folder: string): readonly SignatureFile[] {
  const names = namesIn(join(root, folder));
  const numbered = new Map<number, string>();
  const strays: string[] = [];
  for (const name of names) {
    const number = /^signature-([1-9][0-9]{0,5})$/.exec(name)?.[1];
    if (number === undefined) strays.push(name);
    else numbered.set(Number(number), name);
  }
  const files: SignatureFile[] = [];
  let next = 1;
  for (const number of [...numbered.keys()].sort((one, other) => one - other)) {
    const path = `${folder}/${numbered.get(number)}`;
    if (number === next) {
      files.push(readSignature(root, path));
      next++;
    } else {
      files.push({ path, problem: `clients never read it: there is no signature-${next}` });
    }
  }
  const want = 'not named signature-N';
  return [
    ...files,
    ...strays.map((name) => ({ path: `${folder}/${name}`, problem: `clients never read it: ${want}` })),
  ];
}

function namesIn(directory: string): readonly string[] {
  try {
    // Writing aside is no stray.
    return readdirSync(directory)
      .filter((name) => !name.startsWith('.aside-'))
      .sort();
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '')) return [];
    throw error;
  }
}

function readSignature(root: string, path: string): SignatureFile {
  const file = join(root, path);
  const stats = lstatSync(file);
  if (!stats.isFile()) return { path, problem: 'not a regular file' };
  if (stats.size > MAX_SIGNATURE_FILE) return { path, problem: `too large for a signature: ${stats.size} bytes` };
  return { path, bytes: readFileSync(file) };
}

/** Adds a signature file behind those that are there, whole or not at all; gives its path below the root. */
export function addSignature(root: string, folder: string, bytes: Uint8Array): string {
  const directory = join(root, folder);
  mkdirSync(directory, { recursive: true });
  const asidePath = join(directory, `.aside-${process.pid}-${process.hrtime.bigint().toString(16)}`);
  const aside = openAside(directory);
  try {
    writeAll(aside.fd, bytes);
    aside.commit(asidePath);
  } finally {
    aside.abort();
  }
  try {
    for (let number = 1; ; number++) {
      const name = `signature-${number}`;
      try {
        // Unlike a rename, a link never takes the name of a signature that somebody added a moment ago.
        linkSync(asidePath, join(directory, name));
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'EEXIST') continue;
        throw error;
      }
      syncDirectory(directory);
      return `${folder}/${name}`;
    }
  } finally {
    unlinkSync(asidePath);
  }
}

function syncDirectory(directory: string): void {
  const fd = openSync(directory, 'r');
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

/** Folders that hold signatures of a digest, whatever the repository: `PATH` of each, sorted. */
export function pathsOfDigest(root: string, digest: Digest): readonly string[] {
  return foldersBelow(root, '', 0)
    .filter((one) => one.digest === digest && !one.path.startsWith('_'))
    .map(({ path }) => path)
    .sort();
}

const MAX_DEPTH = 16;

function foldersBelow(root: string, below: string, depth: number): { path: string; digest: Digest }[] {
  if (depth > MAX_DEPTH) return [];
  return namesIn(join(root, below)).flatMap((name) => {
    const path = below === '' ? name : `${below}/${name}`;
    if (!lstatSync(join(root, path)).isDirectory()) return [];
    const at = path.indexOf('@');
    if (at < 0) return foldersBelow(root, path, depth + 1);
    const digest = path.slice(at + 1).replace('=', ':');
    return isDigest(digest) ? [{ path: path.slice(0, at), digest }] : [];
  });
}
