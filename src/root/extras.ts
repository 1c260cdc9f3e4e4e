// Owns: the last archive of every root: the directories, files and links that `[root]` of package.toml adds.

import { BuildError } from '../errors.ts';
import { endOfArchive, makeMember } from './tar-record.ts';
import type { RootSpec } from './types.ts';

/** What `[root]` asks for besides packages' own files, for a cache key. */
export function extrasKey(spec: RootSpec) {
  return {
    directories: Object.fromEntries(spec.directories),
    files: Object.fromEntries(spec.files),
    links: Object.fromEntries(spec.links),
  };
}

/**
 * Directories, then files, then links, each sorted by path, so that a link never stands in another's way. `mtime` is in
 * seconds since 1970; `owners` maps each path that packages brought to the package, directories left out.
 * Throws BuildError CHECK_FAILED for a file or link that a package brings already.
 */
export function* extrasTar(
  spec: RootSpec,
  mtime: number,
  owners: ReadonlyMap<string, string>,
): Generator<Uint8Array, void> {
  for (const [name, mode] of sorted(spec.directories)) {
    yield* makeMember({ name: `${name}/`, type: '5', mode, mtime }, {});
  }
  for (const path of [...spec.files.keys(), ...spec.links.keys()]) {
    const owner = owners.get(path);
    if (owner === undefined) continue;
    throw new BuildError('CHECK_FAILED', `[root] makes /${path}, which ${owner} brings`, { location: spec.location });
  }
  for (const [name, text] of sorted(spec.files)) {
    yield* makeMember({ name, type: '0', mode: 0o644, mtime }, { body: Buffer.from(text, 'utf8') });
  }
  for (const [name, link] of sorted(spec.links)) {
    yield* makeMember({ name, type: '2', mode: 0o777, mtime }, { link });
  }
  yield endOfArchive();
}

function sorted<T>(map: ReadonlyMap<string, T>): readonly (readonly [string, T])[] {
  return [...map].sort(([a], [b]) => (a < b ? -1 : 1));
}
