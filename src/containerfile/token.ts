// Owns: cutting a Containerfile into logical lines, and a logical line into keyword, flags and words. Knows no instruction and
// expands nothing.

import type { SourceLocation } from '../errors.ts';
import { refuse } from './fault.ts';

export type Escape = '\\' | '`';

/** What BuildKit counts as blank: Unicode white space. Note that U+0085 is in it and U+FEFF is not, unlike in `\s`. */
const BLANK = '\\t-\\r \\u0085\\u00a0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000';
const blankChar = new RegExp(`[${BLANK}]`);
const leadingBlanks = new RegExp(`^[${BLANK}]+`);
/** Between words; narrower than BLANK. */
const wordGap = /[\t\v\f\r ]+/;

export function isBlank(char: string): boolean {
  return blankChar.test(char);
}

export function trimStart(text: string): string {
  return text.replace(leadingBlanks, '');
}

export function trim(text: string): string {
  // From the end by hand: a regular expression for trailing blanks is quadratic on long inner runs.
  let end = text.length;
  while (end > 0 && isBlank(text[end - 1]!)) end--;
  return trimStart(text.slice(0, end));
}

export interface LogicalLine {
  /** Continuations joined, comments and blank lines inside them left out. Leading blanks are gone, trailing ones are not. */
  readonly text: string;
  /** From 1. */
  readonly line: number;
  readonly lastLine: number;
  /** Number of the first blank line inside a continuation, if there is one. */
  readonly blankLine: number | undefined;
}

export interface Directives {
  readonly syntax?: string;
  readonly escape: Escape;
  readonly check?: string;
}

/**
 * Reads a file once, top to bottom: logical lines through `next`, and between them raw lines (heredoc bodies) through `nextRaw`.
 *
 *     file       = [BOM] directive* (blank | comment | logical)*
 *     directive  = '#' blank* ('syntax' | 'escape' | 'check') blank* '=' blank* value      at the top, nothing else before
 *     logical    = blank* line-part (ESC blank* NL (comment | blank-line | line-part))*
 *     comment    = blank* '#' anything
 *
 * ESC is not a continuation when another ESC stands before it. Lines end with LF or CRLF; the last one may lack it.
 */
export class LineReader {
  readonly directives: Directives;
  readonly file: string;
  private readonly lines: readonly string[];
  private readonly notUtf8: ReadonlySet<number>;
  private readonly continued: RegExp;
  private index = 0;

  /** Throws BuildError PARSE for a directive that is given twice or has a wrong value. */
  constructor(text: string | Uint8Array, file: string) {
    const decoded = decode(text);
    this.file = file;
    this.lines = decoded.lines;
    this.notUtf8 = decoded.notUtf8;
    this.directives = readDirectives(this.lines, file);
    const mark = this.directives.escape === '\\' ? '\\\\' : '`';
    this.continued = new RegExp(`(^|[^${mark}])${mark}[ \\t]*$`);
  }

  /** Number of the last line that was read. */
  get line(): number {
    return this.index;
  }

  next(): LogicalLine | undefined {
    while (this.index < this.lines.length) {
      const start = this.index;
      const first = trimStart(withoutNewline(this.lines[start]!));
      this.index++;
      if (first === '' || first.startsWith('#')) continue;
      this.checkLine(start);
      let { text, open } = this.cut(first);
      if (!open && text === '') continue;
      let blankLine: number | undefined;
      const parts = [text];
      while (open && this.index < this.lines.length) {
        const line = withoutNewline(this.lines[this.index]!);
        const bare = trimStart(line);
        this.index++;
        if (bare.startsWith('#')) continue;
        if (bare === '') {
          blankLine ??= this.index;
          continue;
        }
        this.checkLine(this.index - 1);
        ({ text, open } = this.cut(line));
        parts.push(text);
      }
      const joined = parts.join('');
      // A line of nothing but continuation marks is no instruction.
      if (trim(joined) === '') continue;
      return { text: trimStart(joined), line: start + 1, lastLine: this.index, blankLine };
    }
    return undefined;
  }

  /** The next line as written, newline included; undefined at the end of the file. */
  nextRaw(): string | undefined {
    if (this.index >= this.lines.length) return undefined;
    this.checkLine(this.index);
    return this.lines[this.index++];
  }

  private cut(line: string): { text: string; open: boolean } {
    const match = this.continued.exec(line);
    if (match === null) return { text: line, open: false };
    return { text: line.slice(0, match.index + match[1]!.length), open: true };
  }

  private checkLine(index: number): void {
    const at = { file: this.file, line: index + 1 };
    if (this.notUtf8.has(index)) {
      refuse(at, 'this line is not UTF-8', { hint: 'only comments may hold other bytes' });
    }
    if (this.lines[index]!.includes('\0')) refuse(at, 'this line holds a NUL byte', { hint: 'is this a text file?' });
  }
}

function withoutNewline(line: string): string {
  let end = line.length;
  while (end > 0 && (line[end - 1] === '\n' || line[end - 1] === '\r')) end--;
  return line.slice(0, end);
}

/** Lines with their newlines. Bytes that are not UTF-8 are remembered by line, since a comment may hold them. */
function decode(text: string | Uint8Array): { lines: string[]; notUtf8: Set<number> } {
  const notUtf8 = new Set<number>();
  if (typeof text === 'string') return { lines: splitLines(text.replace(/^\ufeff/, '')), notUtf8 };
  const lines = splitLines(new TextDecoder('utf-8', { ignoreBOM: false }).decode(text));
  const strict = new TextDecoder('utf-8', { fatal: true });
  try {
    strict.decode(text);
  } catch {
    let start = 0;
    for (let index = 0; start < text.length; index++) {
      const newline = text.indexOf(0x0a, start);
      const end = newline < 0 ? text.length : newline + 1;
      try {
        strict.decode(text.subarray(start, end));
      } catch {
        notUtf8.add(index);
      }
      start = end;
    }
  }
  return { lines, notUtf8 };
}

function splitLines(text: string): string[] {
  const lines: string[] = [];
  for (let start = 0; start < text.length; ) {
    const newline = text.indexOf('\n', start);
    const end = newline < 0 ? text.length : newline + 1;
    lines.push(text.slice(start, end));
    start = end;
  }
  return lines;
}

function readDirectives(lines: readonly string[], file: string): Directives {
  const seen = new Map<string, string>();
  for (const [index, line] of lines.entries()) {
    const found = directiveOf(trimStart(withoutNewline(line)));
    if (found === undefined) break;
    const at: SourceLocation = { file, line: index + 1 };
    if (seen.has(found.name)) refuse(at, `the directive ${found.name} is given twice`);
    if (found.name === 'escape' && found.value !== '\\' && found.value !== '`') {
      refuse(at, 'the directive escape has no such value', { want: '\\ or `', got: found.value });
    }
    seen.set(found.name, found.value);
  }
  const syntax = seen.get('syntax');
  const check = seen.get('check');
  return {
    ...(syntax === undefined ? {} : { syntax }),
    escape: (seen.get('escape') ?? '\\') as Escape,
    ...(check === undefined ? {} : { check }),
  };
}

function directiveOf(line: string): { name: string; value: string } | undefined {
  const match = /^#[\t-\r ]*([A-Za-z][A-Za-z0-9]*)[\t-\r ]*=(.*)$/s.exec(line);
  if (match === null) return undefined;
  const name = match[1]!.toLowerCase();
  const value = match[2]!.trim();
  if (value === '' || (name !== 'syntax' && name !== 'escape' && name !== 'check')) return undefined;
  return { name, value };
}

/** `KEYWORD rest`: the first word and what follows, trimmed. */
export function splitKeyword(text: string): { keyword: string; rest: string } {
  const whole = trim(text);
  const gap = wordGap.exec(whole);
  if (gap === null) return { keyword: whole, rest: '' };
  return { keyword: whole.slice(0, gap.index), rest: trim(whole.slice(gap.index + gap[0].length)) };
}

/** Words between blanks, quotes and escapes being ordinary characters. */
export function splitWords(text: string): string[] {
  return text.split(wordGap).filter((word) => word !== '');
}

/** The text before and after the first gap; `rest` is undefined when there is none. */
export function splitFirst(text: string): { first: string; rest: string | undefined } {
  const gap = wordGap.exec(text);
  if (gap === null) return { first: text, rest: undefined };
  return { first: text.slice(0, gap.index), rest: text.slice(gap.index + gap[0].length) };
}

export interface Flag {
  readonly name: string;
  /** Undefined when no `=` was written. Quotes and escapes are gone, variables are not. */
  readonly value: string | undefined;
}

/**
 * Takes the flags off the front of an instruction's arguments.
 *
 *     args  = (flag blank+)* ['--' blank+] rest
 *     flag  = '--' (char | '\' any | "'" … "'" | '"' … '"')*
 *
 * The escape character is a backslash here whatever the escape directive says.
 */
export function splitFlags(text: string): { flags: Flag[]; rest: string } {
  const flags: Flag[] = [];
  let pos = 0;
  for (;;) {
    while (pos < text.length && isBlank(text[pos]!)) pos++;
    if (!text.startsWith('--', pos)) return { flags, rest: trim(text.slice(pos)) };
    const word: string[] = [];
    let quote = '';
    for (; pos < text.length; pos++) {
      const char = text[pos]!;
      if (quote === '' && isBlank(char)) break;
      if (quote === '' ? char === "'" || char === '"' : char === quote) {
        quote = quote === '' ? char : '';
      } else if (char === '\\') {
        pos++;
        word.push(text[pos] ?? '');
      } else {
        word.push(char);
      }
    }
    const flag = word.join('');
    if (flag === '--') return { flags, rest: trim(text.slice(pos)) };
    const equals = flag.indexOf('=');
    flags.push(
      equals < 0
        ? { name: flag.slice(2), value: undefined }
        : { name: flag.slice(2, equals), value: flag.slice(equals + 1) },
    );
  }
}

/**
 * Words between blanks, where quotes and escapes hold a word together and stay in it for the expander.
 *
 *     words = blank* (word blank+)*
 *     word  = (char | ESC any | "'" [^']* "'" | '"' (char | ESC any)* '"')+
 */
export function splitQuotedWords(text: string, mark: Escape): string[] {
  const words: string[] = [];
  let word: string[] = [];
  let quote = '';
  for (let pos = 0; pos < text.length; pos++) {
    const char = text[pos]!;
    if (quote === '' && isBlank(char)) {
      if (word.length > 0) words.push(word.join(''));
      word = [];
      continue;
    }
    if (char === mark && quote !== "'") {
      pos++;
      // A lone escape at the very end is dropped.
      if (pos < text.length) word.push(char, text[pos]!);
      continue;
    }
    if (quote === '') {
      if (char === "'" || char === '"') quote = char;
    } else if (char === quote) {
      quote = '';
    }
    word.push(char);
  }
  if (word.length > 0) words.push(word.join(''));
  return words;
}
