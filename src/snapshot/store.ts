// Owns: the snapshot half of the store: workspaces in which the next diff grows, views, and what is mounted. The diffs
// themselves are diff-shelf.ts, the names overlayfs is given short-names.ts. Knows nothing of Containerfiles, tar or
// cache keys.
//
//   <store>/work/<pid>-<random>/<n>/{upper,work,merged}  workspaces of one process
//   <store>/stat-cache                                   digests of files of the host

import type { Digest } from '../../oci/digest.ts';
import type { TreeEntry } from '../../oci/layer/entry.ts';
import type { RawPath } from '../../oci/raw-path.ts';
import { pruneUpper } from './changes.ts';
import { collectCopied, copyOut, pointsOf } from './copy-driver.ts';
import { EMPTY_DIFF, extendSnapshot, SCRATCH, summarise, type Times } from './diff-id.ts';
import type { DiffMeta } from './diff-meta.ts';
import { DiffShelf, type NameKind } from './diff-shelf.ts';
import { toEntries, type Warn, walkDiff, walkView } from './entries.ts';
import { digestFile } from './file-digest.ts';
import { waitForCollection } from './gc.ts';
import { notMounted, Overlays } from './overlay.ts';
import { claimWork, type Owner } from './owner.ts';
import {
  explainIo,
  type HostPath,
  hostPath,
  hostText,
  makeDirectories,
  readdirRaw,
  removeTree,
  setMode,
  setOwner,
  under,
} from './raw-fs.ts';
import { ReadOnlyStore } from './read-only.ts';
import { lowersOf, mounted, stackOf } from './short-names.ts';
import { openStatCache, type StatCache } from './stat-cache.ts';
import { makeStubs, pathsBelow } from './stubs.ts';
import { throwAway } from './trash.ts';
import type { Committed, DiffId, MountPoint, Snapshot, View } from './types.ts';
import { hostView, type Ignore, type MergedView, openDiff, openView } from './view.ts';

/** A diff in the making. Exactly one of commit and discard ends it. */
export interface Workspace {
  readonly base: Snapshot;
  /** The rootfs below, kept with the store's other views. */
  baseView(): View;
  /** Absolute; what is written here is the diff. */
  readonly upper: HostPath;
  /** Absolute; where mount() puts the rootfs. */
  readonly merged: string;
  /** Absolute; the workspace's own directory, for scratch files on the same file system. */
  readonly directory: HostPath;
  /** Digests of files just copied, by path: not read again at commit. */
  readonly digests: Map<RawPath, Digest>;
  /** Mount points of this workspace, and their parents: never part of the diff. */
  readonly stubs: Set<RawPath>;
  state: 'open' | 'mounted' | 'unmounted' | 'ended';
}

export interface SnapshotStore {
  /** Absolute path of the store's directory. */
  readonly path: string;
  /** `overlay` where this process can mount one; found out when first asked. */
  readonly driver: 'overlay' | 'copy';
  scratch(): Snapshot;
  extend(base: Snapshot, diff: DiffId): Snapshot;
  /** All diffs of `top` above those of `base`: COPY of a whole image without copying. See isJoinable. */
  join(base: Snapshot, top: Snapshot): Snapshot;
  /** False as well for a diff that may have lost bytes in a crash; such a one is taken away. */
  has(diff: DiffId): boolean;
  /** True when every diff of the stack is there. */
  hasAll(snapshot: Snapshot): boolean;
  /** Kept per snapshot: asking twice is free. Throws BuildError SNAPSHOT when a diff is missing. */
  view(snapshot: Snapshot): View;
  /** One diff by itself, kernel whiteouts shown as devices. */
  diffView(diff: DiffId): View;
  meta(diff: DiffId): DiffMeta;
  /** A directory of the host, with this store's memory of file digests. */
  hostView(directory: string, ignore?: Ignore): View;

  begin(base: Snapshot): Workspace;
  /** Mounts base and upper and gives the absolute path. `extra` mount points exist only while it is mounted. */
  mount(workspace: Workspace, extra?: readonly MountPoint[]): string;
  /** Says that nobody uses the mounted rootfs any more. The overlay itself stands until commit or discard. */
  unmount(workspace: Workspace): void;
  /**
   * Unmounts if need be, finds what changed, names it, lands it. `epoch`, in seconds: the layer made of it will carry
   * times up to that one, so they are part of the name; 0, the default, when it carries none. Throws BuildError SNAPSHOT
   * or DISK_FULL.
   */
  commit(workspace: Workspace, epoch?: number): Committed;
  /** The same for unpacked layers, whose times are part of the name. */
  commitExact(workspace: Workspace): Committed;
  discard(workspace: Workspace): void;

  /** The canonical layer entries of one diff above `below`; whiteouts explicit, hard links after their first name. */
  entries(below: Snapshot, diff: DiffId, warn?: Warn): Iterable<TreeEntry>;
  /** A whole rootfs as entries, for flattening and for rootfs and tar outputs. */
  mergedEntries(snapshot: Snapshot, warn?: Warn): Iterable<TreeEntry>;

  /** Remembers what an image layer, or a merged stack, became. `lookup` is undefined when it is unknown or gone. */
  remember(kind: NameKind, key: Digest, diff: DiffId): void;
  lookup(kind: NameKind, key: Digest): DiffId | undefined;

  /** Waits until everything landed or used so far is on the disk. Call it before an action counts as good. */
  flush(): void;
  /** The name of this process's directory under `work`. */
  readonly ownerName: string;
  /** Drops everything remembered of what is in the store: after a garbage collection. */
  forget(): void;
  /** Gives the workspaces of this process up. The store cannot be used afterwards. */
  close(): void;
}

export interface SnapshotStoreOptions {
  readonly driver?: 'auto' | 'overlay' | 'copy';
  /** A directory with the mount points every step has (proc, dev, sys, etc/hosts …): lies below everything. */
  readonly skeleton: string;
  /**
   * Nothing is made, written, deleted or claimed, and a store that is not there is an empty one. Where something would
   * have to be, ReadOnlyStore is thrown: by begin, remember, flush, ownerName, and by driver unless it is named above.
   */
  readonly readOnly?: boolean;
}

/** `store` is an absolute directory; it is made when it is missing. Cheap: nothing is mounted or probed yet. */
export function openSnapshotStore(store: string, options: SnapshotStoreOptions): SnapshotStore {
  return new DirectoryStore(store, options);
}

/** How many views are kept; each holds the directories it has read. */
const VIEWS = 32;

class DirectoryStore implements SnapshotStore {
  readonly path: string;
  readonly #root: HostPath;
  readonly #skeleton: HostPath;
  readonly #wanted: 'auto' | 'overlay' | 'copy';
  /** Undefined in a store that is only read. */
  readonly #owner: Owner | undefined;
  readonly #overlays: Overlays;
  readonly #cache: StatCache;
  readonly #shelf: DiffShelf;
  readonly #views = new Map<Digest, MergedView>();
  #driver: 'overlay' | 'copy' | undefined;
  #stubs: ReadonlySet<RawPath> | undefined;
  #count = 0;

  constructor(store: string, options: SnapshotStoreOptions) {
    this.path = store;
    this.#root = hostPath(store);
    this.#skeleton = hostPath(options.skeleton);
    this.#wanted = options.driver ?? 'auto';
    const isReadOnly = options.readOnly === true;
    if (!isReadOnly) {
      for (const name of ['diffs', 'layers', 'flat', 'l', 'work', 'trash']) makeDirectories(under(this.#root, name));
      this.#owner = claimWork(under(this.#root, 'work'));
      waitForCollection(this.#root);
    }
    this.#shelf = new DiffShelf(this.#root, isReadOnly);
    this.#overlays = new Overlays(store, () => hostText(under(this.#root, this.#workOf('mounting'))));
    this.#cache = openStatCache(under(this.#root, 'stat-cache'), isReadOnly);
  }

  get driver(): 'overlay' | 'copy' {
    this.#driver ??= this.#wanted === 'auto' ? this.#probe() : this.#wanted;
    return this.#driver;
  }

  scratch(): Snapshot {
    return SCRATCH;
  }

  extend(base: Snapshot, diff: DiffId): Snapshot {
    return extendSnapshot(base, diff);
  }

  join(base: Snapshot, top: Snapshot): Snapshot {
    return top.diffs.reduce(extendSnapshot, base);
  }

  has(diff: DiffId): boolean {
    return this.#shelf.has(diff);
  }

  hasAll(snapshot: Snapshot): boolean {
    return snapshot.diffs.every((diff) => this.has(diff));
  }

  view(snapshot: Snapshot): MergedView {
    const kept = this.#views.get(snapshot.id);
    if (kept !== undefined) {
      this.#views.delete(snapshot.id);
      this.#views.set(snapshot.id, kept);
      return kept;
    }
    const view = openView(mounted(snapshot).map((diff) => this.#shelf.layer(diff)));
    this.#keep(snapshot, view);
    return view;
  }

  #keep(snapshot: Snapshot, view: MergedView): void {
    this.#views.set(snapshot.id, view);
    if (this.#views.size > VIEWS) this.#views.delete(this.#views.keys().next().value!);
  }

  diffView(diff: DiffId): View {
    return diff === EMPTY_DIFF ? openView([]) : openDiff(this.#shelf.layer(diff));
  }

  meta(diff: DiffId): DiffMeta {
    return this.#shelf.meta(diff);
  }

  hostView(directory: string, ignore?: Ignore): View {
    return hostView(hostPath(directory), ignore, this.#cache);
  }

  begin(base: Snapshot): Workspace {
    const work = this.#workOf('beginning a step');
    const kept = this.#overlays.reuse(stackOf(base));
    const directory = under(this.#root, kept ?? `${work}/${++this.#count}`);
    const upper = under(directory, 'upper');
    if (kept === undefined) {
      try {
        for (const name of ['upper', 'work', 'merged']) makeDirectories(under(directory, name));
      } catch (error) {
        throw explainIo(error, 'beginning a step');
      }
      setOwner(upper, 0, 0);
      setMode(upper, 0o755);
    }
    return {
      base,
      baseView: () => this.view(base),
      upper,
      merged: hostText(under(directory, 'merged')),
      directory,
      digests: new Map(),
      stubs: new Set(),
      state: 'open',
    };
  }

  mount(workspace: Workspace, extra: readonly MountPoint[] = []): string {
    if (workspace.state === 'ended' || workspace.state === 'mounted')
      throw new Error(`workspace is ${workspace.state}`);
    if ((this.#driver ?? this.#wanted) === 'copy') return this.#copyOut(workspace, extra);
    const stubs = under(workspace.directory, 'stubs');
    for (const path of makeStubs(stubs, this.view(workspace.base), extra)) workspace.stubs.add(path);
    const directory = this.#nameIn(workspace);
    const hasStubs = workspace.stubs.size > 0;
    const stack = hasStubs ? directory : stackOf(workspace.base);
    // What the step does may change any file: nothing is known of them any more.
    workspace.digests.clear();
    if (!this.#overlays.isFresh(directory, stack)) {
      if (this.#overlays.isMounted(directory) || workspace.state === 'unmounted') {
        this.#overlays.unmount(directory);
        removeTree(under(workspace.directory, 'work'));
        makeDirectories(under(workspace.directory, 'work'));
      }
      const lowers = lowersOf(this, this.#skeleton, workspace.base);
      const mount = { lowers: hasStubs ? [`${directory}/stubs`, ...lowers] : lowers, stack, directory };
      const problem = this.#overlays.tryMount(mount);
      // The first mount of a process shows whether there is such a thing here.
      if (problem === undefined) this.#driver = 'overlay';
      else if (this.driver === 'copy') return this.#copyOut(workspace, extra);
      else throw notMounted(mount, problem);
    }
    workspace.state = 'mounted';
    return workspace.merged;
  }

  /** The copying driver's mount: a whole rootfs of its own. */
  #copyOut(workspace: Workspace, extra: readonly MountPoint[]): string {
    if (workspace.state === 'unmounted') throw new Error('a copied rootfs is there once');
    const points = [...pointsOf(this.#skeleton), ...extra];
    for (const path of copyOut(workspace, hostPath(workspace.merged), points)) workspace.stubs.add(path);
    workspace.digests.clear();
    workspace.state = 'mounted';
    return workspace.merged;
  }

  unmount(workspace: Workspace): void {
    if (workspace.state !== 'mounted') return;
    // The overlay itself stands until the workspace ends: commit looks at it.
    workspace.state = 'unmounted';
  }

  commit(workspace: Workspace, epoch = 0): Committed {
    return this.#commit(workspace, epoch === 0 ? 'none' : { epoch });
  }

  commitExact(workspace: Workspace): Committed {
    return this.#commit(workspace, 'exact');
  }

  discard(workspace: Workspace): void {
    if (workspace.state === 'ended') return;
    workspace.state = 'ended';
    this.#overlays.unmount(this.#nameIn(workspace));
    throwAway(this.#root, workspace.directory);
  }

  *entries(below: Snapshot, diff: DiffId, warn: Warn = () => {}): Generator<TreeEntry> {
    if (diff === EMPTY_DIFF) return;
    const view = this.diffView(diff);
    yield* toEntries(view, walkDiff(view, this.meta(diff).opaque, this.view(below), 'open'), warn);
  }

  *mergedEntries(snapshot: Snapshot, warn: Warn = () => {}): Generator<TreeEntry> {
    const view = this.view(snapshot);
    yield* toEntries(view, walkView(view, 'open'), warn);
  }

  remember(kind: NameKind, key: Digest, diff: DiffId): void {
    this.#shelf.remember(
      kind,
      key,
      diff,
      under(this.#root, `${this.#workOf('remembering a name')}/note-${++this.#count}`),
    );
  }

  lookup(kind: NameKind, key: Digest): DiffId | undefined {
    return this.#shelf.lookup(kind, key);
  }

  flush(): void {
    this.#workOf('writing to disk');
    this.#cache.save();
    this.#overlays.finish();
    this.#shelf.flush();
  }

  get ownerName(): string {
    if (this.#owner === undefined) throw new ReadOnlyStore('owning a directory');
    return this.#owner.name;
  }

  forget(): void {
    this.#views.clear();
    this.#shelf.forget();
  }

  close(): void {
    if (this.#owner === undefined) return;
    this.#cache.save();
    this.#overlays.close();
    const own = under(this.#root, this.#workOf('closing'));
    this.#owner.release();
    throwAway(this.#root, own);
  }

  #commit(workspace: Workspace, times: Times): Committed {
    if (workspace.state === 'ended') throw new Error('workspace is ended');
    try {
      return this.#land(workspace, times);
    } catch (error) {
      throw explainIo(error, 'keeping what a step changed');
    }
  }

  #land(workspace: Workspace, times: Times): Committed {
    const { upper } = workspace;
    const wasMounted = workspace.state !== 'open';
    let opaque = new Set<RawPath>();
    const isCopied = wasMounted && this.driver === 'copy';
    if (isCopied) collectCopied(workspace, hostPath(workspace.merged), workspace.stubs);
    if (readdirRaw(upper).length === 0) return this.#landEmpty(workspace);
    const base = this.view(workspace.base);
    if (wasMounted && !isCopied) {
      const stubs = new Set([...this.#skeletonPaths(), ...workspace.stubs]);
      const changes = pruneUpper(upper, hostPath(workspace.merged), base, stubs);
      if (changes.isEmpty) return this.#landEmpty(workspace);
      opaque = changes.opaque;
    }
    const view = openDiff({ root: upper, opaque });
    const walked = walkDiff(view, opaque, base);
    const summary = summarise(view, walked, {
      opaque,
      times,
      digest: (path, node) => workspace.digests.get(path) ?? digestFile(node.hostPath, node.size),
    });
    if (summary.diff === EMPTY_DIFF) return this.#landEmpty(workspace);
    const { diff, entries, bytes } = summary;
    const meta: DiffMeta = {
      entries,
      bytes,
      opaque,
      hasWhiteouts: summary.hasWhiteouts,
      isPlain: !wasMounted || isCopied,
    };
    // The root is in no layer: whatever a step did to it ends here.
    setOwner(upper, 0, 0);
    setMode(upper, 0o755);
    this.#overlays.release(this.#nameIn(workspace));
    if (!this.has(diff)) {
      const { index } = summary;
      this.#shelf.place({ diff, meta, index, tree: upper, scratch: workspace.directory });
    }
    this.#end(workspace);
    const snapshot = this.extend(workspace.base, diff);
    // The next step looks at this one's result: it need not read again what is known of the base.
    if (!workspace.base.diffs.includes(diff)) this.#keep(snapshot, base.with(this.#shelf.layer(diff)));
    return { diff, snapshot, entries, bytes };
  }

  #landEmpty(workspace: Workspace): Committed {
    this.#end(workspace);
    return { diff: EMPTY_DIFF, snapshot: this.extend(workspace.base, EMPTY_DIFF), entries: 0, bytes: 0 };
  }

  /** Every path of the skeleton: mount points, and what leads to them. */
  #skeletonPaths(): ReadonlySet<RawPath> {
    this.#stubs ??= pathsBelow(this.#skeleton);
    return this.#stubs;
  }

  /** Ends a workspace that holds nothing of worth any more. */
  #end(workspace: Workspace): void {
    workspace.state = 'ended';
    const directory = this.#nameIn(workspace);
    if (workspace.stubs.size === 0 && this.#overlays.keep(directory)) return;
    // Deleted beside the build if it was mounted; what never was is quickly gone, unless it holds a copied rootfs.
    if (this.#overlays.isMounted(directory)) this.#overlays.retire(directory);
    else throwAway(this.#root, workspace.directory);
  }

  #probe(): 'overlay' | 'copy' {
    const workspace = this.begin(SCRATCH);
    const directory = this.#nameIn(workspace);
    const problem = this.#overlays.tryMount({
      lowers: lowersOf(this, this.#skeleton, SCRATCH),
      stack: stackOf(SCRATCH),
      directory,
    });
    this.discard(workspace);
    return problem === undefined ? 'overlay' : 'copy';
  }

  /** A workspace's directory, relative to the store. */
  #nameIn(workspace: Workspace): string {
    return workspace.directory.slice(this.#root.length + 1);
  }

  /** This process's directory under `work`, relative to the store. Throws ReadOnlyStore where there is none. */
  #workOf(doing: string): string {
    if (this.#owner === undefined) throw new ReadOnlyStore(doing);
    return `work/${this.#owner.name}`;
  }
}
