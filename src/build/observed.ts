// Owns: the log of what was observed while something was built: when, where, by whom, and which mirror answered. It is for
// people who look into a build, is not signed, and nothing that is signed is made of it.
//
//   <store>/logs/build-TIME-PID.jsonl    the machine, then one event a line, each with its time; no output of steps
//
// A build that finds everything in the store writes none. `gc` removes it with the other logs.

import { closeSync, mkdirSync, openSync, readFileSync, writeSync } from 'node:fs';
import { availableParallelism, hostname, release } from 'node:os';
import { join } from 'node:path';
import type { BuildEvent, Watcher } from '../progress/event.ts';
import { callerId } from '../sandbox/userns.ts';

export interface Observation {
  /** Takes events and hands them on. */
  readonly watch: Watcher;
  close(): void;
}

/** Observes what reaches `watch`. A log that cannot be written is given up without a word: no build fails for it. */
export function observe(store: string, version: string, watch: Watcher): Observation {
  let file: number | undefined;
  let isGivenUp = false;
  const waiting: object[] = [];
  const started = new Date().toISOString();
  const put = (value: object): void => {
    if (file === undefined || isGivenUp) return;
    try {
      writeSync(file, `${JSON.stringify(value)}\n`);
    } catch {
      isGivenUp = true;
    }
  };
  const open = (): void => {
    try {
      mkdirSync(join(store, 'logs'), { recursive: true });
      file = openSync(join(store, 'logs', `build-${started.replace(/[:.]/g, '-')}-${process.pid}.jsonl`), 'wx', 0o644);
    } catch {
      isGivenUp = true;
    }
    put({
      type: 'machine',
      time: started,
      ocibuild: version,
      node: process.version,
      host: hostname(),
      uid: hostUid(),
      kernel: release(),
      processors: availableParallelism(),
    });
    for (const value of waiting.splice(0)) put(value);
  };
  const note = (event: BuildEvent): void => {
    const value = { time: new Date().toISOString(), ...event };
    if (file !== undefined) put(value);
    else {
      waiting.push(value);
      if (isWork(event) && !isGivenUp) open();
    }
  };
  return {
    watch: (event) => {
      // Every line a step prints is in the step's own log, and what is half received is nothing to remember.
      if (event.type !== 'op-output' && !(event.type === 'fetch' && !event.done)) note(event);
      watch(event);
    },
    close: () => {
      if (file !== undefined) closeSync(file);
      file = undefined;
      isGivenUp = true;
    },
  };
}

function isWork(event: BuildEvent): boolean {
  return event.type === 'fetch' || (event.type === 'op-end' && event.outcome !== 'cached');
}

/** Who the caller is outside the user namespace; undefined when the kernel does not say. */
function hostUid(): number | undefined {
  const { uid } = callerId();
  try {
    const extents = readFileSync('/proc/self/uid_map', 'utf8').trim().split('\n');
    for (const extent of extents) {
      const [inside, outside, length] = extent.trim().split(/\s+/).map(Number) as [number, number, number];
      if (uid >= inside && uid < inside + length) return outside + uid - inside;
    }
  } catch {
    return undefined;
  }
  return undefined;
}
