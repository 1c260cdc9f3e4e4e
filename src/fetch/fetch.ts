// Owns: pinned sources into the store: the store first, then distfiles, then mirrors in order. A source that is not
// what its digest says never lands.

import { open, realpath } from 'node:fs/promises';
import path from 'node:path';
import { type Digest, digestOf, hexOf } from '../../oci/digest.ts';
import { BuildError, formatError, type SourceLocation } from '../errors.ts';
import type { Watcher } from '../progress/event.ts';
import { decodeHexSource } from '../recipe/hex-source.ts';
import type { FetchedSource, Source } from '../recipe/types.ts';
import { DownloadFault, download, PATIENCE, type Patience } from './download.ts';
import { expandMirror, machineApt, type Place, showPlace } from './mirrors.ts';
import type { Environment } from './proxy.ts';
import { findStored, isAbsence, Landing, type Sink, sourcePath } from './source-store.ts';

/** A source longer than that is refused where package.toml gives no size. 32 GiB. */
const DEFAULT_LIMIT = 32 * 2 ** 30;
const CHUNK = 1 << 20;
/** How often all mirrors are asked while their failures may pass. */
const ROUNDS = 3;
/** At most one progress event per file in that time, in milliseconds. */
const PROGRESS_EVERY = 100;

export interface FetchSettings {
  /** Absolute path of the store. */
  readonly store: string;
  /** Folders with files that may be asked for: by file name, by hex, or as sha256/HEX. */
  readonly distfiles: readonly string[];
  /** Nothing is asked of the network. */
  readonly offline: boolean;
  readonly onEvent: Watcher;
  readonly signal: AbortSignal;
  /** Default: that of the process. Proxies and OCIBUILD_DEBIAN_MIRROR. */
  readonly env?: Environment;
  readonly patience?: Patience;
}

export interface FetchOptions extends FetchSettings {
  readonly recipeDirectory: (source: Source) => string;
  /** How many downloads run side by side, at least 1. */
  readonly jobs: number;
}

/** Folders of OCIBUILD_DISTFILES, apart by colons, after those of the command line. */
export function distfilesFrom(given: readonly string[], env: Environment = process.env): string[] {
  const more = (env['OCIBUILD_DISTFILES'] ?? '').split(':').filter((folder) => folder !== '');
  return [...given, ...more].map((folder) => path.resolve(folder));
}

/** One file wanted, with every way to get it. */
interface Wanted {
  readonly digest: Digest;
  readonly file: string;
  readonly limit: number;
  /** Exact length, where it is known. */
  readonly size?: number;
  readonly hex: boolean;
  readonly places: readonly Place[];
  readonly location?: SourceLocation;
  /** The command that would fetch it, for --offline. */
  readonly command: string;
}

/** What became of one place. */
interface Attempt {
  readonly place: string;
  readonly reason: string;
  readonly kind: DownloadFault['kind'];
  /** Digest of the bytes it gave, when they were the wrong ones. */
  readonly got?: Digest;
}

/**
 * Brings every source into the store, each digest once. Gives the sources by digest, all of them verified.
 * Throws BuildError SOURCE_MISMATCH, SOURCE_MISSING, NETWORK, RECIPE, STORE, DISK_FULL or INTERRUPTED, located at the
 * source's hash; when several fail, the message has a line for each.
 */
export async function fetchSources(
  sources: readonly Source[],
  options: FetchOptions,
): Promise<ReadonlyMap<Digest, FetchedSource>> {
  const groups = new Map<Digest, Source[]>();
  for (const source of sources) groups.set(source.digest, [...(groups.get(source.digest) ?? []), source]);
  const fetched = new Map<Digest, FetchedSource>();
  const failures: unknown[] = [];
  await runLimited([...groups.values()], options.jobs, async (group) => {
    const source = group[0]!;
    try {
      const size = await obtain(wantedOf(group, options), options);
      const { digest } = source;
      fetched.set(digest, {
        mediaType: 'application/octet-stream',
        digest,
        size,
        source,
        path: sourcePath(options.store, digest),
      });
    } catch (error) {
      failures.push(error);
      // What is wrong with one source says nothing of the others; what is wrong with the machine does.
      const { code } = error as { code?: string };
      return code !== undefined && !['INTERRUPTED', 'DISK_FULL', 'STORE'].includes(code);
    }
    return true;
  });
  if (failures.length > 0) throw mergeFailures(failures);
  return fetched;
}

function wantedOf(group: readonly Source[], options: FetchOptions): Wanted {
  const source = group[0]!;
  const places = group.flatMap((one) =>
    one.mirrors.flatMap((mirror) =>
      expandMirror(mirror, {
        recipeDirectory: options.recipeDirectory(one),
        env: options.env ?? process.env,
        apt: machineApt(),
      }),
    ),
  );
  const known = new Map(places.map((place) => [showPlace(place), place]));
  return {
    digest: source.digest,
    file: source.file,
    limit: source.size ?? DEFAULT_LIMIT,
    ...(source.size === undefined ? {} : { size: source.size }),
    hex: source.format === 'hex',
    places: [...known.values()],
    location: source.hashLocation,
    command: `ocibuild fetch ${path.dirname(source.location.file)}`,
  };
}

/** One error for all: the interruption, or the first of them with the others on lines of their own. */
function mergeFailures(failures: readonly unknown[]): unknown {
  const decisive = failures.find((error) => !(error instanceof BuildError)) ?? failures.find(isInterruption);
  if (decisive !== undefined || failures.length === 1) return decisive ?? failures[0];
  const errors = (failures as BuildError[]).sort((one, other) => comparePlaces(one.location, other.location));
  const [first, ...others] = errors as [BuildError, ...BuildError[]];
  return new BuildError(first.code, [first.message, ...others.map(formatError)].join('\n'), {
    ...(first.location === undefined ? {} : { location: first.location }),
    cause: new AggregateError(errors),
  });
}

function isInterruption(error: unknown): boolean {
  return error instanceof BuildError && error.code === 'INTERRUPTED';
}

function comparePlaces(one: SourceLocation | undefined, other: SourceLocation | undefined): number {
  if (one === undefined || other === undefined) return 0;
  if (one.file !== other.file) return one.file < other.file ? -1 : 1;
  return one.line - other.line;
}

/** Runs the work on every item, `jobs` at a time, until one says false. */
async function runLimited<Item>(items: readonly Item[], jobs: number, work: (item: Item) => Promise<boolean>) {
  let next = 0;
  let going = true;
  const worker = async (): Promise<void> => {
    while (going && next < items.length) {
      if (!(await work(items[next++]!))) going = false;
    }
  };
  await Promise.all(Array.from({ length: Math.max(1, Math.min(jobs, items.length)) }, worker));
}

export interface PinnedOptions extends FetchSettings {
  /** Name in messages and in distfiles folders. */
  readonly file: string;
  /** Bytes, where it is known: anything longer is refused, anything else does not land. */
  readonly size?: number;
  /** What pins it, for errors. */
  readonly location?: SourceLocation;
  /** The command that would fetch it, for --offline. */
  readonly command: string;
}

/** Brings one file of known digest into the store. Mirrors as package.toml writes them, paths excepted. Throws as fetchSources. */
export async function fetchPinned(
  digest: Digest,
  mirrors: readonly string[],
  options: PinnedOptions,
): Promise<{ readonly path: string; readonly size: number }> {
  const env = options.env ?? process.env;
  const size = await obtain(
    {
      digest,
      file: options.file,
      limit: options.size ?? DEFAULT_LIMIT,
      ...(options.size === undefined ? {} : { size: options.size }),
      hex: false,
      places: mirrors.flatMap((mirror) => expandMirror(mirror, { env, apt: machineApt() })),
      ...(options.location === undefined ? {} : { location: options.location }),
      command: options.command,
    },
    options,
  );
  return { path: sourcePath(options.store, digest), size };
}

/** A file's bytes and the place that gave them. */
export interface Unpinned {
  readonly bytes: Buffer;
  readonly from: string;
}

/**
 * Fetches a file whose digest is not known yet, into memory; for renewing a lock, never for a build. The first mirror
 * that has it wins. `limit` in bytes. Throws BuildError NETWORK, SOURCE_MISSING or INTERRUPTED.
 */
export async function fetchUnpinned(
  mirrors: readonly string[],
  limit: number,
  options: Pick<FetchSettings, 'env' | 'signal' | 'patience'>,
): Promise<Unpinned> {
  const env = options.env ?? process.env;
  const attempts: Attempt[] = [];
  for (const place of mirrors.flatMap((mirror) => expandMirror(mirror, { env, apt: machineApt() }))) {
    const sink = new MemorySink();
    const attempt = await tryPlace(place, sink, limit, options);
    if (attempt === undefined) return { bytes: sink.bytes(), from: showPlace(place) };
    attempts.push(attempt);
  }
  throw failure(mirrors[0] ?? 'nothing', undefined, attempts, undefined);
}

class MemorySink implements Sink {
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

/** Makes sure the file lies in the store; gives its length. */
async function obtain(wanted: Wanted, settings: FetchSettings): Promise<number> {
  throwIfInterrupted(settings.signal);
  const stored = await findStored(settings.store, wanted.digest);
  if (typeof stored === 'object') return stored.size;
  if (stored === 'damaged') {
    settings.onEvent({
      type: 'warning',
      message: `${wanted.file} in the store was damaged and has been removed`,
      ...(wanted.location === undefined ? {} : { location: wanted.location }),
    });
  }
  const attempts: Attempt[] = [];
  const landing = await Landing.open(settings.store, wanted.digest);
  let landed = false;
  try {
    landed = landing.isComplete()
      ? (await landing.land()) === wanted.digest
      : await fillFromAnywhere(landing, wanted, settings, attempts);
    if (landed) return landing.length;
  } finally {
    if (!landed) await landing.keep();
  }
  throw failure(wanted.file, wanted, attempts, settings);
}

async function fillFromAnywhere(
  landing: Landing,
  wanted: Wanted,
  settings: FetchSettings,
  attempts: Attempt[],
): Promise<boolean> {
  for (const place of distfilePlaces(wanted, settings.distfiles)) {
    const attempt = await tryLanding(place, landing, wanted, settings);
    if (attempt === undefined) return true;
    if (attempt.kind !== 'absent') attempts.push(attempt);
  }
  let places = wanted.places.filter((place) => place.kind !== 'url' || !settings.offline);
  for (let round = 0; round < ROUNDS && places.length > 0; round++) {
    if (round > 0) await rest((settings.patience ?? PATIENCE).rest * round, settings.signal);
    const again: Place[] = [];
    for (const place of places) {
      const attempt = await tryLanding(place, landing, wanted, settings);
      if (attempt === undefined) return true;
      const before = attempts.findIndex((one) => one.place === attempt.place);
      if (before >= 0) attempts[before] = attempt;
      else attempts.push(attempt);
      if (attempt.kind === 'passing') again.push(place);
    }
    places = again;
  }
  return false;
}

function distfilePlaces(wanted: Wanted, folders: readonly string[]): Place[] {
  const hex = hexOf(wanted.digest);
  return folders.flatMap((folder) =>
    [wanted.file, hex, path.join('sha256', hex)].map(
      (name): Place => ({ kind: 'file', path: path.join(folder, name) }),
    ),
  );
}

/** One place into the landing. undefined: landed. */
async function tryLanding(
  place: Place,
  landing: Landing,
  wanted: Wanted,
  settings: FetchSettings,
): Promise<Attempt | undefined> {
  const resumed = landing.length > 0 && place.kind === 'url';
  const attempt = await fill(place, landing, wanted, settings);
  if (attempt !== undefined) return attempt;
  if (wanted.size !== undefined && landing.length < wanted.size) {
    const reason = `want ${wanted.size} bytes, got ${landing.length}`;
    await landing.restart();
    return { place: showPlace(place), reason, kind: 'refused' };
  }
  const got = await landing.land();
  if (got === wanted.digest) return undefined;
  // The bytes from before may have been another mirror's fault: this one gets a chance from the start.
  if (resumed) return tryLanding(place, landing, wanted, settings);
  return { place: showPlace(place), reason: `got ${got}`, kind: 'refused', got };
}

async function fill(
  place: Place,
  landing: Landing,
  wanted: Wanted,
  settings: FetchSettings,
): Promise<Attempt | undefined> {
  if (!wanted.hex || place.kind !== 'file' || place.within === undefined) {
    return tryPlace(place, landing, wanted.limit, settings, wanted.file);
  }
  const text = new MemorySink();
  const attempt = await tryPlace(
    place,
    text,
    wanted.limit === DEFAULT_LIMIT ? 2 ** 28 : wanted.limit * 64 + CHUNK,
    settings,
  );
  if (attempt !== undefined) return attempt;
  await landing.restart();
  const shown = path.relative(process.cwd(), place.path);
  const bytes = decodeHexSource(text.bytes().toString('utf8'), { file: shown === '' ? place.path : shown, line: 1 });
  await landing.write(bytes);
  if (bytes.length <= wanted.limit && digestOf(bytes) === wanted.digest) return undefined;
  await landing.restart();
  const got = digestOf(bytes);
  return { place: showPlace(place), reason: `decodes to ${bytes.length} bytes, ${got}`, kind: 'refused', got };
}

/** One place into a sink. undefined: done. */
async function tryPlace(
  place: Place,
  sink: Sink,
  limit: number,
  settings: Pick<FetchSettings, 'env' | 'signal' | 'patience'> & Partial<Pick<FetchSettings, 'onEvent'>>,
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
      settings.onEvent?.({ type: 'fetch', file: file ?? '', received: sink.length, total: sink.length, done: true });
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
    const handle = await open(place.path, 'r');
    try {
      const stats = await handle.stat();
      if (!stats.isFile()) throw new DownloadFault('refused', 'no regular file');
      if (stats.size > limit)
        throw new DownloadFault('refused', `too long: at most ${limit} bytes are wanted, it has ${stats.size}`);
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

function throwIfInterrupted(signal: AbortSignal): void {
  if (signal.aborted) throw new BuildError('INTERRUPTED', 'interrupted');
}

function rest(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', end);
      resolve();
    };
    const timer = setTimeout(end, milliseconds);
    signal.addEventListener('abort', end, { once: true });
  });
}

/** The one error for a file that no place gave. */
function failure(
  file: string,
  wanted: Wanted | undefined,
  attempts: readonly Attempt[],
  settings: FetchSettings | undefined,
): BuildError {
  const location = wanted?.location === undefined ? {} : { location: wanted.location };
  const wrong = attempts.find((attempt) => attempt.got !== undefined);
  const others = attempts
    .filter((attempt) => attempt !== wrong)
    .map(({ place, reason }) => (place === reason ? place : `${place}: ${reason}`));
  if (wanted !== undefined && wrong?.got !== undefined) {
    return new BuildError('SOURCE_MISMATCH', file, {
      want: wanted.digest,
      got: `${wrong.got} from ${wrong.place}`,
      ...(others.length === 0 ? {} : { hint: `also tried ${others.join('; ')}` }),
      ...location,
    });
  }
  const tried = others.length === 0 ? {} : { got: others.join('; ') };
  if (wanted !== undefined && settings?.offline === true) {
    return new BuildError('SOURCE_MISSING', `${file} is not in the store, and --offline allows no download`, {
      want: wanted.digest,
      ...tried,
      hint: `run ${wanted.command} while online, or put the file into a folder given with --distfiles`,
      ...location,
    });
  }
  const passing = attempts.some((attempt) => attempt.kind === 'passing');
  return new BuildError(passing ? 'NETWORK' : 'SOURCE_MISSING', `no mirror gave ${file}`, {
    ...(wanted === undefined ? {} : { want: wanted.digest }),
    got: others.length === 0 ? 'no mirror to ask' : others.join('; '),
    hint: passing
      ? 'check the connection and the proxy settings'
      : `add a mirror${wanted === undefined ? '' : ', or give a folder that has it with --distfiles'}`,
    ...location,
  });
}
