// Owns: a build context as a view: the folder on the host less what .dockerignore hides, owned by root, and for a recipe
// its pinned sources below `fetch/`.

import { join } from 'node:path';
import type { Digest } from '../../oci/digest.ts';
import { joinRaw, type RawPath, rawPath } from '../../oci/raw-path.ts';
import { type IgnoreRules, parseIgnore } from '../containerfile/ignore.ts';
import { BuildError } from '../errors.ts';
import type { ContextRef } from '../graph/op.ts';
import type { Recipe, Source } from '../recipe/types.ts';
import type { SnapshotStore } from '../snapshot/store.ts';
import type { Node, View } from '../snapshot/types.ts';
import type { Ignore } from '../snapshot/view.ts';

const FETCH = rawPath('fetch');

/** Opens a context. No source is fetched: its digest is known without. */
export function openContext(context: ContextRef, snapshots: SnapshotStore): View {
  const rules = context.ignore === undefined ? undefined : parseIgnore(context.ignore);
  const host = snapshots.hostView(context.directory, rules === undefined ? undefined : ignoreBy(rules));
  return context.recipe === undefined || context.recipe.sources.length === 0
    ? host
    : new RecipeContext(host, context.recipe, snapshots.path);
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

/** A recipe's folder with `fetch/` laid over it; a real folder of that name is hidden. */
class RecipeContext implements View {
  readonly #host: View;
  readonly #sources = new Map<string, Source>();
  readonly #store: string;

  constructor(host: View, recipe: Recipe, store: string) {
    this.#host = host;
    this.#store = store;
    for (const source of recipe.sources) this.#sources.set(joinRaw(FETCH, rawPath(source.file)), source);
  }

  #isFetched(path: RawPath): boolean {
    return path === FETCH || path.startsWith('fetch/');
  }

  #hostPath(source: Source): Buffer {
    return Buffer.from(join(this.#store, 'sources', 'sha256', source.digest.slice('sha256:'.length)));
  }

  lstat(path: RawPath): Node | undefined {
    if (!this.#isFetched(path)) return this.#host.lstat(path);
    const source = this.#sources.get(path);
    if (path !== FETCH && source === undefined) return undefined;
    const isDirectory = source === undefined;
    return {
      type: isDirectory ? 'directory' : 'file',
      mode: isDirectory ? 0o755 : 0o644,
      uid: 0,
      gid: 0,
      size: source?.size ?? 0,
      mtimeNs: 0n,
      inode: `fetch/${path}`,
      nlink: 1,
      hostPath: isDirectory ? Buffer.alloc(0) : this.#hostPath(source),
    };
  }

  readdir(path: RawPath): readonly RawPath[] | undefined {
    if (path === FETCH) return [...this.#sources.keys()].map((key) => key.slice('fetch/'.length) as RawPath).sort();
    if (this.#isFetched(path)) return undefined;
    const names = this.#host.readdir(path);
    return path !== '' || names === undefined ? names : [...new Set([...names, FETCH])].sort();
  }

  readlink(path: RawPath): RawPath {
    return this.#host.readlink(path);
  }

  readFile(path: RawPath): Buffer {
    if (!this.#isFetched(path)) return this.#host.readFile(path);
    throw new BuildError('SNAPSHOT', `a source is read before it was fetched: ${path}`);
  }

  fileDigest(path: RawPath): Digest {
    return this.#sources.get(path)?.digest ?? this.#host.fileDigest(path);
  }

  resolve(path: RawPath, followLast: boolean): RawPath {
    return this.#isFetched(path) ? path : this.#host.resolve(path, followLast);
  }
}
