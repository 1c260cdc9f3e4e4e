// Owns: progress as lines, for logs and pipes. Every line names its place: `recipe stage step |`.

import type { BuildEvent, OpId } from './event.ts';
import type { Progress } from './progress.ts';
import { cleanLine, fetchText, formatDuration, type OpStart, opPlace, warningText } from './text.ts';

/** A download that goes on says so this often. */
const FETCH_INTERVAL = 5000;

/** `now` gives milliseconds. */
export function renderPlain(out: Pick<NodeJS.WritableStream, 'write'>, now: () => number): Progress {
  const running = new Map<OpId, OpStart>();
  const fetches = new Map<string, number>();
  // A start is held back until the next event: when that says `cached`, the two become one line.
  let held: OpStart | undefined;
  let timer: NodeJS.Immediate | undefined;
  let open = true;

  const put = (place: string, text: string): void => {
    out.write(`${place} | ${text}\n`);
  };
  const release = (): void => {
    clearImmediate(timer);
    if (held !== undefined) put(opPlace(held), cleanLine(held.text));
    held = undefined;
  };
  const endOp = (event: Extract<BuildEvent, { type: 'op-end' }>): void => {
    const op = running.get(event.op);
    if (op === undefined) return;
    running.delete(event.op);
    if (event.outcome === 'cached' && held === op) {
      held = undefined;
      put(opPlace(op), `cached ${cleanLine(op.text)}`);
      return;
    }
    release();
    put(
      opPlace(op),
      event.outcome === 'cached' ? 'cached' : `${event.outcome} in ${formatDuration(event.milliseconds)}`,
    );
  };

  const watch = (event: BuildEvent): void => {
    if (!open) return;
    if (event.type === 'op-end') {
      endOp(event);
      return;
    }
    release();
    if (event.type === 'plan') {
      out.write(`plan | ${event.ops} ops for ${event.targets.join(' ')}\n`);
    } else if (event.type === 'op-start') {
      running.set(event.op, event);
      held = event;
      timer = setImmediate(release);
    } else if (event.type === 'op-output') {
      const op = running.get(event.op);
      if (op !== undefined) put(opPlace(op), cleanLine(event.line));
    } else if (event.type === 'fetch') {
      const last = fetches.get(event.file);
      if (!event.done && last !== undefined && now() - last < FETCH_INTERVAL) return;
      fetches.set(event.file, now());
      put('fetch', `${fetchText(event)}${event.done ? ' done' : ''}`);
      if (event.done) fetches.delete(event.file);
    } else if (event.type === 'warning') {
      out.write(`${warningText(event.message, event.location)}\n`);
    } else {
      put(event.target, `image ${event.indexDigest} in ${formatDuration(event.milliseconds)}`);
    }
  };
  return {
    watch,
    close() {
      release();
      open = false;
    },
  };
}
