// Owns: the modes `--chmod` takes, octal and symbolic, as chmod(1) reads them with a umask of 0.
//
//   mode   = octal | clause {"," clause}
//   clause = {"u"|"g"|"o"|"a"} action {action}
//   action = ("+"|"-"|"=") ( {"r"|"w"|"x"|"X"|"s"|"t"} | "u"|"g"|"o" )

import { BuildError } from '../errors.ts';

/** The new mode of something that has `mode`. */
export type FileMode = (mode: number, isDirectory: boolean) => number;

const CLAUSE = /^([ugoa]*)((?:[+\-=](?:[ugo]|[rwxXst]*))+)$/;

/** Throws BuildError COPY for text that is no mode. */
export function parseFileMode(text: string): FileMode {
  if (/^[0-7]{1,5}$/.test(text) && Number.parseInt(text, 8) <= 0o7777) {
    const mode = Number.parseInt(text, 8);
    return () => mode;
  }
  const clauses = text.split(',').map((clause) => CLAUSE.exec(clause));
  if (clauses.some((clause) => clause === null)) {
    throw new BuildError('COPY', 'not a file mode', { want: 'octal (755) or symbolic (u+rwX,go=rX)', got: text });
  }
  return (mode, isDirectory) => {
    for (const clause of clauses) {
      for (const action of clause![2]!.match(/[+\-=][^+\-=]*/g)!) mode = apply(mode, clause![1]!, action, isDirectory);
    }
    return mode;
  };
}

function apply(mode: number, who: string, action: string, isDirectory: boolean): number {
  const all = who === '' || who.includes('a');
  const has = (letter: string) => all || who.includes(letter);
  const mask = (has('u') ? 0o700 : 0) | (has('g') ? 0o070 : 0) | (has('o') ? 0o007 : 0);
  const what = action.slice(1);
  let triple = 0;
  let special = 0;
  if (what === 'u') triple = (mode >> 6) & 7;
  else if (what === 'g') triple = (mode >> 3) & 7;
  else if (what === 'o') triple = mode & 7;
  else {
    if (what.includes('r')) triple |= 4;
    if (what.includes('w')) triple |= 2;
    if (what.includes('x') || (what.includes('X') && (isDirectory || (mode & 0o111) !== 0))) triple |= 1;
    if (what.includes('s')) special |= (has('u') ? 0o4000 : 0) | (has('g') ? 0o2000 : 0);
    if (what.includes('t') && all) special |= 0o1000;
  }
  const bits = ((triple * 0o111) & mask) | special;
  if (action.startsWith('+')) return mode | bits;
  if (action.startsWith('-')) return mode & ~bits;
  // `=` clears setuid, setgid and sticky of the named classes; chmod(1) leaves a directory's first two alone.
  const cleared =
    mask | (isDirectory ? 0 : (has('u') ? 0o4000 : 0) | (has('g') ? 0o2000 : 0)) | (has('o') ? 0o1000 : 0);
  return (mode & ~cleared) | bits;
}
