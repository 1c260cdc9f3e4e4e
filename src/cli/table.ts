// Owns: rows of text under one another, and counted words.

/** Columns as wide as their widest cell, two spaces apart; the numbers of `right` are set flush right. No space ends a line. */
export function tableText(rows: readonly (readonly string[])[], right: readonly number[] = []): string {
  const widths: number[] = [];
  for (const row of rows) for (const [at, cell] of row.entries()) widths[at] = Math.max(widths[at] ?? 0, cell.length);
  const lines = rows.map((row) =>
    row.map((cell, at) => (right.includes(at) ? cell.padStart(widths[at]!) : cell.padEnd(widths[at]!))).join('  '),
  );
  return lines.map((line) => `${line.trimEnd()}\n`).join('');
}

/** `1 layer`, `2 layers`. */
export function counted(count: number, word: string): string {
  return `${count} ${word}${count === 1 ? '' : 's'}`;
}
