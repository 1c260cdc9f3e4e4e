// Owns: `ocibuild export`: everything another builder needs to build a recipe: files, build args, verified sources, the
// images it reads as OCI layouts, and the command lines.

import { chmodSync, copyFileSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { recipeRequest } from '../build/requests.ts';
import { build } from '../build.ts';
import { BuildError } from '../errors.ts';
import { sourcePath } from '../fetch/source-store.ts';
import { lower } from '../graph/lower.ts';
import type { Graph, Target } from '../graph/op.ts';
import type { BuildRequest, ImageFinder } from '../graph/request.ts';
import { exportScript } from '../image/export-script.ts';
import { fillLayout } from '../image/output.ts';
import { giveTo, makeDirectories, placeDirectory, realPlace, requirePlace, writingToNow } from '../image/place.ts';
import { ORIGIN, type Recipe } from '../recipe/types.ts';
import { callerId } from '../sandbox/userns.ts';
import { SOLVE_FLAGS, servicesOf } from './build-flags.ts';
import type { Command } from './command.ts';
import { platformOf, RECIPE_FLAGS, treeRequests } from './trees.ts';

export const command: Command = {
  name: 'export',
  summary: 'write what another builder needs to build a recipe',
  usage: 'RECIPE DIR\nDIR gets the Containerfile, context, sources, input images, and build.sh with the command lines.',
  flags: { platform: RECIPE_FLAGS.platform, ...SOLVE_FLAGS },
  operands: { min: 2, max: 2 },
  needsNamespace: true,
  run: async (context) => {
    const [name, where] = context.args.operands as [string, string];
    const directory = resolve(context.cwd, where);
    requirePlace(directory, 'folder');
    const { tree, requests, finder } = treeRequests(context, { operands: [name] });
    const recipe = requests[0]!.recipe!;
    if (recipe.kind !== 'containerfile') {
      throw new BuildError('USAGE', `${recipe.name} has no Containerfile`, {
        hint: `no other builder makes a ${recipe.kind}; export a recipe that is built on it`,
      });
    }
    const { graph, spellings } = lowerSpelled(requests, finder);
    const asked = graph.targets[graph.requested[0]!]!;
    const { start } = recipe.agreement ?? {};
    if (start !== undefined) {
      throw new BuildError('USAGE', `${recipe.name} is built on what it led to itself`, {
        location: start.location,
        hint: `no other builder can be handed that; export ${start.recipe}, or what is built on ${recipe.name}`,
      });
    }
    // An agreement is the image of any of its members: another builder makes the first.
    const target = asked.members === undefined ? asked : graph.targets[asked.members[0]!]!;
    const origin = asked.members === undefined ? undefined : tree.lookup(recipe.agreement!.origins[0]!);
    const inputs = target.dependencies.map((index) => graph.targets[index]!);
    const progress = context.openProgress();
    try {
      const services = servicesOf(context, progress.watch);
      await services.fetch(recipe, recipe.sources);
      const options = { platform: platformOf(context), cwd: context.cwd };
      const wanted = inputs.map((input) => recipeRequest(tree.recipe(input.name), options));
      const { built } = wanted.length === 0 ? { built: [] } : await build(wanted, finder, services);
      const script = exportScript({
        name: recipe.name,
        stage: recipe.target,
        epoch: recipe.epoch,
        buildArgs: recipe.buildArgs,
        images: built.map(({ target: input, image }) => ({
          names: [...(spellings.get(input.name) ?? [input.name]), ...(input.name === origin ? [ORIGIN] : [])],
          folder: fileNameOf(input),
          digest: image.indexDigest,
        })),
      });
      makeDirectories(dirname(directory), callerId());
      requirePlace(directory, 'folder');
      const fill = (aside: string): void => {
        copyFolder(recipe.directory, aside, recipe.sources.length > 0 ? ['fetch'] : []);
        copySources(recipe, services.store, join(aside, 'fetch'));
        for (const { target: input, image } of built) {
          fillLayout(services.layout, image, join(aside, 'images', fileNameOf(input)));
        }
        writeFileSync(join(aside, 'build.sh'), script);
        chmodSync(join(aside, 'build.sh'), 0o755);
        giveTo(aside, callerId());
      };
      writingToNow(directory, () => placeDirectory(realPlace(directory), fill));
      progress.close();
      context.stdout.write(`${where}/build.sh builds ${recipe.name} with buildah or docker\n`);
      return 0;
    } finally {
      progress.close();
    }
  },
};

function fileNameOf(target: Target): string {
  return target.name.replace(/[^\w.-]+/g, '_');
}

/** The graph, and for each recipe it needs every way its name is written: another builder knows no other names. */
function lowerSpelled(
  requests: readonly BuildRequest[],
  finder: ImageFinder,
): { graph: Graph; spellings: ReadonlyMap<string, ReadonlySet<string>> } {
  const spellings = new Map<string, Set<string>>();
  const lookup = (reference: string): string | undefined => {
    const name = finder.lookup(reference);
    if (name !== undefined) spellings.set(name, (spellings.get(name) ?? new Set()).add(reference));
    return name;
  };
  return { graph: lower(requests, { ...finder, lookup }), spellings };
}

/**
 * Plain files and folders of a recipe; a link would mean something else elsewhere. What is hidden by the recipe's context
 * is left out: `fetch/` is what was fetched.
 */
function copyFolder(from: string, to: string, hidden: readonly string[] = []): void {
  for (const entry of readdirSync(from, { withFileTypes: true })) {
    if (hidden.includes(entry.name)) continue;
    const source = join(from, entry.name);
    const target = join(to, entry.name);
    if (entry.isDirectory()) {
      mkdirSync(target);
      copyFolder(source, target);
    } else if (entry.isFile()) {
      copyFileSync(source, target);
    } else {
      throw new BuildError('RECIPE', 'only files and folders can be exported', { location: { file: source, line: 1 } });
    }
  }
}

function copySources(recipe: Recipe, store: string, to: string): void {
  if (recipe.sources.length === 0) return;
  mkdirSync(to, { recursive: true });
  for (const source of recipe.sources) {
    copyFileSync(sourcePath(store, source.digest), join(to, source.file));
    chmodSync(join(to, source.file), 0o644);
  }
}
