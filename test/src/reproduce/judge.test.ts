// Every variation, judged on witnesses that differ, that do not, and that are missing.

import { describe, expect, test } from 'vitest';
import { judge } from '../../../src/reproduce/judge.ts';
import type { Machine } from '../../../src/reproduce/machine.ts';
import type { OutsideFacts } from '../../../src/reproduce/trace.ts';
import { VARIATIONS } from '../../../src/reproduce/variations.ts';
import type { InsideFacts } from '../../../src/reproduce/witness.ts';
import { PLAIN } from '../../../src/reproduce/world.ts';
import { INSIDE, side } from './facts.ts';

const MACHINE: Machine = {
  processors: [0, 1, 2, 3],
  jobs: 4,
  runtime: 'crun',
  otherRuntime: 'runc',
  programs: new Set(['hostname', 'mount', 'setarch', 'setpriv', 'taskset', 'unshare']),
  hasOtherIds: true,
  hasIdRange: true,
  hasTimeNamespace: true,
  memory: 2 ** 34,
  witness: true,
  isDiskMemory: false,
};

const env = (name: string, value: string): string[] => [
  ...INSIDE.environment.filter((line) => !line.startsWith(`${name}=`)),
  `${name}=${value}`,
];

/** What the second witness says when the variation was there. */
const INSIDE_SECOND: Readonly<Record<string, Partial<InsideFacts>>> = {
  'address-space': { stack: '7fffffffe000' },
  calendar: { seconds: INSIDE.seconds + 90 * 86_400 },
  clock: { seconds: INSIDE.seconds + 2 },
  'file-order': { order: ['c', 'b', 'a'] },
  hostname: { hostname: 'elsewhere' },
  'id-map': { idMap: '0 0 1\n1 1 32767\n32768 32768 32768' },
  kernel: { release: '2.6.61' },
  load: { running: 9 },
  locale: { environment: env('LANG', 'C.UTF-8') },
  processors: { processors: 1 },
  timezone: { environment: env('TZ', 'XYZ-13:45') },
  umask: { umask: 0o002 },
  uptime: { uptime: INSIDE.uptime + 182 * 86_400 },
};

const OUTSIDE_SECOND: Readonly<Record<string, Partial<OutsideFacts>>> = {
  'caller-environment': { environment: ['HOME=/nonexistent'] },
  'caller-hostname': { hostname: 'there' },
  'caller-ids': { idMap: '0 200000 65536' },
  'caller-locale': { locale: 'LANG=tr_TR.UTF-8' },
  'caller-timezone': { timezone: 'AAA -705' },
  'caller-umask': { umask: '0077' },
  jobs: { jobs: '1' },
  paths: { paths: '/other/store /other/tree' },
  runtime: { runtime: 'runc 1.1.5' },
};

/** What the step would say if the sandbox let it through. */
const LEAKS: Readonly<Record<string, Partial<InsideFacts>>> = {
  'caller-environment': { environment: env('CFLAGS', '-O1') },
  'caller-hostname': { hostname: 'there' },
  'caller-ids': { idMap: '0 0 65536' },
  'caller-locale': { environment: env('LC_ALL', 'tr_TR.UTF-8') },
  'caller-timezone': { environment: env('TZ', 'AAA-11:45') },
  'caller-umask': { umask: 0o077 },
  jobs: { hostname: 'there' },
  paths: { cwd: '/other/store' },
  runtime: { umask: 0o077 },
};

test('names are unique, and each says why it is there', () => {
  const names = VARIATIONS.map(({ name }) => name);
  expect(new Set(names).size).toBe(names.length);
  expect(names.filter((name) => INSIDE_SECOND[name] === undefined && OUTSIDE_SECOND[name] === undefined)).toEqual([]);
  for (const { reason } of VARIATIONS) expect(reason).toMatch(/^\S.{40,}\.$/);
});

describe.each(VARIATIONS.filter(({ kind }) => kind === 'inside'))('inside: $name', (variation) => {
  const second = INSIDE_SECOND[variation.name]!;
  const world = variation.apply(PLAIN, MACHINE);

  test.each([
    ['both witnesses differ in every step', [second, second], 'varied'],
    ['one step saw nothing of it', [second, {}], 'not varied'],
    ['nobody saw anything', [{}, {}], 'not varied'],
    ['a witness is missing', [second, undefined], 'not varied'],
    ['there is no step', [], 'not varied'],
  ] as const)('%s', (_, steps, want) => {
    const first = side(steps.map(() => ({})));
    expect(judge(variation, 'recipes/x', first, side(steps, {}, world)).state).toBe(want);
  });

  test('nothing outside makes up for it', () => {
    const hostile = side([{}], { hostname: 'there', umask: '0077', runtime: 'runc' }, world);
    expect(judge(variation, 'recipes/x', side([{}]), hostile).state).toBe('not varied');
  });
});

describe.each(VARIATIONS.filter(({ kind }) => kind === 'outside'))('outside: $name', (variation) => {
  const outside = OUTSIDE_SECOND[variation.name]!;
  /** All inside variations at once: what they change on purpose is no leak. */
  const told = VARIATIONS.reduce((world, one) => (one.missing(MACHINE) ? world : one.apply(world, MACHINE)), PLAIN);
  const TOLD: Partial<InsideFacts> = {
    hostname: 'elsewhere',
    umask: 0o002,
    environment: INSIDE.environment.map((line) =>
      line.startsWith('TZ=') ? 'TZ=XYZ-13:45' : line.startsWith('LANG=') ? 'LANG=C.UTF-8' : line,
    ),
    idMap: '0 0 1\n1 1 32767\n32768 32768 32768',
  };

  test('it differs outside and is the same inside', () => {
    expect(judge(variation, 'recipes/x', side([{}]), side([{}], outside)).state).toBe('varied');
  });
  test('what is changed inside on purpose does not count', () => {
    expect(judge(variation, 'recipes/x', side([{}]), side([TOLD], outside, told)).state).toBe('varied');
  });
  test('it is the same outside', () => {
    expect(judge(variation, 'recipes/x', side([{}]), side([{}])).state).toBe('not varied');
  });
  test('it comes through to one step', () => {
    const verdict = judge(variation, 'recipes/x', side([{}, {}]), side([{}, LEAKS[variation.name]], outside));
    expect(verdict.state).toBe('leaked');
    expect(verdict.detail).toMatch(/^in build 2: /);
  });
});

test.each([
  ['load that fell', 'load', { running: 9 }, { running: 3 }],
  ['time that only went on', 'uptime', { uptime: 1000 }, { uptime: 1060 }],
  ['another day of the month', 'calendar', {}, { seconds: INSIDE.seconds + 86_400 }],
])('%s is no variation', (_, name, before, after) => {
  const variation = VARIATIONS.find((one) => one.name === name)!;
  expect(judge(variation, 'recipes/x', side([before]), side([after])).state).toBe('not varied');
});
