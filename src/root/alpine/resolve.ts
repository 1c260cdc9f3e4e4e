// Owns: the dependency closure of the wanted Alpine packages. One answer for one index, without backtracking; what does
// not fit is an error. `install_if` is not followed: nothing comes that nobody asked for.

import { BuildError, type SourceLocation } from '../../errors.ts';
import { type ApkIndex, type ApkPackage, formatRelation, type Relation, satisfies } from './index-file.ts';

/**
 * The wanted packages and all they depend on, sorted by name. A package of the name comes first; then, when nothing
 * chosen provides it, the provider with the higher priority, then by name.
 * Throws BuildError RECIPE, at the location, for what the index does not have and for packages that exclude each other.
 */
export function resolveApks(
  index: ApkIndex,
  wanted: readonly string[],
  location: SourceLocation,
): readonly ApkPackage[] {
  const chosen = new Map<string, ApkPackage>();
  const queue: ApkPackage[] = [];
  const choose = (item: ApkPackage): void => {
    if (chosen.has(item.name)) return;
    chosen.set(item.name, item);
    queue.push(item);
  };
  for (const name of wanted) {
    const item = index.find(name);
    if (item === undefined) {
      throw new BuildError('RECIPE', `package ${name} is not in the index`, {
        location,
        hint: 'check the spelling, the branch and its repositories',
      });
    }
    choose(item);
  }
  const open: { readonly relation: Relation; readonly from: ApkPackage }[] = [];
  while (queue.length > 0 || open.length > 0) {
    const item = queue.shift();
    if (item !== undefined) {
      for (const relation of item.depends) {
        const named = index.find(relation.name);
        if (named !== undefined && satisfies(named, relation)) choose(named);
        else open.push({ relation, from: item });
      }
      continue;
    }
    const { relation, from } = open.shift()!;
    if ([...chosen.values()].some((one) => satisfies(one, relation))) continue;
    const provider = index.providers(relation.name).find((one) => satisfies(one, relation));
    if (provider === undefined) {
      throw new BuildError('RECIPE', `${from.name} ${from.version} depends on what the index does not have`, {
        location,
        want: formatRelation(relation),
        got: index.find(relation.name)?.version ?? `no ${relation.name}`,
      });
    }
    choose(provider);
  }
  const closure = [...chosen.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
  for (const item of closure) {
    for (const relation of item.conflicts) {
      const other = closure.find((one) => one !== item && satisfies(one, relation));
      if (other === undefined) continue;
      throw new BuildError('RECIPE', `${item.name} and ${other.name} exclude each other`, {
        location,
        want: `none of ${formatRelation(relation)} beside ${item.name} ${item.version}`,
        got: `${other.name} ${other.version}`,
      });
    }
  }
  return closure;
}
