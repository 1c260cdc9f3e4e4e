// Owns: which kinds of distribution root there are. A new one is one more function like the two named here.

import { alpineKind } from './alpine/kind.ts';
import { debianKind } from './debian-kind.ts';
import type { LockedPackage, Root, RootKind, RootSpec } from './types.ts';

export function kindOf(spec: RootSpec): RootKind {
  return spec.kind === 'debian-root' ? debianKind(spec) : alpineKind(spec);
}

/** One line for each difference, sorted by package: `+` new, `-` gone, `~` changed. Empty when nothing changed. */
export function describeChanges(
  old: Pick<Root, 'title' | 'packages'> | undefined,
  fresh: Pick<Root, 'title' | 'packages'>,
): readonly string[] {
  const lines: string[] = [];
  if (old !== undefined && old.title !== fresh.title) lines.push(`~ ${old.title} -> ${fresh.title}`);
  const before = new Map((old?.packages ?? []).map((item) => [item.name, item]));
  const after = new Map(fresh.packages.map((item) => [item.name, item]));
  for (const name of [...new Set([...before.keys(), ...after.keys()])].sort()) {
    const line = describeOne(before.get(name), after.get(name));
    if (line !== undefined) lines.push(line);
  }
  return lines;
}

function describeOne(was: LockedPackage | undefined, is: LockedPackage | undefined): string | undefined {
  if (is === undefined) return `- ${was!.name} ${was!.version}`;
  if (was === undefined) return `+ ${is.name} ${is.version}`;
  if (was.version !== is.version) return `~ ${is.name} ${was.version} -> ${is.version}`;
  return was.digest === is.digest ? undefined : `~ ${is.name} ${is.version}: ${was.digest} -> ${is.digest}`;
}
