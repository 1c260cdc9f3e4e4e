// Owns: the bytes of one place, a URL or a file of this machine, into a sink, and what to say when that fails. Knows no
// store and no pinned digest.

import { open, realpath, stat } from 'node:fs/promises';
import path from 'node:path';
import type { Digest } from '../../oci/digest.ts';
import { BuildError } from '../errors.ts';
import type { Watcher } from '../progress/event.ts';
import { DownloadFault, download, type Patience } from './download.ts';
import { machineApt, type Place, showPlace } from './mirrors.ts';
import type { Environment } from './proxy.ts';
import { isAbsence, type Sink } from './source-store.ts';

const CHUNK = 1 << 20;
/** At most one progress event per file in that time, in milliseconds. */
const PROGRESS_EVERY = 100;

export interface PlaceSettings {
  readonly signal: AbortSignal;
  /** Default: that of the process. */
  readonly env?: Environment;
  readonly patience?: Patience;
  readonly onEvent?: Watcher;
}

/** What became of one place that gave nothing of use. */
export interface Attempt {
  readonly place: string;
  readonly reason: string;
  readonly kind: DownloadFault['kind'];
  /** Digest of the bytes it gave, when they were the wrong ones. */
  readonly got?: Digest;
}

/** Keeps its bytes in memory. */
export class MemorySink implements Sink {
  length = 0;
  private parts: Uint8Array[] = [];
  async write(bytes: Uint8Array): Promise<void> {
    this.parts.push(Buffer.from(bytes));
    this.length += bytes.length;
  }
  async restart(): Promise<void> {
    this.parts = [];
    this.length = 0;
  }
  bytes(): Buffer {
    return Buffer.concat(this.parts);
  }
}

/**
 * Everything one place has into a sink, with progress under the name `file`. undefined: done. `limit` in bytes.
 * Throws BuildError INTERRUPTED, and what the sink throws.
 */
export async function tryPlace(
  place: Place,
  sink: Sink,
  limit: number,
  settings: PlaceSettings,
  file?: string,
): Promise<Attempt | undefined> {
  throwIfInterrupted(settings.signal);
  if (place.kind === 'none') return { place: showPlace(place), reason: place.reason, kind: 'refused' };
  try {
    if (place.kind === 'file') await copyFrom(place, sink, limit);
    else {
      const report = file === undefined ? undefined : progressOf(file, settings.onEvent);
      await download(place.url, sink, {
        env: settings.env ?? process.env,
        ...(place.debian ? { aptProxies: machineApt().proxies } : {}),
        limit,
        ...(settings.patience === undefined ? {} : { patience: settings.patience }),
        signal: settings.signal,
        ...(report === undefined ? {} : { onProgress: report }),
      });
      const { length } = sink;
      const from = showPlace(place);
      settings.onEvent?.({ type: 'fetch', file: file ?? '', received: length, total: length, done: true, from });
    }
    return undefined;
  } catch (error) {
    if (error instanceof BuildError && error.code !== 'NETWORK') throw error;
    const kind = error instanceof DownloadFault ? error.kind : 'refused';
    const reason = error instanceof Error ? error.message : String(error);
    return { place: showPlace(place), reason, kind };
  }
}

function progressOf(file: string, onEvent: Watcher | undefined): (received: number, total: number | undefined) => void {
  let last = 0;
  return (received, total) => {
    const now = performance.now();
    if (last !== 0 && now - last < PROGRESS_EVERY) return;
    last = now;
    onEvent?.({ type: 'fetch', file, received, ...(total === undefined ? {} : { total }), done: false });
  };
}

/** A file of this machine into a sink, from its start. */
async function copyFrom(place: Place & { kind: 'file' }, sink: Sink, limit: number): Promise<void> {
  const buffer = Buffer.allocUnsafe(CHUNK);
  try {
    if (place.within !== undefined) await checkInside(place.path, place.within);
    // Before it is opened: to open a pipe may take for ever.
    const stats = await stat(place.path);
    if (!stats.isFile()) throw new DownloadFault('refused', 'no regular file');
    if (stats.size > limit) {
      throw new DownloadFault('refused', `too long: at most ${limit} bytes are wanted, it has ${stats.size}`);
    }
    const handle = await open(place.path, 'r');
    try {
      await sink.restart();
      for (;;) {
        const { bytesRead } = await handle.read(buffer, 0, CHUNK, sink.length);
        if (bytesRead === 0) return;
        await sink.write(buffer.subarray(0, bytesRead));
      }
    } finally {
      await handle.close();
    }
  } catch (error) {
    if (error instanceof DownloadFault || error instanceof BuildError) throw error;
    const code = (error as NodeJS.ErrnoException).code ?? String(error);
    throw new DownloadFault(isAbsence(error) ? 'absent' : 'refused', isAbsence(error) ? 'no such file' : code);
  }
}

/** A recipe's path may not leave its folder, nor may the links on its way. */
async function checkInside(file: string, folder: string): Promise<void> {
  const relative = path.relative(await realpath(folder), await realpath(file));
  if (relative === '..' || relative.startsWith(`..${path.sep}`) || path.isAbsolute(relative)) {
    throw new DownloadFault('refused', 'the path leaves the recipe folder');
  }
}

/** Throws BuildError INTERRUPTED once the signal has fired. */
export function throwIfInterrupted(signal: AbortSignal): void {
  if (signal.aborted) throw new BuildError('INTERRUPTED', 'interrupted');
}
