// Owns: progress for programs, one JSON object a line. The format is docs/progress-json.md.

import type { BuildEvent } from './event.ts';
import type { Progress } from './progress.ts';

/** `now` gives milliseconds; `time` counts from here. */
export function renderJson(out: Pick<NodeJS.WritableStream, 'write'>, now: () => number): Progress {
  const start = now();
  let open = true;
  const put = (value: object): void => {
    if (open) out.write(`${JSON.stringify(value)}\n`);
  };
  put({ type: 'begin', time: 0, format: 1 });
  return {
    watch(event: BuildEvent) {
      const { type, ...rest } = event;
      put({ type, time: Math.round(now() - start), ...rest });
    },
    close() {
      put({ type: 'end', time: Math.round(now() - start) });
      open = false;
    },
  };
}
