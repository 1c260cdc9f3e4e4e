// Owns: comparing two rootfs trees, whatever made them: a directory, a layer, or an image's layers together. Order, encoding and
// compression have no meaning here: what a container would see is compared.

import { displayPath, type RawPath, rawToBuffer } from '../raw-path.ts';
import { hold, MAX_HELD, streamBytes } from './bytes.ts';
import type { Detail, Found, Steps } from './finding.ts';
import { type Inode, listTree, type RootfsNode } from './rootfs.ts';
import { type Budget, shownPath } from './tar-diff.ts';
import { quoted, timeText } from './tar-fields.ts';

/** Both must have been read with digests. */
export function* compareTrees(left: RootfsNode, right: RootfsNode, budget: Budget): Steps {
  const [ours, theirs] = [listTree(left), listTree(right)];
  const [one, other] = [firstNames(), firstNames()];
  let [a, b] = [ours.next(), theirs.next()];
  while (a.done !== true || b.done !== true) {
    const order = a.done === true ? 1 : b.done === true ? -1 : compareOrder(a.value.path, b.value.path);
    if (order < 0 && a.done !== true) {
      yield missing('right', a.value.path, a.value.node.inode);
      one(a.value);
      a = ours.next();
    } else if (order > 0 && b.done !== true) {
      yield missing('left', b.value.path, b.value.node.inode);
      other(b.value);
      b = theirs.next();
    } else if (a.done !== true && b.done !== true) {
      const links = { left: one(a.value), right: other(b.value) };
      yield* compareInodes(a.value.path, a.value.node.inode, b.value.node.inode, links, budget);
      [a, b] = [ours.next(), theirs.next()];
    }
  }
}

/** As listTree gives them: a `/` sorts before every other byte. */
function compareOrder(one: RawPath, other: RawPath): number {
  const [a, b] = [one, other].map((path) => path.replace(/\//g, '\0'));
  return a! < b! ? -1 : a! > b! ? 1 : 0;
}

/** Remembers the first name of each file; gives it for a second one. */
function firstNames(): (found: { path: RawPath; node: RootfsNode }) => RawPath | undefined {
  const names = new Map<Inode, RawPath>();
  return ({ path, node }) => {
    if (node.children !== undefined) return undefined;
    const first = names.get(node.inode);
    if (first === undefined) names.set(node.inode, path);
    return first;
  };
}

function missing(side: 'left' | 'right', path: RawPath, inode: Inode): Found {
  const value = describe(inode);
  const sides = side === 'left' ? { right: value } : { left: value };
  return { level: 'entry', kind: 'missing', field: 'entry', path: shownPath(path), ...sides, inner: [] };
}

function describe({ type, mode, size, target }: Inode): string {
  const link = target === undefined ? '' : `, to ${quoted(rawToBuffer(target))}`;
  return `${type}, mode ${octal(mode)}${type === 'file' ? `, ${size} bytes` : ''}${link}`;
}

function octal(mode: number): string {
  return mode.toString(8).padStart(4, '0');
}

interface Links {
  readonly left: RawPath | undefined;
  readonly right: RawPath | undefined;
}

function* compareInodes(path: RawPath, left: Inode, right: Inode, links: Links, budget: Budget): Steps {
  const shown = shownPath(path);
  for (const detail of fieldsOf(left, right, links)) yield { level: 'field', path: shown, ...detail };
  if (left.type !== 'file' || right.type !== 'file') return;
  if (left.digest!.equals(right.digest!)) return;
  // A second name of the same file says nothing new.
  if (links.left !== undefined && links.left === links.right) return;
  for (const detail of yield* contents(left, right, budget)) yield { level: 'content', path: shown, ...detail };
}

function fieldsOf(left: Inode, right: Inode, links: Links): Detail[] {
  const device = ({ device: found }: Inode): string => (found === undefined ? 'none' : `${found.major}:${found.minor}`);
  const name = (path: RawPath | undefined): string => (path === undefined ? 'no other name' : displayPath(path));
  const pairs: [string, string, string][] = [
    ['typeflag', left.type, right.type],
    ['mode', octal(left.mode), octal(right.mode)],
    ['uid', String(left.uid), String(right.uid)],
    ['gid', String(left.gid), String(right.gid)],
    ['size', String(left.size), String(right.size)],
    ['mtime', timeText(left.mtime), timeText(right.mtime)],
    ['linkname', quoted(rawToBuffer(left.target ?? NONE)), quoted(rawToBuffer(right.target ?? NONE))],
    ['device', device(left), device(right)],
    ['hardlink', name(links.left), name(links.right)],
  ];
  const known = left.xattrs !== undefined && right.xattrs !== undefined;
  const keys = known ? [...new Set([...left.xattrs.keys(), ...right.xattrs.keys()])].sort() : [];
  for (const key of keys) {
    const value = ({ xattrs }: Inode): string => {
      const bytes = xattrs!.get(key);
      return bytes === undefined ? 'none' : Buffer.from(bytes).toString('hex');
    };
    pairs.push([`pax.SCHILY.xattr.${displayPath(key as RawPath)}`, value(left), value(right)]);
  }
  return pairs
    .filter(([, one, other]) => one !== other)
    .map(([field, one, other]) => ({ kind: 'changed', field, left: one, right: other, inner: [] }));
}

const NONE = '' as RawPath;

function* contents(left: Inode, right: Inode, budget: Budget): Generator<undefined, Detail[], void> {
  // A file of a layer is found again by reading the layer.
  const rereadings = [left, right].filter(({ layer }) => layer !== undefined).length;
  budget.rereadings -= rereadings;
  if (budget.contents-- <= 0 || (rereadings > 0 && budget.rereadings < 0)) {
    const [one, other] = [left, right].map(({ digest }) => `sha256:${digest!.toString('hex')}`);
    const note = 'not looked into: too much differs';
    return [{ kind: 'changed', field: 'content', left: one!, right: other!, inner: [], note }];
  }
  if (left.size <= MAX_HELD && right.size <= MAX_HELD) {
    return yield* budget.look(hold(left.size, left.open!()), hold(right.size, right.open!()));
  }
  const [one, other] = [left, right].map(({ size, open }) => streamBytes(size, open!));
  try {
    return yield* budget.look(one!, other!);
  } finally {
    one!.close();
    other!.close();
  }
}
