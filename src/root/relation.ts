// Owns: the relation fields of a Debian package (Depends, Provides, Conflicts …; Debian Policy 7.1).
//
//   field        = group *( "," group )
//   group        = alternative *( "|" alternative )
//   alternative  = name [ ":" qualifier ] [ "(" operator version ")" ]
//   operator     = "<<" / "<=" / "=" / ">=" / ">>"
//
// Architecture lists and build profiles belong to source packages and are refused.

import { BuildError } from '../errors.ts';
import { compareVersions } from './deb-version.ts';

export type Operator = '<<' | '<=' | '=' | '>=' | '>>';

export interface Relation {
  readonly name: string;
  readonly version?: { readonly operator: Operator; readonly than: string };
}

/** What a package says it stands in for; without a version it satisfies only relations without one. */
export interface Provision {
  readonly name: string;
  readonly version?: string;
}

const ALTERNATIVE = /^([a-z0-9][a-z0-9+.-]*)(?::[a-z0-9-]+)?\s*(?:\(\s*(<<|<=|=|>=|>>)\s*([^\s()]+)\s*\))?$/;

/** One inner list for each group, in order; '' gives none. Throws BuildError CHECK_FAILED. */
export function parseRelations(field: string): readonly (readonly Relation[])[] {
  const groups = field.split(',').map((group) => group.trim());
  return groups.filter((group) => group !== '').map((group) => group.split('|').map((text) => parseOne(text.trim())));
}

function parseOne(text: string): Relation {
  const match = ALTERNATIVE.exec(text);
  if (match === null) {
    throw new BuildError('CHECK_FAILED', 'a package relation that cannot be read', { got: JSON.stringify(text) });
  }
  const [, name, operator, than] = match;
  return operator === undefined
    ? { name: name! }
    : { name: name!, version: { operator: operator as Operator, than: than! } };
}

/** Provides: names, or names with `(= version)`. */
export function parseProvisions(field: string): readonly Provision[] {
  return parseRelations(field).flatMap((group) =>
    group.map(({ name, version }) => (version === undefined ? { name } : { name, version: version.than })),
  );
}

/** Whether a version fits `(operator than)`. */
export function fitsVersion(relation: Relation, version: string): boolean {
  if (relation.version === undefined) return true;
  const order = compareVersions(version, relation.version.than);
  switch (relation.version.operator) {
    case '<<':
      return order < 0;
    case '<=':
      return order <= 0;
    case '=':
      return order === 0;
    case '>=':
      return order >= 0;
    case '>>':
      return order > 0;
  }
}

/** As the field writes it: `libc6 (>= 2.36)`. */
export function formatRelation(relation: Relation): string {
  return relation.version === undefined
    ? relation.name
    : `${relation.name} (${relation.version.operator} ${relation.version.than})`;
}
