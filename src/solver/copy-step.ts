// Owns: what COPY and ADD do: which files, their key, where they go. The copying itself is the snapshot room's.

import { closeSync, openSync, readFileSync, readSync } from 'node:fs';
import { posix } from 'node:path';
import { createDecoder, sniff } from '../../oci/codec/load.ts';
import type { Digest } from '../../oci/digest.ts';
import { OciError } from '../../oci/errors.ts';
import type { Json } from '../../oci/json.ts';
import { hasWildcard, matchGlob } from '../containerfile/glob.ts';
import { BuildError } from '../errors.ts';
import { copyKey, joinKey, selectionKey } from '../graph/cache-key.ts';
import type { CopyOp, FileOrigin } from '../graph/op.ts';
import { copySelection, writeInto } from '../snapshot/copy.ts';
import { isJoinable } from '../snapshot/join.ts';
import {
  type SelectedItem,
  type Selection,
  selectedEntries,
  selectFiles,
  selectionDigest,
} from '../snapshot/select.ts';
import type { Workspace } from '../snapshot/store.ts';
import type { Snapshot, View } from '../snapshot/types.ts';
import { unpackArchive } from '../snapshot/unpack.ts';
import type { Owner } from '../snapshot/upper-tree.ts';
import type { ActionCache } from './actions.ts';
import { openContext, sourcesAt } from './context-view.ts';
import type { Results, Services } from './services.ts';
import { resolveOwner } from './user.ts';

/** Times of files from a context: a checkout's own are chance. Files of a stage keep theirs. */
const CONTEXT_TIME = 0;
const REMOTE_MODE = 0o600;
const HEREDOC_MODE = 0o644;

export interface CopyWork {
  readonly key: Digest;
  readonly base: Snapshot;
  execute(workspace: Workspace): Promise<void>;
}

/** An archive ADD unpacks, by its place in the selection. */
interface Archive {
  readonly item: SelectedItem;
  readonly hostPath: string;
}

export class CopyStep {
  readonly #services: Services;
  readonly #actions: ActionCache;
  readonly #contexts = new Map<string, View>();

  constructor(services: Services, actions: ActionCache) {
    this.#services = services;
    this.#actions = actions;
  }

  /** The files an origin offers. Contexts are opened once. */
  view(origin: FileOrigin, results: Results): View {
    if (origin.type === 'op') return this.#services.snapshots.view(results.get(origin.op)!.snapshot);
    const { context } = origin;
    const known = this.#contexts.get(context.directory);
    if (known !== undefined) return known;
    const opened = openContext(context, this.#services.snapshots);
    this.#contexts.set(context.directory, opened);
    return opened;
  }

  select(
    origin: FileOrigin,
    sources: readonly string[],
    op: Pick<CopyOp, 'exclude' | 'parents'>,
    results: Results,
  ): Selection {
    return selectFiles(this.view(origin, results), sources, {
      exclude: op.exclude,
      parents: op.parents,
      matchGlob,
      hasWildcard,
    });
  }

  /** Fetches the pinned sources among the selected files, so that they can be read. */
  async fetchSelected(origin: FileOrigin, selection: Selection): Promise<void> {
    if (origin.type !== 'context' || origin.context.recipe === undefined) return;
    const { recipe } = origin.context;
    const sources = sourcesAt(
      recipe,
      [...selectedEntries(selection)].map((entry) => entry.source),
    );
    if (sources.length > 0) await this.#services.fetch(recipe, sources);
  }

  /**
   * A COPY of a whole image onto a stage is its diffs laid on top, with nothing copied, where that is the same
   * (DESIGN: no path is a directory on one side and something else on the other, and nothing is deleted).
   */
  join(op: CopyOp, results: Results): Snapshot | undefined {
    const isWhole =
      op.origin.type === 'op' &&
      op.sources.length === 1 &&
      posix.resolve('/', op.sources[0]!) === '/' &&
      !hasWildcard(op.sources[0]!) &&
      op.dest === '/' &&
      op.heredocs.length === 0 &&
      op.exclude.length === 0 &&
      op.chown === undefined &&
      op.chmod === undefined &&
      !op.parents &&
      !op.layered;
    if (!isWhole || op.origin.type !== 'op') return undefined;
    const { snapshots } = this.#services;
    const base = results.get(op.base)!.snapshot;
    const top = results.get(op.origin.op)!.snapshot;
    const { joinable } = this.#remembered(joinKey(base.id, top.id), () => ({
      joinable: isJoinable(snapshots, base, top),
    }));
    return joinable ? snapshots.join(base, top) : undefined;
  }

  /** What is found out about snapshots holds for ever: the same question again costs one small file. */
  #remembered<T extends Json>(key: Digest, find: () => T): T {
    const known = this.#actions.get(key) as T | undefined;
    if (known !== undefined) return known;
    const found = find();
    this.#actions.put(key, found);
    return found;
  }

  /** Digest of the files an origin's sources select: the content that a COPY or a bind mount reads. */
  digest(
    origin: FileOrigin,
    sources: readonly string[],
    op: Pick<CopyOp, 'exclude' | 'parents'>,
    owner: 'keep' | 'replaced',
    results: Results,
  ): Digest {
    const find = (): Digest => selectionDigest(this.select(origin, sources, op, results), { owner });
    if (origin.type === 'context') return find();
    const { id } = results.get(origin.op)!.snapshot;
    const { exclude, parents } = op;
    const key = selectionKey({ snapshot: id, sources, exclude, parents, owner });
    return this.#remembered(key, () => ({ digest: find() })).digest;
  }

  work(op: CopyOp, results: Results): CopyWork {
    const base = results.get(op.base)!.snapshot;
    const time = op.origin.type === 'op' ? 'keep' : CONTEXT_TIME;
    const digest = this.digest(op.origin, op.sources, op, op.chown === undefined ? 'keep' : 'replaced', results);
    return {
      key: copyKey(op, base.id, digest, time),
      base,
      execute: async (workspace) => {
        await this.fetchSelected(op.origin, this.select(op.origin, op.sources, op, results));
        // Sources that had to be fetched first are looked at again: now their sizes are known.
        const ready = this.select(op.origin, op.sources, op, results);
        await this.#copy(op, ready, workspace, base, time, results);
      },
    };
  }

  async #copy(
    op: CopyOp,
    selection: Selection,
    workspace: Workspace,
    base: Snapshot,
    time: 'keep' | number,
    results: Results,
  ): Promise<void> {
    const { snapshots } = this.#services;
    const owner = op.chown === undefined ? undefined : resolveOwner(snapshots.view(base), op.chown, op.label.location);
    const archives = op.unpack ? this.#archives(op, selection, results) : [];
    const archived = new Set(archives.map((archive) => archive.item));
    const files = { ...selection, items: selection.items.filter((item) => !archived.has(item)) };
    const target = {
      dest: op.dest,
      ...(owner === undefined ? {} : { chown: owner }),
      ...(op.chmod === undefined ? {} : { chmod: op.chmod }),
      time,
      parents: op.parents,
      link: op.link,
      replaceOwner: op.origin.type === 'op' ? ('keep' as const) : ('root' as const),
    };
    if (op.sources.length > 0 && (files.items.length > 0 || archives.length === 0)) {
      copySelection(snapshots, workspace, files, target);
    }
    for (const archive of archives) {
      addArchive(workspace, op.dest, archive.hostPath, owner ?? 'archive');
    }
    for (const remote of op.remotes) {
      const path = await this.#services.fetchRemote(remote.url, remote.digest);
      const name = posix.basename(new URL(remote.url).pathname);
      this.#writeFile(op, workspace, name, readFileSync(path), owner, REMOTE_MODE);
    }
    for (const heredoc of op.heredocs) {
      this.#writeFile(op, workspace, heredoc.name, Buffer.from(heredoc.content), owner, HEREDOC_MODE);
    }
  }

  #writeFile(
    op: CopyOp,
    workspace: Workspace,
    name: string,
    bytes: Buffer,
    owner: { uid: number; gid: number } | undefined,
    mode: number,
  ): void {
    const isDirectory = op.dest.endsWith('/');
    if (isDirectory && name === '') {
      throw new BuildError('ADD', 'the URL names no file', {
        location: op.label.location,
        hint: 'give ADD a file name as target',
      });
    }
    writeInto(workspace, isDirectory ? posix.join(op.dest, name) : op.dest, bytes, {
      mode,
      owner: owner ?? { uid: 0, gid: 0 },
      time: CONTEXT_TIME,
      ...(op.chmod === undefined ? {} : { chmod: op.chmod }),
    });
  }

  /** The selected files that are archives, whatever they are called (Dockerfile reference, ADD). */
  #archives(op: CopyOp, selection: Selection, results: Results): readonly Archive[] {
    const view = this.view(op.origin, results);
    const archives: Archive[] = [];
    for (const item of selection.items) {
      const node = item.kind === 'named' ? view.lstat(item.source) : undefined;
      if (node?.type !== 'file') continue;
      const hostPath = node.hostPath.toString('latin1');
      if (isArchive(hostPath)) archives.push({ item, hostPath });
    }
    return archives;
  }
}

function hostBuffer(path: string): Buffer {
  return Buffer.from(path, 'latin1');
}

/** A file in 1 MiB pieces; the buffer is used again for the next piece. */
function* fileChunks(path: string): Generator<Uint8Array> {
  const file = openSync(hostBuffer(path), 'r');
  const buffer = Buffer.allocUnsafe(1 << 20);
  try {
    for (let read = readSync(file, buffer); read > 0; read = readSync(file, buffer)) yield buffer.subarray(0, read);
  } finally {
    closeSync(file);
  }
}

/** Small pieces first: a decoder that meets damage in a piece gives nothing of it, and the head may be whole. */
function* growingPieces(path: string): Generator<Uint8Array> {
  for (const chunk of fileChunks(path)) {
    for (let at = 0, length = 64; at < chunk.length; at += length, length *= 2) yield chunk.subarray(at, at + length);
  }
}

/** Plain bytes of a file that may be compressed. */
function* decodedChunks(path: string, pieces = fileChunks): Generator<Uint8Array> {
  let decoder: ReturnType<typeof createDecoder> | undefined;
  let isFirst = true;
  for (const chunk of pieces(path)) {
    if (isFirst) {
      const compression = sniff(chunk);
      decoder = compression === undefined ? undefined : createDecoder(compression);
    }
    isFirst = false;
    if (decoder === undefined) yield chunk;
    else yield* decoder.push(chunk);
  }
  if (decoder !== undefined) yield* decoder.finish();
}

/** Unpacks to the very end: a checksum stands behind the last byte that tar wants. Throws BuildError ADD. */
function addArchive(workspace: Workspace, dest: string, path: string, owner: Owner | 'archive'): void {
  const chunks = decodedChunks(path);
  // Without a `return`, which would end them where the reader of the archive ends.
  const unended: Iterable<Uint8Array> = { [Symbol.iterator]: () => ({ next: () => chunks.next() }) };
  try {
    unpackArchive(workspace, dest, unended, { owner });
    while (chunks.next().done !== true);
  } catch (error) {
    throw error instanceof OciError ? new BuildError('ADD', error.message, { cause: error }) : error;
  }
}

/** Whether the plain bytes begin with a tar header: 512 bytes whose checksum is right. lzip stays a file, as in BuildKit. */
function isArchive(path: string): boolean {
  const head: Buffer[] = [];
  let size = 0;
  try {
    for (const chunk of decodedChunks(path, growingPieces)) {
      head.push(Buffer.from(chunk));
      size += chunk.length;
      if (size >= 512) break;
    }
  } catch {
    return false; // Compressed bytes that cannot be read are a file like any other.
  }
  return size >= 512 && hasTarChecksum(Buffer.concat(head).subarray(0, 512));
}

function hasTarChecksum(header: Buffer): boolean {
  const written = Number.parseInt(header.toString('latin1', 148, 156).replace(/[^0-7]/g, ''), 8);
  let sum = 0;
  for (let index = 0; index < 512; index++) sum += index >= 148 && index < 156 ? 0x20 : header[index]!;
  return Number.isInteger(written) && written === sum && sum !== 8 * 0x20;
}
