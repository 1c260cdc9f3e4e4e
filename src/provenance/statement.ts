// Owns: what the provenance of an image says: an in-toto statement with a SLSA predicate. Its subject is the manifest. Only
// what any other machine would write too: the recipes, what they pin and what their inputs came out as.
//
// buildType urn:ocibuild:recipe:1 means, and docs/provenance.md says for people:
//   externalParameters    recipe, platform, stage, epoch, ownership: what was asked for
//   internalParameters    format: of the image (profile, format version, codec); sandbox, actions: versions of the rules that
//                         steps run under; openSteps: those that may use the network, or mounts that no digest pins
//   resolvedDependencies  in this order, each group sorted: recipes, images, foreign images, sources
// PROVENANCE_VERSION is its last part.

import { hexOf } from '../../oci/digest.ts';
import { provenanceStatement, type ResourceDescriptor, type Statement } from '../../oci/in-toto.ts';
import { MEDIA_TYPE } from '../../oci/media-type.ts';
import { formatPlatform } from '../../oci/platform.ts';
import { imageFormat } from '../digests/digest-list.ts';
import { RECIPE_LISTING_TYPE } from '../digests/recipe-digest.ts';
import { ACTION_VERSION } from '../graph/cache-key.ts';
import type { Recipe } from '../recipe/types.ts';
import { SANDBOX_VERSION } from '../sandbox/spec.ts';
import { type ClosureNode, type ForeignImage, type PinnedSource, uniqueBy } from './closure.ts';
import { type Made, PROVENANCE_VERSION, sourcesOfAll } from './made.ts';

/** The statement about one image. Reads lock files; throws BuildError RECIPE. */
export function statementOf(made: Made): Statement {
  const { nodes, index, images, recipes, version } = made;
  const { target, inputs: ownInputs } = nodes.get(index)!;
  const sha256 = hexOf(images.get(index)!.manifestDigest);
  const all = [...nodes.values()];
  // The members of an agreement share its recipe.
  const ofRecipes = uniqueBy(
    all.map((node) => node.target.recipe!),
    ({ name }) => name,
  );
  const openSteps = uniqueBy(
    all.flatMap(({ steps }) => steps),
    ({ recipe, line, instruction }) => `${recipe} ${String(line).padStart(9, '0')} ${instruction}`,
  );
  const resolvedDependencies = [
    ...ofRecipes.map((recipe) => recipeResource(recipe, recipes)),
    ...all.filter((node) => node.index !== index).map((node) => imageResource(node, images, ownInputs)),
    ...all.flatMap(({ foreign }) => foreign).map(foreignResource),
    ...sourcesOfAll([made]).map(sourceResource),
  ];
  return provenanceStatement([{ name: target.name, digest: { sha256 } }], {
    buildDefinition: {
      buildType: `urn:ocibuild:recipe:${PROVENANCE_VERSION}`,
      externalParameters: {
        recipe: target.name,
        platform: formatPlatform(target.platform),
        stage: target.stage.name,
        epoch: target.policy.epoch,
        ownership: target.policy.owner,
      },
      internalParameters: {
        format: imageFormat(),
        sandbox: SANDBOX_VERSION,
        actions: ACTION_VERSION,
        openSteps: openSteps.map((step) => ({ ...step })),
      },
      resolvedDependencies,
    },
    runDetails: { builder: { id: 'urn:ocibuild:builder:1', version: { ocibuild: version } } },
  });
}

function recipeResource({ name, directory }: Recipe, recipes: Made['recipes']): ResourceDescriptor {
  return {
    name,
    digest: { sha256: hexOf(recipes.get(directory)!) },
    mediaType: RECIPE_LISTING_TYPE,
    annotations: { kind: 'recipe' },
  };
}

function imageResource(
  { index, target }: ClosureNode,
  images: Made['images'],
  inputs: ClosureNode['inputs'],
): ResourceDescriptor {
  const { manifestDigest, indexDigest } = images.get(index)!;
  const use = inputs.get(index);
  return {
    name: target.name,
    digest: { sha256: hexOf(manifestDigest) },
    mediaType: MEDIA_TYPE.manifest,
    annotations: {
      kind: 'image',
      index: indexDigest,
      platform: formatPlatform(target.platform),
      // Absent for what only other input images are made of.
      ...(use === undefined ? {} : { use }),
    },
  };
}

function foreignResource({ recipe, manifest }: ForeignImage): ResourceDescriptor {
  return {
    digest: { sha256: hexOf(manifest) },
    mediaType: MEDIA_TYPE.manifest,
    annotations: { kind: 'foreign image', recipe },
  };
}

function sourceResource({ recipe, name, file, version, digest, locations, ...more }: PinnedSource): ResourceDescriptor {
  return {
    name: file,
    digest: { sha256: hexOf(digest) },
    annotations: {
      kind: 'source',
      recipe,
      locations,
      ...(name === undefined ? {} : { source: name }),
      ...(version === '' ? {} : { version }),
      ...(more.package === undefined ? {} : { package: more.package.name }),
    },
  };
}
