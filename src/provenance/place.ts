// Owns: the layout that an image's referrers lie in. It is written when it would differ, and making that out costs a few
// small files: what the documents say is made only for writing.
//
//   out/NAME.referrers    an OCI layout without the image; index.json lists the artifacts' manifests, tagged `provenance` and
//                         `sbom`, and is annotated with inputsDigest of what they were made of

import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Digest } from '../../oci/digest.ts';
import { encodeImageIndex, imageIndex, parseImageIndex } from '../../oci/image-index.ts';
import { openLayout, VERSION_TEXT } from '../../oci/layout/layout.ts';
import { parseManifest } from '../../oci/manifest.ts';
import { native } from '../../oci/profile.ts';
import {
  giveTo,
  makeDirectories,
  type Ownership,
  placeDirectory,
  realPlace,
  requirePlace,
  writingToNow,
} from '../image/place.ts';
import { writeFileWhole } from '../solver/actions.ts';
import { inputsDigest, type Made } from './made.ts';

const INPUTS = 'ocibuild.inputs';

/** The folder of an image's referrers, beside the image's own. */
export function referrersPath(imagePath: string): string {
  return `${imagePath}.referrers`;
}

/**
 * Puts the referrers of an image at a path, whole, unless they lie there already. Gives whether it wrote. Throws BuildError
 * USAGE when the path cannot be written, RECIPE for a lock file that cannot be read.
 */
export async function placeReferrers(path: string, made: Made, owner: Ownership): Promise<boolean> {
  const inputs = inputsDigest(made);
  if (isCurrent(path, inputs)) return false;
  const { makeReferrers } = await import('./referrers.ts');
  const { provenance, sbom, blobs } = makeReferrers(made);
  const index = imageIndex([provenance, sbom], native, { [INPUTS]: inputs });
  requirePlace(path, 'layout');
  makeDirectories(dirname(path), owner);
  writingToNow(path, () => {
    placeDirectory(realPlace(path), (aside) => {
      for (const [digest, bytes] of blobs) writeFileWhole(join(aside, 'blobs', digest.replace(':', '/')), bytes);
      writeFileWhole(join(aside, 'oci-layout'), VERSION_TEXT);
      writeFileWhole(join(aside, 'index.json'), encodeImageIndex(index, native));
      giveTo(aside, owner);
    });
  });
  return true;
}

/** Whether a layout holds what these inputs give: every blob is read, and nothing else may be there. */
function isCurrent(path: string, inputs: Digest): boolean {
  try {
    const layout = openLayout(path);
    const index = parseImageIndex(readFileSync(join(path, 'index.json')));
    if (index.annotations?.[INPUTS] !== inputs) return false;
    const blobs = index.manifests.flatMap((descriptor) => {
      const { config, layers } = parseManifest(layout.readBytes(descriptor));
      return [descriptor, config, ...layers];
    });
    // Reading to the end is what verifies.
    for (const blob of blobs) for (const _ of layout.readChunks(blob));
    return (
      layout.digests().length === new Set(blobs.map(({ digest }) => digest)).size && readdirSync(path).length === 3
    );
  } catch {
    return false;
  }
}
