// Owns: a C program of chibicc's test folder cut into parts, so that what cc1 refuses can be left out of it. A part is a declaration
// or function outside every function, or a statement of main. No line is moved: a refusal names the line of the part it is about.

export interface Part {
  /** Offsets in the text, the second one past the end. */
  readonly begin: number;
  readonly end: number;
  readonly inMain: boolean;
}

const MAIN = /\bmain\s*\([^()]*\)\s*$/;
const BLOCK = /^(?:\{|(?:if|for|while|switch|do)\b)/;

/**
 * Where the comment, text, character or preprocessor line that begins at `at` ends; `at` if none begins there.
 * `#` counts only as the first mark of its line.
 */
function skipOver(text: string, at: number): number {
  const rest = text.slice(at, at + 2);
  if (rest === '//') return endOf(text, '\n', at);
  if (rest === '/*') return endOf(text, '*/', at + 2);
  const mark = text[at]!;
  if (mark === '"' || mark === "'") {
    for (let i = at + 1; i < text.length; i++) {
      if (text[i] === '\\') i++;
      else if (text[i] === mark || text[i] === '\n') return i + 1;
    }
    return text.length;
  }
  if (mark !== '#' || !/(?:^|\n)(?:[ \t]|\/\*.*\*\/)*$/.test(text.slice(0, at))) return at;
  let end = at;
  do end = endOf(text, '\n', end);
  while (/\\\r?\n$/.test(text.slice(at, end)) && end < text.length);
  return end;
}

function endOf(text: string, what: string, from: number): number {
  const found = text.indexOf(what, from);
  return found < 0 ? text.length : found + what.length;
}

/** Parts of `text` between two offsets: declarations and functions, or the statements of main. */
function cut(text: string, from: number, to: number, inMain: boolean): Part[] {
  const parts: Part[] = [];
  let begin = -1;
  let depth = 0;
  let opened = -1;
  for (let at = from; at < to; at++) {
    const after = skipOver(text, at);
    if (after > at) {
      if (begin < 0 && /["']/.test(text[at]!)) begin = at;
      at = after - 1;
      continue;
    }
    const mark = text[at]!;
    if (/\s/.test(mark)) continue;
    if (begin < 0) begin = at;
    if (mark === '{' && depth === 0) opened = at;
    if ('([{'.includes(mark)) depth++;
    if (')]}'.includes(mark)) depth--;
    if (depth !== 0) continue;
    const said = text.slice(begin, at + 1);
    const isFunction = !inMain && mark === '}' && /\)\s*$/.test(text.slice(begin, opened));
    const isBlock = inMain && mark === '}' && BLOCK.test(said) && !/^\s*else\b/.test(text.slice(at + 1));
    if (mark !== ';' && !isFunction && !isBlock) continue;
    if (isFunction && MAIN.test(text.slice(begin, opened))) parts.push(...cut(text, opened + 1, at, true));
    else parts.push({ begin, end: at + 1, inMain });
    begin = -1;
  }
  return parts;
}

/** The parts of a program, in order. */
export function partsOf(text: string): Part[] {
  return cut(text, 0, text.length, false);
}

/** The line of an offset, from 1. */
export function lineOf(text: string, at: number): number {
  return text.slice(0, at).split('\n').length;
}

/** The text with blanks for a part; its lines stay. */
export function without(text: string, { begin, end }: Part): string {
  return text.slice(0, begin) + text.slice(begin, end).replace(/[^\n]/g, ' ') + text.slice(end);
}

/**
 * `ASSERT(VALUE, ({ A; B; C; }));` as `{ A; B; ASSERT(VALUE, C); }`, which is the same without gcc's statement in an
 * expression, and everything else as it is.
 */
export function unfold(text: string): string {
  let out = text;
  for (const { begin, end, inMain } of partsOf(text).reverse()) {
    const found = inMain ? /^(ASSERT\([^,()]*,\s*)\(\{([\s\S]*?)\}\)\s*\)\s*;$/.exec(text.slice(begin, end)) : null;
    if (found === null) continue;
    const statements = cut(found[2]!, 0, found[2]!.length, true);
    const last = statements.pop();
    if (last === undefined) continue;
    const value = found[2]!.slice(last.begin, last.end - 1);
    const whole = `{${found[2]!.slice(0, last.begin)}${found[1]}${value});${found[2]!.slice(last.end)}}`;
    out = out.slice(0, begin) + whole + out.slice(end);
  }
  return out;
}
