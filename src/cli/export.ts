// Owns: `ocibuild export`: everything another builder needs to build a recipe: files, build args, verified sources, the
// images it reads as OCI layouts, and the command lines.

import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join, resolve } from 'node:path';
import { recipeRequest } from '../build/requests.ts';
import { build } from '../build.ts';
import { BuildError } from '../errors.ts';
import { sourcePath } from '../fetch/source-store.ts';
import { lower } from '../graph/lower.ts';
import type { Target } from '../graph/op.ts';
import { exportScript } from '../image/export-script.ts';
import { giveTo, writeImageLayout } from '../image/output.ts';
import type { Recipe } from '../recipe/types.ts';
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
    if (existsSync(directory) && readdirSync(directory).length > 0) {
      throw new BuildError('USAGE', `${where} is not empty`, { hint: 'name a folder that is not there yet' });
    }
    const { tree, requests, finder } = treeRequests(context, { operands: [name] });
    const recipe = requests[0]!.recipe!;
    if (recipe.kind !== 'containerfile') {
      throw new BuildError('USAGE', `${recipe.name} has no Containerfile`, {
        hint: `no other builder makes a ${recipe.kind}; export a recipe that is built on it`,
      });
    }
    const graph = lower(requests, finder);
    const target = graph.targets[graph.requested[0]!]!;
    const inputs = target.dependencies.map((index) => graph.targets[index]!);
    const progress = context.openProgress();
    try {
      const services = servicesOf(context, progress.watch);
      await services.fetch(recipe, recipe.sources);
      const options = { platform: platformOf(context), cwd: context.cwd };
      const wanted = inputs.map((input) => recipeRequest(tree.recipe(input.name), options));
      const { built } = wanted.length === 0 ? { built: [] } : await build(wanted, finder, services);
      const aside = `${directory}.new-${process.pid}`;
      mkdirSync(aside, { recursive: true });
      copyFolder(recipe.directory, aside);
      copySources(recipe, services.store, join(aside, 'fetch'));
      for (const { target: input, image } of built) {
        writeImageLayout(services.layout, image, join(aside, 'images', fileNameOf(input)), { uid: 0, gid: 0 });
      }
      writeFileSync(
        join(aside, 'build.sh'),
        exportScript({
          name: recipe.name,
          stage: recipe.target,
          epoch: recipe.epoch,
          buildArgs: recipe.buildArgs,
          images: built.map(({ target: input, image }) => ({
            name: input.name,
            folder: fileNameOf(input),
            digest: image.indexDigest,
          })),
        }),
      );
      chmodSync(join(aside, 'build.sh'), 0o755);
      giveTo(aside, callerId());
      if (existsSync(directory)) rmSync(directory, { recursive: true });
      renameSync(aside, directory);
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

/** Plain files and folders of a recipe; a link would mean something else elsewhere. */
function copyFolder(from: string, to: string): void {
  for (const entry of readdirSync(from, { withFileTypes: true })) {
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
