// Owns: answering a build from the store alone, outside the namespace, when nothing has to be done for it.

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { BuildEvent, Watcher } from '../progress/event.ts';
import { ReadOnlyStore } from '../snapshot/read-only.ts';
import { NeedsWork } from '../solver/services.ts';
import type { CommandContext } from './command.ts';

/** What one build needs of its command: events go to `watch`, and no store is changed when `isReadOnly`. */
export type BuildWork = (watch: Watcher, isReadOnly: boolean, closeProgress: () => void) => Promise<number>;

/** Builds with a live view. */
export async function buildInside(context: CommandContext, work: BuildWork): Promise<number> {
  const progress = context.openProgress();
  try {
    return await work(progress.watch, false, () => progress.close());
  } finally {
    progress.close();
  }
}

/** The same from the cache; events are shown only once it is certain that nothing has to be done. */
export async function answerFromCache(context: CommandContext, work: BuildWork): Promise<number | undefined> {
  const parts = ['actions', 'diffs', 'layout/oci-layout'];
  if (!parts.every((part) => existsSync(join(context.storeDirectory, part)))) return undefined;
  const events: BuildEvent[] = [];
  const replay = (): void => {
    const progress = context.openProgress();
    for (const event of events) progress.watch(event);
    progress.close();
  };
  try {
    return await work((event) => events.push(event), true, replay);
  } catch (error) {
    if (context.signal.aborted) throw error;
    // A file that only the namespace may read is no reason to fail either: inside, it is tried again.
    if (error instanceof NeedsWork || error instanceof ReadOnlyStore || isDenied(error)) return undefined;
    throw error;
  }
}

function isDenied(error: unknown): boolean {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  return (
    code === 'EACCES' ||
    code === 'EPERM' ||
    (error instanceof Error && error.cause !== undefined && isDenied(error.cause))
  );
}
