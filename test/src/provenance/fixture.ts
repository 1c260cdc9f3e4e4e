// Owns: a small recipe tree with one of everything that provenance speaks of, and its graph with digests in place of images.

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { digestOf } from '../../../oci/digest.ts';
import { createFinder, recipeRequest } from '../../../src/build/requests.ts';
import { recipeDigests } from '../../../src/digests/recipe-digest.ts';
import { lower } from '../../../src/graph/lower.ts';
import { type Made, madeOf } from '../../../src/provenance/made.ts';
import { openTree } from '../../../src/recipe/tree.ts';
import type { Tree } from '../../../src/recipe/types.ts';

const HASH = (digit: string): string => digit.repeat(64);
const head = (name: string, license: string): string =>
  `[package]\nname = "${name}"\nversion = "1.2"\ndescription = "for a test"\nlicense = "${license}"\nwebsite = "https://example.org/"\n`;

/** Path to content. */
export const FILES: Readonly<Record<string, string>> = {
  'recipes/base/package.toml': `${head('base', 'MIT')}
[sources.base]
hash = "${HASH('1')}"
file = "base-{version}.tar.gz"
mirrors = ["debian:pool/main/b/base/{file}", "https://example.org/{file}", "https://example.net/{file}"]
`,
  'recipes/base/Containerfile': 'FROM scratch\nARG BASE_SOURCE\nADD fetch/${BASE_SOURCE} /\n',
  'recipes/tool/package.toml': head('tool', 'our own terms'),
  'recipes/tool/Containerfile': `FROM recipes/base\nADD --checksum=sha256:${HASH('2')} https://example.org/remote.txt /\nCOPY patch /\n`,
  'recipes/tool/patch': 'patched\n',
  'recipes/app/package.toml': `${head('app', 'GPL-2.0-only WITH Linux-syscall-note')}
[sources.one]
hash = "${HASH('3')}"
file = "one.txt"

[sources.two]
hash = "${HASH('4')}"
file = "two.txt"
mirrors = ["two.txt"]

[allow]
network = ["build"]
mounts = ["cache", "secret"]
`,
  'recipes/app/Containerfile': `FROM recipes/base AS build
COPY --from=recipes/tool /patch /patch
RUN --network=default wget x
RUN --mount=type=secret,id=key --mount=type=cache,target=/c --mount=type=tmpfs,target=/t make
RUN make

FROM recipes/base AS package
COPY --from=build /out /
COPY --from=recipes/data /data /
`,
  'recipes/data/Containerfile': 'FROM scratch\nCOPY data /data\n',
  'recipes/data/data': 'data\n',
  'recipes/agreed/package.toml': `${head('agreed', 'MIT')}
[agreement]
origins = ["recipes/base", "recipes/tool"]
`,
  'recipes/agreed/Containerfile': 'FROM origin AS work\nRUN make\nFROM scratch\nCOPY --from=work /x /\n',
  'recipes/user/package.toml': head('user', 'MIT'),
  'recipes/user/Containerfile': 'FROM recipes/agreed\nCMD ["/x"]\nCOPY x /\n',
  'recipes/user/x': 'x\n',
};

/** A tree in a folder of its own, removed by `remove`. */
export function makeTree(files: Readonly<Record<string, string>> = FILES): { tree: Tree; remove: () => void } {
  const directory = mkdtempSync(join(tmpdir(), 'provenance-'));
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(join(directory, dirname(path)), { recursive: true });
    writeFileSync(join(directory, path), text);
  }
  return { tree: openTree(directory), remove: () => rmSync(directory, { recursive: true }) };
}

/** What the first of the names is made of, in a solve of all of them. An image's digests are those of its recipe's name. */
export function madeIn(tree: Tree, names: readonly string[], cwd: string = tree.directory): Made {
  const options = { platform: { os: 'linux', architecture: 'amd64' }, cwd };
  const requests = names.map((name) => recipeRequest(tree.recipe(name), options));
  const graph = lower(requests, createFinder(tree, options));
  const images = new Map(
    graph.targets.map(({ name, recipe, members }, index) => {
      // The builds of an agreement are one image.
      const of = recipe?.agreement !== undefined || members !== undefined ? recipe!.name : name;
      return [index, { manifestDigest: digestOf(`manifest ${of}`), indexDigest: digestOf(`index ${of}`) }] as const;
    }),
  );
  const recipes = recipeDigests(graph.targets.flatMap(({ recipe }) => recipe ?? []));
  return madeOf(graph, graph.requested[0]!, { images, recipes, manifestSize: 400, version: '0.0.0' });
}
