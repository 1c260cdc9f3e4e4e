// Owns: text that came from elsewhere, made fit to be looked at: nothing in it moves a cursor, changes the direction of
// what follows, or cannot be seen. What is escaped can be told from what was written so: a backslash is doubled.

/**
 * Controls (C0, C1), format characters (direction marks and isolates, zero-width, tags), line and paragraph separators,
 * halves of surrogate pairs, private use, and whatever else Unicode says may be drawn as nothing.
 */
const HIDDEN = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}\p{Co}\p{DI}]/gu;

/** One line for people: `\xHH` below 256, `\u{HEX}` above, `\\` for a backslash. */
export function shownText(text: string): string {
  return escapeHidden(text.replace(/\\/g, '\\\\'));
}

/** The same without doubling backslashes: for messages, where a name is not compared with another. */
export function escapeHidden(text: string): string {
  return text.replace(HIDDEN, escapeChar);
}

/** Like shownText for text with a meaning of its own, as a line of a file: tabs and backslashes stay. */
export function shownLine(text: string): string {
  return text.replace(HIDDEN, (char) => (char === '\t' ? char : escapeChar(char)));
}

/** For messages of several lines. */
export function shownLines(text: string): string {
  return text.split('\n').map(shownLine).join('\n');
}

/** Bytes that should be UTF-8; where they are not, every byte that is not printable ASCII is `\xHH`. */
export function shownBytes(bytes: Uint8Array): string {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const text = buffer.toString('utf8');
  if (Buffer.from(text, 'utf8').equals(buffer)) return shownText(text);
  return buffer
    .toString('latin1')
    .replace(/\\/g, '\\\\')
    .replace(/[^ -~]/g, escapeChar);
}

function escapeChar(char: string): string {
  const code = char.codePointAt(0)!;
  return code < 0x100 ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u{${code.toString(16)}}`;
}

/** JSON of a value that may hold anything: what is not plain ASCII is escaped as JSON has it. */
export function shownJson(value: unknown, indent?: number): string {
  return JSON.stringify(value, undefined, indent).replace(
    /[\u007f-\uffff]/g,
    (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
