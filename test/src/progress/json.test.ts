import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import type { BuildEvent } from '../../../src/progress/event.ts';
import { renderJson } from '../../../src/progress/json.ts';

const EVENTS: readonly BuildEvent[] = [
  { type: 'plan', ops: 1, targets: ['recipes/hello'] },
  {
    type: 'op-start',
    op: 1,
    target: 'recipes/hello',
    stage: 'base',
    step: 1,
    steps: 2,
    text: 'RUN a\\b',
    location: { file: 'recipes/hello/Containerfile', line: 3 },
  },
  { type: 'op-output', op: 1, stream: 'stderr', line: 'two\nlines \x1b[1m\u2028' },
  { type: 'op-end', op: 1, outcome: 'failed', milliseconds: 12.5 },
  { type: 'fetch', file: 'x.tar', received: 10, done: false },
  { type: 'warning', message: 'careful' },
  { type: 'image', target: 'recipes/hello', indexDigest: 'sha256:ab', milliseconds: 5 },
];

function linesOf(events: readonly BuildEvent[]): string[] {
  let clock = 1000;
  let text = '';
  const progress = renderJson({ write: (part) => (text += part) !== '' }, () => clock);
  for (const event of events) {
    clock += 10.4;
    progress.watch(event);
  }
  progress.close();
  progress.watch(events[0]!);
  progress.close();
  return text.split('\n');
}

test('one object a line, events between begin and end, times from the start', () => {
  const lines = linesOf(EVENTS);
  expect(lines.pop()).toBe('');
  const objects = lines.map((line) => JSON.parse(line));
  expect(objects[0]).toEqual({ type: 'begin', time: 0, format: 1 });
  expect(objects.at(-1)).toEqual({ type: 'end', time: 73 });
  expect(objects.slice(1, -1)).toEqual(EVENTS.map((event, at) => ({ ...event, time: Math.round((at + 1) * 10.4) })));
});

test('the document describes every field that is written', () => {
  const document = readFileSync(new URL('../../../docs/progress-json.md', import.meta.url), 'utf8');
  const sections = new Map(
    document
      .split(/^## /m)
      .slice(1)
      .map((section) => [section.split('\n')[0]!.replaceAll('`', ''), section] as const),
  );
  for (const line of linesOf(EVENTS).filter((text) => text !== '')) {
    const { type, time, ...fields } = JSON.parse(line) as Record<string, unknown>;
    expect(typeof time).toBe('number');
    for (const field of Object.keys(fields))
      expect(sections.get(String(type)), `${type}.${field}`).toContain(`\`${field}\``);
    expect(sections.has(String(type)), String(type)).toBe(true);
  }
});
