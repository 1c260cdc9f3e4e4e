// Owns: what COPY and ADD do: which files, their key, where they go. The copying itself is the snapshot room's.

import { posix } from 'node:path';
import type { Digest } from '../../oci/digest.ts';
import type { Json } from '../../oci/json.ts';
import { displayPath, type RawPath, rawPath } from '../../oci/raw-path.ts';
import { hasWildcard, matchGlob } from '../containerfile/glob.ts';
import { BuildError } from '../errors.ts';
import { copyKey, joinKey, selectionKey } from '../graph/cache-key.ts';
import type { CopyOp, FileOrigin } from '../graph/op.ts';
import { type CopyTarget, copySelection, writeInto } from '../snapshot/copy.ts';
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
import type { ActionCache } from './actions.ts';
import { addArchive, isArchive } from './archive.ts';
import { openContext, openFile, sourcesAt } from './context-view.ts';
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
  readonly hostPath: Buffer;
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
    // The same folder under another name may hide other files.
    const key = `${context.directory}\n${context.ignore ?? ''}\n${context.recipe?.name ?? ''}`;
    const known = this.#contexts.get(key);
    if (known !== undefined) return known;
    const opened = openContext(context, this.#services.snapshots);
    this.#contexts.set(key, opened);
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
  #remembered<T extends { readonly [key: string]: Json | undefined }>(key: Digest, find: () => T): T {
    const known = this.#actions.get(key) as Json as T | undefined;
    if (known !== undefined) return known;
    const found = find();
    this.#actions.put(key, found);
    return found;
  }

  /**
   * Digest of the files an origin's sources select: the content that a COPY or a bind mount reads. `epoch` as in
   * selectionDigest; files of a context have no times of their own.
   */
  digest(
    origin: FileOrigin,
    sources: readonly string[],
    op: Pick<CopyOp, 'exclude' | 'parents'>,
    owner: 'keep' | 'replaced',
    results: Results,
    epoch: number,
  ): Digest {
    const find = (times: number): Digest =>
      selectionDigest(this.select(origin, sources, op, results), { owner }, times);
    if (origin.type === 'context') return find(0);
    const { id } = results.get(origin.op)!.snapshot;
    const { exclude, parents } = op;
    const key = selectionKey({ snapshot: id, sources, exclude, parents, owner, ...(epoch === 0 ? {} : { epoch }) });
    return this.#remembered(key, () => ({ digest: find(epoch) })).digest;
  }

  work(op: CopyOp, results: Results, epoch: number): CopyWork {
    const base = results.get(op.base)!.snapshot;
    const time = op.origin.type === 'op' ? 'keep' : CONTEXT_TIME;
    const digest = this.digest(op.origin, op.sources, op, op.chown === undefined ? 'keep' : 'replaced', results, epoch);
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
    const target: CopyTarget = {
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
    const add = (path: Buffer): void =>
      addArchive(workspace, op.dest, path, { owner: owner ?? 'archive', leftOut: this.#leaveOut(op) });
    for (const archive of archives) add(archive.hostPath);
    for (const remote of op.remotes) {
      const path = Buffer.from(await this.#services.fetchRemote(remote.url, remote.digest));
      if (op.unpackRemote && isArchive(path)) add(path);
      else this.#copyRemote(op, remote.url, path, workspace, target);
    }
    for (const { name, content } of op.heredocs) {
      writeInto(workspace, op.dest, Buffer.from(content), {
        mode: HEREDOC_MODE,
        owner: owner ?? { uid: 0, gid: 0 },
        time: CONTEXT_TIME,
        name,
        link: op.link,
        ...(op.chmod === undefined ? {} : { chmod: op.chmod }),
      });
    }
  }

  /** A remote file is copied like one of a context, under the last part of its URL. */
  #copyRemote(op: CopyOp, url: string, path: Buffer, workspace: Workspace, target: CopyTarget): void {
    const name = posix.basename(new URL(url).pathname);
    if (name === '' && op.dest.endsWith('/')) {
      throw new BuildError('ADD', 'the URL names no file', {
        location: op.label.location,
        hint: 'give ADD a file name as target',
      });
    }
    const view = openFile(rawPath(name === '' ? posix.basename(op.dest) : name), path, REMOTE_MODE);
    const [only] = view.readdir('' as RawPath)!;
    const items: SelectedItem[] = [{ source: only!, kind: 'named', name: only! }];
    copySelection(this.#services.snapshots, workspace, { view, items, isExcluded: () => false }, target);
  }

  /** No layer carries extended attributes. A recipe has to name those it can do without; a foreign build is told. */
  #leaveOut(op: CopyOp): (path: RawPath, attribute: string) => void {
    return (path, attribute) => {
      const message = `/${displayPath(path)} has the extended attribute ${attribute}, which no layer carries`;
      if (op.xattrs === undefined) {
        this.#services.watch({ type: 'warning', message, location: op.label.location });
      } else if (!op.xattrs.includes(attribute)) {
        throw new BuildError('ADD', message, {
          location: op.label.location,
          hint: `name it under [allow] xattrs in package.toml to leave it out`,
        });
      }
    };
  }

  /** The selected files that are archives, whatever they are called (Dockerfile reference, ADD). */
  #archives(op: CopyOp, selection: Selection, results: Results): readonly Archive[] {
    const view = this.view(op.origin, results);
    const archives: Archive[] = [];
    for (const item of selection.items) {
      const node = item.kind === 'named' ? view.lstat(item.source) : undefined;
      if (node?.type !== 'file') continue;
      if (isArchive(node.hostPath)) archives.push({ item, hostPath: node.hostPath });
    }
    return archives;
  }
}
