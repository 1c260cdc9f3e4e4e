// Owns: release statements: what a tree and its images were at one point, in one signed text. docs/signing.md describes it.
//
//   SIGNATURES/_release/SERIAL.json        canonical JSON and a newline; serials from 1, none missing, none replaced
//   SIGNATURES/_release@sha256=HEX/…       the signatures of a statement: over the digest of its file

import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Digest, digestOf, isDigest } from '../../oci/digest.ts';
import { canonicalJson, type Json } from '../../oci/json.ts';
import { BuildError } from '../errors.ts';
import { showPath } from '../recipe/recipe.ts';
import { writeNewFile } from './new-file.ts';

const FORMAT = 1;

/** What a release says of the tree; the same tree gives the same. */
export interface ReleaseContent {
  /** As in `[publish]`. */
  readonly repository: string;
  readonly tag: string;
  /** Everything besides the recipes that decides an image's bytes: the format recipes/digests.txt names. */
  readonly images: string;
  /** Of every recipe folder and ocibuild.toml. */
  readonly tree: Digest;
  /** The lines of recipes/digests.txt, sorted by recipe and platform. */
  readonly digests: readonly { readonly recipe: string; readonly platform: string; readonly digest: Digest }[];
  /** Manifests of the documents about each image, sorted likewise. */
  readonly referrers: readonly {
    readonly recipe: string;
    readonly platform: string;
    readonly provenance: Digest;
    readonly sbom: Digest;
  }[];
  /** Every pinned file that goes into the images, sorted by digest. */
  readonly sources: readonly { readonly digest: Digest; readonly file: string }[];
}

export interface Release {
  readonly serial: number;
  /** Of the release before; absent for the first. */
  readonly previous: Digest | undefined;
  readonly content: ReleaseContent;
  /** Of the file: what is signed. */
  readonly digest: Digest;
  /** Absolute. */
  readonly path: string;
}

/** Every release statement, the first first. Throws BuildError CHECK_FAILED for a file that is none, or a broken chain. */
export function readReleases(root: string): readonly Release[] {
  const folder = join(root, '_release');
  const serials = serialsIn(folder);
  const releases = serials.map((serial) => readRelease(join(folder, `${serial}.json`), serial));
  for (const [index, release] of releases.entries()) {
    const before = releases[index - 1];
    if (release.serial === index + 1 && release.previous === before?.digest) continue;
    throw new BuildError('CHECK_FAILED', `${showPath(release.path)} does not follow the release before it`, {
      want: before === undefined ? 'serial 1, and none before' : `serial ${before.serial + 1} after ${before.digest}`,
      got: `serial ${release.serial} after ${release.previous ?? 'none'}`,
      hint: 'releases are only ever added',
    });
  }
  return releases;
}

/** Numbers of the files `N.json`, ascending; none where there is no such folder. */
export function serialsIn(folder: string): readonly number[] {
  let names: readonly string[];
  try {
    names = readdirSync(folder);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
  return names
    .map((name) => /^([1-9][0-9]{0,8})\.json$/.exec(name)?.[1])
    .filter((digits) => digits !== undefined)
    .map(Number)
    .sort((one, other) => one - other);
}

function readRelease(path: string, serial: number): Release {
  const fail = (message: string): never => {
    throw new BuildError('CHECK_FAILED', `${showPath(path)}: ${message}`);
  };
  const bytes = readFileSync(path);
  let read: { [key: string]: unknown } | null;
  try {
    read = JSON.parse(bytes.toString('utf8')) as typeof read;
  } catch (error) {
    return fail(`no JSON: ${(error as Error).message}`);
  }
  if (typeof read !== 'object' || read === null || Array.isArray(read)) return fail('no release statement');
  if (read['format'] !== FORMAT) fail(`a release statement of format ${String(read['format'])}: want ${FORMAT}`);
  if (read['serial'] !== serial) fail(`another serial than its name: ${String(read['serial'])}`);
  // Two texts that mean the same would have two digests, and JSON.parse takes the last of two members.
  if (!bytes.equals(Buffer.from(`${canonicalJson(read as Json)}\n`))) fail('not written as release statements are');
  const { format: _, serial: __, previous, ...content } = read;
  if (previous !== undefined && !isDigest(previous)) fail('previous is no digest');
  const isText = (value: unknown): boolean => typeof value === 'string';
  const isLine = (value: unknown): boolean => {
    const line = value as { recipe?: unknown; platform?: unknown; digest?: unknown } | null;
    return isText(line?.recipe) && isText(line?.platform) && isDigest(line?.digest);
  };
  const isReferrer = (value: unknown): boolean => {
    const line = value as { recipe?: unknown; platform?: unknown; provenance?: unknown; sbom?: unknown } | null;
    return isText(line?.recipe) && isText(line?.platform) && isDigest(line?.provenance) && isDigest(line?.sbom);
  };
  const isSource = (value: unknown): boolean => {
    const source = value as { digest?: unknown; file?: unknown } | null;
    return isDigest(source?.digest) && isText(source?.file);
  };
  const isList = (value: unknown, check: (item: unknown) => boolean): boolean =>
    Array.isArray(value) && value.every(check);
  const isWhole =
    isText(content['repository']) &&
    isText(content['tag']) &&
    isText(content['images']) &&
    isDigest(content['tree']) &&
    isList(content['digests'], isLine) &&
    isList(content['referrers'], isReferrer) &&
    isList(content['sources'], isSource);
  if (!isWhole) fail('a release statement that lacks something');
  return {
    serial,
    previous: previous as Digest | undefined,
    content: content as unknown as ReleaseContent,
    digest: digestOf(bytes),
    path,
  };
}

/**
 * The statement for a tree as it is: the newest one, where it says just that, else a new one behind it. So every
 * maintainer of a release signs the same text. Throws what readReleases throws.
 */
export function stateRelease(root: string, content: ReleaseContent): Release & { readonly isNew: boolean } {
  const newest = readReleases(root).at(-1);
  const same = (one: ReleaseContent): string => canonicalJson(one as unknown as Json);
  if (newest !== undefined && same(newest.content) === same(content)) return { ...newest, isNew: false };
  const serial = (newest?.serial ?? 0) + 1;
  const previous = newest?.digest;
  const statement = { ...content, format: FORMAT, serial, previous } as unknown as Json;
  const text = `${canonicalJson(statement)}\n`;
  const folder = join(root, '_release');
  mkdirSync(folder, { recursive: true });
  const path = join(folder, `${serial}.json`);
  writeNewFile(path, text, 0o644);
  return { serial, previous, content, digest: digestOf(text), path, isNew: true };
}

/** What of a tree is not as a release says, in words; empty when everything is. */
export function releaseDifferences(release: ReleaseContent, tree: ReleaseContent): readonly string[] {
  const found: string[] = [];
  for (const key of ['repository', 'tag', 'images', 'tree'] as const) {
    if (release[key] !== tree[key]) found.push(`${key}: the release says ${release[key]}, here it is ${tree[key]}`);
  }
  for (const key of ['digests', 'referrers', 'sources'] as const) {
    const [said, here] = [release[key], tree[key]].map((list) => new Set(list.map((one) => canonicalJson({ ...one }))));
    const lost = [...said!].filter((one) => !here!.has(one));
    const added = [...here!].filter((one) => !said!.has(one));
    if (lost.length + added.length > 0) {
      found.push(`${key}: ${lost.length} of the release are not here, ${added.length} here are not of the release`);
    }
  }
  return found;
}
