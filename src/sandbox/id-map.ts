// Owns: the arithmetic of user and group id maps (user_namespaces(7)), and reading /etc/subuid's text. Pure.
// Knows nothing of processes: who writes the map, and how, is userns.ts's affair.

/** One line of uid_map: ids [inside, inside + count) of the namespace are [outside, outside + count) of its parent. */
export interface IdExtent {
  readonly inside: number;
  readonly outside: number;
  readonly count: number;
}

/** A line of /etc/subuid or /etc/subgid that belongs to the caller. */
export interface SubordinateRange {
  readonly start: number;
  readonly count: number;
}

/** The ids of a step: 0 to 65535. */
export const ID_COUNT = 65_536;

/** One past the largest id: 2^32 - 1 is the kernel's "no id". */
const ID_END = 4_294_967_295;

/**
 * The ids that stand for 0 to 65535 when root calls and /etc/subuid has no line for root: 0x70000000, above every range
 * that distributions and systemd hand out, below the sign bit.
 */
export const HOST_ROOT_BASE = 0x7000_0000;

/** Where host root stands inside, when host root calls: the first id no step can have. */
export const HOST_ROOT_INSIDE = ID_COUNT;

/** Reads uid_map or gid_map text, three numbers a line. */
export function parseIdMap(text: string): IdExtent[] {
  return text
    .split('\n')
    .map((line) => line.trim().split(/\s+/).map(Number))
    .filter((fields) => fields.length === 3 && fields.every(Number.isSafeInteger))
    .map(([inside, outside, count]) => ({ inside: inside!, outside: outside!, count: count! }));
}

/** Lines of `/etc/subuid` (`owner:start:count`) whose owner is the name or the number; in file order. */
export function parseSubordinateIds(text: string, name: string | undefined, id: number): SubordinateRange[] {
  const ranges: SubordinateRange[] = [];
  for (const line of text.split('\n')) {
    const [owner, start, count] = line.trim().split(':');
    if (owner === undefined || owner === '' || (owner !== name && owner !== String(id))) continue;
    const range = { start: Number(start), count: Number(count) };
    if (Number.isSafeInteger(range.start) && Number.isSafeInteger(range.count) && range.count > 0) ranges.push(range);
  }
  return ranges;
}

/**
 * The map for an unprivileged caller: 0 is the caller, 1 and up are the subordinate ids, as many as make 65536. Lines
 * are split so that each lies inside one extent of the parent's own map, as the kernel demands of nested namespaces.
 */
export function callerMap(id: number, ranges: readonly SubordinateRange[], parent: readonly IdExtent[]): IdExtent[] {
  const wanted: IdExtent[] = [{ inside: 0, outside: id, count: 1 }];
  let next = 1;
  for (const range of ranges) {
    const count = Math.min(range.count, ID_COUNT - next);
    if (count <= 0) break;
    wanted.push({ inside: next, outside: range.start, count });
    next += count;
  }
  return splitByParent(wanted, parent);
}

/**
 * The map for host root: 0 to 65535 are ids nobody else has, and every id of the host follows above them, so that the
 * building process reads and writes what its caller could, while a step, which has only the first 65536, cannot.
 */
export function hostRootMap(base: number, parent: readonly IdExtent[]): IdExtent[] {
  const end = base + ID_COUNT;
  return splitByParent(
    [
      { inside: 0, outside: base, count: ID_COUNT },
      { inside: HOST_ROOT_INSIDE, outside: 0, count: base },
      { inside: end, outside: end, count: ID_END - end },
    ],
    parent,
  );
}

/** The map for root inside a container that has few ids itself: the same ids again, 65536 of them at most. */
export function sameIdsMap(parent: readonly IdExtent[]): IdExtent[] {
  return splitByParent([{ inside: 0, outside: 0, count: ID_COUNT }], parent);
}

/**
 * The map of a step's own namespace within the builder's: 0 to 65535 as they are. 0 has a line of its own even where one
 * would do, since it needs one for an unprivileged caller, and /proc/self/uid_map is part of what a step can see.
 */
export function stepMap(parent: readonly IdExtent[]): IdExtent[] {
  return splitByParent(
    [
      { inside: 0, outside: 0, count: 1 },
      { inside: 1, outside: 1, count: ID_COUNT - 1 },
    ],
    parent,
  );
}

/** True when ids [start, start + count) all exist in a namespace with that map. */
export function holdsIds(map: readonly IdExtent[], start: number, count: number): boolean {
  let next = start;
  for (const extent of [...map].sort((a, b) => a.inside - b.inside)) {
    if (extent.inside <= next && next < extent.inside + extent.count) next = extent.inside + extent.count;
  }
  return next >= start + count;
}

/** Text for uid_map, or the arguments of newuidmap after the pid. */
export function formatIdMap(map: readonly IdExtent[]): string {
  return map.map(({ inside, outside, count }) => `${inside} ${outside} ${count}\n`).join('');
}

/** Cuts each extent at the borders of the parent's extents and drops the ids that the parent does not have. */
function splitByParent(wanted: readonly IdExtent[], parent: readonly IdExtent[]): IdExtent[] {
  const result: IdExtent[] = [];
  for (const { inside, outside, count } of wanted) {
    for (const extent of [...parent].sort((a, b) => a.inside - b.inside)) {
      const from = Math.max(outside, extent.inside);
      const to = Math.min(outside + count, extent.inside + extent.count);
      if (from < to) result.push({ inside: inside + (from - outside), outside: from, count: to - from });
    }
  }
  return result;
}
