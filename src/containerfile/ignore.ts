// Owns: `.dockerignore`: which paths of a context a build does not see. Paths are byte strings (oci/raw-path.ts) relative to the context,
// without leading or trailing slash. Reads no file.

import { posix } from 'node:path';
import { displayPath, type RawPath, rawPath } from '../../oci/raw-path.ts';
import { refuse } from './fault.ts';
import { type Glob, globMatches, hasWildcard, parseGlob } from './glob.ts';
import { trim } from './token.ts';

export interface IgnoreRules {
  /** Whether a path is hidden. Directories and files are judged alike. */
  ignores(path: string, isDirectory: boolean): boolean;
  /** Whether something below an ignored directory may be visible all the same, so that a walker must go in. Errs towards true. */
  mayContainExceptions(directory: string): boolean;
}

interface Rule {
  readonly exception: boolean;
  readonly matches: (path: string) => boolean;
  /** The path up to the first wildcard: all that matches starts with it. */
  readonly fixed: string;
  /** Without a wildcard: `fixed` is the whole of it. */
  readonly literal: boolean;
}

/**
 *     file = [BOM] (line NL)*
 *     line = '#' anything | blank* ['!' blank*] pattern blank* | blank*
 *
 * A pattern is cleaned (`./a//b/` is `a/b`, a leading slash goes) and matches a path, or any directory above it, from the context's
 * root on. The last rule that matches decides; `!` makes a path visible again. `*`, `?` and `[…]` stay within a component, `**` does
 * not. Throws BuildError PARSE with the line of a malformed pattern; `file` is what the error names.
 */
export function parseIgnore(text: string, file: string = '.dockerignore'): IgnoreRules {
  const rules: Rule[] = [];
  for (const [index, line] of text
    .replace(/^\ufeff/, '')
    .split('\n')
    .entries()) {
    if (line.startsWith('#')) continue;
    const rule = readRule(trim(line), { file, line: index + 1 });
    if (rule !== undefined) rules.push(rule);
  }
  return new Rules(rules);
}

function readRule(line: string, at: { file: string; line: number }): Rule | undefined {
  if (line === '') return undefined;
  const exception = line.startsWith('!');
  const written = exception ? trim(line.slice(1)) : line;
  if (written === '') refuse(at, 'an exception names no path', { want: '!PATTERN' });
  const cleaned = posix.normalize(rawPath(written)).replace(/^\/+/, '').replace(/\/+$/, '');
  // The context itself: no path is named like it.
  if (cleaned === '' || cleaned === '.') return undefined;
  const glob = parseGlob(cleaned);
  if (typeof glob === 'string')
    refuse(at, `the pattern ${displayPath(cleaned as RawPath)} is malformed`, { got: glob });
  return { exception, matches: matcher(cleaned, glob), ...fixedPart(cleaned) };
}

function matcher(pattern: string, glob: Glob): (path: string) => boolean {
  if (!hasWildcard(pattern) && !pattern.includes('\\')) return (path) => path === pattern;
  const rest = pattern.slice(2);
  if (pattern.startsWith('**') && rest !== '' && !hasWildcard(rest) && !rest.includes('\\')) {
    // `**.log` is every path that ends so, in the middle of a name too; `**/x` is x in any directory.
    return (path) => path.endsWith(rest) || (rest.startsWith('/') && path === rest.slice(1));
  }
  return (path) => globMatches(glob, path);
}

function fixedPart(pattern: string): { fixed: string; literal: boolean } {
  const special = pattern.search(/[*?[\\]/);
  return special < 0 ? { fixed: pattern, literal: true } : { fixed: pattern.slice(0, special), literal: false };
}

class Rules implements IgnoreRules {
  readonly #rules: readonly Rule[];
  /** Per directory: which rules match it or a directory above it. A walk asks for the same few again and again. */
  readonly #above = new Map<string, readonly boolean[]>();

  constructor(rules: readonly Rule[]) {
    this.#rules = rules;
  }

  ignores(path: string, isDirectory: boolean): boolean {
    if (path === '' || this.#rules.length === 0) return false;
    const matched = this.#matches(path, isDirectory);
    const last = matched.lastIndexOf(true);
    return last >= 0 && !this.#rules[last]!.exception;
  }

  mayContainExceptions(directory: string): boolean {
    const below = `${directory}/`;
    // What matches the directory itself matches everything in it; only exceptions behind that can still change the verdict.
    const last = this.#matches(directory, true).lastIndexOf(true);
    return this.#rules.some(({ exception, fixed, literal }, i) => {
      if (!exception || i < last) return false;
      return fixed.startsWith(below) || (!literal && below.startsWith(fixed));
    });
  }

  #matches(path: string, keep: boolean): readonly boolean[] {
    const known = this.#above.get(path);
    if (known !== undefined) return known;
    const slash = path.lastIndexOf('/');
    const above = slash < 0 ? undefined : this.#matches(path.slice(0, slash), true);
    const matched = this.#rules.map((rule, i) => above?.[i] === true || rule.matches(path));
    if (keep) {
      if (this.#above.size >= 4096) this.#above.clear();
      this.#above.set(path, matched);
    }
    return matched;
  }
}
