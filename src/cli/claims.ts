// Owns: `ocibuild claims`: what this machine may sign of a tree. `sign` asks it, inside the namespace, where the store can
// be read; keys and gpg stay outside.

import { OciError } from '../../oci/errors.ts';
import { formatPlatform } from '../../oci/platform.ts';
import { lookUp } from '../build/lookup.ts';
import { createFinder, recipeRequest } from '../build/requests.ts';
import { requirePublish, requireSignable, type SignableImage } from '../build/signable.ts';
import { readDigests } from '../digests/digest-list.ts';
import { BuildError, formatError } from '../errors.ts';
import { type Made, sourcesOfAll } from '../provenance/made.ts';
import type { ReleaseContent } from '../signing/release.ts';
import { lookupServices } from './build-flags.ts';
import type { Command, CommandContext } from './command.ts';
import { namedRecipes, RECIPE_FLAGS, recipeOptionsOf, requireTree } from './trees.ts';
import { programVersion } from './version.ts';

export const command: Command = {
  name: 'claims',
  summary: 'list what this machine may sign',
  usage:
    'RECIPE… | --all\n' +
    'An image may be signed when this machine made all of it from sources, and its digest is that of digests.txt. Prints\n' +
    'one line an image; exit 1, with the reasons, when any of those named may not be signed.',
  flags: {
    ...RECIPE_FLAGS,
    json: { summary: 'as {"images","referrers","sources"}: also what a release says of them' },
  },
  needsNamespace: true,
  run: async (context) => {
    const { images, mades, faults } = await signableOf(context);
    for (const fault of faults) context.stderr.write(`${formatError(fault)}\n`);
    if (context.args.is('json')) {
      const claims: Claims = { images, ...(await aboutImages(images, mades)) };
      context.stdout.write(`${JSON.stringify(claims, undefined, 2)}\n`);
    } else {
      for (const { reference, platform, index, manifest } of images) {
        context.stdout.write(`${reference} ${platform} manifest ${manifest} index ${index}\n`);
      }
    }
    return faults.length === 0 ? 0 : 1;
  },
};

/** What `--json` prints. */
export interface Claims extends Pick<ReleaseContent, 'referrers' | 'sources'> {
  readonly images: readonly SignableImage[];
}

/** Documents about the images, and all that was pinned for them. */
async function aboutImages(
  images: readonly SignableImage[],
  mades: readonly Made[],
): Promise<Pick<ReleaseContent, 'referrers' | 'sources'>> {
  const { makeReferrers } = await import('../provenance/referrers.ts');
  const referrers = images.map(({ recipe, platform }, index) => {
    const { provenance, sbom } = makeReferrers(mades[index]!);
    return { recipe, platform, provenance: provenance.digest, sbom: sbom.digest };
  });
  const sources = new Map(sourcesOfAll(mades).map(({ digest, file }) => [`${digest} ${file}`, { digest, file }]));
  const order = ([one]: [string, unknown], [other]: [string, unknown]): number => (one < other ? -1 : 1);
  return { referrers, sources: [...sources].sort(order).map(([, source]) => source) };
}

async function signableOf(context: CommandContext): Promise<{
  readonly images: readonly SignableImage[];
  /** Of each image. */
  readonly mades: readonly Made[];
  readonly faults: readonly (BuildError | OciError)[];
}> {
  const tree = requireTree(context);
  requirePublish(tree);
  const options = recipeOptionsOf(context);
  const requests = namedRecipes(context, tree)
    .map((name) => recipeRequest(tree.recipe(name), options))
    .filter(({ platform, recipe }) => {
      // One that was named and is for other platforms alone is a fault, which the lookup reports.
      const { platforms } = recipe!;
      return !context.args.is('all') || platforms.length === 0 || platforms.includes(formatPlatform(platform));
    });
  const list = readDigests(tree);
  const images: SignableImage[] = [];
  const mades: Made[] = [];
  const faults: (BuildError | OciError)[] = [];
  for (const found of await lookUp(requests, createFinder(tree, options), lookupServices(context))) {
    try {
      images.push(requireSignable(tree, list, found));
      if (found.outcome === 'built') mades.push(found.made(programVersion()));
    } catch (error) {
      if (!(error instanceof BuildError || error instanceof OciError)) throw error;
      faults.push(error);
    }
  }
  return { images, mades, faults };
}
