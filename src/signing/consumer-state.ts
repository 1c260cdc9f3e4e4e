// Owns: what a consumer remembers of a repository between two looks: the release seen last, so that nobody can take them
// back to an older one, and the tree's own policy accepted last.
//
//   $XDG_STATE_HOME/ocibuild/trust/HEX.json, ~/.local/state/… otherwise; HEX: sha256 of the repository's name
//   …/trust/tree-HEX.json                  which repository a checkout was for; HEX: sha256 of its real path

import { mkdirSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, isAbsolute, join } from 'node:path';
import { type Digest, digestOf, hexOf, isDigest } from '../../oci/digest.ts';
import { canonicalJson } from '../../oci/json.ts';
import { writeAside } from '../../oci/layout/aside.ts';
import { BuildError } from '../errors.ts';
import { showPath } from '../recipe/recipe.ts';
import type { Release } from './release.ts';

const FORMAT = 1;

export interface ConsumerState {
  readonly repository: string;
  readonly release?: { readonly serial: number; readonly digest: Digest };
  /** The bundle of the tree's own policy. */
  readonly policy?: string;
}

/** Where the state of a repository lies unless --state says otherwise. */
export function statePath(repository: string, env: NodeJS.ProcessEnv): string {
  const state = env['XDG_STATE_HOME'];
  const folder = state && isAbsolute(state) ? state : join(env['HOME'] || homedir(), '.local/state');
  return join(folder, 'ocibuild/trust', `${hexOf(digestOf(repository))}.json`);
}

/** Where it is kept which repository a checkout with a policy of its own is for. */
export function treeStatePath(directory: string, env: NodeJS.ProcessEnv): string {
  return join(dirname(statePath('', env)), `tree-${hexOf(digestOf(directory))}.json`);
}

/**
 * A checkout that says it is for another repository would begin with nothing remembered. Throws BuildError SIGNATURE when
 * it was for another one before, STORE for a damaged record.
 */
export function requireSameRepository(path: string, repository: string): void {
  let before: unknown;
  try {
    before = (JSON.parse(readFileSync(path, 'utf8')) as { repository?: unknown } | null)?.repository;
  } catch (cause) {
    if (['ENOENT', 'ENOTDIR'].includes((cause as NodeJS.ErrnoException).code ?? '')) return;
    throw new BuildError('STORE', `cannot read ${showPath(path)}`, { got: (cause as Error).message, cause });
  }
  if (before === repository) return;
  throw new BuildError('SIGNATURE', 'this checkout’s policy was for another repository', {
    want: String(before),
    got: repository,
    hint: `nothing that was remembered would count; remove ${showPath(path)} if you know why it changed`,
  });
}

export function rememberRepository(path: string, repository: string): void {
  write(path, `${canonicalJson({ format: FORMAT, repository })}\n`);
}

/** Nothing remembered where there is no file. Throws BuildError STORE for one that is damaged: forgetting would be unsafe. */
export function readState(path: string, repository: string): ConsumerState {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code ?? String(cause);
    if (code === 'ENOENT' || code === 'ENOTDIR') return { repository };
    throw new BuildError('STORE', `cannot read ${showPath(path)}`, { got: code, cause });
  }
  const fail = (got: string): never => {
    throw new BuildError('STORE', `${showPath(path)} is no record of what was seen of ${repository}`, {
      got,
      hint: 'remove it to begin anew, if you know how it came to be so',
    });
  };
  let read: { [key: string]: unknown } | null;
  try {
    read = JSON.parse(text) as typeof read;
  } catch (error) {
    return fail((error as Error).message);
  }
  const release = read?.['release'] as { serial?: unknown; digest?: unknown } | undefined;
  const policy = read?.['policy'];
  if (read?.['format'] !== FORMAT) return fail(`format ${String(read?.['format'])}`);
  if (read['repository'] !== repository) return fail(`the record of ${String(read['repository'])}`);
  if (release !== undefined && !(Number.isSafeInteger(release.serial) && isDigest(release.digest)))
    return fail('release');
  if (policy !== undefined && typeof policy !== 'string') return fail('policy');
  return {
    repository,
    ...(release === undefined ? {} : { release: release as NonNullable<ConsumerState['release']> }),
    ...(policy === undefined ? {} : { policy }),
  };
}

/** Written only after everything held. */
export function writeState(path: string, state: ConsumerState): void {
  write(path, `${canonicalJson({ format: FORMAT, ...state })}\n`);
}

function write(path: string, text: string): void {
  try {
    mkdirSync(dirname(path), { recursive: true });
    writeAside(path, text);
  } catch (cause) {
    throw new BuildError('STORE', `cannot write ${showPath(path)}`, {
      got: (cause as NodeJS.ErrnoException).code ?? String(cause),
      hint: 'name another place with --state FILE',
      cause,
    });
  }
}

/** Throws BuildError SIGNATURE when the newest release of a tree is older than one seen before, or another in its place. */
export function requireForward(state: ConsumerState, releases: readonly Release[]): void {
  const { release: seen } = state;
  if (seen === undefined) return;
  const newest = releases.at(-1);
  const hint = 'somebody hands out an old tree, or another one';
  if (newest === undefined || newest.serial < seen.serial) {
    throw new BuildError('SIGNATURE', 'the release went back', {
      want: `serial ${seen.serial} or higher, as seen before`,
      got: newest === undefined ? 'no release' : `serial ${newest.serial}`,
      hint,
    });
  }
  const same = releases.find(({ serial }) => serial === seen.serial);
  if (same?.digest === seen.digest) return;
  throw new BuildError('SIGNATURE', `release ${seen.serial} is another one than the one seen before`, {
    want: seen.digest,
    got: same?.digest ?? 'none',
    hint,
  });
}
