// Owns: what an image rests on that was not built for it: files of distribution roots, seeds, programs found in sources, and this
// machine's kernel, runtime, node and ocibuild. Says nothing of whether the trust is well placed.

import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, realpathSync, statSync } from 'node:fs';
import { release } from 'node:os';
import { dirname, join } from 'node:path';
import { type Digest, digestOf, finishDigest, hexOf } from '../../oci/digest.ts';
import { matchGlob } from '../containerfile/glob.ts';
import { fileChunks } from '../fetch/file-chunks.ts';
import type { Graph } from '../graph/op.ts';
import { type Agreement, type Recipe, START } from '../recipe/types.ts';
import { chooseRuntime, findProgram } from '../sandbox/tools.ts';
import type { PinnedFile } from './all-sources.ts';
import { type BinaryFile, scanSource } from './scan.ts';

export interface TrustedFile {
  /** A recipe, or `machine`. */
  readonly from: string;
  /** A path for files of this machine, a file name for what recipes pin. */
  readonly file: string;
  readonly size: number;
  readonly digest: Digest;
}

/** A file in a source that is no text. */
export interface FoundBinary extends BinaryFile {
  readonly recipe: string;
  /** The pinned file it is in. */
  readonly source: string;
  /** The line of `[allow] binaries` that allows it; absent: nobody does. */
  readonly allowedBy?: string;
}

export interface TrustReport {
  /** Lists and packages of distribution roots. */
  readonly roots: readonly TrustedFile[];
  /** Who signed them: two roots of one distribution are no two witnesses. */
  readonly signers: readonly {
    readonly recipe: string;
    readonly distribution: string;
    readonly keys: readonly string[];
  }[];
  /** Bytes written down by hand: sources of `format = "hex"`. */
  readonly seeds: readonly TrustedFile[];
  /** Agreements on the way: what follows from all origins of one is trusted only as far as all of them lie alike. */
  readonly agreements: readonly { readonly recipe: string; readonly origins: readonly string[] }[];
  /** What was scanned: pinned files that are neither. */
  readonly sources: readonly TrustedFile[];
  readonly binaries: readonly FoundBinary[];
  readonly kernel: string;
  readonly machine: readonly TrustedFile[];
}

/** `files` is everything the graph's recipes pin, fetched. Reads every source to its end: about 50 MB a second. */
export function reportTrust(
  graph: Graph,
  files: readonly PinnedFile[],
  machine: readonly TrustedFile[],
  onScan: (file: string) => void,
): TrustReport {
  const recipes = new Map<string, Recipe>();
  for (const { recipe } of graph.targets) if (recipe !== undefined) recipes.set(recipe.name, recipe);
  const of = (wanted: (recipe: Recipe, file: PinnedFile) => boolean): TrustedFile[] =>
    files
      .filter((file) => wanted(recipes.get(file.recipe)!, file))
      .map(({ recipe, file, size, digest }) => ({ from: recipe, file, size, digest }));
  const isHex = (recipe: Recipe, { file }: PinnedFile): boolean =>
    recipe.sources.some((source) => source.file === file && source.format === 'hex');
  const isSource = (recipe: Recipe, file: PinnedFile): boolean => recipe.root === undefined && !isHex(recipe, file);
  const binaries: FoundBinary[] = [];
  const scanned = new Map<Digest, readonly BinaryFile[]>();
  for (const file of files) {
    const recipe = recipes.get(file.recipe)!;
    if (!isSource(recipe, file)) continue;
    if (!scanned.has(file.digest)) {
      onScan(file.file);
      scanned.set(file.digest, [...scanSource(file.path)]);
    }
    for (const found of scanned.get(file.digest)!) {
      const allowedBy = allowanceFor(recipe, file.file, found.path);
      binaries.push({
        ...found,
        recipe: file.recipe,
        source: file.file,
        ...(allowedBy === undefined ? {} : { allowedBy }),
      });
    }
  }
  return {
    roots: of((recipe) => recipe.root !== undefined),
    signers: [...recipes.values()].flatMap(({ name, kind, root }) =>
      root === undefined
        ? []
        : [
            {
              recipe: name,
              distribution: kind.replace('-root', ''),
              keys: root.keys.map(({ fingerprint }) => fingerprint),
            },
          ],
    ),
    seeds: of(isHex),
    agreements: [...recipes.values()].flatMap(({ name, agreement }) =>
      agreement === undefined ? [] : [{ recipe: name, origins: originsOf(name, agreement) }],
    ),
    sources: of(isSource),
    binaries,
    kernel: `Linux ${release()}`,
    machine,
  };
}

/** The first line of `[allow] binaries` that matches `SOURCE/PATH`, or `SOURCE` alone for a source that is one file. */
function allowanceFor(recipe: Recipe, source: string, path: string): string | undefined {
  const full = path === '' ? source : `${source}/${path}`;
  return recipe.allow.binaries.find((pattern) => matchGlob(pattern, full));
}

/** Programs of this machine that run builds: node and the libraries it has loaded, the container runtime, and what makes namespaces. */
export function machineFiles(env: NodeJS.ProcessEnv, checkout: string): readonly TrustedFile[] {
  const programs = ['unshare', 'setpriv', 'mount', 'umount', 'newuidmap', 'newgidmap', 'flock', 'mkfifo'].flatMap(
    (name) => findProgram(name, env['PATH']) ?? [],
  );
  const paths = [process.execPath, ...loadedLibraries(), chooseRuntime(undefined, env).path, ...programs];
  const real = [...new Set(paths.map((path) => realpathSync(path)))];
  return [...real.map(measured), ownCode(checkout)];
}

function measured(path: string): TrustedFile {
  const hash = createHash('sha256');
  for (const chunk of fileChunks(path)) hash.update(chunk);
  return { from: 'machine', file: path, size: statSync(path).size, digest: finishDigest(hash) };
}

function loadedLibraries(): readonly string[] {
  const maps = readFileSync('/proc/self/maps', 'utf8');
  const found = maps.split('\n').flatMap((line) => /\s(\/\S*\.so(?:\.\S+)?)$/.exec(line)?.[1] ?? []);
  return [...new Set(found)].filter((path) => existsSync(path)).sort();
}

/** ocibuild itself and the packages it runs with, as one: the digest of the list of their files, a line each, `hex  path`, sorted. */
function ownCode(checkout: string): TrustedFile {
  const lock = JSON.parse(readFileSync(join(checkout, 'package-lock.json'), 'utf8')) as {
    packages: Record<string, { dev?: boolean; optional?: boolean; devOptional?: boolean }>;
  };
  const packages = Object.entries(lock.packages).flatMap(([path, { dev, optional, devOptional }]) =>
    path === '' || dev === true || optional === true || devOptional === true ? [] : [path],
  );
  const folders = ['dist', ...packages].filter((folder) => existsSync(join(checkout, folder)));
  const files = [...folders.flatMap((folder) => filesBelow(checkout, folder)), 'ocibuild', 'package.json'];
  let size = 0;
  const lines = [...new Set(files)].sort().map((file) => {
    const one = measured(join(checkout, file));
    size += one.size;
    return `${hexOf(one.digest)}  ${file}\n`;
  });
  return { from: 'machine', file: `ocibuild, ${lines.length} files`, size, digest: digestOf(lines.join('')) };
}

function filesBelow(root: string, folder: string): string[] {
  return readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = `${folder}/${entry.name}`;
    // A package's own packages are listed by themselves.
    if (entry.isDirectory()) return entry.name === 'node_modules' ? [] : filesBelow(root, path);
    return entry.isFile() && !entry.name.startsWith('.') ? [path] : [];
  });
}

/** The folder that holds package.json above this file, whether it runs compiled or not. */
export function checkoutDirectory(from: string): string {
  for (let directory = dirname(from); ; directory = dirname(directory)) {
    if (existsSync(join(directory, 'package-lock.json'))) return directory;
    if (directory === dirname(directory)) throw new Error('no package-lock.json above the program');
  }
}

/** For a reader: `start` is no recipe of the tree. */
function originsOf(name: string, { origins, start }: Agreement): readonly string[] {
  return origins.map((origin) => (origin === START ? `${name} from ${start!.recipe}` : origin));
}
