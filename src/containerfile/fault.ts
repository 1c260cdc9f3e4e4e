// Owns: how this room refuses text: always a BuildError PARSE with file, line and reason, and near misses of closed word lists.

import { BuildError, type BuildErrorDetail, type SourceLocation } from '../errors.ts';

/** Throws BuildError PARSE. Only file and line of `at` are kept. */
export function refuse(at: SourceLocation, message: string, detail: BuildErrorDetail = {}): never {
  throw new BuildError('PARSE', message, { ...detail, location: { file: at.file, line: at.line } });
}

/** `did you mean X?` for the nearest of `known`, when it is near enough to be a slip of the fingers. Case does not count. */
export function nearMiss(word: string, known: readonly string[]): string | undefined {
  if (word.length > 40) return undefined;
  const found = known
    .map((candidate) => ({ candidate, distance: editDistance(word.toLowerCase(), candidate.toLowerCase()) }))
    .sort((a, b) => a.distance - b.distance)[0];
  const allowed = word.length <= 4 ? 1 : 2;
  return found !== undefined && found.distance <= allowed ? `did you mean ${found.candidate}?` : undefined;
}

/** Insertions, deletions, replacements and swaps of neighbours that turn one word into the other. */
function editDistance(a: string, b: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = last[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1);
      let best = Math.min(last[j]! + 1, row[j - 1]! + 1, replaced);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
        best = Math.min(best, beforeLast[j - 2]! + 1);
      row.push(best);
    }
    beforeLast = last;
    last = row;
  }
  return last[b.length]!;
}

/** Text as it is shown inside a message: quoted, control characters escaped, long text cut. */
export function shown(text: string): string {
  return JSON.stringify(text.length > 80 ? `${text.slice(0, 77)}...` : text);
}
