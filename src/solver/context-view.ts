// Owns: a build context as a view: the folder on the host less what .dockerignore hides, owned by root, and for a recipe
// its pinned sources below `fetch/`.

import { readFileSync, statSync } from 'node:fs';
import type { Digest } from '../../oci/digest.ts';
import { baseRaw, joinRaw, type RawPath, rawPath } from '../../oci/raw-path.ts';
import { type IgnoreRules, parseIgnore } from '../containerfile/ignore.ts';
import { sourcePath } from '../fetch/source-store.ts';
import type { ContextRef } from '../graph/op.ts';
import type { Recipe, Source } from '../recipe/types.ts';
import { digestFile } from '../snapshot/file-digest.ts';
import type { SnapshotStore } from '../snapshot/store.ts';
import type { Node, View } from '../snapshot/types.ts';
import type { Ignore } from '../snapshot/view.ts';

const FETCH = rawPath('fetch');

/** Opens a context. No source is fetched: its digest is known without. */
export function openContext(context: ContextRef, snapshots: SnapshotStore): View {
  const rules = context.ignore === undefined ? undefined : parseIgnore(context.ignore);
  const host = snapshots.hostView(context.directory, rules === undefined ? undefined : ignoreBy(rules));
  return context.recipe === undefined
    ? new FolderContext(host)
    : new RecipeContext(host, context.recipe, snapshots.path);
}

/** One file as a view of its own, root's: what ADD copies of a remote. */
export function openFile(name: RawPath, hostPath: Buffer, mode: number): View {
  const same = { uid: 0, gid: 0, mtimeNs: 0n, nlink: 1 };
  const root: Node = { ...same, type: 'directory', mode: 0o755, size: 0, inode: 'root', hostPath: Buffer.alloc(0) };
  const file: Node = { ...same, type: 'file', mode, size: statSync(hostPath).size, inode: 'file', hostPath };
  return {
    lstat: (path) => (path === '' ? root : path === name ? file : undefined),
    readdir: (path) => (path === '' ? [name] : undefined),
    readlink: (path) => path,
    readFile: () => readFileSync(hostPath),
    fileDigest: () => digestFile(hostPath),
    resolve: (path) => path,
  };
}

/** `descend`: an ignored directory that `!` may make part of visible again. */
function ignoreBy(rules: IgnoreRules): Ignore {
  return (path, isDirectory) => {
    if (!rules.ignores(path, isDirectory)) return false;
    return isDirectory && rules.mayContainExceptions(path) ? 'descend' : true;
  };
}

/** The sources among the paths a COPY selected. */
export function sourcesAt(recipe: Recipe, paths: readonly RawPath[]): readonly Source[] {
  const wanted = new Set<string>(paths);
  return recipe.sources.filter((source) => wanted.has(joinRaw(FETCH, rawPath(source.file))));
}

/** A folder of the host, whoever owns it there: in a build its files are root's. */
class FolderContext implements View {
  protected readonly host: View;

  constructor(host: View) {
    this.host = host;
  }

  lstat(path: RawPath): Node | undefined {
    const node = this.host.lstat(path);
    return node === undefined ? undefined : { ...node, uid: 0, gid: 0 };
  }

  readdir(path: RawPath): readonly RawPath[] | undefined {
    return this.host.readdir(path);
  }

  readlink(path: RawPath): RawPath {
    return this.host.readlink(path);
  }

  readFile(path: RawPath): Buffer {
    return this.host.readFile(path);
  }

  fileDigest(path: RawPath): Digest {
    return this.host.fileDigest(path);
  }

  knownDigest(path: RawPath): Digest | undefined {
    return this.host.knownDigest?.(path);
  }

  resolve(path: RawPath, followLast: boolean): RawPath {
    return this.host.resolve(path, followLast);
  }
}

/**
 * A recipe's folder with `fetch/` laid over it; a real folder of that name is hidden. Of modes only the executable bit
 * counts, as in git: the rest is the umask of whoever checked the tree out.
 */
class RecipeContext extends FolderContext {
  readonly #sources = new Map<string, Source>();
  readonly #store: string;

  constructor(host: View, recipe: Recipe, store: string) {
    super(host);
    this.#store = store;
    for (const source of recipe.sources) this.#sources.set(joinRaw(FETCH, rawPath(source.file)), source);
  }

  #isFetched(path: RawPath): boolean {
    return this.#sources.size > 0 && (path === FETCH || path.startsWith('fetch/'));
  }

  override lstat(path: RawPath): Node | undefined {
    if (this.#isFetched(path)) return this.#lstatFetched(path);
    const node = super.lstat(path);
    if (node?.type !== 'file' && node?.type !== 'directory') return node;
    return { ...node, mode: node.type === 'directory' || (node.mode & 0o100) !== 0 ? 0o755 : 0o644 };
  }

  #lstatFetched(path: RawPath): Node | undefined {
    const same = { uid: 0, gid: 0, mtimeNs: 0n, inode: path, nlink: 1 };
    if (path === FETCH) return { ...same, type: 'directory', mode: 0o755, size: 0, hostPath: Buffer.alloc(0) };
    const source = this.#sources.get(path);
    if (source === undefined) return undefined;
    const stored = sourcePath(this.#store, source.digest);
    // Before it is fetched its size may not be known; nothing asks for it then.
    const size = statSync(stored, { throwIfNoEntry: false })?.size ?? source.size ?? 0;
    return { ...same, type: 'file', mode: 0o644, size, hostPath: Buffer.from(stored) };
  }

  override readdir(path: RawPath): readonly RawPath[] | undefined {
    if (path === FETCH && this.#sources.size > 0) {
      return [...this.#sources.keys()].map((key) => baseRaw(key as RawPath)).sort();
    }
    if (this.#isFetched(path)) return undefined;
    const names = super.readdir(path);
    const hasMore = path === '' && names !== undefined && this.#sources.size > 0;
    return hasMore ? [...new Set([...names, FETCH])].sort() : names;
  }

  override readFile(path: RawPath): Buffer {
    return this.#isFetched(path) ? readFileSync(this.#lstatFetched(path)!.hostPath) : super.readFile(path);
  }

  override fileDigest(path: RawPath): Digest {
    return this.#sources.get(path)?.digest ?? super.fileDigest(path);
  }

  override resolve(path: RawPath, followLast: boolean): RawPath {
    return this.#isFetched(path) ? path : super.resolve(path, followLast);
  }
}
