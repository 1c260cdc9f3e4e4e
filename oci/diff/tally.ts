// Owns: counting findings, and how many of them are told.

import type { Finding } from './finding.ts';

export interface Tally {
  readonly differences: number;
  readonly notes: number;
  /** Field to how often it was ignored. */
  readonly ignored: Readonly<Record<string, number>>;
  /** Differences and notes that are not told. */
  readonly leftOut: number;
}

export interface Counter extends Tally {
  /** Counts one; true where it is to be told: no ignored one ever is, and no more than the limit. */
  take(finding: Finding): boolean;
  /** The counts alone. */
  counts(): Tally;
}

export function createTally(limit: number): Counter {
  let [differences, notes, leftOut, told] = [0, 0, 0, 0];
  const ignored = new Map<string, number>();
  const counts = (): Tally => ({ differences, notes, leftOut, ignored: Object.fromEntries(ignored) });
  return {
    get differences() {
      return differences;
    },
    get notes() {
      return notes;
    },
    get leftOut() {
      return leftOut;
    },
    get ignored() {
      return Object.fromEntries(ignored);
    },
    counts,
    take({ weight, field = '' }) {
      if (weight === 'ignored') {
        ignored.set(field, (ignored.get(field) ?? 0) + 1);
        return false;
      }
      if (weight === 'difference') differences++;
      else notes++;
      if (told === limit) {
        leftOut++;
        return false;
      }
      told++;
      return true;
    },
  };
}

/** `3 differences, 1 not told; ignored: mtime 12`; one line without its end. */
export function tallyText({ differences, notes, leftOut, ignored }: Tally): string {
  const count = (number: number, word: string): string => `${number} ${word}${number === 1 ? '' : 's'}`;
  const parts = [differences === 0 ? 'no difference' : count(differences, 'difference')];
  if (notes > 0) parts.push(count(notes, 'note'));
  if (leftOut > 0) parts.push(`${leftOut} not told`);
  const left = Object.entries(ignored).map(([field, times]) => `${field} ${times}`);
  return parts.join(', ') + (left.length === 0 ? '' : `; ignored: ${left.join(', ')}`);
}
