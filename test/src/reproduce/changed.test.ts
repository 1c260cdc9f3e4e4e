// Recipes that changed since a revision, in a real repository.

import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createFinder, recipeRequest } from '../../../src/build/requests.ts';
import { lower } from '../../../src/graph/lower.ts';
import { openTree } from '../../../src/recipe/tree.ts';
import { changedFiles, recipesOf, withDependents } from '../../../src/reproduce/changed.ts';

const hasGit = spawnSync('git', ['--version']).status === 0;
if (!hasGit) console.log('skipped: git is not installed');

describe.skipIf(!hasGit)('since a revision', () => {
  const repository = mkdtempSync(join(tmpdir(), 'changed-'));
  // The tree is a folder of the repository, not all of it.
  const tree = join(repository, 'deep', 'tree');
  afterAll(() => rmSync(repository, { recursive: true }));
  const write = (name: string, text: string): void => {
    mkdirSync(dirname(join(tree, name)), { recursive: true });
    writeFileSync(join(tree, name), text);
  };
  const git = (...args: string[]): string =>
    execFileSync('git', ['-C', repository, '-c', 'user.name=x', '-c', 'user.email=x@example.org', ...args], {
      encoding: 'utf8',
    });
  const recipe = (name: string, containerfile: string): void => {
    write(`recipes/${name}/Containerfile`, containerfile);
    write(
      `recipes/${name}/package.toml`,
      `[package]\nname = "${name}"\nversion = "1"\ndescription = "x"\nlicense = "none"\n`,
    );
  };
  const affected = (revision: string): readonly string[] => {
    const opened = openTree(tree);
    const options = { platform: { os: 'linux', architecture: 'amd64' }, cwd: tree };
    const requests = opened.names().map((name) => recipeRequest(opened.recipe(name), options));
    const changed = recipesOf(opened, opened.names(), changedFiles(tree, revision));
    return withDependents(lower(requests, createFinder(opened, options)), changed);
  };

  beforeAll(() => {
    recipe('base', 'FROM scratch AS package\nCOPY file /\n');
    write('recipes/base/file', 'one');
    recipe('base-tools', 'FROM scratch AS package\nCOPY package.toml /\n');
    recipe('middle', 'FROM recipes/base AS package\nCOPY package.toml /middle\n');
    recipe('top', 'FROM scratch AS package\nCOPY --from=recipes/middle /middle /\n');
    recipe('alone', 'FROM scratch AS package\nCOPY package.toml /\n');
    git('init', '--quiet');
    git('add', '.');
    git('commit', '--quiet', '-m', 'first');
  });

  test('nothing has', () => {
    expect(affected('HEAD')).toEqual([]);
  });
  test('a file in the tree that is in no recipe', () => {
    write('README', 'x');
    expect(affected('HEAD')).toEqual([]);
  });
  test('a recipe that is in no commit yet', () => {
    recipe('fresh', 'FROM scratch AS package\nCOPY package.toml /\n');
    expect(affected('HEAD')).toEqual(['recipes/fresh']);
    rmSync(join(tree, 'recipes/fresh'), { recursive: true });
  });
  test('a recipe, and all that stands on it, what is needed first', () => {
    write('recipes/base/file', 'two');
    expect(affected('HEAD')).toEqual(['recipes/base', 'recipes/middle', 'recipes/top']);
    git('commit', '--quiet', '-a', '-m', 'second');
    expect(affected('HEAD')).toEqual([]);
    expect(affected('HEAD~1')).toEqual(['recipes/base', 'recipes/middle', 'recipes/top']);
  });
  test.each(['no-such-branch', '--output=/tmp/x', ''])('a revision that is none: %j', (revision) => {
    expect(() => changedFiles(tree, revision)).toThrow(/git cannot say what changed/);
  });
});
