// Owns: `ocibuild lock`: renews the lock file of a distribution root and shows what changed.

import { type Digest, digestOf } from '../../oci/digest.ts';
import { fetchRootSources } from '../build/roots.ts';
import { BuildError } from '../errors.ts';
import { distfilesFrom, fetchUnpinned } from '../fetch/fetch.ts';
import { fileChunks } from '../fetch/file-chunks.ts';
import { Landing, sourcePath } from '../fetch/source-store.ts';
import type { Watcher } from '../progress/event.ts';
import type { Recipe } from '../recipe/types.ts';
import { LOCK_FILE, readKeyFiles, readLockFile, writeLockFile } from '../root/folder.ts';
import { describeChanges, kindOf } from '../root/kind.ts';
import type { LockIo, RootSpec } from '../root/types.ts';
import type { Command, CommandContext } from './command.ts';
import { requireTree } from './trees.ts';

export const command: Command = {
  name: 'lock',
  summary: 'pin what a distribution root is made of, and show what changed',
  usage: 'ROOT…',
  flags: {
    check: { summary: 'write nothing; exit 1 when the archive has something newer than the lock file' },
    distfiles: { summary: 'look for files there before downloading', value: 'DIR', repeatable: true },
  },
  operands: { min: 1, max: Number.POSITIVE_INFINITY },
  needsNamespace: false,
  async run(context) {
    if (context.offline) {
      throw new BuildError('USAGE', 'lock asks the archive what is new', { hint: 'leave --offline out' });
    }
    const tree = requireTree(context);
    let status = 0;
    for (const operand of context.args.operands) {
      const recipe = tree.recipe(tree.resolve(operand));
      if (recipe.root === undefined) {
        throw new BuildError('USAGE', `${recipe.shown} is no distribution root`, {
          want: 'a recipe of kind "debian-root" or "alpine-root"',
          got: `kind "${recipe.kind}"`,
        });
      }
      const changed = await renew(recipe, recipe.root, context);
      if (changed && context.args.is('check')) status = 1;
    }
    return status;
  },
};

/** Makes the new lock, fetches and verifies all it names, and only then writes it. Gives whether it differs. */
async function renew(recipe: Recipe, spec: RootSpec, context: CommandContext): Promise<boolean> {
  const progress = context.openProgress();
  try {
    const io = makeIo(recipe, context, progress.watch);
    const keys = readKeyFiles(recipe.directory, spec);
    const old = readLockFile(recipe.directory, recipe.shown, spec);
    const fresh = await kindOf(spec).lock(keys, old, io);
    const changed = old === undefined || old.text !== fresh.text;
    if (!context.args.is('check')) {
      // A list may name files that a mirror does not serve: such a lock would be of no use to anybody.
      await io.fetchPinned(fresh.sources);
      await fresh.verify(keys, io.bytesOf);
      if (changed) writeLockFile(recipe.directory, fresh);
    }
    progress.close();
    const bytes = fresh.packages.reduce((sum, item) => sum + item.size, 0);
    const total = `${fresh.packages.length} packages, ${Math.round(bytes / 1e6)} MB`;
    for (const line of describeChanges(old, fresh)) context.stdout.write(`${line}\n`);
    const outcome = !changed ? 'unchanged' : context.args.is('check') ? 'is out of date' : 'written';
    context.stdout.write(`${recipe.shown}/${LOCK_FILE} ${outcome}: ${fresh.title}, ${total}\n`);
    return changed;
  } finally {
    progress.close();
  }
}

function makeIo(recipe: Recipe, context: CommandContext, onEvent: Watcher): LockIo {
  const store = context.storeDirectory;
  const settings = {
    store,
    distfiles: distfilesFrom(context.args.list('distfiles'), context.env),
    offline: false,
    onEvent,
    signal: context.signal,
    env: context.env,
  };
  const command = `ocibuild lock ${recipe.shown}`;
  return {
    async fetchUnpinned(_file, mirrors, limit) {
      const { bytes } = await fetchUnpinned(mirrors, limit, { env: context.env, signal: context.signal });
      await keep(store, bytes);
      return bytes;
    },
    fetchPinned: (sources) =>
      fetchRootSources(recipe, sources, command, { ...settings, jobs: Math.min(context.jobs, 8) }),
    bytesOf: (digest) => fileChunks(sourcePath(store, digest)),
    now: () => Date.now(),
  };
}

/** Puts bytes we have into the store under their digest. */
async function keep(store: string, bytes: Uint8Array): Promise<void> {
  const digest: Digest = digestOf(bytes);
  const landing = await Landing.open(store, digest);
  try {
    await landing.restart();
    await landing.write(bytes);
  } catch (error) {
    await landing.discard();
    throw error;
  }
  await landing.land();
}
