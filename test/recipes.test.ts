// Owns: what holds for the recipes of this tree as they lie there, without building any of them.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { lintNamed } from '../src/cli/lint.ts';
import { readDigests } from '../src/digests/digest-list.ts';
import { openTree } from '../src/recipe/tree.ts';

const ROOT = join(import.meta.dirname, '..');

describe('the recipes of this tree', () => {
  const tree = openTree(ROOT);
  const names = tree.names();

  test('there are some', () => {
    expect(names).toContain('recipes/gcc');
    expect(names).toContain('bootstrap/seed-hex0');
  });

  test('lint finds no fault in them, and nothing to warn of in the packages but stages that some have no use for', () => {
    const packages = names.filter((name) => name.startsWith('recipes/'));
    const found = [
      ...lintNamed(tree, names).filter(({ severity }) => severity === 'error'),
      ...lintNamed(tree, packages).filter(({ code }) => code !== 'missing-stage'),
    ];
    expect(found.map(({ at, message }) => `${at?.file}:${at?.line}: ${message}`)).toEqual([]);
  });

  test('recipes/digests.txt has one line for each, and no other', () => {
    const lines = readDigests(tree)!.lines.map(({ name }) => name);
    expect(lines.toSorted()).toEqual(names.toSorted());
  });

  test('docs/distribution.md names every package', () => {
    const text = readFileSync(join(ROOT, 'docs/distribution.md'), 'utf8');
    const packages = names.filter((name) => name.startsWith('recipes/')).map((name) => name.slice('recipes/'.length));
    expect(packages.filter((name) => !text.includes(`\`${name}\``))).toEqual([]);
  });
});
