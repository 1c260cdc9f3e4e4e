// Owns: `ocibuild lint`: findings about recipes, each with its place. What is a finding is decided elsewhere.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { OciError } from '../../oci/errors.ts';
import type { Containerfile } from '../containerfile/instruction.ts';
import { lintContainerfile } from '../containerfile/lint.ts';
import { parseContainerfile } from '../containerfile/parse.ts';
import { BuildError, type SourceLocation } from '../errors.ts';
import { findCycles, lintRecipe, neededRecipes } from '../recipe/lint.ts';
import { CONTAINER_FILE } from '../recipe/recipe.ts';
import { ORIGIN, type Recipe, type Tree } from '../recipe/types.ts';
import type { Command } from './command.ts';
import { counted } from './table.ts';
import { namedRecipes, requireTree } from './trees.ts';

/** One line of output. A recipe that cannot be read is a finding too: the others are looked at all the same. */
export interface Finding {
  readonly code: string;
  readonly severity: 'error' | 'warning';
  readonly at: SourceLocation | undefined;
  readonly message: string;
}

export const command: Command = {
  name: 'lint',
  summary: 'report problems of recipes, with file and line',
  usage: '[RECIPE… | --all]\nNo recipe means every one of the tree. Errors give exit status 1, warnings alone 0.',
  flags: {
    all: { summary: 'every recipe of the tree' },
    strict: { summary: 'warnings count as errors' },
    json: { summary: 'as a list of {"code","severity","file","line","message"}' },
  },
  needsNamespace: false,
  run: async (context) => {
    const { args, stdout, stderr } = context;
    const tree = requireTree(context);
    const names = namedRecipes(context, tree, { everything: true });
    const findings = lintNamed(tree, names);
    if (args.is('json')) {
      const rows = findings.map(({ at, ...rest }) => ({ ...rest, file: at?.file ?? null, line: at?.line ?? null }));
      stdout.write(`${JSON.stringify(rows, undefined, 2)}\n`);
    } else {
      for (const { at, severity, code, message } of findings) {
        stdout.write(`${at === undefined ? '' : `${at.file}:${at.line}: `}${severity}: ${message} [${code}]\n`);
      }
    }
    const errors = findings.filter(({ severity }) => severity === 'error').length;
    const warnings = findings.length - errors;
    stderr.write(`${counted(names.length, 'recipe')}: ${counted(errors, 'error')}, ${counted(warnings, 'warning')}\n`);
    return errors > 0 || (args.is('strict') && warnings > 0) ? 1 : 0;
  },
};

/** Findings of every recipe named, in their order, then the cycles they are part of. */
export function lintNamed(tree: Tree, names: readonly string[]): readonly Finding[] {
  const findings: Finding[] = [];
  const isLocal = (reference: string): boolean => reference === ORIGIN || tree.lookup(reference) !== undefined;
  for (const name of names) {
    try {
      const recipe = tree.recipe(name);
      const file = readContainerfile(recipe);
      if (file !== undefined) {
        for (const { at, message } of file.warnings) findings.push({ code: 'parse', severity: 'warning', at, message });
        for (const found of lintContainerfile(file, { isLocal })) findings.push({ ...found, severity: 'warning' });
      }
      findings.push(...lintRecipe(recipe, file, tree));
    } catch (error) {
      findings.push(faultOf(error));
    }
  }
  return [...findings, ...findCycles(names, (name) => needsOf(tree, name))];
}

/** What a recipe needs; nothing for one that cannot be read, which is reported where it is linted itself. */
function needsOf(tree: Tree, name: string): ReturnType<typeof neededRecipes> {
  try {
    const recipe = tree.recipe(name);
    const file = readContainerfile(recipe);
    return file === undefined ? new Map() : neededRecipes(file, tree, recipe);
  } catch (error) {
    faultOf(error);
    return new Map();
  }
}

/** Undefined for a distribution root, which has none. */
function readContainerfile(recipe: Recipe): Containerfile | undefined {
  if (recipe.root !== undefined) return undefined;
  const text = readFileSync(join(recipe.directory, CONTAINER_FILE));
  return parseContainerfile(text, join(recipe.shown, CONTAINER_FILE));
}

/** Throws what is no fault of the recipe. */
function faultOf(error: unknown): Finding {
  if (!(error instanceof BuildError || error instanceof OciError)) throw error;
  const at = error instanceof BuildError ? error.location : undefined;
  return { code: error.code, severity: 'error', at, message: error.message };
}
