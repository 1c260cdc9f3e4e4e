// Owns: the diffs that have landed, and the names they are found by. Knows nothing of workspaces and mounts.
//
//   <store>/diffs/<hex>/{fs/,meta.json,index,unsynced}   one diff; `unsynced` until flush(), holds the boot it was made in
//   <store>/layers/<diffID hex>                          the DiffId an image layer became when it was unpacked
//   <store>/flat/<hex>                                   the DiffId a merged stack became, by the digest of its parts
//
// A diff appears by one rename, whole. Its bytes reach the disk at flush(): until then it is believed only while the
// machine has not been restarted. Two processes may share a store; the one that lands a diff second throws its own away.

import { spawnSync } from 'node:child_process';
import { readFileSync, readlinkSync, renameSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs';
import { type Digest, hexOf, isDigest } from '../../oci/digest.ts';
import { displayPath, rawPath } from '../../oci/raw-path.ts';
import { BuildError } from '../errors.ts';
import { EMPTY_DIFF } from './diff-id.ts';
import { type DiffMeta, formatMeta, NOTHING, parseMeta } from './diff-meta.ts';
import { readIndex } from './digest-index.ts';
import { bootId } from './owner.ts';
import { bytesOf, existsRaw, type HostPath, hostText, isErrno, makeDirectories, under } from './raw-fs.ts';
import { throwAway } from './trash.ts';
import type { DiffId } from './types.ts';
import type { Layer } from './view.ts';

/** `layers` by the diffID of an image layer, `flat` by the digest of a stack. */
export type NameKind = 'layers' | 'flat';

/** What is to land, in directories of the store's file system. */
export interface LandingDiff {
  readonly diff: DiffId;
  readonly meta: DiffMeta;
  /** The text of the index file. */
  readonly index: string;
  /** The tree; moved away. */
  readonly tree: HostPath;
  /** Where the rest is put together. */
  readonly scratch: HostPath;
}

export class DiffShelf {
  readonly #root: HostPath;
  readonly #metas = new Map<DiffId, DiffMeta>();
  readonly #layers = new Map<DiffId, Layer>();
  readonly #present = new Set<DiffId>();
  readonly #unsynced = new Set<DiffId>();
  readonly #boot = bootId();

  readonly #isReadOnly: boolean;

  /** `root` is the store's directory; unless nothing is to be written, the directories above exist. */
  constructor(root: HostPath, isReadOnly: boolean) {
    this.#root = root;
    this.#isReadOnly = isReadOnly;
  }

  /** False as well for a diff that may have lost bytes in a crash; such a one is taken away. */
  has(diff: DiffId): boolean {
    if (diff === EMPTY_DIFF || this.#present.has(diff)) return true;
    const directory = this.#pathOf(diff);
    let boot: string | undefined;
    try {
      boot = readlinkSync(bytesOf(under(directory, 'unsynced')), 'latin1');
    } catch (error) {
      if (!isErrno(error, 'ENOENT')) throw error;
      if (!existsRaw(under(directory, 'meta.json'))) return false;
    }
    if (boot !== undefined && boot !== this.#boot) {
      if (!this.#isReadOnly) throwAway(this.#root, directory);
      return false;
    }
    if (boot !== undefined) this.#unsynced.add(diff);
    this.#present.add(diff);
    return true;
  }

  /** Throws BuildError SNAPSHOT when it is missing or damaged. */
  meta(diff: DiffId): DiffMeta {
    if (diff === EMPTY_DIFF) return NOTHING;
    const kept = this.#metas.get(diff);
    if (kept !== undefined) return kept;
    if (!this.has(diff)) throw lost(diff);
    const meta = parseMeta(readFileSync(bytesOf(under(this.#pathOf(diff), 'meta.json')), 'utf8'));
    if (meta === undefined) throw lost(diff);
    this.#metas.set(diff, meta);
    return meta;
  }

  /** A diff that is not empty, as views see it. */
  layer(diff: DiffId): Layer {
    const kept = this.#layers.get(diff);
    if (kept !== undefined) return kept;
    const directory = this.#pathOf(diff);
    const { opaque } = this.meta(diff);
    let index: ReturnType<typeof readIndex> | undefined;
    const layer: Layer = {
      root: under(directory, 'fs'),
      opaque,
      index: () => (index ??= readIndex(under(directory, 'index'))),
    };
    this.#layers.set(diff, layer);
    return layer;
  }

  /** Lands a diff that is not there. */
  place({ diff, meta, index, tree, scratch }: LandingDiff): void {
    const out = under(scratch, 'out');
    makeDirectories(out);
    writeFileSync(bytesOf(under(out, 'index')), index, 'latin1');
    writeFileSync(bytesOf(under(out, 'meta.json')), formatMeta(meta));
    symlinkSync(this.#boot, bytesOf(under(out, 'unsynced')));
    renameSync(bytesOf(tree), bytesOf(under(out, 'fs')));
    try {
      renameSync(bytesOf(out), bytesOf(this.#pathOf(diff)));
    } catch (error) {
      // Another process landed the same diff first: its bytes are as good as ours.
      if (!isErrno(error, 'ENOTEMPTY', 'EEXIST')) throw error;
      if (!this.has(diff)) throw lost(diff);
      return;
    }
    this.#present.add(diff);
    this.#unsynced.add(diff);
  }

  /** `aside` is a path that nobody else uses, on the store's file system. */
  remember(kind: NameKind, key: Digest, diff: DiffId, aside: HostPath): void {
    writeFileSync(bytesOf(aside), diff);
    renameSync(bytesOf(aside), bytesOf(under(this.#root, `${kind}/${hexOf(key)}`)));
  }

  /** Undefined when it is unknown or gone. */
  lookup(kind: NameKind, key: Digest): DiffId | undefined {
    let text: string;
    try {
      text = readFileSync(bytesOf(under(this.#root, `${kind}/${hexOf(key)}`)), 'latin1');
    } catch (error) {
      if (isErrno(error, 'ENOENT')) return undefined;
      throw error;
    }
    return isDigest(text) && this.has(text) ? text : undefined;
  }

  /** Waits until every diff landed or used so far is on the disk. Throws BuildError STORE. */
  flush(): void {
    if (this.#unsynced.size === 0) return;
    const path = hostText(this.#root);
    const done = spawnSync('sync', ['-f', path], { encoding: 'utf8' });
    if (done.status !== 0) {
      throw new BuildError('STORE', `cannot write ${path} to disk`, {
        got: done.error?.message ?? done.stderr.trim(),
      });
    }
    for (const diff of this.#unsynced) {
      try {
        unlinkSync(bytesOf(under(this.#pathOf(diff), 'unsynced')));
      } catch (error) {
        if (!isErrno(error, 'ENOENT')) throw error;
      }
    }
    this.#unsynced.clear();
  }

  /** Drops everything remembered of what is in the store. */
  forget(): void {
    for (const table of [this.#metas, this.#layers, this.#present]) table.clear();
    for (const diff of this.#unsynced) if (!existsRaw(this.#pathOf(diff))) this.#unsynced.delete(diff);
  }

  #pathOf(diff: DiffId): HostPath {
    return under(this.#root, `diffs/${hexOf(diff)}`);
  }
}

function lost(diff: DiffId): BuildError {
  return new BuildError('SNAPSHOT', `the store has no diff ${displayPath(rawPath(diff))}, or a damaged one`, {
    hint: 'build again with --no-cache; `ocibuild gc` of another version may have removed it',
  });
}
