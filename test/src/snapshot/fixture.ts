// Owns: what the tests of the snapshot room share: stores in temporary directories, trees from text, listings to compare.

import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, expect, test } from 'vitest';
import type { TreeEntry } from '../../../oci/layer/entry.ts';
import { displayPath, joinRaw, type RawPath } from '../../../oci/raw-path.ts';
import { hasWildcard, matchGlob } from '../../../src/containerfile/glob.ts';
import { type CopyTarget, copySelection } from '../../../src/snapshot/copy.ts';
import { hostPath, removeTree } from '../../../src/snapshot/raw-fs.ts';
import { type SelectOptions, selectFiles } from '../../../src/snapshot/select.ts';
import { openSnapshotStore, type SnapshotStore, type Workspace } from '../../../src/snapshot/store.ts';
import type { Committed, Snapshot, View } from '../../../src/snapshot/types.ts';
import { hostView } from '../../../src/snapshot/view.ts';

const MARK = 'OCIBUILD_TEST_NAMESPACE';
const VITEST = fileURLToPath(new URL('../../../node_modules/vitest/vitest.mjs', import.meta.url));
const ROOT_DIRECTORY = fileURLToPath(new URL('../../..', import.meta.url));
const CONFIG = fileURLToPath(new URL('./inside.config.ts', import.meta.url));
const TIMEOUT = 400_000;
const NAMESPACES = { root: ['--mount'], user: ['--user', '--map-root-user', '--mount'] };

/**
 * Runs the tests of a file in mount namespaces of their own: as `root` (only where the tests are run by root) and as
 * the root of a user namespace with a single id. Prints why, where the machine lets it make none.
 */
export function inNamespaces(file: string, body: () => void): void {
  if (process.env[MARK] !== undefined) {
    body();
    return;
  }
  for (const [kind, flags] of Object.entries(NAMESPACES)) {
    if (kind === 'root' && process.getuid?.() !== 0) continue;
    const probe = spawnSync('unshare', [...flags, 'true'], { encoding: 'utf8' });
    const reason = probe.status === 0 ? undefined : (probe.error?.message ?? probe.stderr.trim());
    if (reason !== undefined) console.warn(`skipped as ${kind}: no namespace: ${reason}`);
    test.skipIf(reason !== undefined)(`in a namespace, as ${kind}`, { timeout: TIMEOUT }, () =>
      runInside(file, flags, kind),
    );
  }
}

/** For tests that change owners but mount nothing: inside a user namespace when not run by root. */
export function asRoot(file: string, body: () => void): void {
  if (process.getuid?.() === 0) body();
  else test('in a user namespace', { timeout: TIMEOUT }, () => runInside(file, NAMESPACES.user, 'user'));
}

function runInside(file: string, flags: readonly string[], kind: string): void {
  const path = fileURLToPath(file);
  const done = spawnSync(
    'unshare',
    [...flags, process.execPath, VITEST, 'run', '--root', ROOT_DIRECTORY, '--config', CONFIG, path],
    {
      encoding: 'utf8',
      env: { ...process.env, [MARK]: kind },
      cwd: ROOT_DIRECTORY,
    },
  );
  expect(done.status, `${done.stdout}\n${done.stderr}`).toBe(0);
}

/** `root` or `user`, inside inNamespaces. */
export function namespaceKind(): string {
  return process.env[MARK] ?? 'none';
}

const opened: SnapshotStore[] = [];

/** A directory that goes with the file's tests. */
export function temporary(): string {
  const directory = mkdtempSync(join(tmpdir(), 'ocibuild-snapshot-'));
  afterAll(() => {
    // What a store keeps mounted cannot be deleted.
    for (const store of opened) if (store.path.startsWith(`${directory}/`)) store.close();
    removeTree(hostPath(directory));
  }, 60_000);
  return directory;
}

/** A store with a skeleton of mount points. */
export function testStore(directory: string, driver: 'auto' | 'overlay' | 'copy' = 'auto'): SnapshotStore {
  const skeleton = join(directory, 'skeleton');
  for (const name of ['proc', 'dev', 'sys', 'etc']) mkdirSync(join(skeleton, name), { recursive: true });
  for (const name of ['hosts', 'resolv.conf']) writeFileSync(join(skeleton, 'etc', name), '');
  const store = openSnapshotStore(join(directory, 'store'), { skeleton, driver });
  opened.push(store);
  return store;
}

/** Runs shell text in a directory; fails the test when the shell does. */
export function shell(cwd: string, script: string): void {
  const done = spawnSync('sh', ['-euc', script], { cwd, encoding: 'utf8' });
  expect(done.status, `${script}\n${done.stdout}${done.stderr}`).toBe(0);
}

/** A host directory filled by shell text. */
export function hostTree(parent: string, name: string, script: string): string {
  const directory = join(parent, name);
  mkdirSync(directory, { recursive: true });
  shell(directory, script);
  return directory;
}

export const GLOBS: SelectOptions = { exclude: [], parents: false, matchGlob, hasWildcard };
export const KEEP: CopyTarget = { dest: '/', time: 'keep', parents: false, link: false, replaceOwner: 'keep' };

/** COPY patterns of a host directory or view onto a base. */
export function copyOnto(
  store: SnapshotStore,
  base: Snapshot,
  from: string | View,
  patterns: readonly string[],
  target: Partial<CopyTarget> = {},
  options: Partial<SelectOptions> = {},
): Committed {
  const view = typeof from === 'string' ? hostView(hostPath(from)) : from;
  return inWorkspace(store, base, (workspace) => {
    const selection = selectFiles(view, patterns, { ...GLOBS, ...options });
    copySelection(store, workspace, selection, { ...KEEP, ...target, parents: options.parents === true });
  });
}

export function inWorkspace(store: SnapshotStore, base: Snapshot, work: (workspace: Workspace) => void): Committed {
  const workspace = store.begin(base);
  try {
    work(workspace);
    return store.commit(workspace);
  } catch (error) {
    store.discard(workspace);
    throw error;
  }
}

/** One RUN: shell text inside the mounted rootfs. */
export function step(store: SnapshotStore, base: Snapshot, script: string): Committed {
  return inWorkspace(store, base, (workspace) => shell(store.mount(workspace), script));
}

/** `d 755 a`, `f 644 a/b`, `l a -> x`, `h b -> a`, `w gone`: for tables. */
export function brief(entries: Iterable<TreeEntry>): string[] {
  return [...entries].map((entry) => {
    const path = displayPath(entry.path);
    if (entry.type === 'whiteout') return `w ${path}`;
    if (entry.type === 'symlink') return `l ${path} -> ${displayPath(entry.target!)}`;
    if (entry.type === 'hardlink') return `h ${path} -> ${displayPath(entry.target!)}`;
    return `${entry.type === 'directory' ? 'd' : entry.type === 'file' ? 'f' : entry.type} ${entry.mode.toString(8)} ${path}`;
  });
}

/** Everything a view says of every path below its root; times in whole microseconds, link groups by first name. */
export function listing(view: View, options: { times?: boolean; skip?: (path: RawPath) => boolean } = {}): string[] {
  const out: string[] = [];
  const first = new Map<string, RawPath>();
  walk('' as RawPath);
  return out;

  function walk(directory: RawPath): void {
    for (const name of view.readdir(directory) ?? []) {
      const path = joinRaw(directory, name);
      if (options.skip?.(path) === true) continue;
      const node = view.lstat(path);
      if (node === undefined) {
        out.push(`missing ${displayPath(path)}`);
        continue;
      }
      const isDirectory = node.type === 'directory';
      const group = isDirectory ? undefined : first.get(node.inode);
      if (!isDirectory && group === undefined) first.set(node.inode, path);
      const what =
        node.type === 'file'
          ? view.fileDigest(path).slice(7, 19)
          : node.type === 'symlink'
            ? view.readlink(path)
            : (node.device?.minor ?? '');
      const time = options.times === false ? '' : ` ${node.mtimeNs / 1000n}`;
      const link = group === undefined ? '' : ` = ${displayPath(group)}`;
      out.push(
        `${displayPath(path)} ${node.type} ${node.mode.toString(8)} ${node.uid}:${node.gid} ${node.size}${time} ${what}${link}`,
      );
      if (isDirectory) walk(path);
    }
  }
}
