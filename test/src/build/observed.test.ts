import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { observe } from '../../../src/build/observed.ts';
import type { BuildEvent } from '../../../src/progress/event.ts';

let store: string;
beforeEach(() => {
  store = mkdtempSync(join(tmpdir(), 'observed-'));
});
afterEach(() => rmSync(store, { recursive: true }));

const START = { type: 'op-start', op: 1, target: 't', stage: 's', step: 1, steps: 1, text: 'RUN x' } as const;
const CACHED = { type: 'op-end', op: 1, outcome: 'cached', milliseconds: 1 } as const;
const FETCHED = { type: 'fetch', file: 'f', received: 2, total: 2, done: true, from: 'http://a.example/f' } as const;

function observed(events: readonly BuildEvent[]): { seen: BuildEvent[]; lines: Record<string, unknown>[] } {
  const seen: BuildEvent[] = [];
  const observation = observe(store, '1.2.3', (event) => seen.push(event));
  for (const event of events) observation.watch(event);
  observation.close();
  const logs = join(store, 'logs');
  const files = existsSync(logs) ? readdirSync(logs) : [];
  const text = files.map((name) => readFileSync(join(logs, name), 'utf8')).join('');
  return {
    seen,
    lines:
      text === ''
        ? []
        : text
            .trimEnd()
            .split('\n')
            .map((line) => JSON.parse(line)),
  };
}

test('nothing to do, nothing to write; every event goes on', () => {
  const events = [{ type: 'plan', ops: 1, targets: ['t'] } as const, START, CACHED];
  expect(observed(events)).toEqual({ seen: events, lines: [] });
});

test('the machine first, then what happened from the beginning, which mirror answered included', () => {
  const half = { ...FETCHED, received: 1, done: false };
  const output = { type: 'op-output', op: 1, stream: 'stdout', line: 'secret' } as const;
  const { seen, lines } = observed([START, CACHED, half, output, FETCHED, { ...CACHED, outcome: 'done' }]);
  expect(seen).toHaveLength(6);
  expect(lines.map(({ type }) => type)).toEqual(['machine', 'op-start', 'op-end', 'fetch', 'op-end']);
  expect(lines[0]).toMatchObject({ ocibuild: '1.2.3', node: process.version, uid: process.getuid!() });
  expect(lines[3]).toMatchObject({ from: 'http://a.example/f' });
  for (const { time } of lines) expect(time).toMatch(/^\d{4}-\d\d-\d\dT/);
});

test('a log that cannot be written stops nothing', () => {
  writeFileSync(join(store, 'logs'), 'in the way');
  const observation = observe(store, '1', () => {});
  observation.watch(FETCHED);
  observation.watch(FETCHED);
  observation.close();
  expect(readFileSync(join(store, 'logs'), 'utf8')).toBe('in the way');
});
