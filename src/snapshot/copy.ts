// Owns: putting a selection into a workspace, as BuildKit's COPY does it, without mounting anything. The destination is
// resolved inside the rootfs, whatever its symlinks say. Carries no xattrs. Shares bytes with another diff's files where the
// file system can (a reflink), and never by a hard link: a step would see its count and its inode, and they would say what
// the store happens to hold.

import { digestOf } from '../../oci/digest.ts';
import { baseRaw, displayPath, joinRaw, parentRaw, type RawPath, rawPath } from '../../oci/raw-path.ts';
import { BuildError } from '../errors.ts';
import { writeAll } from './file-digest.ts';
import { type FileMode, parseFileMode } from './file-mode.ts';
import { explainIo, isErrno } from './raw-fs.ts';
import { cleanPath } from './resolve.ts';
import { type SelectedEntry, type SelectedItem, type Selection, selectedEntries } from './select.ts';
import type { SnapshotStore, Workspace } from './store.ts';
import type { Node, View } from './types.ts';
import { type Owner, type Stamp, UpperTree } from './upper-tree.ts';
import { openView } from './view.ts';

export interface CopyTarget {
  /** Absolute inside the rootfs. A trailing slash makes it a directory. */
  readonly dest: string;
  /** Owner of everything that is made, directories leading to the destination included. */
  readonly chown?: Owner;
  /** `755` or `u+rwX,go=rX`; for files and directories, not for symlinks nor for directories nobody selected. */
  readonly chmod?: string;
  /** `keep`: as in the source. A number: seconds since 1970, for everything that is made. */
  readonly time: 'keep' | number;
  /** True when the selection was made with --parents. */
  readonly parents: boolean;
  /** `--link`: the destination is not looked at: its symlinks are not followed, and directories replace them. */
  readonly link: boolean;
  /** Without `chown`: `root` is what a build context gets, `keep` what another stage gets. */
  readonly replaceOwner: 'keep' | 'root';
}

/**
 * Copies. Throws BuildError COPY where a file meets a directory or the other way round, naming both; MACHINE where an
 * owner does not exist on this machine; DISK_FULL. After an error the workspace can only be discarded.
 */
export function copySelection(
  store: SnapshotStore,
  workspace: Workspace,
  selection: Selection,
  target: CopyTarget,
): void {
  const base = target.link ? EMPTY_VIEW : store.view(workspace.base);
  const tree = new UpperTree(workspace, base, 'COPY');
  try {
    new Copier(tree, selection, target).run();
    tree.finish();
  } catch (error) {
    throw explainIo(error, 'copying');
  }
}

export interface NewFile {
  /** Permission bits, before `chmod`. */
  readonly mode: number;
  readonly owner: Owner;
  /** Modification time, seconds since 1970. */
  readonly time: number;
  /** Octal or symbolic. */
  readonly chmod?: string;
  /** What the file is called when `dest` turns out to be a directory; without it that is an error. */
  readonly name?: string;
  /** See CopyTarget. */
  readonly link?: boolean;
}

/** Makes one file out of bytes: a heredoc of COPY, a remote file of ADD. `dest` is absolute inside the rootfs. */
export function writeInto(workspace: Workspace, dest: string, bytes: Uint8Array, file: NewFile): void {
  const tree = new UpperTree(workspace, file.link === true ? EMPTY_VIEW : workspace.baseView(), 'COPY');
  const mode = file.chmod === undefined ? file.mode : parseFileMode(file.chmod)(file.mode, false);
  const mtimeNs = BigInt(file.time) * 1_000_000_000n;
  try {
    let path = tree.resolve(cleanPath(rawPath(dest)), true);
    const isDirectory = dest.endsWith('/') || path === '' || tree.lstat(path)?.type === 'directory';
    if (isDirectory && file.name !== undefined) path = joinRaw(path, rawPath(file.name));
    tree.ensureDirectory(parentRaw(path), { ...file.owner, mode: 0o755, mtimeNs });
    const host = tree.makeRoom(path, 'a file', false);
    tree.writeFile(path, host, { ...file.owner, mode, mtimeNs }, (fd) => {
      writeAll(fd, bytes);
      return digestOf(bytes);
    });
    tree.finish();
  } catch (error) {
    throw explainIo(error, 'writing a file');
  }
}

/** Writes everything a view shows into an empty workspace: owners, modes, times, link groups as they are. */
export function materialise(view: View, workspace: Workspace): void {
  const tree = new UpperTree(workspace, EMPTY_VIEW, 'SNAPSHOT');
  const everything: Selection = {
    view,
    items: [{ source: '' as RawPath, kind: 'contents', name: '' as RawPath }],
    isExcluded: () => false,
  };
  const target: CopyTarget = { dest: '/', time: 'keep', parents: false, link: true, replaceOwner: 'keep' };
  new Copier(tree, everything, target).run();
  tree.finish();
}

const EMPTY_VIEW = openView([]);

class Copier {
  readonly #tree: UpperTree;
  readonly #selection: Selection;
  readonly #target: CopyTarget;
  readonly #mode: FileMode | undefined;
  readonly #time: bigint | undefined;
  /** First written name of each hard-link group of the source. */
  readonly #links = new Map<string, RawPath>();
  /** Directories made by this copy: nothing can be in them but what it put there. */
  readonly #fresh = new Set<RawPath>();
  /** Of the item that is being copied. */
  #dest = '' as RawPath;

  constructor(tree: UpperTree, selection: Selection, target: CopyTarget) {
    this.#tree = tree;
    this.#selection = selection;
    this.#target = target;
    this.#mode = target.chmod === undefined ? undefined : parseFileMode(target.chmod);
    this.#time = target.time === 'keep' ? undefined : BigInt(target.time) * 1_000_000_000n;
  }

  run(): void {
    let item: SelectedItem | undefined;
    let isDirectory = this.#target.dest.endsWith('/') || /(^|\/)\.$/.test(this.#target.dest);
    if (!isDirectory) isDirectory = this.#needsDirectory();
    for (const entry of selectedEntries(this.#selection)) {
      if (entry.item !== item) {
        item = entry.item;
        this.#dest = this.#placeFor(item, entry.node, isDirectory);
        if (item.kind === 'contents') continue;
      }
      this.#put(entry, entry.path === '' ? this.#dest : joinRaw(this.#dest, entry.path));
    }
  }

  /** Two files cannot both become the destination. */
  #needsDirectory(): boolean {
    const named = this.#selection.items.filter((item) => item.kind !== 'contents');
    if (this.#target.parents) return true;
    if (named.length < 2) return false;
    const dest = this.#tree.resolve(cleanPath(rawPath(this.#target.dest)), true);
    if (dest === '' || this.#tree.lstat(dest)?.type === 'directory') return true;
    throw new BuildError('COPY', `${named.length} files cannot become the one file ${this.#target.dest}`, {
      got: named
        .map((item) => displayPath(item.source))
        .slice(0, 3)
        .join(', '),
      hint: 'end the destination with a slash',
    });
  }

  /** Where an item goes; directories leading there are made. */
  #placeFor(item: SelectedItem, node: Node, isDirectory: boolean): RawPath {
    const dest = this.#tree.resolve(cleanPath(rawPath(this.#target.dest)), true);
    if (item.kind === 'contents' || isDirectory) {
      this.#ensure(dest);
      return item.kind === 'contents' ? dest : joinRaw(dest, item.name);
    }
    const there = dest === '' ? ROOT : this.#tree.lstat(dest);
    if (node.type !== 'directory' && there?.type === 'directory') {
      this.#ensure(dest);
      return joinRaw(dest, item.name);
    }
    this.#ensure(parentRaw(dest));
    return dest;
  }

  /** A directory that exists is copied up only when something is put into it. */
  #ensure(path: RawPath): void {
    if (path === '' || this.#tree.lstat(path)?.type === 'directory') return;
    const owner = this.#target.chown ?? { uid: 0, gid: 0 };
    const time = this.#time === undefined ? {} : { mtimeNs: this.#time };
    this.#tree.ensureDirectory(path, { ...owner, mode: 0o755, ...time });
  }

  #put({ source, node, item, path }: SelectedEntry, dest: RawPath): void {
    const stamp = this.#stampOf(node);
    if (node.type === 'directory') {
      this.#putDirectory(source, dest, stamp);
      return;
    }
    // Under --parents, or below an excluded directory, the directory above may not have been an entry.
    const parent = parentRaw(dest);
    if (path === '' && item.name.includes('/')) this.#ensure(parent);
    this.#tree.ensureDirectory(parent, { uid: 0, gid: 0, mode: 0o755 });
    const host = this.#tree.makeRoom(dest, `the ${node.type} ${displayPath(source)}`, this.#fresh.has(parent));
    const first = node.nlink > 1 ? this.#links.get(node.inode) : undefined;
    if (first !== undefined) {
      this.#tree.writeHardLink(dest, host, first);
      return;
    }
    if (node.nlink > 1) this.#links.set(node.inode, dest);
    if (node.type === 'file') this.#putFile(source, dest, host, node, stamp);
    else if (node.type === 'symlink') this.#tree.writeLink(host, this.#selection.view.readlink(source), stamp);
    else if (node.type === 'socket') throw socketFound(source);
    else this.#tree.writeNode(dest, host, node, stamp);
  }

  #putDirectory(source: RawPath, dest: RawPath, stamp: Stamp): void {
    const there = dest === '' ? ROOT : this.#fresh.has(parentRaw(dest)) ? undefined : this.#tree.lstat(dest);
    if (there !== undefined && there.type !== 'directory') {
      throw new BuildError(
        'COPY',
        `cannot put the directory ${displayPath(source)} over the ${there.type} /${displayPath(dest)}`,
        {
          hint: 'a directory never replaces a file or a symlink; choose another destination, or remove it in an earlier step',
        },
      );
    }
    if (this.#tree.ensureDirectory(dest, stamp)) this.#fresh.add(dest);
    if (dest !== '') this.#tree.stampDirectory(dest, stamp);
  }

  #putFile(source: RawPath, dest: RawPath, host: ReturnType<UpperTree['makeRoom']>, node: Node, stamp: Stamp): void {
    const { view } = this.#selection;
    try {
      if (view.isImmutable === true) {
        this.#tree.cloneFile(dest, host, node.hostPath, view.fileDigest(source), stamp);
        return;
      }
      const wanted = view.knownDigest?.(source);
      const got = this.#tree.copyFile(dest, host, node, stamp);
      if (wanted !== undefined && wanted !== got) {
        throw new BuildError('COPY', `${displayPath(source)} changed while it was being copied`, {
          want: wanted,
          got,
          hint: 'build again when nothing writes to the build context',
        });
      }
    } catch (error) {
      if (!isErrno(error, 'EACCES', 'EPERM', 'ENOENT')) throw error;
      throw new BuildError('COPY', `cannot read ${displayPath(source)}`, {
        got: (error as Error).message.replace(/, \w+ .*$/s, ''),
        hint: 'make it readable, or list it in .dockerignore',
        cause: error,
      });
    }
  }

  #stampOf(node: Node): Stamp {
    const owner = this.#target.chown ?? (this.#target.replaceOwner === 'root' ? { uid: 0, gid: 0 } : node);
    const mode = this.#mode === undefined ? node.mode : this.#mode(node.mode, node.type === 'directory');
    return { uid: owner.uid, gid: owner.gid, mode, mtimeNs: this.#time ?? node.mtimeNs };
  }
}

const ROOT: Pick<Node, 'type'> = { type: 'directory' };

function socketFound(source: RawPath): BuildError {
  return new BuildError('COPY', `${displayPath(source)} is a socket, which cannot be copied`, {
    hint: `stop the program that listens on ${displayPath(baseRaw(source))}, or list it in .dockerignore`,
  });
}
