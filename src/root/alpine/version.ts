// Owns: the order of Alpine's package versions, as apk compares them.
//
//   version  = number {'.' number} [letter] {'_' suffix [number]} ['~' hex] ['-r' number]
//   suffix   = alpha | beta | pre | rc            (before the plain version)
//            | cvs | svn | git | hg | p           (after it)

import { BuildError } from '../../errors.ts';

const BEFORE = ['alpha', 'beta', 'pre', 'rc'];
const AFTER = ['cvs', 'svn', 'git', 'hg', 'p'];
const FORM = /^([0-9]+(?:\.[0-9]+)*)([a-z]?)((?:_[a-z]+[0-9]*)*)(?:~[0-9a-f]+)?(?:-r([0-9]+))?$/;

interface Version {
  readonly numbers: readonly string[];
  readonly letter: string;
  /** Rank below zero: before the plain version; above: after it. */
  readonly suffixes: readonly (readonly [rank: number, number: bigint])[];
  readonly revision: bigint;
}

export function isVersion(text: string): boolean {
  return FORM.test(text) && suffixesOf(FORM.exec(text)![3]!) !== undefined;
}

function suffixesOf(text: string): Version['suffixes'] | undefined {
  const suffixes: [number, bigint][] = [];
  for (const [, name, digits] of text.matchAll(/_([a-z]+)([0-9]*)/g)) {
    const before = BEFORE.indexOf(name!);
    const after = AFTER.indexOf(name!);
    if (before < 0 && after < 0) return undefined;
    suffixes.push([before >= 0 ? before - BEFORE.length : after + 1, BigInt(digits || '0')]);
  }
  return suffixes;
}

/** Throws BuildError CHECK_FAILED for a text that is no version. */
function parse(text: string): Version {
  const parts = FORM.exec(text);
  const suffixes = parts === null ? undefined : suffixesOf(parts[3]!);
  if (parts === null || suffixes === undefined) {
    throw new BuildError('CHECK_FAILED', 'no version of an Alpine package', { got: JSON.stringify(text) });
  }
  return { numbers: parts[1]!.split('.'), letter: parts[2]!, suffixes, revision: BigInt(parts[4] ?? '0') };
}

/** Below zero when `a` is older. A number after the first that starts with 0 is compared as a fraction is: 1.05 < 1.1. */
export function compareVersions(a: string, b: string): number {
  const [one, other] = [parse(a), parse(b)];
  const numbers = compareNumbers(one.numbers, other.numbers);
  if (numbers !== 0) return numbers;
  if (one.letter !== other.letter) return one.letter < other.letter ? -1 : 1;
  for (let at = 0; at < Math.max(one.suffixes.length, other.suffixes.length); at++) {
    const [rank, number] = one.suffixes[at] ?? [0, 0n];
    const [otherRank, otherNumber] = other.suffixes[at] ?? [0, 0n];
    if (rank !== otherRank) return rank - otherRank;
    if (number !== otherNumber) return number < otherNumber ? -1 : 1;
  }
  return one.revision === other.revision ? 0 : one.revision < other.revision ? -1 : 1;
}

function compareNumbers(one: readonly string[], other: readonly string[]): number {
  for (let at = 0; at < Math.max(one.length, other.length); at++) {
    const [a, b] = [one[at], other[at]];
    if (a === undefined || b === undefined) return a === undefined ? -1 : 1;
    if (a === b) continue;
    if (at > 0 && (a.startsWith('0') || b.startsWith('0'))) return a < b ? -1 : 1;
    const [x, y] = [BigInt(a), BigInt(b)];
    if (x !== y) return x < y ? -1 : 1;
  }
  return 0;
}
