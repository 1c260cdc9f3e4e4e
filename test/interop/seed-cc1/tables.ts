// Owns: the tables of C rows and of wrong programs beside this file, and the programs that are made of them.
//
//   +LINE                    a line of the program's head: declarations, directives
//   FORMAT EXPRESSION => OUT one row: what printf prints of the expression in that format (one word)
//   { … } => OUT             one row: a block that prints by itself
//   SOURCE => LINE: MESSAGE  in errors.table: `\n` is a new line
//   # …                      a comment
//
// Every row is a function of its own, so one program holds a whole table.

import { readdirSync, readFileSync } from 'node:fs';

const FOLDER = new URL('.', import.meta.url).pathname;

interface Row {
  readonly code: string;
  readonly expected: string;
  /** For messages: file and line. */
  readonly at: string;
}

export interface Table {
  readonly name: string;
  readonly head: readonly string[];
  readonly rows: readonly Row[];
}

/** All tables of rows; throws for a line of another form. */
export function readTables(): Table[] {
  const names = readdirSync(FOLDER).filter((name) => name.endsWith('.table') && name !== 'errors.table');
  return names.sort().map((name) => {
    const lines = readFileSync(FOLDER + name, 'latin1').split('\n');
    const head = lines.filter((line) => line.startsWith('+')).map((line) => line.slice(1).replace(/^ /, ''));
    return { name: name.replace('.table', ''), head, rows: readRows(name) };
  });
}

export function readErrors(): readonly Row[] {
  return readRows('errors.table');
}

function readRows(name: string): Row[] {
  return readFileSync(FOLDER + name, 'latin1')
    .split('\n')
    .flatMap((line, index) => {
      // In the table of faults a row may begin with a directive.
      if (line === '' || line.startsWith('# ') || line.startsWith('+')) return [];
      const [, code, expected] = /^(.*) => ?(.*)$/.exec(line) ?? [];
      if (code === undefined) throw new Error(`${name}:${index + 1}: no row: ${line}`);
      return [{ code, expected: expected!, at: `${name}:${index + 1}` }];
    });
}

/** The program that prints `NUMBER:OUT` for every row. */
export function programOf({ head, rows }: Table): string {
  const functions = rows.map(({ code }, index) => {
    const [, format, expression] = /^(\S+) (.*)$/.exec(code)!;
    const body = code.startsWith('{') ? code : `{ printf("${format}", ${expression}); }`;
    return `static void row${index}(void) ${body}`;
  });
  const calls = rows.map((_, index) => `  printf("${index}:"); row${index}(); printf("\\n");`);
  return ['#include <stdio.h>', ...head, ...functions, 'int main(void) {', ...calls, '  return 0; }', ''].join('\n');
}

/** `NAME:LINE: CODE` and what came out, for every row whose output is another than the table's. */
export function differences({ rows }: Table, output: string): string[] {
  const printed = new Map(output.split('\n').map((line) => [line.slice(0, line.indexOf(':')), line]));
  return rows.flatMap(({ code, expected, at }, index) => {
    const got = printed.get(String(index))?.slice(String(index).length + 1);
    return got === expected ? [] : [`${at}: ${code}: want ${expected}, got ${got ?? 'nothing'}`];
  });
}
