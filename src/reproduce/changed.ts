// Owns: recipes that changed since a git revision, and what is built on them. Asks git; builds nothing.

import { spawnSync } from 'node:child_process';
import { realpathSync } from 'node:fs';
import { join, relative, sep } from 'node:path';
import { BuildError } from '../errors.ts';
import type { Graph } from '../graph/op.ts';
import type { Tree } from '../recipe/types.ts';

/**
 * Files of the tree that differ from a revision, those git does not know yet included; relative to the tree. Throws
 * BuildError USAGE for a revision that is none, or a tree that is in no git repository.
 */
export function changedFiles(tree: string, revision: string): readonly string[] {
  // Never an option, whatever it begins with.
  const commit = git(
    tree,
    ['rev-parse', '--verify', '--quiet', '--end-of-options', `${revision}^{commit}`],
    revision,
  ).trim();
  const changed = git(tree, ['diff', '--name-only', '-z', '--relative', '--no-renames', commit, '--', '.'], revision);
  const unknown = git(tree, ['ls-files', '--others', '--exclude-standard', '-z', '--', '.'], revision);
  return [...new Set(`${changed}${unknown}`.split('\0').filter((name) => name !== ''))].sort();
}

function git(directory: string, args: readonly string[], revision: string): string {
  // Whoever owns the checkout, it is only read.
  const command = ['-c', 'safe.directory=*', '-C', directory, ...args];
  const done = spawnSync('git', command, { encoding: 'utf8', maxBuffer: 1 << 28 });
  if (done.error !== undefined) {
    throw new BuildError('MACHINE', '--changed asks git, which cannot be started', { got: done.error.message });
  }
  if (done.status === 0) return done.stdout;
  throw new BuildError('USAGE', `git cannot say what changed since ${revision}`, {
    got: done.stderr.trim() || `git ${args[0]}: exit status ${done.status}`,
    hint: 'name a commit, a branch or a tag of the repository that the tree is in',
  });
}

/** Names of recipes in whose folders one of the files lies. */
export function recipesOf(tree: Tree, names: readonly string[], files: readonly string[]): readonly string[] {
  const root = realpathSync(tree.directory);
  return names.filter((name) => {
    const folder = relative(root, realpathSync(tree.recipe(name).directory)) + sep;
    return files.some((file) => join(file).startsWith(folder));
  });
}

/** Those names and all whose images are built with one of them, in the order of the graph: what is needed stands first. */
export function withDependents(graph: Graph, names: readonly string[]): readonly string[] {
  const wanted = new Set<number>();
  for (const [position, target] of graph.targets.entries()) {
    const isAffected = names.includes(target.name) || target.dependencies.some((each) => wanted.has(each));
    if (isAffected) wanted.add(position);
  }
  return [...wanted].map((position) => graph.targets[position]!.name);
}
