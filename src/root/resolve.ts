// Owns: the dependency closure of the wanted packages. One answer for one index: no solver, no backtracking, because a
// released suite is consistent; what does not fit is an error that says so.

import { BuildError, type SourceLocation } from '../errors.ts';
import { type DebPackage, type PackageIndex, satisfies } from './packages-index.ts';
import { formatRelation, type Relation } from './relation.ts';

/**
 * The wanted packages and all they depend on (Pre-Depends and Depends, never Recommends), sorted by name.
 * Relations that leave no choice are followed first, so that a choice is only made where nothing chosen fits it; then
 * the first alternative counts, and among providers of a virtual package the higher priority, then the name.
 * Throws BuildError RECIPE, at the location, for what the index does not have and for packages that exclude each other.
 */
export function resolveClosure(
  index: PackageIndex,
  wanted: readonly string[],
  location: SourceLocation,
): readonly DebPackage[] {
  const chosen = new Map<string, DebPackage>();
  const because = new Map<string, string>();
  const queue: DebPackage[] = [];
  const choices: { readonly group: readonly Relation[]; readonly from: DebPackage }[] = [];

  function choose(item: DebPackage, reason: string): void {
    if (chosen.has(item.name)) return;
    chosen.set(item.name, item);
    because.set(item.name, reason);
    queue.push(item);
  }
  const isSatisfied = (group: readonly Relation[]) =>
    group.some((relation) => [...chosen.values()].some((item) => satisfies(item, relation)));

  for (const name of [...wanted].sort()) {
    const item = index.find(name);
    if (item === undefined) {
      throw new BuildError('RECIPE', `package ${name} is not in the lists`, {
        location,
        hint: 'check the spelling, the suite and its components',
      });
    }
    choose(item, 'wanted');
  }
  while (queue.length > 0 || choices.length > 0) {
    const item = queue.shift();
    if (item !== undefined) {
      for (const group of item.depends) {
        const only = group.length === 1 ? index.find(group[0]!.name) : undefined;
        if (only !== undefined && satisfies(only, group[0]!)) choose(only, item.name);
        else choices.push({ group, from: item });
      }
      continue;
    }
    const { group, from } = choices.shift()!;
    if (isSatisfied(group)) continue;
    const picked = pick(index, group);
    if (picked === undefined) {
      throw new BuildError('RECIPE', `${from.name} ${from.version} depends on what the lists do not have`, {
        location,
        want: group.map(formatRelation).join(' | '),
        got: group.map((relation) => describeFound(index, relation)).join(', '),
        hint: `it is here because of ${chain(from.name, because)}`,
      });
    }
    choose(picked, from.name);
  }
  const closure = [...chosen.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
  refuseConflicts(closure, location);
  return closure;
}

function pick(index: PackageIndex, group: readonly Relation[]): DebPackage | undefined {
  for (const relation of group) {
    const named = index.find(relation.name);
    if (named !== undefined && satisfies(named, relation)) return named;
    const provider = index.providers(relation.name).find((item) => satisfies(item, relation));
    if (provider !== undefined) return provider;
  }
  return undefined;
}

function describeFound(index: PackageIndex, relation: Relation): string {
  const named = index.find(relation.name);
  return named === undefined ? `no ${relation.name}` : `${named.name} ${named.version}`;
}

/** `gcc-12, gcc, wanted` */
function chain(name: string, because: ReadonlyMap<string, string>): string {
  const steps = [name];
  for (let at = because.get(name); at !== undefined; at = because.get(at)) steps.push(at);
  return steps.join(', ');
}

/** A package may conflict with a name it provides itself: that means every other provider. */
function refuseConflicts(closure: readonly DebPackage[], location: SourceLocation): void {
  for (const item of closure) {
    for (const relation of item.conflicts) {
      const other = closure.find((candidate) => candidate !== item && satisfies(candidate, relation));
      if (other === undefined) continue;
      throw new BuildError('RECIPE', `${item.name} and ${other.name} exclude each other`, {
        location,
        want: `none of ${formatRelation(relation)} beside ${item.name} ${item.version}`,
        got: `${other.name} ${other.version}`,
      });
    }
  }
}
