// What a garbage collection takes and leaves, as a user sees it: beside builds that were killed, and with records that
// cannot be read.

import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { busybox, Lab, type Result } from './engine.ts';
import { testRuntimes } from './harness.ts';

describe.skipIf(busybox === undefined || testRuntimes().length === 0)('gc', () => {
  let lab: Lab;
  beforeAll(() => {
    lab = new Lab();
    lab.base();
  });
  afterAll(() => lab.remove());

  const done = <T extends Result>(result: T): T => {
    expect(result.status, result.stderr).toBe(0);
    return result;
  };

  test('right after the kill of a build it does not take that one for alive', async () => {
    const context = lab.context('FROM base\nRUN <<EOF\n#!/bin/sh\necho it runs\nsleep 100\nEOF\n');
    const running = lab.start(lab.buildArgs(context, ['--progress', 'plain']));
    await running.printed('it runs');
    expect(lab.run(['gc']).stderr).toContain('another build is using the store');
    running.child.kill('SIGKILL');
    await running.ended;
    expect(done(lab.run(['gc'])).stdout).toMatch(/^freed/);
    expect(readdirSync(join(lab.store, 'work'))).toEqual([]);
  });

  test('what the last build of a target used stays: nothing runs again', () => {
    const context = lab.context('FROM base\nRUN echo kept >/kept\n');
    expect(done(lab.build(context, ['--tag', 'kept']))).toMatchObject({ ran: 1 });
    done(lab.run(['gc']));
    expect(lab.build(context, ['--tag', 'kept'])).toMatchObject({ ran: 0, cached: 1 });
    done(lab.run(['gc', '--all']));
    expect(readdirSync(join(lab.store, 'layout/blobs/sha256'))).toEqual([]);
    expect(lab.build(context, ['--tag', 'kept'])).toMatchObject({ ran: 1, cached: 0 });
  });

  test('two folders built under one name both stay', () => {
    const contexts = ['one', 'two'].map((word) => lab.context(`FROM base\nRUN echo ${word} >/word\n`));
    for (const context of contexts) expect(done(lab.build(context, ['--tag', 'same']))).toMatchObject({ ran: 1 });
    done(lab.run(['gc']));
    for (const context of contexts) expect(lab.build(context, ['--tag', 'same'])).toMatchObject({ ran: 0, cached: 1 });
  });

  test('the changed image of a dependency stays while what needs it does', () => {
    const lib = (word: string) => ({ Containerfile: 'FROM scratch\nCOPY word /word\n', word });
    const tree = lab.tree('gc-tree', {
      lib: lib('old'),
      app: { Containerfile: 'FROM scratch\nCOPY --from=recipes/lib /word /word\n' },
    });
    done(lab.runRecipes(tree, ['app']));
    lab.write('gc-tree/recipes/lib', { word: 'new' });
    done(lab.runRecipes(tree, ['app']));
    const blobs = () => readdirSync(join(lab.store, 'layout/blobs/sha256')).sort();
    done(lab.run(['gc']));
    const kept = blobs();
    expect(done(lab.runRecipes(tree, ['app']))).toMatchObject({ ran: 0 });
    expect(blobs()).toEqual(kept);
  });

  test('records nobody can read are named, and hinder nothing', () => {
    for (const folder of ['roots', 'failed']) {
      mkdirSync(join(lab.store, folder), { recursive: true });
      writeFileSync(join(lab.store, folder, 'torn.json'), '{"target":');
    }
    const { stderr } = done(lab.run(['gc']));
    expect(stderr).toMatch(/warning: .*roots\/torn\.json/);
    expect(stderr).toMatch(/warning: .*failed\/torn\.json/);
  });
});
