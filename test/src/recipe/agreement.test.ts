// [agreement] of a package.toml: what it may say, what lint finds in it, and what it becomes in the graph.

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createFinder, recipeRequest } from '../../../src/build/requests.ts';
import { lintNamed } from '../../../src/cli/lint.ts';
import { parseContainerfile } from '../../../src/containerfile/parse.ts';
import { BuildError, formatError } from '../../../src/errors.ts';
import { lower } from '../../../src/graph/lower.ts';
import type { Graph } from '../../../src/graph/op.ts';
import { planJson, planText } from '../../../src/graph/print.ts';
import { neededRecipes } from '../../../src/recipe/lint.ts';
import { parsePackageToml } from '../../../src/recipe/package-toml.ts';
import { openTree } from '../../../src/recipe/tree.ts';

function faultOf(make: () => unknown): string {
  try {
    make();
  } catch (error) {
    expect(error).toBeInstanceOf(BuildError);
    return formatError(error as BuildError);
  }
  return 'no error';
}

const PACKAGE = '[package]\nname = "pair"\nlicense = "none"\nwebsite = "none"\n';

test('origins keep their order and their places', () => {
  const { agreement } = parsePackageToml(`${PACKAGE}[agreement]\norigins = [\n  "recipes/b",\n  "recipes/a",\n]\n`, {
    file: 'package.toml',
  });
  expect(agreement?.origins).toEqual(['recipes/b', 'recipes/a']);
  expect(agreement?.locations.map(({ line }) => line)).toEqual([7, 8]);
});

test.each([
  ['[agreement]\n', 'package.toml:5: RECIPE: an agreement needs two origins'],
  ['[agreement]\norigins = ["recipes/a"]\n', 'package.toml:5: RECIPE: an agreement needs two origins'],
  [
    '[agreement]\norigins = ["recipes/a", "recipes/a"]\n',
    'package.toml:6: RECIPE: "recipes/a" stands twice in origins',
  ],
  ['[agreement]\norigins = ["self", "a"]\n', 'package.toml:6: RECIPE: "self" is what the origin before it led to'],
  ['[agreement]\norigins = ["a", "b"]\nquorum = 2\n', 'package.toml:7: RECIPE: unknown key "quorum"'],
  ['[agreement]\norigins = "a"\n', 'package.toml:6: RECIPE: '],
  [
    '[agreement]\nstart = "a"\norigins = ["b", "self"]\n',
    'package.toml:7: RECIPE: "start" is what the recipe in start',
  ],
  [
    '[agreement]\norigins = ["start", "self"]\n',
    'package.toml:6: RECIPE: "start" is what the recipe in start leads to',
  ],
  [
    '[agreement]\nstart = "a"\norigins = [\n"a",\n"start"]\n',
    'package.toml:9: RECIPE: "start" is what the recipe in start leads to',
  ],
])('%j is refused', (text, message) => {
  expect(faultOf(() => parsePackageToml(PACKAGE + text, { file: 'package.toml' }))).toContain(message);
});

describe('in a tree', () => {
  let root: string;
  beforeEach(() => {
    root = mkdtempSync(path.join(tmpdir(), 'agreement-'));
    write('a', 'FROM scratch AS package\nCOPY x /a\n');
    write('b', 'FROM scratch AS package\nCOPY x /b\n');
    write('pair', PAIR, '\n[agreement]\norigins = ["recipes/a", "recipes/b"]\n');
    write('user', 'FROM recipes/pair\nCOPY x /user\n');
  });
  afterEach(() => rmSync(root, { recursive: true }));

  const PAIR = 'FROM origin AS build\nCOPY x /made\nFROM scratch AS package\nCOPY --from=build /made /made\n';

  function write(name: string, containerfile: string, more = ''): void {
    const folder = path.join(root, 'recipes', name);
    mkdirSync(folder, { recursive: true });
    writeFileSync(path.join(folder, 'Containerfile'), containerfile);
    writeFileSync(path.join(folder, 'x'), name);
    const toml = `[package]\nname = "${name}"\nlicense = "none"\nwebsite = "none"\n${more}`;
    writeFileSync(path.join(folder, 'package.toml'), toml);
  }

  function lowered(name: string): Graph {
    const options = { platform: { os: 'linux', architecture: 'amd64' }, cwd: root };
    const tree = openTree(root);
    return lower([recipeRequest(tree.recipe(`recipes/${name}`), options)], createFinder(tree, options));
  }

  function codesOf(name: string): string[] {
    const found = lintNamed(openTree(root), [`recipes/${name}`]);
    return found
      .filter(({ code }) => code !== 'missing-stage')
      .map(({ code, at }) => `${path.basename(at!.file)}:${at!.line} ${code}`);
  }

  test('it becomes one target for each origin and one for what they agree on, which alone others stand on', () => {
    expect(planJson(lowered('user'))).toEqual({
      targets: [
        { name: 'recipes/a', deps: [], steps: 1 },
        { name: 'recipes/pair from recipes/a', deps: ['recipes/a'], steps: 2 },
        { name: 'recipes/b', deps: [], steps: 1 },
        { name: 'recipes/pair from recipes/b', deps: ['recipes/b'], steps: 2 },
        {
          name: 'recipes/pair',
          deps: ['recipes/pair from recipes/a', 'recipes/pair from recipes/b'],
          steps: 0,
          agree: true,
        },
        { name: 'recipes/user', deps: ['recipes/pair'], steps: 1 },
      ],
    });
  });

  test('start is what its recipe led to, which need not be like the others', () => {
    write('pair', PAIR, '\n[agreement]\nstart = "recipes/a"\norigins = ["start", "self"]\n');
    expect(codesOf('pair')).toEqual([]);
    expect(planJson(lowered('pair'))).toEqual({
      targets: [
        { name: 'recipes/a', deps: [], steps: 1 },
        { name: 'recipes/pair from recipes/a', deps: ['recipes/a'], steps: 2 },
        { name: 'recipes/pair from start', deps: ['recipes/pair from recipes/a'], steps: 2 },
        { name: 'recipes/pair from self', deps: ['recipes/pair from start'], steps: 2 },
        { name: 'recipes/pair', deps: ['recipes/pair from self', 'recipes/pair from start'], steps: 0, agree: true },
      ],
    });
    write('pair', PAIR, '\n[agreement]\nstart = "recipes/none"\norigins = ["start", "self"]\n');
    expect(codesOf('pair')).toEqual(['package.toml:7 unknown-recipe']);
    expect(faultOf(() => lowered('pair'))).toContain(
      'package.toml:7: UNKNOWN_RECIPE: the tree has no recipe recipes/none',
    );
  });

  test('self is what the origin before it led to', () => {
    write('pair', PAIR, '\n[agreement]\norigins = ["recipes/a", "self"]\n');
    expect(codesOf('pair')).toEqual([]);
    expect(planJson(lowered('pair'))).toEqual({
      targets: [
        { name: 'recipes/a', deps: [], steps: 1 },
        { name: 'recipes/pair from recipes/a', deps: ['recipes/a'], steps: 2 },
        { name: 'recipes/pair from self', deps: ['recipes/pair from recipes/a'], steps: 2 },
        {
          name: 'recipes/pair',
          deps: ['recipes/pair from recipes/a', 'recipes/pair from self'],
          steps: 0,
          agree: true,
        },
      ],
    });
  });

  test('the plan says so', () => {
    expect(planText(lowered('pair'))).toContain(
      'recipes/pair  is the one image of recipes/pair from recipes/a, recipes/pair from recipes/b\n',
    );
  });

  test('an origin that is no recipe has its place', () => {
    write('pair', PAIR, '\n[agreement]\norigins = ["recipes/a", "recipes/none"]\n');
    expect(faultOf(() => lowered('pair'))).toMatch(
      /package\.toml:7: UNKNOWN_RECIPE: the tree has no recipe recipes\/none/,
    );
    expect(codesOf('pair')).toEqual(['package.toml:7 unknown-recipe']);
  });

  test('two spellings of one recipe are no two origins', () => {
    write('pair', PAIR, '\n[agreement]\norigins = ["recipes/a", "recipes/a:latest"]\n');
    expect(faultOf(() => lowered('pair'))).toMatch(
      /package\.toml:7: RECIPE: two origins of this agreement are one recipe/,
    );
  });

  test('an agreement that needs itself is a cycle', () => {
    write('pair', PAIR, '\n[agreement]\norigins = ["recipes/a", "recipes/user"]\n');
    expect(faultOf(() => lowered('pair'))).toMatch(/CYCLE: recipes need each other: recipes\/pair -> .*recipes\/user/);
    expect(codesOf('pair')).toEqual(['Containerfile:1 cycle']);
  });

  test('origin means nothing without an agreement, and an agreement nothing without origin', () => {
    expect(codesOf('pair')).toEqual([]);
    write('pair', PAIR);
    expect(codesOf('pair')).toEqual(['Containerfile:1 unknown-recipe']);
    expect(faultOf(() => lowered('pair'))).toMatch(/origin is no stage, recipe or named context/);
    write('pair', 'FROM scratch AS package\nCOPY x /x\n', '\n[agreement]\norigins = ["recipes/a", "recipes/b"]\n');
    expect(codesOf('pair')).toEqual(['package.toml:7 unknown-recipe']);
  });

  test('a recipe and a subpackage of its folder may need each other by turns', () => {
    write('user', 'FROM scratch AS package-first\nCOPY x /first\nFROM recipes/next AS package\nCOPY x /x\n');
    const toml = path.join(root, 'recipes/user/package.toml');
    writeFileSync(toml, `[package]\nname = "user"\nlicense = "none"\nwebsite = "none"\nsubpackages = ["first"]\n`);
    write('next', 'FROM recipes/first AS package\nCOPY x /next\n');
    const names = ['recipes/first', 'recipes/next', 'recipes/user'];
    expect(lintNamed(openTree(root), names).map(({ code }) => code)).not.toContain('cycle');
    write('next', 'FROM recipes/user AS package\nCOPY x /next\n');
    expect(lintNamed(openTree(root), names).map(({ code }) => code)).toContain('cycle');
  });

  test('its origins are among what it needs', () => {
    const tree = openTree(root);
    const needed = neededRecipes(parseContainerfile(PAIR, 'Containerfile'), tree, tree.recipe('recipes/pair'));
    expect([...needed.keys()]).toEqual(['recipes/a', 'recipes/b']);
  });
});
