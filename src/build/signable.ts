// Owns: which images this machine may sign: built here from sources, all of it, and with the digest everybody expects.

import type { Digest } from '../../oci/digest.ts';
import { type DigestList, expectedOf, imageFormat } from '../digests/digest-list.ts';
import { BuildError } from '../errors.ts';
import { placeNameOf } from '../recipe/recipe.ts';
import type { Publish, Tree } from '../recipe/types.ts';
import type { Lookup } from './lookup.ts';

export interface SignableImage {
  readonly recipe: string;
  /** `linux/amd64`. */
  readonly platform: string;
  /** What it is published as: `registry.example/project/name:tag`. */
  readonly reference: string;
  readonly index: Digest;
  readonly manifest: Digest;
}

/** The name images are signed for. Throws BuildError USAGE where the tree does not say: there is no default. */
export function requirePublish(tree: Tree): Publish {
  if (tree.publish !== undefined) return tree.publish;
  throw new BuildError('USAGE', 'the tree does not say under which name its images are published', {
    want: '[publish] with repository and tag in ocibuild.toml',
    hint: 'a signature is for one name: clients refuse an image pulled under another',
  });
}

/** The name an image of the tree is published and signed under. Throws BuildError USAGE where the tree has none. */
export function publishedReference(tree: Tree, recipe: string): string {
  const { repository, tag } = requirePublish(tree);
  return `${repository}/${placeNameOf(tree.recipe(recipe))}:${tag}`;
}

/** What a lookup says may be signed, or why not. Throws BuildError CHECK_FAILED, or what a build would say. */
export function requireSignable(tree: Tree, list: DigestList | undefined, found: Lookup): SignableImage {
  const { name, platform } = found;
  const refuse = (message: string, detail: { want?: string; got?: string; hint: string }): never => {
    throw new BuildError('CHECK_FAILED', `${name} ${platform} is not signed: ${message}`, detail);
  };
  if (list !== undefined && list.format !== imageFormat()) {
    refuse('the list of digests is for images of another format', {
      want: imageFormat(),
      got: list.format,
      hint: '`ocibuild digests` writes it anew',
    });
  }
  if (found.outcome === 'failed') throw found.error;
  if (found.outcome === 'not built') {
    return refuse('it was not built here since its files are as they are', {
      hint: `\`ocibuild run ${name}\` builds it`,
    });
  }
  if (found.imported !== undefined) {
    const { what, key } = found.imported;
    refuse('not all of it was made on this machine', {
      got: `${what}${key === undefined ? '' : ` (${key})`}`,
      hint: `build it from sources alone: ocibuild run --no-cache ${name}`,
    });
  }
  const { manifestDigest: manifest, indexDigest: index } = found.image;
  const expected = expectedOf(list, name, platform)?.digest;
  if (expected !== manifest) {
    refuse('its digest is not the one expected', {
      want: expected ?? 'a line in digests.txt, and there is none',
      got: manifest,
      hint: expected === undefined ? `ocibuild digests ${name}` : `ocibuild reproduce ${name}`,
    });
  }
  return { recipe: name, platform, reference: publishedReference(tree, name), index, manifest };
}
