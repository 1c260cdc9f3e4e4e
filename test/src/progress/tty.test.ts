import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { BuildEvent } from '../../../src/progress/event.ts';
import { renderTty } from '../../../src/progress/tty.ts';
import { makeScreen } from './screen.ts';

beforeEach(() => {
  vi.useFakeTimers({ now: 0 });
});
afterEach(() => {
  vi.useRealTimers();
});

const start = (op: number, text = 'RUN make', target = 'recipes/hello'): BuildEvent => ({
  type: 'op-start',
  op,
  target,
  stage: 'build',
  step: op,
  steps: 9,
  text,
});
const output = (op: number, line: string): BuildEvent => ({ type: 'op-output', op, stream: 'stdout', line });
const end = (op: number, outcome: 'done' | 'cached' | 'failed', milliseconds = 0): BuildEvent => ({
  type: 'op-end',
  op,
  outcome,
  milliseconds,
});

function view(columns: number, rows: number, color = false) {
  const screen = makeScreen(columns, rows);
  const progress = renderTty(screen, () => Date.now(), color);
  return { screen, progress, text: () => screen.lines().join('\n').trimEnd() };
}

describe('the live view', () => {
  test('a build from plan to image', () => {
    const { screen, progress, text } = view(80, 24);
    progress.watch({ type: 'plan', ops: 3, targets: ['recipes/hello'] });
    progress.watch(start(1));
    progress.watch(start(2, 'COPY --from=a /b /c'));
    vi.advanceTimersByTime(1500);
    progress.watch(output(1, 'cc -c main.c'));
    progress.watch(output(1, 'cc -o main main.o'));
    progress.watch(output(1, '   '));
    vi.advanceTimersByTime(100);
    expect(text()).toBe(
      [
        '   1.6s recipes/hello build 1/9 RUN make',
        '        cc -o main main.o',
        '   1.6s recipes/hello build 2/9 COPY --from=a /b /c',
        '   1.6s 0 of 3 steps, 0 cached, 2 running',
      ].join('\n'),
    );
    progress.watch(end(2, 'done', 1650));
    progress.watch({ type: 'warning', message: 'old syntax', location: { file: 'a/Containerfile', line: 4 } });
    progress.watch({ type: 'fetch', file: 'gcc.tar.xz', received: 1_500_000, total: 80_000_000, done: false });
    vi.advanceTimersByTime(100);
    expect(text()).toBe(
      [
        'done      1.7s recipes/hello build 2/9 COPY --from=a /b /c',
        'warning: a/Containerfile:4: old syntax',
        '   1.7s recipes/hello build 1/9 RUN make',
        '        cc -o main main.o',
        '  fetch gcc.tar.xz 1.5 MB of 80.0 MB',
        '   1.7s 1 of 3 steps, 0 cached, 1 running',
      ].join('\n'),
    );
    progress.watch({ type: 'fetch', file: 'gcc.tar.xz', received: 80_000_000, total: 80_000_000, done: true });
    progress.watch(start(3));
    progress.watch(end(3, 'cached'));
    progress.watch(end(1, 'failed', 61_000));
    progress.watch({ type: 'image', target: 'recipes/hello', indexDigest: 'sha256:ab', milliseconds: 2000 });
    progress.close();
    progress.close();
    progress.watch(start(4));
    vi.advanceTimersByTime(1000);
    expect(text()).toBe(
      [
        'done      1.7s recipes/hello build 2/9 COPY --from=a /b /c',
        'warning: a/Containerfile:4: old syntax',
        'fetched        gcc.tar.xz 80.0 MB',
        'failed   1m01s recipes/hello build 1/9 RUN make',
        'image     2.0s recipes/hello sha256:ab',
      ].join('\n'),
    );
    expect(screen.sane()).toBe(true);
  });

  test.each([
    [4, 20],
    [5, 20],
    [10, 40],
    [24, 80],
  ])('thirty running steps stay within %i rows', (rows, columns) => {
    const { screen, progress, text } = view(columns, rows);
    for (let op = 1; op <= 30; op++) {
      progress.watch(start(op));
      progress.watch(output(op, `line of ${op} `.repeat(20)));
    }
    for (let tick = 0; tick < 5; tick++) vi.advanceTimersByTime(100);
    expect(screen.scrolled()).toBe(0);
    expect(screen.lines().length).toBeLessThanOrEqual(rows);
    expect(text()).toMatch(/and \d+ more\n.*0 steps/);
    for (let op = 1; op <= 30; op++) progress.watch(end(op, 'done', op * 1000));
    progress.close();
    expect(screen.lines().filter((line) => line.startsWith('done'))).toHaveLength(30);
    expect(text()).not.toContain('more');
  });

  test('last lines give way before steps do', () => {
    const { progress, text } = view(80, 6);
    for (const op of [1, 2, 3]) {
      progress.watch(start(op));
      progress.watch(output(op, `line of ${op}`));
    }
    vi.advanceTimersByTime(100);
    expect(text().match(/RUN make/g)).toHaveLength(3);
    expect(text()).not.toContain('line of');
  });

  test('a line that is too wide is cut, in whatever width the terminal gives its characters', () => {
    const { screen, progress } = view(30, 10);
    progress.watch(start(1, `RUN ${'界'.repeat(100)}`));
    vi.advanceTimersByTime(100);
    vi.advanceTimersByTime(100);
    expect(screen.lines().filter((line) => line !== '')).toHaveLength(2);
  });

  test('a window that grows shows more, and one that shrinks keeps what scrolled', () => {
    const { screen, progress, text } = view(30, 10);
    progress.watch(start(1, 'RUN a-rather-long-command --with-flags'));
    vi.advanceTimersByTime(100);
    expect(text()).not.toContain('--with-flags');
    screen.columns = 100;
    vi.advanceTimersByTime(100);
    expect(text()).toContain('--with-flags');
    expect(text().split('\n')).toHaveLength(2);
  });

  test('after a window was made narrower, the old lines are counted as the terminal broke them', () => {
    const written: string[] = [];
    const terminal = { columns: 100, rows: 10, write: (text: string) => written.push(text) > 0 };
    const progress = renderTty(terminal, () => Date.now(), false);
    progress.watch(start(1, `RUN ${'x'.repeat(60)}`)); // 95 characters in all
    vi.advanceTimersByTime(100);
    terminal.columns = 50;
    vi.advanceTimersByTime(100);
    expect(written.at(-1)).toMatch(/^\x1b\[3A\r/);
    progress.close();
  });

  test('a build cannot draw on the terminal', () => {
    const { screen, progress, text } = view(60, 10);
    progress.watch(start(1, 'RUN printf \x1b[2J\x07'));
    progress.watch(output(1, '\x1b[31mred\x1b[0m \x1b]0;title\x07\x1b[?25l10%\r20%\r\x1b[5A30%\ttab\b\u202e\u009b2J'));
    vi.advanceTimersByTime(100);
    expect(text()).toContain('RUN printf\n');
    expect(text()).toContain('        30%    tab');
    expect(screen.sane()).toBe(true);
    progress.close();
  });

  test('colours only when asked', () => {
    for (const color of [false, true]) {
      const written: string[] = [];
      const progress = renderTty({ write: (text) => written.push(text) > 0 }, () => Date.now(), color);
      progress.watch(start(1));
      progress.watch(end(1, 'done', 5));
      progress.close();
      expect(/\x1b\[\d+m/.test(written.join(''))).toBe(color);
    }
  });

  test('output and ends of ops nobody started are ignored', () => {
    const { progress, text } = view(60, 10);
    progress.watch(output(7, 'x'));
    progress.watch(end(7, 'done'));
    progress.close();
    expect(text()).toBe('');
  });
});
