// Owns: what there is to verify: the images a tree lists, an OCI layout, one document, recipes, the release; each as a digest
// and the name it must have been signed for. Knows no signature.

import { existsSync, readFileSync } from 'node:fs';
import type { Descriptor } from '../../oci/descriptor.ts';
import { openArchive, openOciArchive } from '../../oci/diff/blob-source.ts';
import { type Digest, digestOf } from '../../oci/digest.ts';
import { OciError } from '../../oci/errors.ts';
import { parseImageIndex } from '../../oci/image-index.ts';
import { isIndex, isManifest } from '../../oci/layout/image.ts';
import { type Layout, openLayout } from '../../oci/layout/layout.ts';
import { parseManifest } from '../../oci/manifest.ts';
import { formatPlatform } from '../../oci/platform.ts';
import { formatReference, parseReference } from '../../oci/reference.ts';
import type { Wanted } from '../../oci/signature/judge.ts';
import { pathsOfDigest } from '../../oci/signature/lookaside.ts';
import type { DigestList } from '../digests/digest-list.ts';
import { recipeDigest } from '../digests/recipe-digest.ts';
import { BuildError } from '../errors.ts';
import { placeNameOf, showPath } from '../recipe/recipe.ts';
import type { Tree } from '../recipe/types.ts';
import type { TrustPolicy } from './trust.ts';

export type Part = 'manifest' | 'index' | 'recipe' | 'release';

export interface Subject {
  /** What it is called in the table: `recipes/hello linux/amd64`. */
  readonly title: string;
  readonly part: Part;
  readonly wanted: Wanted;
}

/**
 * The images of recipes: a manifest for each line of the list, and the image index in out/, where it is over just these
 * manifests. Throws BuildError CHECK_FAILED for a recipe without a line.
 */
export function recipeImages(
  tree: Tree,
  list: DigestList | undefined,
  names: readonly string[],
  policy: TrustPolicy,
  layoutOf: (recipe: string) => string,
): readonly Subject[] {
  return names.flatMap((name) => {
    const lines = (list?.lines ?? []).filter((line) => line.name === name);
    if (lines.length === 0) {
      throw new BuildError('CHECK_FAILED', `${name} has no line in digests.txt, so there is nothing to verify`, {
        hint: '`ocibuild digests` writes it; a layout is verified as oci:DIR',
      });
    }
    const target = nameInTree(tree, name, policy);
    const manifests = lines.map(({ platform, digest }): Subject => {
      return { title: `${name} ${platform}`, part: 'manifest', wanted: { kind: 'image', digest, ...target } };
    });
    const index = indexOver(
      layoutOf(name),
      lines.map(({ digest }) => digest),
    );
    if (index === undefined) return manifests;
    return [...manifests, { title: name, part: 'index', wanted: { kind: 'image', digest: index, ...target } }];
  });
}

type Target = Pick<Wanted, 'name' | 'match'>;

/** The tree says the tag, the policy the repository: signers vouch for names, and not for whatever a tree calls itself. */
function nameInTree(tree: Tree, recipe: string, policy: TrustPolicy): Target {
  const { publish } = tree;
  if (publish !== undefined && publish.repository !== policy.repository) {
    throw new BuildError('CHECK_FAILED', 'the tree publishes under another name than the policy is for', {
      want: policy.repository,
      got: publish.repository,
      location: publish.location,
    });
  }
  const repository = `${policy.repository}/${placeNameOf(tree.recipe(recipe))}`;
  return publish === undefined
    ? { name: repository, match: 'repository' }
    : { name: `${repository}:${publish.tag}`, match: 'exact' };
}

/** The image index of a layout, where it lists just these manifests. */
function indexOver(directory: string, manifests: readonly Digest[]): Digest | undefined {
  if (!existsSync(directory)) return undefined;
  const layout = openLayout(directory);
  const [only, ...more] = layout.readIndex();
  if (only === undefined || more.length > 0 || !isIndex(only)) return undefined;
  const listed = parseImageIndex(layout.readBytes(only)).manifests.map(({ digest }) => digest);
  return listed.every((digest) => manifests.includes(digest)) ? only.digest : undefined;
}

/** Recipe folders as they are. */
export function recipeFolders(tree: Tree, names: readonly string[]): readonly Subject[] {
  return names.map((name) => {
    const digest = recipeDigest(tree.recipe(name));
    return { title: name, part: 'recipe', wanted: { kind: 'recipe', name, digest } };
  });
}

export interface Naming {
  readonly policy: TrustPolicy;
  /** The lookaside's root. */
  readonly signatures: string;
  /** What the image must have been signed as, with or without a tag; undefined: whatever one name it was signed as. */
  readonly reference: string | undefined;
}

const MAX_NESTING = 8;

/** Every image of a layout; see imagesIn. */
export function layoutImages(directory: string, naming: Naming): readonly Subject[] {
  const layout = openLayout(directory);
  return imagesIn(layout, layout.readIndex(), showPath(directory), naming);
}

/** Every image of an OCI archive, compressed or not; see imagesIn. */
export function archiveImages(file: string, naming: Naming): readonly Subject[] {
  const { source, index } = openOciArchive(openArchive(file, showPath(file)));
  return imagesIn(source, index.manifests, showPath(file), naming);
}

/**
 * Every image below these descriptors, all of whose blobs are read and hold what their digests say. Throws what reading
 * them throws, BuildError CHECK_FAILED when there is no image.
 */
function imagesIn(
  source: Pick<Layout, 'readBytes' | 'readChunks'>,
  roots: readonly Descriptor[],
  shown: string,
  naming: Naming,
): readonly Subject[] {
  const subjects: Subject[] = [];
  const walk = (descriptor: Descriptor, depth: number): void => {
    if (depth > MAX_NESTING) throw new OciError('LAYOUT_INVALID', `image indexes more than ${MAX_NESTING} deep`);
    const bytes = source.readBytes(descriptor);
    if (isManifest(descriptor)) {
      checkBlobs(source, bytes);
      const platform = descriptor.platform === undefined ? '' : ` ${formatPlatform(descriptor.platform)}`;
      subjects.push(subjectOf('manifest', descriptor.digest, `${shown}${platform}`, naming));
    } else if (isIndex(descriptor)) {
      subjects.push(subjectOf('index', descriptor.digest, shown, naming));
      // What says it is for no platform is about an image, and is none.
      const images = parseImageIndex(bytes).manifests.filter(({ platform }) => platform?.os !== 'unknown');
      for (const next of images) walk(next, depth + 1);
    }
  };
  for (const root of roots) walk(root, 0);
  if (!subjects.some(({ part }) => part === 'manifest')) {
    throw new BuildError('CHECK_FAILED', `${shown} holds no image`);
  }
  return subjects;
}

/** A signed manifest says nothing as long as its layers are somebody else's. */
function checkBlobs(source: Pick<Layout, 'readChunks'>, manifest: Uint8Array): void {
  const { config, layers } = parseManifest(manifest);
  for (const blob of [config, ...layers]) {
    // Reading to the end is what verifies.
    for (const _ of source.readChunks(blob));
  }
}

/** A file that is a manifest or an image index, as `skopeo inspect --raw` prints it. Throws BuildError USAGE for another. */
export function documentImage(file: string, naming: Naming): readonly Subject[] {
  const bytes = readDocument(file);
  const part = partOf(bytes);
  if (part === undefined) {
    throw new BuildError('USAGE', `${showPath(file)} is neither a manifest nor an image index`, {
      want: 'NAME, oci:DIR, oci-archive:FILE, or a file with one of them',
    });
  }
  return [subjectOf(part, digestOf(bytes), showPath(file), naming)];
}

function readDocument(file: string): Buffer {
  try {
    return readFileSync(file);
  } catch (cause) {
    throw new BuildError('USAGE', `cannot read ${showPath(file)}`, {
      got: (cause as NodeJS.ErrnoException).code ?? String(cause),
      cause,
    });
  }
}

function partOf(bytes: Uint8Array): 'manifest' | 'index' | undefined {
  for (const [part, parse] of [['manifest', parseManifest] as const, ['index', parseImageIndex] as const]) {
    try {
      parse(bytes);
      return part;
    } catch (error) {
      if (!(error instanceof OciError)) throw error;
    }
  }
  return undefined;
}

function subjectOf(part: Part, digest: Digest, title: string, { policy, signatures, reference }: Naming): Subject {
  const target = reference === undefined ? foundName(signatures, digest, policy) : givenName(reference, policy);
  return { title, part, wanted: { kind: 'image', digest, ...target } };
}

function givenName(reference: string, policy: TrustPolicy): Target {
  const parsed = parseReference(reference);
  const { tag, digest: _, ...repository } = parsed;
  const name = formatReference(repository);
  if (!name.startsWith(`${policy.repository}/`)) {
    throw new BuildError('CHECK_FAILED', 'the policy is for other names', {
      want: `${policy.repository}/…`,
      got: reference,
    });
  }
  return tag === undefined ? { name, match: 'repository' } : { name: `${name}:${tag}`, match: 'exact' };
}

/** The one name of the policy's repository that there are signatures of this digest for. */
function foundName(signatures: string, digest: Digest, policy: TrustPolicy): Target {
  const slash = policy.repository.indexOf('/');
  const registry = slash < 0 ? policy.repository : policy.repository.slice(0, slash);
  const names = pathsOfDigest(signatures, digest)
    .map((path) => `${registry}/${path}`)
    .filter((name) => name.startsWith(`${policy.repository}/`));
  if (names.length > 1) {
    throw new BuildError('CHECK_FAILED', `${digest} was signed under several names`, {
      got: names.join(', '),
      hint: 'say which you mean with --reference',
    });
  }
  return { name: names[0] ?? `${policy.repository}/(unknown)`, match: 'repository' };
}
