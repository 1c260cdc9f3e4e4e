// Owns: a terminal small enough to read: the part of ECMA-48 the live view uses, wrapping and scrolling included.

export interface Screen {
  columns: number;
  rows: number;
  write(text: string): boolean;
  /** The visible lines, and those that scrolled off the top before them; no spaces at line ends. */
  lines(): readonly string[];
  /** How many lines have scrolled off. */
  scrolled(): number;
  /** Whether the cursor is visible and lines wrap: how a terminal must be left. */
  sane(): boolean;
}

/** Throws on a sequence it does not know, and on a cursor sent above the screen. */
export function makeScreen(columns: number, rows: number): Screen {
  const cells: string[][] = [[]];
  let row = 0;
  let column = 0;
  let wrap = true;
  let cursor = true;
  const top = (): number => Math.max(0, cells.length - screen.rows);
  const line = (): string[] => {
    while (cells.length <= row) cells.push([]);
    return cells[row]!;
  };
  const control = (parameters: string, final: string): void => {
    const count = Number(parameters || 1);
    if (final === 'm') return;
    if (final === 'A') {
      if (row - count < top()) throw new Error('the cursor was sent above the screen');
      row -= count;
    } else if (final === 'K' && parameters === '') line().length = Math.min(line().length, column);
    else if (final === 'J' && parameters === '') {
      line().length = Math.min(line().length, column);
      for (const below of cells.slice(row + 1)) below.length = 0;
    } else if (parameters === '?7') wrap = final === 'h';
    else if (parameters === '?25') cursor = final === 'h';
    else throw new Error(`unknown sequence ${parameters}${final}`);
  };
  const screen: Screen = {
    columns,
    rows,
    write(text) {
      for (const [token, parameters, final] of text.matchAll(/\x1b\[([?0-9;]*)([A-Za-z])|[\s\S]/g)) {
        if (final !== undefined) control(parameters!, final);
        else if (token === '\n') {
          row++;
          column = 0;
          line();
        } else if (token === '\r') column = 0;
        else if (token < ' ') throw new Error(`control character ${JSON.stringify(token)}`);
        else {
          const width = /[\u3000-\u9fff]/.test(token) ? 2 : 1;
          if (column + width > screen.columns) {
            if (wrap) {
              row++;
              column = 0;
            } else column = screen.columns - width;
          }
          line()[column] = token;
          column += width;
        }
      }
      return true;
    },
    lines: () =>
      cells.map((characters) =>
        Array.from(characters, (one) => one ?? ' ')
          .join('')
          .trimEnd(),
      ),
    scrolled: top,
    sane: () => wrap && cursor,
  };
  return screen;
}
