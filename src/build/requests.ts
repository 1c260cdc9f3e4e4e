// Owns: from what a user names (a recipe, a Containerfile with flags) to build requests. Reads Containerfiles and
// .dockerignore; knows no store.

import { existsSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import type { ImageConfig } from '../../oci/config.ts';
import { resolveImage } from '../../oci/layout/image.ts';
import { openLayout } from '../../oci/layout/layout.ts';
import { formatPlatform, hostPlatform, type Platform, parsePlatform } from '../../oci/platform.ts';
import { native } from '../../oci/profile.ts';
import { parseContainerfile } from '../containerfile/parse.ts';
import { BuildError } from '../errors.ts';
import type { BuildRequest, ImageFinder, LayoutImage, NamedContext } from '../graph/request.ts';
import type { Recipe, Tree } from '../recipe/types.ts';

/** A path as the user would type it: relative where that is shorter. */
export function shownPath(path: string, cwd: string): string {
  const near = relative(cwd, path);
  return near !== '' && near.length < path.length ? near : path;
}

function readText(path: string): string | undefined {
  return existsSync(path) ? readFileSync(path, 'utf8') : undefined;
}

/** `<file>.dockerignore` counts before `.dockerignore` of the context. */
function ignoreOf(containerfile: string, context: string): string | undefined {
  return readText(`${containerfile}.dockerignore`) ?? readText(join(context, '.dockerignore'));
}

export interface RecipeOptions {
  readonly platform: Platform;
  /** Where relative paths in messages start. */
  readonly cwd: string;
  /** The flags that name the tree and the platform, as the user gave them: for commands that messages advise. */
  readonly flags?: readonly string[];
}

/** What a processor runs besides its own programs: a bootstrap for i386 is built on amd64 as it is. */
const ALSO_RUNS: Readonly<Record<string, string>> = { 'linux/amd64': 'linux/386', 'linux/arm64': 'linux/arm/v7' };

/** The platform asked for; where the recipe is only for another one that the same machine runs, that one. */
function platformFor(recipe: Recipe, wanted: Platform): Platform {
  const name = formatPlatform(wanted);
  const other = ALSO_RUNS[name];
  const isForOther = !recipe.platforms.includes(name) && other !== undefined && recipe.platforms.includes(other);
  return isForOther ? parsePlatform(other) : wanted;
}

/** The request that builds a recipe: everything comes from its folder, nothing from the caller's environment. */
export function recipeRequest(recipe: Recipe, options: RecipeOptions): BuildRequest {
  const { cwd } = options;
  const platform = platformFor(recipe, options.platform);
  const path = join(recipe.directory, 'Containerfile');
  const containerfile =
    recipe.root !== undefined ? undefined : parseContainerfile(readFileSync(path), shownPath(path, cwd));
  const ignore = ignoreOf(path, recipe.directory);
  return {
    name: recipe.name,
    recipe,
    containerfile,
    context: { name: '.', directory: recipe.directory, recipe, ...(ignore === undefined ? {} : { ignore }) },
    contexts: new Map(),
    stage: recipe.target,
    buildArgs: recipe.buildArgs,
    platform,
    policy: { owner: recipe.ownership, time: 'set', epoch: recipe.epoch },
    profile: native,
    network: 'none',
    labels: new Map(),
    shellCommand: ['ocibuild', ...(options.flags ?? []).map(shellWord), 'shell', recipe.name].join(' '),
    xattrs: recipe.allow.xattrs,
  };
}

/** As a shell takes it. */
function shellWord(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}

/** Finds images in a tree, when there is one, and in OCI layouts. */
export function createFinder(tree: Tree | undefined, options: RecipeOptions): ImageFinder {
  return {
    lookup: (reference) => tree?.lookup(reference),
    claims: (reference) => tree?.claims?.(reference) === true,
    request: (name) => recipeRequest(tree!.recipe(name), options),
    layoutImage,
  };
}

function layoutImage(directory: string, platform: Platform, selector: string | undefined): LayoutImage {
  const image = resolveImage(openLayout(directory), platform, selector);
  const config: ImageConfig = image.config;
  return {
    manifest: image.descriptor.digest,
    config,
    layers: image.manifest.layers.map((descriptor, index) => ({ descriptor, diffId: config.rootfs.diff_ids[index]! })),
  };
}

export interface FileOptions {
  /** Absolute. */
  readonly context: string;
  /** Absolute; Containerfile or Dockerfile of the context when absent. */
  readonly file: string | undefined;
  readonly name: string;
  readonly stage: string | undefined;
  readonly buildArgs: ReadonlyMap<string, string>;
  readonly contexts: ReadonlyMap<string, NamedContext>;
  readonly labels: ReadonlyMap<string, string>;
  readonly platform: Platform | undefined;
  readonly network: 'none' | 'default' | 'host';
  /** Seconds since 1970. */
  readonly epoch: number;
  readonly cwd: string;
}

function findContainerfile(options: FileOptions): string {
  if (options.file !== undefined) return options.file;
  const names = ['Containerfile', 'Dockerfile'];
  const found = names.map((name) => join(options.context, name)).find((path) => existsSync(path));
  if (found !== undefined) return found;
  throw new BuildError('USAGE', `no Containerfile in ${shownPath(options.context, options.cwd)}`, {
    want: names.join(' or '),
    hint: 'name the file with -f',
  });
}

/** The request of `ocibuild build`: any Containerfile, any context; owners are kept, times clamped. */
export function fileRequest(options: FileOptions): BuildRequest {
  const path = findContainerfile(options);
  let text: Buffer;
  try {
    text = readFileSync(path);
  } catch (cause) {
    throw new BuildError('USAGE', `${shownPath(path, options.cwd)} cannot be read: ${(cause as Error).message}`, {
      cause,
    });
  }
  const ignore = ignoreOf(path, options.context);
  return {
    name: options.name,
    recipe: undefined,
    containerfile: parseContainerfile(text, shownPath(path, options.cwd)),
    context: { name: '.', directory: options.context, ...(ignore === undefined ? {} : { ignore }) },
    contexts: options.contexts,
    stage: options.stage,
    buildArgs: options.buildArgs,
    platform: options.platform ?? hostPlatform(),
    policy: { owner: 'keep', time: 'clamp', epoch: options.epoch },
    profile: native,
    network: options.network,
    labels: options.labels,
    xattrs: undefined,
  };
}
