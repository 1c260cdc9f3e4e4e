// Owns: made-up witnesses and builds for the tests of judgements and reports.

import type { Digest } from '../../../oci/digest.ts';
import type { Side } from '../../../src/reproduce/judge.ts';
import type { OutsideFacts, TracedOp } from '../../../src/reproduce/trace.ts';
import type { InsideFacts } from '../../../src/reproduce/witness.ts';
import { PLAIN, type World } from '../../../src/reproduce/world.ts';

export const INSIDE: InsideFacts = {
  stack: '7ffc00000000',
  hostname: 'ocibuild',
  release: '6.1.0',
  umask: 0o022,
  processors: 4,
  seconds: 1_800_000_000,
  uptime: 1000,
  order: ['a', 'b', 'c'],
  idMap: '0 0 1\n1 1 65535',
  running: 2,
  environment: ['PATH=/bin', 'LANG=C', 'TZ=UTC', 'SOURCE_DATE_EPOCH=0', 'HOME=/root'],
  cwd: '/',
};

export const OUTSIDE: OutsideFacts = {
  umask: '0022',
  hostname: 'here',
  timezone: ' 0',
  locale: 'LANG=',
  environment: ['HOME=/home/me'],
  paths: '/store /tree',
  idMap: '0 1000 1',
  runtime: 'crun 1.8.1',
  jobs: '4',
};

export function op(id: number, target = 'recipes/x'): TracedOp {
  return {
    key: `${target} ${id}`,
    kind: 'run',
    target,
    stage: 'build',
    step: id,
    text: `RUN step ${id}`,
    location: { file: 'recipes/x/Containerfile', line: id },
    diffs: [],
    diff: undefined,
    below: [],
    epoch: 0,
  };
}

/** A build of one image, each step with its facts; undefined: the witness did not come back. */
export function side(
  steps: readonly (Partial<InsideFacts> | undefined)[],
  outside: Partial<OutsideFacts> = {},
  world: World = PLAIN,
): Side {
  return {
    world,
    trace: {
      ops: steps.map((_, index) => op(index + 1)),
      witnessed: steps.map((facts, index) => ({
        key: `recipes/x ${index + 1}`,
        facts: facts === undefined ? undefined : { ...INSIDE, ...facts },
        from: 0,
        to: 0,
      })),
      outside: { ...OUTSIDE, ...outside },
    },
  };
}

export const digest = (letter: string): Digest => `sha256:${letter.repeat(64)}` as Digest;
