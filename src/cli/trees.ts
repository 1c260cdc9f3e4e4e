// Owns: the tree a command line means and the recipes it names.

import { hostPlatform, type Platform, parsePlatform } from '../../oci/platform.ts';
import { createFinder, type RecipeOptions, recipeRequest } from '../build/requests.ts';
import { BuildError } from '../errors.ts';
import type { BuildRequest, ImageFinder } from '../graph/request.ts';
import { findTree, openTree } from '../recipe/tree.ts';
import type { Tree } from '../recipe/types.ts';
import type { CommandContext } from './command.ts';

/** The tree of `--tree`, else the nearest upwards; undefined when there is none. */
export function optionalTree(context: CommandContext): Tree | undefined {
  return context.treeDirectory === undefined ? findTree(context.cwd) : openTree(context.treeDirectory);
}

/** Throws BuildError USAGE when there is no tree. */
export function requireTree(context: CommandContext): Tree {
  const tree = optionalTree(context);
  if (tree !== undefined) return tree;
  throw new BuildError('USAGE', `no recipe tree here or above ${context.cwd}`, {
    want: 'a folder that holds recipes/ or packages/',
    hint: 'name it with --tree DIR',
  });
}

export interface Naming {
  /** No operand means every recipe. */
  readonly everything?: boolean;
  /** The names, where not every operand is one. */
  readonly operands?: readonly string[];
}

/** Recipe names for the operands; all of the tree's with `--all`. Throws USAGE when neither is given. */
export function namedRecipes(context: CommandContext, tree: Tree, naming: Naming = {}): readonly string[] {
  const operands = naming.operands ?? context.args.operands;
  const wantsAll = naming.operands === undefined && context.args.is('all');
  if (wantsAll || (operands.length === 0 && naming.everything === true)) return tree.names();
  if (operands.length === 0) {
    throw new BuildError('USAGE', 'no recipe is named', {
      hint: `name some, or say --all; there are ${tree.names().length}`,
    });
  }
  return [...new Set(operands.map((operand) => tree.resolve(operand)))];
}

export function platformOf(context: CommandContext): Platform {
  const text = context.args.text('platform');
  return text === undefined ? hostPlatform() : parsePlatform(text);
}

/** How recipes are read for this command line. */
export function recipeOptionsOf(context: CommandContext): RecipeOptions {
  const platform = context.args.text('platform');
  const flags = [
    ...(context.treeDirectory === undefined ? [] : ['--tree', context.treeDirectory]),
    ...(platform === undefined ? [] : ['--platform', platform]),
  ];
  return { platform: platformOf(context), cwd: context.cwd, flags };
}

export interface TreeRequests {
  readonly tree: Tree;
  readonly requests: readonly BuildRequest[];
  readonly finder: ImageFinder;
}

/** Requests for the recipes a command line names. */
export function treeRequests(context: CommandContext, naming: Naming = {}): TreeRequests {
  const tree = requireTree(context);
  const options = recipeOptionsOf(context);
  const requests = namedRecipes(context, tree, naming).map((name) => recipeRequest(tree.recipe(name), options));
  return { tree, requests, finder: createFinder(tree, options) };
}

/** Flags of every command that names recipes. */
export const RECIPE_FLAGS = {
  all: { summary: 'every recipe of the tree' },
  platform: { summary: 'build for OS/ARCH instead of this machine', value: 'PLATFORM' },
} as const;
