// Owns: the choice of a renderer. Knows nothing of how one draws.

import type { Watcher } from './event.ts';
import { renderJson } from './json.ts';
import { renderPlain } from './plain.ts';
import { renderTty } from './tty.ts';

export type ProgressKind = 'auto' | 'tty' | 'plain' | 'json';

export interface Progress {
  /** Never throws. */
  readonly watch: Watcher;
  /** Removes the live view and leaves what was finished. Safe to call twice; events after it are dropped. */
  close(): void;
}

/** What a renderer needs of the world, so that tests can hold the clock. */
export interface ProgressOptions {
  readonly color?: boolean;
  /** Milliseconds, monotonic. */
  readonly now?: () => number;
}

/** auto: tty on a terminal that can move its cursor, plain elsewhere. */
export function createProgress(kind: ProgressKind, out: NodeJS.WriteStream, options: ProgressOptions = {}): Progress {
  const now = options.now ?? (() => performance.now());
  if (kind === 'json') return renderJson(out, now);
  const live = kind === 'tty' || (kind === 'auto' && out.isTTY === true && process.env['TERM'] !== 'dumb');
  return live ? renderTty(out, now, options.color ?? false) : renderPlain(out, now);
}
