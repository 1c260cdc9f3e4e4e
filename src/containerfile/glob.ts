// Owns: wildcards in paths, on byte strings (see oci/raw-path.ts): Go's filepath.Match, and `**` as .dockerignore has it. Matches in time
// linear in the path, whatever the pattern.

/**
 * `one`: any character but `/`. `run`: any number of these. `dirs`: nothing, or anything that ends with `/`. `all`: anything.
 * A character is a UTF-8 sequence, or a byte that belongs to none.
 */
type Token = string | 'one' | 'run' | 'dirs' | 'all' | CharClass;

interface CharClass {
  readonly negated: boolean;
  /** Code points, inclusive. */
  readonly ranges: readonly (readonly [number, number])[];
}

export interface Glob {
  /** The tokens; a literal character carries a leading `=`. */
  readonly tokens: readonly Token[];
  /** What every match starts and ends with: most paths fail here, at no cost. */
  readonly prefix: string;
  readonly suffix: string;
}

/** Whether the path has an unescaped `*`, `?` or `[`. */
export function hasWildcard(path: string): boolean {
  return /^(?:[^\\*?[]|\\[\s\S])*[*?[]/.test(path);
}

/** Whether a whole path matches. A pattern that is malformed matches nothing. */
export function matchGlob(pattern: string, path: string): boolean {
  let glob = recent.get(pattern);
  if (glob === undefined) {
    glob = parseGlob(pattern);
    if (recent.size >= 256) recent.clear();
    recent.set(pattern, glob);
  }
  return typeof glob !== 'string' && globMatches(glob, path);
}

const recent = new Map<string, Glob | string>();

/**
 *     glob   = (char | '\' any | '?' | '*' | '**' ['/'] | class)*
 *     class  = '[' ['^' | '!'] (char ['-' char])+ ']'          '\' escapes here too
 *
 * Returns the reason as text when the pattern is malformed.
 */
export function parseGlob(pattern: string): Glob | string {
  const chars = characters(pattern);
  const tokens: Token[] = [];
  for (let i = 0; i < chars.length; ) {
    const char = chars[i]!;
    if (char === '*' && chars[i + 1] === '*') {
      i += chars[i + 2] === '/' ? 3 : 2;
      tokens.push(i >= chars.length ? 'all' : 'dirs');
    } else if (char === '*' || char === '?') {
      tokens.push(char === '*' ? 'run' : 'one');
      i++;
    } else if (char === '[') {
      const found = parseClass(chars, i + 1);
      if (typeof found === 'string') return found;
      tokens.push(found.charClass);
      i = found.next;
    } else if (char === '\\') {
      if (i + 1 >= chars.length) return 'a backslash stands at the end';
      tokens.push(`=${chars[i + 1]}`);
      i += 2;
    } else {
      tokens.push(`=${char}`);
      i++;
    }
  }
  const wild = (token: Token): boolean => typeof token !== 'string' || !token.startsWith('=');
  const plain = (part: readonly Token[]): string => part.map((token) => String(token).slice(1)).join('');
  const first = tokens.findIndex(wild);
  if (first < 0) return { tokens, prefix: plain(tokens), suffix: '' };
  return {
    tokens,
    prefix: plain(tokens.slice(0, first)),
    suffix: plain(tokens.slice(tokens.findLastIndex(wild) + 1)),
  };
}

function parseClass(chars: readonly string[], start: number): { charClass: CharClass; next: number } | string {
  let i = start;
  const negated = chars[i] === '^' || chars[i] === '!';
  if (negated) i++;
  const ranges: [number, number][] = [];
  const one = (): number | undefined => {
    if (chars[i] === '\\') i++;
    const char = chars[i++];
    return char === undefined ? undefined : codeOf(char);
  };
  while (chars[i] !== ']' || ranges.length === 0) {
    const low = chars[i] === ']' ? undefined : one();
    if (low === undefined) return 'a [ has no matching ], or nothing stands between them';
    let high: number | undefined = low;
    if (chars[i] === '-' && chars[i + 1] !== ']') {
      i++;
      high = one();
    }
    if (high === undefined) return 'a [ has no matching ]';
    if (high < low) return 'a range between [ and ] runs backwards';
    ranges.push([low, high]);
  }
  return { charClass: { negated, ranges }, next: i + 1 };
}

export function globMatches({ tokens, prefix, suffix }: Glob, path: string): boolean {
  if (!path.startsWith(prefix) || !path.endsWith(suffix)) return false;
  const chars = characters(path);
  let live = new Uint8Array(tokens.length + 1);
  let next = new Uint8Array(tokens.length + 1);
  enter(tokens, live, 0, true);
  for (const char of chars) {
    next.fill(0);
    let any = false;
    const slash = char === '/';
    for (let state = 0; state < tokens.length; state++) {
      if (live[state] === 0) continue;
      const token = tokens[state]!;
      if (token === 'all' || (token === 'run' && !slash)) {
        any = enter(tokens, next, state, false);
      } else if (token === 'dirs') {
        // Inside `.*/`: only past a slash does the next token get its turn.
        any = true;
        next[state] = 1;
        if (slash) enter(tokens, next, state + 1, true);
      } else if (takes(token, char)) {
        any = enter(tokens, next, state + 1, true);
      }
    }
    if (!any) return false;
    [live, next] = [next, live];
  }
  return live[tokens.length] === 1;
}

/** Marks a state and those it reaches without a character. A `dirs` may be skipped only when it is `fresh`. */
function enter(tokens: readonly Token[], states: Uint8Array, state: number, fresh: boolean): true {
  states[state] = 1;
  const token = tokens[state];
  if (token === 'run' || token === 'all' || (token === 'dirs' && fresh)) enter(tokens, states, state + 1, true);
  return true;
}

function takes(token: Token, char: string): boolean {
  if (token === 'one') return char !== '/';
  if (typeof token === 'string') return token.startsWith('=') && token.slice(1) === char;
  if (char === '/') return false;
  const code = codeOf(char);
  return token.ranges.some(([low, high]) => low <= code && code <= high) !== token.negated;
}

const sequence =
  /[\x00-\x7f]|[\xc2-\xdf][\x80-\xbf]|\xe0[\xa0-\xbf][\x80-\xbf]|\xed[\x80-\x9f][\x80-\xbf]|[\xe1-\xec\xee\xef][\x80-\xbf]{2}|\xf0[\x90-\xbf][\x80-\xbf]{2}|[\xf1-\xf3][\x80-\xbf]{3}|\xf4[\x80-\x8f][\x80-\xbf]{2}|[\s\S]/g;

/** Cuts a byte string into UTF-8 sequences, each still bytes; a stray byte is a character of its own. */
function characters(raw: string): readonly string[] {
  return /^[\x00-\x7f]*$/.test(raw) ? raw.split('') : (raw.match(sequence) ?? []);
}

function codeOf(char: string): number {
  if (char.length === 1) return char.charCodeAt(0) < 0x80 ? char.charCodeAt(0) : 0x110000 + char.charCodeAt(0);
  return Buffer.from(char, 'latin1').toString('utf8').codePointAt(0)!;
}
