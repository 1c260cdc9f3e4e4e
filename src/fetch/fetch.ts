// Owns: pinned sources into the store: the store first, then distfiles, then mirrors in order. A source that is not
// what its digest says never lands.

import path from 'node:path';
import { type Digest, digestOf, hexOf } from '../../oci/digest.ts';
import { BuildError, formatError, type SourceLocation } from '../errors.ts';
import type { Watcher } from '../progress/event.ts';
import { decodeHexSource } from '../recipe/hex-source.ts';
import type { FetchedSource, Source } from '../recipe/types.ts';
import { PATIENCE, type Patience } from './download.ts';
import { expandMirror, machineApt, type Place, showPlace } from './mirrors.ts';
import { type Attempt, MemorySink, throwIfInterrupted, tryPlace } from './place.ts';
import type { Environment } from './proxy.ts';
import { findStored, Landing, sourcePath } from './source-store.ts';

/** A source longer than that is refused where package.toml gives no size. 32 GiB. */
const DEFAULT_LIMIT = 32 * 2 ** 30;
/** How often all mirrors are asked while their failures may pass. */
const ROUNDS = 3;

export interface FetchSettings {
  /** Absolute path of the store. */
  readonly store: string;
  /** Folders with files that may be asked for: by file name, by hex, as sha256/HEX, or as blobs/sha256/HEX, as in an OCI layout. */
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
    [wanted.file, hex, path.join('sha256', hex), path.join('blobs', 'sha256', hex)].map(
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
    wanted.limit === DEFAULT_LIMIT ? 2 ** 28 : wanted.limit * 64 + 2 ** 20,
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
