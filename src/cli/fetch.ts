// Owns: `ocibuild fetch`: pinned sources into the store, verified, so that a later build needs no network.

import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fetchEverything } from '../build/all-sources.ts';
import { fillFolder } from '../build/distfiles.ts';
import type { RootSettings } from '../build/roots.ts';
import { distfilesFrom } from '../fetch/fetch.ts';
import type { Watcher } from '../progress/event.ts';
import { formatBytes } from '../progress/text.ts';
import type { Command, CommandContext } from './command.ts';
import { counted, tableText } from './table.ts';
import { RECIPE_FLAGS, treeRequests } from './trees.ts';

/** Downloads side by side, at least: they wait for others, not for processors. */
const PARALLEL = 4;

export const command: Command = {
  name: 'fetch',
  summary: 'get and check the sources of recipes and of everything they need',
  usage: '[RECIPE… | --all]\nNo recipe means every one of the tree.',
  flags: {
    ...RECIPE_FLAGS,
    distfiles: {
      summary:
        'look for sources in this folder first; the first one given gets all of them, as sha256/HEX, unless it is an OCI layout',
      value: 'DIR',
      repeatable: true,
    },
    json: { summary: 'as a list of {"recipe","file","digest","size","path"}' },
  },
  needsNamespace: false,
  run: async (context) => {
    const { args, cwd } = context;
    const { requests, finder } = treeRequests(context, { everything: true });
    const given = args.list('distfiles').map((folder) => resolve(cwd, folder));
    const progress = context.openProgress();
    try {
      const rows = await fetchEverything(requests, finder, fetchSettings(context, given, progress.watch));
      // A layout is what `mirror` writes: it is read here, and gets nothing.
      const folder = given[0] !== undefined && existsSync(join(given[0], 'oci-layout')) ? undefined : given[0];
      const filled = folder === undefined ? undefined : fillFolder(rows, folder);
      progress.close();
      const cells = rows.map(({ recipe, file, digest, size }) => [recipe, file, formatBytes(size), digest]);
      context.stdout.write(args.is('json') ? `${JSON.stringify(rows, undefined, 2)}\n` : tableText(cells, [2]));
      if (filled !== undefined) {
        const { written, files, bytes } = filled;
        context.stderr.write(`${folder}: ${counted(files, 'file')}, ${formatBytes(bytes)}, ${written} of them new\n`);
      }
      return 0;
    } finally {
      progress.close();
    }
  },
};

/** How fetching goes for a command line; `given` are folders to look into before those of the environment. */
export function fetchSettings(context: CommandContext, given: readonly string[], onEvent: Watcher): RootSettings {
  const { env, signal } = context;
  return {
    store: context.storeDirectory,
    distfiles: distfilesFrom(given, env),
    offline: context.offline,
    jobs: Math.max(context.jobs, PARALLEL),
    onEvent,
    signal,
    env,
  };
}
