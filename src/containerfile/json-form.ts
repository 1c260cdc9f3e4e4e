// Owns: telling the JSON (exec) form of arguments from the shell form.

import type { SourceLocation } from '../errors.ts';
import { refuse } from './fault.ts';

/**
 *     json-form = '[' [string (',' string)*] ']'
 *
 * Undefined when the text is no JSON array as a whole: it is in shell form then, `[ -d x ] || y` for instance. Throws BuildError PARSE
 * when it is an array of anything but strings, which is nobody's intention.
 */
export function readJsonForm(text: string, at: SourceLocation): string[] | undefined {
  if (!text.startsWith('[')) return undefined;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (!Array.isArray(value)) return undefined;
  return value.map((item) => {
    if (typeof item !== 'string') {
      refuse(at, 'an argument list in JSON form holds strings only', { got: JSON.stringify(item)?.slice(0, 80) ?? '' });
    }
    if (item.includes('\0')) refuse(at, 'an argument in JSON form holds a NUL character');
    // A lone surrogate (\ud800) has no bytes; it becomes U+FFFD as in every JSON reader that works on bytes.
    return Buffer.from(item, 'utf8').toString('utf8');
  });
}
