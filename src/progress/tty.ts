// Owns: the live view on a terminal. Finished ops scroll away above it; below stand the running ones, each with its time
// and last output line, then one line of totals.
//
// The cursor is never hidden, so nothing is left behind however the program ends. Line wrapping is off only within one
// write: a line that is too wide is cut by the terminal, whatever it thinks of the width of a character.

import type { BuildEvent, OpId } from './event.ts';
import type { Progress } from './progress.ts';
import { cleanLine, type FetchEvent, fetchText, formatDuration, type OpStart, opPlace, warningText } from './text.ts';

/** What is used of the terminal. */
export interface Terminal {
  readonly columns?: number;
  readonly rows?: number;
  write(text: string): boolean;
}

interface RunningOp {
  readonly start: OpStart;
  readonly since: number;
  lastLine: string;
}

/** Milliseconds between two drawings. */
const INTERVAL = 100;

/** `now` gives milliseconds. The timer it starts does not keep the program alive. */
export function renderTty(out: Terminal, now: () => number, color: boolean): Progress {
  const begun = now();
  const running = new Map<OpId, RunningOp>();
  const fetches = new Map<string, FetchEvent>();
  const count = { planned: 0, done: 0, cached: 0, failed: 0 };
  /** Lines that scroll away with the next drawing. */
  let above: string[] = [];
  /** Lengths of the live lines on the screen. */
  let drawn: number[] = [];
  let open = true;

  const paint = (code: number, text: string): string => (color ? `\x1b[${code}m${text}\x1b[0m` : text);

  const draw = (live: readonly Line[]): void => {
    const columns = width(out);
    // After the window was made narrower, the terminal has broken the old lines into several.
    const up = drawn.reduce((rows, length) => rows + Math.max(1, Math.ceil(length / columns)), 0);
    const lines = [
      ...above.map((line) => `${line}\x1b[K\n`),
      ...live.map((line) => `${line.paint === undefined ? cut(line.text) : paint(line.paint, cut(line.text))}\x1b[K\n`),
    ];
    out.write(`${up === 0 ? '' : `\x1b[${up}A`}\r\x1b[?7l${lines.join('')}\x1b[?7h\x1b[J`);
    drawn = live.map((line) => cut(line.text).length);
    above = [];
  };
  // One column stays free: some terminals wrap when the last one is written.
  const cut = (text: string): string => text.slice(0, Math.max(1, width(out) - 1));

  const liveLines = (): Line[] => {
    const heads: Line[][] = [...running.values()].map((op) => [
      { text: `${formatDuration(now() - op.since).padStart(7)} ${opPlace(op.start)} ${cleanLine(op.start.text)}` },
      ...(op.lastLine === '' ? [] : [{ text: `        ${op.lastLine}`, paint: 2 }]),
    ]);
    for (const fetch of fetches.values()) heads.push([{ text: `  fetch ${fetchText(fetch)}` }]);
    return [...fitRows(heads, height(out) - 2), { text: totals(count, running.size, now() - begun) }];
  };

  const finish = (event: Extract<BuildEvent, { type: 'op-end' }>): void => {
    const op = running.get(event.op);
    if (op === undefined) return;
    running.delete(event.op);
    count[event.outcome]++;
    // Hundreds of cached ops would push everything of interest off the screen: they are counted.
    if (event.outcome === 'cached') return;
    const word = event.outcome === 'done' ? paint(32, 'done  ') : paint(31, 'failed');
    const place = `${opPlace(op.start)} ${cleanLine(op.start.text)}`;
    above.push(`${word} ${formatDuration(event.milliseconds).padStart(7)} ${place}`);
  };

  const watch = (event: BuildEvent): void => {
    if (!open) return;
    if (event.type === 'plan') count.planned += event.ops;
    else if (event.type === 'op-start') running.set(event.op, { start: event, since: now(), lastLine: '' });
    else if (event.type === 'op-end') finish(event);
    else if (event.type === 'op-output') {
      const op = running.get(event.op);
      const line = cleanLine(event.line);
      if (op !== undefined && line.trim() !== '') op.lastLine = line;
    } else if (event.type === 'fetch') {
      if (!event.done) fetches.set(event.file, event);
      else {
        fetches.delete(event.file);
        above.push(`${paint(32, 'fetched')}        ${fetchText(event)}`);
      }
    } else if (event.type === 'warning') {
      const text = warningText(event.message, event.location);
      above.push(paint(33, text));
    } else {
      above.push(
        `${paint(32, 'image ')} ${formatDuration(event.milliseconds).padStart(7)} ${event.target} ${event.indexDigest}`,
      );
    }
  };

  const timer = setInterval(() => draw(liveLines()), INTERVAL);
  timer.unref();
  return {
    watch,
    close() {
      if (!open) return;
      open = false;
      clearInterval(timer);
      draw([]);
    },
  };
}

interface Line {
  readonly text: string;
  /** SGR code. */
  readonly paint?: number;
}

/** As many groups as fit: whole ones, else their first lines alone, else the oldest of those and how many are left out. */
function fitRows(groups: readonly (readonly Line[])[], rows: number): readonly Line[] {
  const all = groups.flat();
  if (all.length <= rows) return all;
  const heads = groups.map((group) => group[0]!);
  if (heads.length <= rows) return heads;
  const shown = Math.max(0, rows - 1);
  return [...heads.slice(0, shown), { text: `        and ${heads.length - shown} more`, paint: 2 }];
}

function totals(
  count: { readonly planned: number; readonly done: number; readonly cached: number; readonly failed: number },
  running: number,
  elapsed: number,
): string {
  const ended = count.done + count.cached + count.failed;
  const of = count.planned === 0 ? '' : ` of ${count.planned}`;
  const failed = count.failed === 0 ? '' : `, ${count.failed} failed`;
  return `${formatDuration(elapsed).padStart(7)} ${ended}${of} steps, ${count.cached} cached, ${running} running${failed}`;
}

/** A terminal that does not know its size says 0 or nothing. */
function width(out: Terminal): number {
  return out.columns || 80;
}

function height(out: Terminal): number {
  return Math.max(4, out.rows || 24);
}
