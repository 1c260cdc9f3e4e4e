// Owns: `ocibuild mirror`: every pinned file of recipes, distribution roots' included, as one artifact of an OCI layout.

import { resolve } from 'node:path';
import { fetchEverything } from '../build/all-sources.ts';
import { writeMirror } from '../build/distfiles.ts';
import { requirePlace } from '../image/place.ts';
import { formatBytes } from '../progress/text.ts';
import type { Command } from './command.ts';
import { fetchSettings } from './fetch.ts';
import { counted } from './table.ts';
import { RECIPE_FLAGS, treeRequests } from './trees.ts';

export const command: Command = {
  name: 'mirror',
  summary: 'write the sources of recipes, and of everything they need, into an OCI layout',
  usage: `DIR [RECIPE…]
No recipe means every one of the tree. DIR becomes, or stays, an OCI layout; in it one artifact, called sources, has a blob for
each pinned file: sources, and the lists and packages of distribution roots. The same recipes give the same digest. Any command
reads them back with --distfiles DIR.`,
  flags: {
    platform: RECIPE_FLAGS.platform,
    distfiles: { summary: 'look for sources in this folder first', value: 'DIR', repeatable: true },
  },
  operands: { min: 1, max: Number.POSITIVE_INFINITY },
  needsNamespace: false,
  run: async (context) => {
    const { args, cwd } = context;
    const [where, ...names] = args.operands as [string, ...string[]];
    const directory = resolve(cwd, where);
    requirePlace(directory, 'layout');
    const { requests, finder } = treeRequests(context, { operands: names, everything: names.length === 0 });
    const given = args.list('distfiles').map((folder) => resolve(cwd, folder));
    const progress = context.openProgress();
    try {
      const rows = await fetchEverything(requests, finder, fetchSettings(context, given, progress.watch));
      const { digest, files, bytes, written } = await writeMirror(rows, directory);
      progress.close();
      context.stdout.write(
        `${where} ${digest} ${counted(files, 'file')}, ${formatBytes(bytes)}, ${written} of them new\n`,
      );
      return 0;
    } finally {
      progress.close();
    }
  },
};
