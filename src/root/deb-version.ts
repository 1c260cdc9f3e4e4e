// Owns: the order of Debian version numbers (Debian Policy 5.6.12, deb-version(7)). Knows nothing of packages.

import { BuildError } from '../errors.ts';

interface Version {
  readonly epoch: number;
  readonly upstream: string;
  readonly revision: string;
}

/**
 * Negative, 0 or positive, as a sorts before, with or after b. `[epoch:]upstream[-revision]`; an absent epoch or
 * revision counts as 0. Throws BuildError CHECK_FAILED for text that is no version.
 */
export function compareVersions(a: string, b: string): number {
  const [one, other] = [parseVersion(a), parseVersion(b)];
  if (one.epoch !== other.epoch) return one.epoch - other.epoch;
  return comparePart(one.upstream, other.upstream) || comparePart(one.revision, other.revision);
}

function parseVersion(text: string): Version {
  const colon = text.indexOf(':');
  const epoch = colon < 0 ? '0' : text.slice(0, colon);
  const rest = text.slice(colon + 1);
  const dash = rest.lastIndexOf('-');
  const upstream = dash < 0 ? rest : rest.slice(0, dash);
  const revision = dash < 0 ? '' : rest.slice(dash + 1);
  const valid =
    /^[0-9]{1,9}$/.test(epoch) &&
    /^[0-9][A-Za-z0-9.+~:-]*$/.test(upstream) &&
    (dash < 0 || /^[A-Za-z0-9+.~]+$/.test(revision));
  if (!valid) throw new BuildError('CHECK_FAILED', 'not a Debian version number', { got: JSON.stringify(text) });
  return { epoch: Number(epoch), upstream, revision };
}

/** Alternately a run of non-digits, compared by rank, and a run of digits, compared as numbers of any length. */
function comparePart(a: string, b: string): number {
  let [i, j] = [0, 0];
  while (i < a.length || j < b.length) {
    while ((i < a.length && !isDigit(a, i)) || (j < b.length && !isDigit(b, j))) {
      const difference = rank(a, i) - rank(b, j);
      if (difference !== 0) return difference;
      i++;
      j++;
    }
    while (a[i] === '0') i++;
    while (b[j] === '0') j++;
    let first = 0;
    while (isDigit(a, i) && isDigit(b, j)) {
      if (first === 0) first = a.charCodeAt(i) - b.charCodeAt(j);
      i++;
      j++;
    }
    if (isDigit(a, i)) return 1;
    if (isDigit(b, j)) return -1;
    if (first !== 0) return first;
  }
  return 0;
}

function isDigit(text: string, at: number): boolean {
  const code = text.charCodeAt(at);
  return code >= 48 && code <= 57;
}

/** `~` sorts before the end of the part, letters after it, everything else after letters. A digit ends the run. */
function rank(text: string, at: number): number {
  if (at >= text.length || isDigit(text, at)) return 0;
  const char = text[at]!;
  if (char === '~') return -1;
  return /[A-Za-z]/.test(char) ? char.charCodeAt(0) : char.charCodeAt(0) + 256;
}
