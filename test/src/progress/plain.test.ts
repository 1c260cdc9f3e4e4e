import { setImmediate } from 'node:timers/promises';
import { expect, test } from 'vitest';
import type { BuildEvent } from '../../../src/progress/event.ts';
import { renderPlain } from '../../../src/progress/plain.ts';

const start = (op: number): BuildEvent => ({
  type: 'op-start',
  op,
  target: 'recipes/hello',
  stage: 'build',
  step: op,
  steps: 3,
  text: `RUN step ${op}`,
});

function log(now: () => number = () => 0) {
  let text = '';
  const progress = renderPlain({ write: (part) => (text += part) !== '' }, now);
  return { progress, watch: progress.watch, text: () => text };
}

test('a build from plan to image', () => {
  const { progress, watch, text } = log();
  watch({ type: 'plan', ops: 3, targets: ['recipes/hello', 'recipes/busybox'] });
  watch(start(1));
  watch({ type: 'op-end', op: 1, outcome: 'cached', milliseconds: 0 });
  watch(start(2));
  watch({ type: 'op-output', op: 2, stream: 'stdout', line: 'out' });
  watch({ type: 'op-output', op: 2, stream: 'stderr', line: '\x1b[1merr\x1b[0m' });
  watch(start(3));
  watch({ type: 'op-end', op: 2, outcome: 'done', milliseconds: 1234 });
  watch({ type: 'op-end', op: 3, outcome: 'failed', milliseconds: 3_725_000 });
  watch({ type: 'warning', message: 'two FROMs alike', location: { file: 'a/Containerfile', line: 2 } });
  watch({ type: 'warning', message: 'no location' });
  watch({ type: 'image', target: 'recipes/hello', indexDigest: 'sha256:ab', milliseconds: 65_000 });
  progress.close();
  watch(start(1));
  expect(text()).toBe(`plan | 3 ops for recipes/hello recipes/busybox
recipes/hello build 1/3 | cached RUN step 1
recipes/hello build 2/3 | RUN step 2
recipes/hello build 2/3 | out
recipes/hello build 2/3 | err
recipes/hello build 3/3 | RUN step 3
recipes/hello build 2/3 | done in 1.2s
recipes/hello build 3/3 | failed in 1h02m
warning: a/Containerfile:2: two FROMs alike
warning: no location
recipes/hello | image sha256:ab in 1m05s
`);
});

test('a start is not held back longer than a turn', async () => {
  const { watch, text } = log();
  watch(start(1));
  expect(text()).toBe('');
  await setImmediate();
  await setImmediate();
  expect(text()).toBe('recipes/hello build 1/3 | RUN step 1\n');
  watch({ type: 'op-end', op: 1, outcome: 'cached', milliseconds: 0 });
  expect(text()).toBe('recipes/hello build 1/3 | RUN step 1\nrecipes/hello build 1/3 | cached\n');
});

test('closing prints a start that is still held', () => {
  const { progress, watch, text } = log();
  watch(start(1));
  progress.close();
  expect(text()).toBe('recipes/hello build 1/3 | RUN step 1\n');
});

test('a download speaks at its start, every five seconds, and at its end', () => {
  let time = 0;
  const { watch, text } = log(() => time);
  for (; time <= 11_000; time += 500) {
    watch({ type: 'fetch', file: 'gcc.tar.xz', received: time * 1000, total: 20_000_000, done: false });
  }
  watch({ type: 'fetch', file: 'gcc.tar.xz', received: 20_000_000, total: 20_000_000, done: true });
  expect(text()).toBe(`fetch | gcc.tar.xz 0 B of 20.0 MB
fetch | gcc.tar.xz 5.0 MB of 20.0 MB
fetch | gcc.tar.xz 10.0 MB of 20.0 MB
fetch | gcc.tar.xz 20.0 MB done
`);
});
