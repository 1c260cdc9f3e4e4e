// Owns: on which line of a TOML text each table, key and array element stands. Values are read by the TOML parser, which
// gives no positions; this walks the same text once more and keeps nothing but lines.
//
//   document = { blank | "[" path "]" | "[[" path "]]" | path "=" value }
//   value    = string | "[" { value "," } "]" | "{" { path "=" value "," } "}" | anything up to a delimiter

/** Keys and array indices from the root, e.g. `['sources', 'zlib', 'mirrors', 0]`. */
export type TomlPath = readonly (string | number)[];

/** Lines of one TOML document. */
export interface TomlLines {
  /** Line of the path from 1, or of its nearest ancestor that has one; 1 when there is none. */
  lineOf(path: TomlPath): number;
}

const keyOf = (path: TomlPath): string => JSON.stringify(path);

class Scanner {
  readonly lines = new Map<string, number>();
  private readonly text: string;
  private at = 0;
  private line = 1;
  /** How many elements each array of tables has so far. */
  private readonly tableCounts = new Map<string, number>();

  constructor(text: string) {
    this.text = text;
  }

  scan(): void {
    let table: TomlPath = [];
    while (this.skipBlank()) {
      const start = this.at;
      if (this.peek() === '[') table = this.header();
      else this.pair(table);
      // A text the parser accepts always moves on; this keeps any other text from looping.
      if (this.at === start) this.step();
    }
  }

  private peek(): string {
    return this.text[this.at] ?? '';
  }

  private step(): void {
    if (this.text[this.at] === '\n') this.line++;
    this.at++;
  }

  /** White space, newlines and comments. False at the end of the text. */
  private skipBlank(): boolean {
    while (this.at < this.text.length) {
      const char = this.peek();
      if (char === '#') {
        while (this.at < this.text.length && this.peek() !== '\n') this.at++;
      } else if (char === ' ' || char === '\t' || char === '\r' || char === '\n' || char === '\ufeff') this.step();
      else return true;
    }
    return false;
  }

  private skipSpaces(): void {
    while (this.peek() === ' ' || this.peek() === '\t') this.at++;
  }

  private mark(path: TomlPath, line = this.line): void {
    const key = keyOf(path);
    if (!this.lines.has(key)) this.lines.set(key, line);
  }

  private header(): TomlPath {
    const line = this.line;
    this.at++;
    const many = this.peek() === '[';
    if (many) this.at++;
    const written = this.keys();
    while (this.at < this.text.length && this.peek() !== ']' && this.peek() !== '\n') this.at++;
    if (this.peek() === ']') this.at++;
    if (many && this.peek() === ']') this.at++;
    const path = this.withIndices(written, many);
    // A header also makes the tables above it, unless they were there before.
    for (let length = 1; length <= path.length; length++) this.mark(path.slice(0, length), line);
    return path;
  }

  /** Puts the current index behind every key that names an array of tables. */
  private withIndices(written: readonly string[], many: boolean): TomlPath {
    let path: TomlPath = [];
    for (const [position, key] of written.entries()) {
      path = [...path, key];
      const last = position === written.length - 1;
      const count = this.tableCounts.get(keyOf(path));
      if (last && many) {
        const index = count ?? 0;
        this.tableCounts.set(keyOf(path), index + 1);
        this.mark(path);
        path = [...path, index];
      } else if (count !== undefined) path = [...path, count - 1];
    }
    return path;
  }

  /** A dotted key. */
  private keys(): string[] {
    const keys: string[] = [];
    for (;;) {
      this.skipSpaces();
      const char = this.peek();
      if (char === '"' || char === "'") keys.push(this.quotedKey());
      else {
        const start = this.at;
        while (/[A-Za-z0-9_-]/.test(this.peek())) this.at++;
        keys.push(this.text.slice(start, this.at));
      }
      this.skipSpaces();
      if (this.peek() !== '.') return keys;
      this.at++;
    }
  }

  private quotedKey(): string {
    const start = this.at;
    const quote = this.peek();
    this.skipString();
    const raw = this.text.slice(start, this.at);
    if (quote === "'") return raw.slice(1, -1);
    try {
      return JSON.parse(raw) as string;
    } catch {
      return raw.slice(1, -1);
    }
  }

  private pair(table: TomlPath): void {
    const line = this.line;
    const keys = this.keys();
    let path = table;
    for (const key of keys) {
      path = [...path, key];
      this.mark(path, line);
    }
    this.skipSpaces();
    if (this.peek() === '=') {
      this.at++;
      this.skipSpaces();
      this.value(path);
    }
  }

  private value(path: TomlPath): void {
    const char = this.peek();
    if (char === '"' || char === "'") this.skipString();
    else if (char === '[') this.array(path);
    else if (char === '{') this.inlineTable(path);
    else while (this.at < this.text.length && !/[\n,\]}#]/.test(this.peek())) this.at++;
  }

  private array(path: TomlPath): void {
    this.at++;
    for (let index = 0; this.skipBlank() && this.peek() !== ']'; ) {
      const start = this.at;
      if (this.peek() === ',') {
        this.at++;
        index++;
        continue;
      }
      this.mark([...path, index]);
      this.value([...path, index]);
      if (this.at === start) this.step();
    }
    this.at++;
  }

  private inlineTable(path: TomlPath): void {
    this.at++;
    while (this.skipBlank() && this.peek() !== '}') {
      const start = this.at;
      if (this.peek() === ',') this.at++;
      else this.pair(path);
      if (this.at === start) this.step();
    }
    this.at++;
  }

  /** Any of the four string forms, from its first quote past its last. */
  private skipString(): void {
    const quote = this.peek();
    const triple = quote.repeat(3);
    const long = this.text.startsWith(triple, this.at);
    this.at += long ? 3 : 1;
    while (this.at < this.text.length) {
      const char = this.peek();
      if (char === '\\' && quote === '"') {
        this.step();
        this.step();
      } else if (long ? this.text.startsWith(triple, this.at) : char === quote) {
        this.at += long ? 3 : 1;
        // Up to two quotes may stand directly before the closing three.
        while (long && this.peek() === quote) this.at++;
        return;
      } else if (!long && char === '\n') return;
      else this.step();
    }
  }
}

/** Finds every line at once. Never throws; for a text that is no TOML the lines mean nothing. */
export function locateToml(text: string): TomlLines {
  const scanner = new Scanner(text);
  scanner.scan();
  return {
    lineOf(path) {
      for (let length = path.length; length > 0; length--) {
        const line = scanner.lines.get(keyOf(path.slice(0, length)));
        if (line !== undefined) return line;
      }
      return 1;
    },
  };
}
