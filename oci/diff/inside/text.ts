// Owns: the first lines in which two texts differ, with some context, cut so that a report stays readable.

import { shownLine } from '../../shown-text.ts';
import type { Bytes } from '../bytes.ts';
import type { Detail, TextHunk } from '../finding.ts';

const SAMPLE = 64 << 10;
const CONTEXT = 2;
const MAX_LINES = 12;
const MAX_WIDTH = 240;
/** How far lines are looked at to find where the sides meet again. */
const WINDOW = 32 << 10;

/** Does it look like text: no NUL, hardly a control character, at both ends of what is looked at? */
export function looksLikeText(bytes: Bytes, near: number): boolean {
  return [0, Math.max(0, near - SAMPLE / 2)].every((at) => {
    const sample = bytes.read(at, SAMPLE);
    let controls = 0;
    for (const byte of sample) {
      if (byte === 0) return false;
      if (byte < 0x20 && byte !== 0x09 && byte !== 0x0a && byte !== 0x0d && byte !== 0x0c && byte !== 0x1b) controls++;
    }
    return controls * 50 <= sample.length;
  });
}

/** The hunk around byte `offset`, where both sides begin to differ. */
export function compareText(left: Bytes, right: Bytes, offset: number): Detail {
  const { line, start } = lineAt(left, offset);
  const before = linesBefore(left, start);
  const [ours, theirs] = [linesFrom(left, start), linesFrom(right, start)];
  const [skip, otherSkip] = meet(ours, theirs);
  const column = offset - start;
  const cutLines = (lines: readonly string[]): string[] => {
    const shown = lines.slice(0, MAX_LINES).map((text, i) => cut(text, i === 0 ? column : 0));
    return lines.length > MAX_LINES ? [...shown, `... ${lines.length - MAX_LINES} more lines`] : shown;
  };
  const hunk: TextHunk = {
    line,
    before: before.map((text) => cut(text, 0)),
    left: cutLines(ours.slice(0, skip)),
    right: cutLines(theirs.slice(0, otherSkip)),
    after: skip < ours.length ? ours.slice(skip, skip + CONTEXT).map((text) => cut(text, 0)) : [],
  };
  const inner = [{ kind: 'text line', name: String(line) } as const];
  const [one, other] = [left, right].map((side) => side.read(side.size - 1, 1)[0] === 0x0a || side.size === 0);
  const note = one === other ? {} : { note: `the ${one ? 'right' : 'left'} has no newline at its end` };
  return { kind: 'changed', field: 'content', offset, inner, text: hunk, ...note };
}

/** Number, from 1, and first byte of the line a byte stands in. */
function lineAt(bytes: Bytes, offset: number): { line: number; start: number } {
  let line = 1;
  let start = 0;
  let at = 0;
  for (const chunk of bytes.chunks()) {
    const part = Buffer.from(chunk.buffer, chunk.byteOffset, Math.min(chunk.length, offset - at));
    for (let i = part.indexOf(0x0a); i >= 0; i = part.indexOf(0x0a, i + 1)) {
      line++;
      start = at + i + 1;
    }
    at += part.length;
    if (at === offset) break;
  }
  return { line, start };
}

function linesBefore(bytes: Bytes, start: number): string[] {
  const from = Math.max(0, start - WINDOW / 8);
  const text = bytes.read(from, start - from).toString('utf8');
  return text.split('\n').slice(0, -1).slice(-CONTEXT);
}

/** Whole lines from `start` on; the last may be cut where the window ends. */
function linesFrom(bytes: Bytes, start: number): string[] {
  const lines = bytes.read(start, WINDOW).toString('utf8').split('\n');
  if (lines.at(-1) === '') lines.pop();
  return lines;
}

/** How many lines each side has before both go on alike for two lines, or end. */
function meet(left: readonly string[], right: readonly string[]): [number, number] {
  const most = 2 * MAX_LINES;
  for (let sum = 1; sum <= 2 * most; sum++) {
    for (let i = Math.max(0, sum - most); i <= Math.min(sum, most); i++) {
      const j = sum - i;
      if (i > left.length || j > right.length) continue;
      const isEnd = i === left.length && j === right.length;
      const isSame = i < left.length && j < right.length && left[i] === right[j] && left[i + 1] === right[j + 1];
      if (isEnd || isSame) return [i, j];
    }
  }
  return [Math.min(MAX_LINES, left.length), Math.min(MAX_LINES, right.length)];
}

/** A long line is shown around the column that matters. */
function cut(text: string, column: number): string {
  if (text.length <= MAX_WIDTH) return shownLine(text);
  const from = Math.max(0, Math.min(column - MAX_WIDTH / 2, text.length - MAX_WIDTH));
  const end = from + MAX_WIDTH;
  return `${from > 0 ? '...' : ''}${shownLine(text.slice(from, end))}${end < text.length ? '...' : ''}`;
}
