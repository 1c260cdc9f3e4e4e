// Owns: the patterns of ${x#p}, ${x%p} and ${x/p/r}: `*`, `?` and literal characters, matched in linear memory and without
// backtracking. No bracket expressions, as in BuildKit.

/** One token: a literal code point, any one character but a newline, or any run of these. */
type Token = { readonly literal: string } | 'one' | 'run';
export type Pattern = readonly Token[];

/**
 *     pattern = ('*' | '?' | '\' ('*' | '?' | '\' | '}' | '/') | char)*
 *
 * Returns the reason as text when an escape is none of these.
 */
export function patternOf(text: string): Pattern | string {
  const tokens: Token[] = [];
  const chars = Array.from(text);
  for (let i = 0; i < chars.length; i++) {
    const char = chars[i]!;
    if (char === '*') {
      if (tokens.at(-1) !== 'run') tokens.push('run');
    } else if (char === '?') {
      tokens.push('one');
    } else if (char === '\\') {
      const next = chars[++i];
      if (next === undefined || !'*?\\}/'.includes(next)) return `\\${next ?? ''} escapes nothing`;
      tokens.push({ literal: next });
    } else {
      tokens.push({ literal: char });
    }
  }
  return tokens;
}

/** `value` without the shortest, or longest, prefix that matches; `value` when none does. */
export function trimPrefix(value: string, pattern: Pattern, longest: boolean): string {
  const chars = Array.from(value);
  const end = matchEnd(chars, 0, pattern, longest);
  return end === undefined ? value : chars.slice(end).join('');
}

export function trimSuffix(value: string, pattern: Pattern, longest: boolean): string {
  const chars = Array.from(value).reverse();
  const end = matchEnd(chars, 0, [...pattern].reverse(), longest);
  return end === undefined ? value : chars.slice(end).reverse().join('');
}

/** Replaces the first match, or all that do not overlap, each as long as possible. Undefined when the result passes `limit`. */
export function replaceMatches(
  value: string,
  pattern: Pattern,
  replacement: string,
  all: boolean,
  limit: number,
): string | undefined {
  const chars = Array.from(value);
  const out: string[] = [];
  let length = 0;
  let from = 0;
  let lastEnd = -1;
  while (from <= chars.length) {
    const end = matchEnd(chars, from, pattern, true);
    // An empty match right behind another match is none, as in Go's regexp.
    if (end !== undefined && !(end === from && end === lastEnd)) {
      out.push(replacement);
      length += replacement.length;
      if (!all) {
        out.push(chars.slice(end).join(''));
        return out.join('');
      }
      lastEnd = end;
      if (end > from) {
        from = end;
        continue;
      }
    }
    if (from < chars.length) {
      out.push(chars[from]!);
      length++;
    }
    from++;
    if (length > limit) return undefined;
  }
  return out.join('');
}

/** Where the shortest or longest match that starts at `from` ends. */
function matchEnd(chars: readonly string[], from: number, pattern: Pattern, longest: boolean): number | undefined {
  // live[i]: the first i tokens match chars[from..pos].
  let live = new Set<number>();
  const enter = (states: Set<number>, state: number): void => {
    states.add(state);
    while (pattern[state] === 'run') states.add(++state);
  };
  enter(live, 0);
  let end: number | undefined;
  for (let pos = from; ; pos++) {
    if (live.has(pattern.length)) {
      end = pos;
      if (!longest) return end;
    }
    if (pos >= chars.length || live.size === 0) return end;
    const char = chars[pos]!;
    const next = new Set<number>();
    for (const state of live) {
      const token = pattern[state];
      if (token === undefined) continue;
      if (token === 'run') {
        if (char !== '\n') enter(next, state);
      } else if (token === 'one' ? char !== '\n' : token.literal === char) {
        enter(next, state + 1);
      }
    }
    live = next;
  }
}
