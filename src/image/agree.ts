// Owns: the check that the builds of an agreement are one image, and what is said when they are not.

import type { BlobSource } from '../../oci/diff/blob-source.ts';
import { diff } from '../../oci/diff/diff.ts';
import { readNode } from '../../oci/diff/image.ts';
import { findingText } from '../../oci/diff/render-text.ts';
import type { ImagesSubject } from '../../oci/diff/subject.ts';
import type { Layout } from '../../oci/layout/layout.ts';
import { MEDIA_TYPE } from '../../oci/media-type.ts';
import { BuildError } from '../errors.ts';
import type { Graph, Target } from '../graph/op.ts';
import type { BuiltImage } from '../solver/services.ts';

/** Says where two images differ first, outermost difference first; a line, or undefined where it finds none. */
export type FindDifference = (one: BuiltImage, other: BuiltImage) => Promise<string | undefined>;

/**
 * The one image that all members of an agreement are. Throws BuildError CHECK_FAILED, located at the origin in package.toml
 * whose image differs from the first one's, with the first difference.
 */
export async function requireAgreement(
  graph: Graph,
  target: Target,
  images: readonly BuiltImage[],
  findDifference: FindDifference,
): Promise<BuiltImage> {
  const first = images[0]!;
  const index = images.findIndex((image) => image.manifestDigest !== first.manifestDigest);
  if (index < 0) return { ...first, isCached: images.every((image) => image.isCached) };
  const names = target.members!.map((member) => graph.targets[member]!.name);
  const difference = await findDifference(first, images[index]!);
  const location = target.recipe?.agreement?.locations[index];
  throw new BuildError('CHECK_FAILED', `${target.name}: its origins do not lead to one image`, {
    ...(location === undefined ? {} : { location }),
    want: `${first.manifestDigest} (${names[0]})`,
    got: `${images[index]!.manifestDigest} (${names[index]})`,
    ...(difference === undefined ? {} : { hint: `the first difference: ${difference}` }),
  });
}

/** The first difference of two images that lie in one layout. Undefined when there is none. */
export async function differenceOf(layout: Layout, one: BuiltImage, other: BuiltImage): Promise<string | undefined> {
  const subjectOf = ({ indexDigest }: BuiltImage): ImagesSubject => {
    const source: BlobSource = {
      name: indexDigest,
      readBytes: (digest) => layout.readBytes(digest),
      readChunks: (descriptor) => layout.readChunks(descriptor),
    };
    const size = layout.readBytes(indexDigest).length;
    const child = readNode(source, { mediaType: MEDIA_TYPE.index, digest: indexDigest, size });
    return { kind: 'images', name: indexDigest, form: 'oci', children: [child], source };
  };
  for await (const finding of diff(subjectOf(one), subjectOf(other))) {
    if (finding.weight === 'difference') return findingText(finding);
  }
  return undefined;
}
