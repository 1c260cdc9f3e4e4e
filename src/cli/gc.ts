// Owns: `ocibuild gc`: frees what no target's last build needs.

import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { collectFiles, type Removed } from '../build/collect.ts';
import { type RootRecord, readRoots } from '../build/roots-record.ts';
import { BuildError } from '../errors.ts';
import { formatBytes } from '../progress/text.ts';
import { collectGarbage, type Reachable } from '../snapshot/gc.ts';
import { readFailedSteps } from '../solver/failed-step.ts';
import { storeServices } from './build-flags.ts';
import type { Command } from './command.ts';

export const command: Command = {
  name: 'gc',
  summary: 'free what the last builds do not need',
  usage: '\nKept: images, steps and sources of every target as it was built last.',
  flags: {
    all: { summary: 'keep nothing but sources' },
    sources: { summary: 'sources no kept target pins go too' },
    cache: { summary: 'what --mount=type=cache holds goes too' },
    'dry-run': { summary: 'only say what would go' },
  },
  operands: { min: 0, max: 0 },
  needsNamespace: true,
  run: async (context) => {
    const { args } = context;
    const services = storeServices(context);
    const { store, snapshots, layout } = services;
    const dryRun = args.is('dry-run');
    const warn = (message: string): unknown => context.stderr.write(`warning: ${message}\n`);
    let roots: readonly RootRecord[] = [];
    let removed: Removed = { files: 0, bytes: 0 };
    const findReachable = (): Reachable => {
      if (args.is('all')) return { diffs: new Set() };
      roots = readRoots(store, warn);
      const failed = readFailedSteps(store, warn);
      return { diffs: new Set([...roots, ...failed].flatMap((record) => record.diffs)) };
    };
    const alone = (): void => {
      if (args.is('all') && !dryRun) {
        for (const folder of ['roots', 'failed']) rmSync(join(store, folder), { recursive: true, force: true });
      }
      const options = { sources: args.is('sources'), cache: args.is('cache'), dryRun };
      removed = collectFiles(store, layout, roots, options);
    };
    const collected = collectGarbage(snapshots, findReachable, { dryRun, alone });
    if (collected.isBusy) {
      throw new BuildError('STORE', 'another build is using the store', {
        got: `only what ended builds left behind was freed: ${formatBytes(collected.bytes)}`,
        hint: 'try again when it is done',
      });
    }
    const bytes = formatBytes(collected.bytes + removed.bytes);
    context.stdout.write(
      `${dryRun ? 'would free' : 'freed'} ${bytes}: ${collected.diffs} snapshots, ${removed.files} other files\n`,
    );
    return 0;
  },
};
