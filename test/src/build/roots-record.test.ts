// What a garbage collection is told to keep: one record for each target, none lost to another, none in the way.

import { mkdirSync, mkdtempSync, readdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type Digest, digestOf } from '../../../oci/digest.ts';
import { readRoots, recordRoots } from '../../../src/build/roots-record.ts';
import type { Graph } from '../../../src/graph/op.ts';
import type { Solution } from '../../../src/solver/solve.ts';

let store: string;
beforeEach(() => {
  store = mkdtempSync(join(tmpdir(), 'ocibuild-roots-'));
});
afterEach(() => rmSync(store, { recursive: true }));

interface Made {
  readonly name: string;
  readonly identity?: string;
  /** Its image's index and its source are digests of this. */
  readonly content: string;
  readonly isRequested?: boolean;
}

const indexOf = (content: string): Digest => digestOf(`index ${content}`);
const sourceOf = (content: string): Digest => digestOf(`source ${content}`);

/** One solve; its action and its diff are digests of everything in it. */
function solved(...made: readonly Made[]): Digest {
  const all = digestOf(JSON.stringify(made));
  const graph = {
    targets: made.map(({ name, identity = name, content }) => ({
      name,
      identity,
      recipe: { sources: [{ digest: sourceOf(content) }] },
    })),
    requested: made.flatMap((each, index) => (each.isRequested === false ? [] : [index])),
  };
  const solution = {
    images: new Map(made.map(({ content }, index) => [index, { indexDigest: indexOf(content) }])),
    actions: new Set([all]),
    results: new Map([[0, { snapshot: { id: all, diffs: [all] } }]]),
  };
  recordRoots(store, graph as unknown as Graph, solution as unknown as Solution);
  return all;
}

const shown = () => readRoots(store).map(({ target, index }) => [target, index]);

test('names that look alike as file names, and equal names of other targets, do not meet', () => {
  solved({ name: 'x/y', content: '1' });
  solved({ name: 'x_y', content: '2' });
  solved({ name: 'app', identity: 'aa', content: '3' });
  solved({ name: 'app', identity: 'bb', content: '4' });
  expect(shown().sort()).toEqual(
    [
      ['x/y', indexOf('1')],
      ['x_y', indexOf('2')],
      ['app', indexOf('3')],
      ['app', indexOf('4')],
    ].sort(),
  );
  solved({ name: 'x/y', content: '5' });
  expect(shown().filter(([name]) => name === 'x/y')).toEqual([['x/y', indexOf('5')]]);
});

test('of equal names the one built last comes first, changed or not', () => {
  const age = () => {
    for (const name of readdirSync(join(store, 'roots'))) utimesSync(join(store, 'roots', name), 1000, 1000);
  };
  const one = { name: 'app', identity: 'aa', content: '1' };
  const other = { name: 'app', identity: 'bb', content: '2' };
  for (const last of [one, other, one]) {
    solved(last === one ? other : one);
    age();
    solved(last);
    expect(shown()[0]).toEqual(['app', indexOf(last.content)]);
  }
});

test('what was asked for keeps all its solve, also when a dependency changed', () => {
  for (const content of ['old', 'new']) {
    const all = solved({ name: 'lib', content, isRequested: false }, { name: 'app', content: 'app' });
    const app = readRoots(store).find(({ target }) => target === 'app');
    expect(app).toMatchObject({
      index: indexOf('app'),
      images: [indexOf(content), indexOf('app')].sort(),
      sources: [sourceOf(content), sourceOf('app')].sort(),
      actions: [all],
      diffs: [all],
    });
    expect(shown()).toContainEqual(['lib', indexOf(content)]);
  }
});

test('a dependency that was once asked for itself keeps what that build used', () => {
  const asked = solved({ name: 'lib', content: 'old' });
  solved({ name: 'lib', content: 'new', isRequested: false }, { name: 'app', content: 'app' });
  const lib = readRoots(store).find(({ target }) => target === 'lib');
  expect(lib).toMatchObject({ index: indexOf('old'), images: [indexOf('old')], actions: [asked], diffs: [asked] });
});

const BROKEN = ['', '{"target":', 'null', '7', '{}', '{"target":"a","index":"sha256:1","images":[],"diffs":[]}'];
test.each(BROKEN)('a record that reads %j is named and passed over', (text) => {
  solved({ name: 'whole', content: '1' });
  mkdirSync(join(store, 'roots'), { recursive: true });
  writeFileSync(join(store, 'roots/broken.json'), text);
  const warnings: string[] = [];
  expect(readRoots(store, (message) => warnings.push(message)).map(({ target }) => target)).toEqual(['whole']);
  expect(warnings).toEqual([expect.stringMatching(/roots\/broken\.json is no record of a build/)]);
});
