// Owns: BuildKit's shell lexer: quotes, escapes and `${…}` in one word of a Containerfile. Knows no instruction; a variable is what
// `lookup` says. Throws LexFault only, which callers turn into an error with a location.

import { patternOf, replaceMatches, trimPrefix, trimSuffix } from './pattern.ts';
import { type Escape, isBlank } from './token.ts';

export type Lookup = (name: string) => string | undefined;

export interface LexOptions {
  readonly escape: Escape;
  /** Keep quote characters in the result. */
  readonly rawQuotes?: boolean;
  /** Keep escape characters in the result. */
  readonly rawEscapes?: boolean;
  /** Quotes are ordinary characters: heredoc bodies. */
  readonly literalQuotes?: boolean;
  /** A variable `lookup` does not know stays as written, instead of becoming empty. */
  readonly keepUnknown?: boolean;
}

export interface Lexed {
  readonly text: string;
  /** The same, split at blanks that were neither quoted nor escaped; blanks out of variables do split. */
  readonly words: readonly string[];
  /** Names asked for and not known, in order, `${x:-…}` and the like not counted. */
  readonly unknown: readonly string[];
}

/** Why a word cannot be expanded. Never leaves this room. */
export class LexFault extends Error {}

const DEEPEST = 100;
/** Four times what Linux takes as one argument or one environment variable, and room for a heredoc. */
const LONGEST = 4 << 20;

export function lex(source: string, lookup: Lookup, options: LexOptions): Lexed {
  return new Lexer(source, lookup, options).all();
}

class WordList {
  readonly words: string[] = [];
  private current = '';

  /** Text whose blanks are no blanks. */
  addRaw(text: string): void {
    this.current += text;
  }

  addSplit(text: string): void {
    for (const char of text) {
      if (isBlank(char)) this.end();
      else this.current += char;
    }
  }

  end(): void {
    if (this.current !== '') this.words.push(this.current);
    this.current = '';
  }
}

/**
 *     text    = (plain | ESC any | single | double | dollar)*
 *     single  = "'" [^']* "'"
 *     double  = '"' (plain | ESC ('"' | '$' | ESC) | dollar)* '"'
 *     dollar  = '$' name | '${' name '}' | '${' name op text '}' | '${' name '/' ['/'] text '/' text '}'
 *     op      = [':'] ('-' | '+' | '?') | '#' ['#'] | '%' ['%']
 *     name    = letter (letter | digit | '_')* | digit+ | special parameter
 */
class Lexer {
  private pos = 0;
  private depth = 0;
  private rawEscapes: boolean;
  private readonly unknown: string[] = [];
  private readonly source: string;
  private readonly lookup: Lookup;
  private readonly options: LexOptions;

  constructor(source: string, lookup: Lookup, options: LexOptions) {
    this.source = source;
    this.lookup = lookup;
    this.options = options;
    this.rawEscapes = options.rawEscapes ?? false;
  }

  all(): Lexed {
    const words = new WordList();
    const text = this.until('', this.rawEscapes, words);
    words.end();
    return { text, words: words.words, unknown: this.unknown };
  }

  /** Reads up to and over `stop`, or to the end when that is ''. */
  private until(stop: string, rawEscapes: boolean, words?: WordList): string {
    if (++this.depth > DEEPEST) throw new LexFault(`substitutions nested more than ${DEEPEST} deep`);
    const outer = this.rawEscapes;
    this.rawEscapes = rawEscapes;
    try {
      return this.readUntil(stop, words);
    } finally {
      this.rawEscapes = outer;
      this.depth--;
    }
  }

  private readUntil(stop: string, words: WordList | undefined): string {
    const { source, options } = this;
    const out: string[] = [];
    let length = 0;
    const add = (text: string): void => {
      length += text.length;
      if (length > LONGEST) throw new LexFault(`expands to more than ${LONGEST} characters`);
      out.push(text);
    };
    while (this.pos < source.length) {
      const char = source[this.pos]!;
      if (char === stop) {
        this.pos++;
        return out.join('');
      }
      if (char === '$') {
        const value = this.dollar();
        add(value);
        words?.addSplit(value);
      } else if ((char === "'" || char === '"') && options.literalQuotes !== true) {
        const quoted = char === "'" ? this.single() : this.double();
        add(quoted);
        words?.addRaw(quoted);
      } else if (char === options.escape) {
        this.pos++;
        const escaped = this.char();
        const text = this.rawEscapes ? char + escaped : escaped;
        add(text);
        words?.addRaw(text);
      } else {
        this.pos++;
        add(char);
        if (words !== undefined && isBlank(char)) words.end();
        else words?.addRaw(char);
      }
    }
    if (stop !== '') throw new LexFault(stop === '/' ? "the second '/' is missing in ${…/…/…}" : "'}' is missing");
    return out.join('');
  }

  /** The next character (a code point), '' at the end. */
  private char(): string {
    const code = this.source.codePointAt(this.pos);
    if (code === undefined) return '';
    const char = String.fromCodePoint(code);
    this.pos += char.length;
    return char;
  }

  private single(): string {
    const end = this.source.indexOf("'", this.pos + 1);
    if (end < 0) throw new LexFault("the closing ' is missing");
    const quoted = this.source.slice(this.pos + (this.options.rawQuotes === true ? 0 : 1), end);
    this.pos = end + 1;
    return this.options.rawQuotes === true ? `${quoted}'` : quoted;
  }

  private double(): string {
    const { source, options } = this;
    const mark = options.rawQuotes === true ? '"' : '';
    const out = [mark];
    this.pos++;
    while (this.pos < source.length) {
      const char = source[this.pos]!;
      if (char === '"') {
        this.pos++;
        out.push(mark);
        return out.join('');
      }
      if (char === '$') {
        out.push(this.dollar());
        continue;
      }
      this.pos++;
      if (char === options.escape) {
        const next = source[this.pos];
        const escapable = next === '"' || next === '$' || next === options.escape;
        if (this.rawEscapes) out.push(char);
        if (escapable) {
          out.push(next);
          this.pos++;
        } else if (next !== undefined && !this.rawEscapes) {
          out.push(char);
        }
        continue;
      }
      out.push(char);
    }
    throw new LexFault('the closing " is missing');
  }

  private dollar(): string {
    const { source, options } = this;
    this.pos++;
    if (source[this.pos] !== '{') {
      const name = this.name();
      if (name === '') return '$';
      return this.value(name) ?? (options.keepUnknown === true ? `$${name}` : '');
    }
    this.pos++;
    const first = source[this.pos];
    if (first === undefined) throw new LexFault("'}' is missing");
    if (first === '{' || first === '}' || first === ':') throw new LexFault('${ is not followed by a name');
    const name = this.name();
    if (name === '') throw new LexFault(`\${ is followed by ${JSON.stringify(first)}, which starts no name`);
    const op = this.char();
    switch (op) {
      case '}':
        return this.value(name) ?? (options.keepUnknown === true ? `\${${name}}` : '');
      case '/':
        return this.replace(name);
      case ':':
        return this.modify(name, this.char(), true);
      case '':
        throw new LexFault("'}' is missing");
      default:
        return this.modify(name, op, false);
    }
  }

  private modify(name: string, op: string, emptyIsUnset: boolean): string {
    const written = emptyIsUnset ? `:${op}` : op;
    if (op === '') throw new LexFault("'}' is missing");
    if (!'+-?#%'.includes(op)) throw new LexFault(`\${${name}${written}…} is no substitution this dialect has`);
    const trims = op === '#' || op === '%';
    const word = this.until('}', trims);
    const value = trims ? this.value(name) : this.lookup(name);
    if (value === undefined && this.options.keepUnknown === true) return `\${${name}${written}${word}}`;
    const counts = value !== undefined && !(emptyIsUnset && value === '');
    switch (op) {
      case '-':
        return counts ? value : word;
      case '+':
        return counts ? word : '';
      case '?':
        if (counts) return value;
        throw new LexFault(`${name}: ${word === '' ? `must not be ${value === undefined ? 'unset' : 'empty'}` : word}`);
      default: {
        const longest = word.startsWith(op);
        const pattern = this.pattern(longest ? word.slice(1) : word);
        return op === '#' ? trimPrefix(value ?? '', pattern, longest) : trimSuffix(value ?? '', pattern, longest);
      }
    }
  }

  private replace(name: string): string {
    const all = this.source[this.pos] === '/';
    if (all) this.pos++;
    const from = this.until('/', true);
    const to = this.until('}', true);
    const value = this.value(name);
    if (value === undefined && this.options.keepUnknown === true) return `\${${name}/${all ? '/' : ''}${from}/${to}}`;
    return replaceMatches(value ?? '', this.pattern(from), to, all, LONGEST) ?? this.tooLong();
  }

  private tooLong(): never {
    throw new LexFault(`expands to more than ${LONGEST} characters`);
  }

  private pattern(text: string) {
    const pattern = patternOf(text);
    if (typeof pattern === 'string') throw new LexFault(`the pattern ${JSON.stringify(text)} is wrong: ${pattern}`);
    return pattern;
  }

  private value(name: string): string | undefined {
    const value = this.lookup(name);
    if (value === undefined) this.unknown.push(name);
    return value;
  }

  private name(): string {
    const { source } = this;
    const rest = /[\p{L}_][\p{L}\p{Nd}_]*|\p{Nd}+|[@*#?\-$!]/uy;
    rest.lastIndex = this.pos;
    const name = rest.exec(source)?.[0] ?? '';
    this.pos += name.length;
    return name;
  }
}
