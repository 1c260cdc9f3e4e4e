// Owns: finding the word somebody probably meant. Knows nothing of what the words name.

/** Edits (insert, delete, replace, swap of neighbours) that turn one word into the other. */
function distance(one: string, other: string): number {
  let before: number[] = [];
  let previous = Array.from({ length: other.length + 1 }, (_, column) => column);
  for (let row = 1; row <= one.length; row++) {
    const current = [row];
    for (let column = 1; column <= other.length; column++) {
      const same = one[row - 1] === other[column - 1];
      let cost = Math.min(previous[column]! + 1, current[column - 1]! + 1, previous[column - 1]! + (same ? 0 : 1));
      if (row > 1 && column > 1 && one[row - 1] === other[column - 2] && one[row - 2] === other[column - 1]) {
        cost = Math.min(cost, before[column - 2]! + 1);
      }
      current.push(cost);
    }
    before = previous;
    previous = current;
  }
  return previous[other.length]!;
}

/** The words closest to `wrong`, best first, at most three; empty when none is close enough to be a slip. */
export function nearMisses(wrong: string, words: Iterable<string>): string[] {
  if (wrong.length > 200) return [];
  const limit = Math.max(1, Math.floor(wrong.length / 3));
  const scored: { word: string; score: number }[] = [];
  for (const word of words) {
    if (Math.abs(word.length - wrong.length) > limit) continue;
    const score = distance(wrong.toLowerCase(), word.toLowerCase());
    if (score <= limit) scored.push({ word, score });
  }
  scored.sort((a, b) => a.score - b.score || (a.word < b.word ? -1 : 1));
  return scored.slice(0, 3).map(({ word }) => word);
}

/** `did you mean "a" or "b"?`, or undefined. Goes into the hint of an error. */
export function didYouMean(wrong: string, words: Iterable<string>): string | undefined {
  const near = nearMisses(wrong, words);
  return near.length === 0 ? undefined : `did you mean ${near.map((word) => JSON.stringify(word)).join(' or ')}?`;
}
