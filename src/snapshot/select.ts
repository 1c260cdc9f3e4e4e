// Owns: what COPY and ADD take from their source: patterns to paths, as BuildKit's copy does it. Reads names only; knows
// nothing of where they go. The glob language is the caller's.

import { createHash } from 'node:crypto';
import { type Digest, finishDigest } from '../../oci/digest.ts';
import { canonicalJson, type Json } from '../../oci/json.ts';
import { baseRaw, displayPath, joinRaw, parentRaw, type RawPath, rawPath, rawToBuffer } from '../../oci/raw-path.ts';
import { BuildError } from '../errors.ts';
import { cleanPath, components } from './resolve.ts';
import { clampedSeconds } from './seconds.ts';
import type { Node, View } from './types.ts';

export interface SelectOptions {
  /** `--exclude` patterns. */
  readonly exclude: readonly string[];
  readonly parents: boolean;
  /** False keeps a source that is a symlink as a symlink. Default true. */
  readonly followSources?: boolean;
  /** Go's filepath.Match plus `**`, over whole slash-separated paths. */
  readonly matchGlob: (pattern: string, path: string) => boolean;
  readonly hasWildcard: (text: string) => boolean;
}

/** One thing a pattern named. */
export interface SelectedItem {
  /** In the view; symlinks in it are resolved. */
  readonly source: RawPath;
  /**
   * contents: a directory whose children go right into the destination. named: goes to `name` below the destination, or
   * becomes the destination itself where that is no directory. parent: a directory alone, for --parents.
   */
  readonly kind: 'contents' | 'named' | 'parent';
  /** Below the destination; '' for contents. Has `/` in it under --parents only. */
  readonly name: RawPath;
}

export interface Selection {
  readonly view: View;
  readonly items: readonly SelectedItem[];
  /** True for a path that --exclude takes out, relative to the item's source. */
  isExcluded(path: RawPath): boolean;
}

/** One path of a selection. `path` is relative to the item: '' is the item itself. */
export interface SelectedEntry {
  readonly item: SelectedItem;
  readonly path: RawPath;
  readonly source: RawPath;
  readonly node: Node;
}

/**
 * Finds what `patterns` name. A directory stands for its contents, a trailing `/.` changes nothing, wildcards match
 * whole paths, a symlink named itself is followed inside the view. Throws BuildError COPY, naming the pattern, for a
 * source that does not exist, and when wildcards are all there is and none of them matches.
 */
export function selectFiles(view: View, patterns: readonly string[], options: SelectOptions): Selection {
  const isExcluded = excluder(options);
  const items: SelectedItem[] = [];
  const unmatched: string[] = [];
  for (const pattern of patterns) {
    const found = options.parents
      ? selectWithParents(view, pattern, options, isExcluded)
      : selectPlain(view, pattern, options, isExcluded);
    if (found === undefined) unmatched.push(pattern);
    else items.push(...found);
  }
  if (items.length === 0 && unmatched.length > 0 && unmatched.length === patterns.length) throw noMatch(unmatched);
  return { view, items: options.parents ? withoutRepeats(items) : items, isExcluded };
}

/** Undefined for a wildcard that matched nothing. */
function selectPlain(
  view: View,
  pattern: string,
  options: SelectOptions,
  isExcluded: (path: RawPath) => boolean,
): SelectedItem[] | undefined {
  const follow = options.followSources !== false;
  const paths = expand(view, pattern, options);
  if (paths.length === 0) return undefined;
  const items: SelectedItem[] = [];
  for (const path of paths) {
    const source = view.resolve(path, follow);
    const node = source === '' ? ROOT : view.lstat(source);
    if (node === undefined) throw notFound(pattern, path, source);
    if (node.type === 'directory') items.push({ source, kind: 'contents', name: '' as RawPath });
    else if (!isExcluded(baseRaw(path)) && !isExcluded(path))
      items.push({ source, kind: 'named', name: baseRaw(path) });
  }
  return items;
}

const ROOT: Pick<Node, 'type'> = { type: 'directory' };

/** `a/./b/c`: everything after the pivot is kept as the path below the destination, its directories included. */
function selectWithParents(
  view: View,
  pattern: string,
  options: SelectOptions,
  isExcluded: (path: RawPath) => boolean,
): SelectedItem[] | undefined {
  const pivot = `/${pattern}`.lastIndexOf('/./', `/${pattern}`.length - 4);
  const before = pivot < 0 ? '' : `/${pattern}`.slice(0, pivot);
  const after = pivot < 0 ? pattern : `/${pattern}`.slice(pivot + 3);
  const start = view.resolve(cleanPath(rawPath(before)), true);
  if (start !== '' && view.lstat(start)?.type !== 'directory') throw notFound(pattern, rawPath(before), start);
  const paths = expand(view, after, options, start);
  if (paths.length === 0) return undefined;
  const items: SelectedItem[] = [];
  for (const path of paths) {
    if (isExcluded(path)) continue;
    const source = at(start, path);
    const node = source === '' ? ROOT : lstatThroughParents(view, source);
    if (node === undefined) throw notFound(pattern, path, source);
    const names = components(path);
    for (let depth = 1; depth < names.length; depth++) {
      const parent = names.slice(0, depth).join('/') as RawPath;
      items.push({ source: view.resolve(joinRaw(start, parent), true), kind: 'parent', name: parent });
    }
    const resolved = view.resolve(source, false);
    if (path === '') items.push({ source: resolved, kind: 'contents', name: path });
    else items.push({ source: resolved, kind: 'named', name: path });
  }
  return items;
}

function lstatThroughParents(view: View, path: RawPath): Node | undefined {
  return view.lstat(view.resolve(path, false));
}

/** Two patterns under one parent name it twice. */
function withoutRepeats(items: readonly SelectedItem[]): SelectedItem[] {
  const seen = new Set<string>();
  return items.filter(({ kind, name, source }) => {
    const key = `${kind}\0${name}\0${source}`;
    if (seen.has(key)) return false;
    seen.add(key);
    return true;
  });
}

/** A pattern to paths below `start`, in walk order; the path itself where it has no wildcard. */
function expand(view: View, pattern: string, options: SelectOptions, start = '' as RawPath): RawPath[] {
  const clean = cleanPath(rawPath(pattern));
  const parts = components(clean);
  const text = (part: RawPath) => rawToBuffer(part).toString('utf8');
  const first = parts.findIndex((part) => options.hasWildcard(text(part)));
  if (first < 0) return [clean];
  const fixed = parts.slice(0, first).join('/') as RawPath;
  const glob = parts.slice(first).join('/') as RawPath;
  const depth =
    parts.slice(first).includes('**' as RawPath) || glob.includes('**')
      ? Number.POSITIVE_INFINITY
      : parts.length - first;
  const directory = view.resolve(at(start, fixed), true);
  const out: RawPath[] = [];
  walk('' as RawPath, 1);
  return out;

  function walk(below: RawPath, level: number): void {
    for (const name of view.readdir(at(directory, below)) ?? []) {
      const path = joinRaw(below, name);
      // A directory that matches is taken whole: nothing in it is a match of its own.
      if (matchRaw(options.matchGlob, glob, path)) out.push(joinRaw(fixed, path));
      else if (level < depth && view.lstat(at(directory, path))?.type === 'directory') walk(path, level + 1);
    }
  }
}

/** joinRaw for two paths that may each be the root. */
function at(directory: RawPath, below: RawPath): RawPath {
  return below === '' ? directory : joinRaw(directory, below);
}

/** Globs count characters where a name is UTF-8, bytes where it is not. */
function matchRaw(matchGlob: SelectOptions['matchGlob'], pattern: RawPath, path: RawPath): boolean {
  const bytes = rawToBuffer(path);
  const text = bytes.toString('utf8');
  return Buffer.from(text, 'utf8').equals(bytes)
    ? matchGlob(rawToBuffer(pattern).toString('utf8'), text)
    : matchGlob(pattern, path);
}

/** A pattern takes out a path and everything below it; `!` puts back. The last that matches decides. */
function excluder(options: SelectOptions): (path: RawPath) => boolean {
  const patterns = options.exclude.map((text) => {
    const isInverted = text.startsWith('!');
    return { isInverted, glob: cleanPath(rawPath(isInverted ? text.slice(1) : text)) };
  });
  if (patterns.length === 0) return () => false;
  return (path) => {
    let excluded = false;
    for (const { isInverted, glob } of patterns) {
      for (let at = path; at !== ''; at = parentRaw(at)) {
        if (!matchRaw(options.matchGlob, glob, at)) continue;
        excluded = !isInverted;
        break;
      }
    }
    return excluded;
  };
}

function noMatch(patterns: readonly string[]): BuildError {
  return new BuildError('COPY', `no file matches ${patterns.join(' ')}`, {
    hint: 'look at the pattern, at .dockerignore, and at what the source stage really holds',
  });
}

function notFound(pattern: string, path: RawPath, resolved: RawPath): BuildError {
  const through = resolved === path ? '' : `, which leads to /${displayPath(resolved)}`;
  return new BuildError('COPY', `${pattern} is not there`, {
    got: `nothing at /${displayPath(path)}${through}`,
    hint: 'look at the spelling, at .dockerignore, and at what the source stage really holds',
  });
}

/** Everything selected: each item, then what is below it, parents first, names in byte order. Symlinks are kept. */
export function* selectedEntries(selection: Selection): Generator<SelectedEntry> {
  const { view } = selection;
  for (const item of selection.items) {
    const node = view.lstat(item.source);
    if (node === undefined) throw notFound(displayPath(item.source), item.source, item.source);
    yield { item, path: '' as RawPath, source: item.source, node };
    if (item.kind !== 'parent' && node.type === 'directory') yield* below(item, '' as RawPath);
  }

  function* below(item: SelectedItem, directory: RawPath): Generator<SelectedEntry> {
    for (const name of view.readdir(at(item.source, directory)) ?? []) {
      const path = joinRaw(directory, name);
      const source = joinRaw(item.source, path);
      const node = view.lstat(source);
      if (node === undefined) continue;
      // An excluded directory may hold something that `!` puts back, so it is entered, and shown if it does.
      if (selection.isExcluded(item.kind === 'named' ? joinRaw(item.name, path) : path)) {
        if (node.type === 'directory') yield* onlyIfAny({ item, path, source, node }, below(item, path));
        continue;
      }
      yield { item, path, source, node };
      if (node.type === 'directory') yield* below(item, path);
    }
  }
}

function* onlyIfAny(head: SelectedEntry, rest: Iterable<SelectedEntry>): Generator<SelectedEntry> {
  let isFirst = true;
  for (const entry of rest) {
    if (isFirst) yield head;
    isFirst = false;
    yield entry;
  }
}

/**
 * What a selection holds, for cache keys: path, type, mode, owner, link group and content of every file. `extra` goes in
 * too (destination, flags). Times only where the layer made of it carries them: an `epoch` in seconds that is not 0 puts
 * in min(time, epoch).
 */
export function selectionDigest(selection: Selection, extra: Json, epoch = 0): Digest {
  const times = epoch === 0 ? '' : `times to ${epoch}\n`;
  const hash = createHash('sha256').update(`ocibuild selection 1\n${canonicalJson(extra)}\n${times}`);
  const links = new Map<string, string>();
  let position = -1;
  let item: SelectedItem | undefined;
  let pending = '';
  for (const entry of selectedEntries(selection)) {
    if (entry.item !== item) {
      item = entry.item;
      pending += `item ${++position} ${item.kind}\0${item.name}\0\n`;
    }
    pending += `${describe(entry, `${position}\0${entry.path}`)}\0${entry.path}\0\n`;
    if (pending.length > 1 << 16) {
      hash.update(pending, 'latin1');
      pending = '';
    }
  }
  return finishDigest(hash.update(pending, 'latin1'));

  function describe({ source, node }: SelectedEntry, key: string): string {
    // The root of `contents` has no metadata of its own in the result.
    if (node.type === 'directory' && key.endsWith('\0') && item?.kind === 'contents') return 'contents';
    const time = epoch === 0 ? '' : `\0${clampedSeconds(node.mtimeNs, epoch)}`;
    const common = `${node.type}\0${node.mode.toString(8)}\0${node.uid}:${node.gid}${time}`;
    const first = node.nlink > 1 && node.type !== 'directory' ? links.get(node.inode) : undefined;
    if (first !== undefined) return `${common}\0link\0${first}`;
    if (node.nlink > 1) links.set(node.inode, key);
    if (node.type === 'file') return `${common}\0${selection.view.fileDigest(source)}`;
    if (node.type === 'symlink') return `${common}\0${selection.view.readlink(source)}`;
    return node.device === undefined ? common : `${common}\0${node.device.major}:${node.device.minor}`;
  }
}
