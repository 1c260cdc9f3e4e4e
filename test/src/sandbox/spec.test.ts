import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import {
  type MountedStep,
  RESOURCE_LIMITS,
  SANDBOX_VERSION,
  type SpecFacts,
  specJson,
  stepEnvironment,
  stepSpec,
} from '../../../src/sandbox/spec.ts';

const step: MountedStep = {
  id: 'x',
  rootfs: '/rootfs',
  args: ['/bin/true'],
  env: ['A=b'],
  cwd: '/',
  user: { uid: 0, gid: 0, additionalGids: [] },
  mounts: [],
  network: 'none',
};
const facts: SpecFacts = {
  home: '/root',
  devDirectory: '/dev-of-it',
  hostsFile: '/hosts',
  resolvFile: '/resolv',
  canMountProc: true,
  idMaps: { uids: [{ inside: 0, outside: 0, count: 1 }], gids: [{ inside: 0, outside: 0, count: 1 }] },
  hardLimits: new Map(),
  architecture: 'x64',
};

describe('the story', () => {
  // When this fails, a step is told something else than before: change SANDBOX_VERSION, then the digest.
  it('has changed its version whenever it changed', () => {
    const digest = createHash('sha256')
      .update(specJson(stepSpec(step, facts)))
      .digest('hex');
    expect(`${SANDBOX_VERSION} ${digest}`).toBe(
      'ocibuild-sandbox/1 556c9f386160b3c94f5ed70959262982d55f0b26671880c56992bc8971326087',
    );
  });

  it('names every limit that Linux has', () => {
    expect(RESOURCE_LIMITS).toHaveLength(16);
    expect(RESOURCE_LIMITS.every(([, soft, hard]) => soft <= hard)).toBe(true);
  });

  it('has a network namespace only for none', () => {
    const types = (network: 'none' | 'default' | 'host'): string[] =>
      stepSpec({ ...step, network }, facts).linux.namespaces.map(({ type }) => type);
    expect(types('none')).toContain('network');
    expect(types('default')).not.toContain('network');
    expect(types('host')).not.toContain('network');
    expect(types('host')).toEqual(expect.arrayContaining(['pid', 'mount', 'ipc', 'uts', 'user', 'cgroup']));
  });

  it('stays below the caller\u2019s hard limits', () => {
    const limited = stepSpec(step, { ...facts, hardLimits: new Map([['RLIMIT_NOFILE', 1024]]) });
    expect(limited.process.rlimits).toContainEqual({ type: 'RLIMIT_NOFILE', soft: 1024, hard: 1024 });
  });

  it('puts a step\u2019s mounts after the fixed ones', () => {
    const mounts = [{ type: 'bind', target: '/dev/shm/x', source: '/y', readonly: true }] as const;
    expect(stepSpec({ ...step, mounts }, facts).mounts.at(-1)).toEqual({
      destination: '/dev/shm/x',
      type: 'bind',
      source: '/y',
      options: ['rbind', 'ro', 'nosuid', 'nodev'],
    });
  });
});

describe('the environment', () => {
  it.each([
    [
      'nothing set',
      [],
      [
        'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
        'LANG=C',
        'TZ=UTC',
        'SOURCE_DATE_EPOCH=0',
        'HOME=/root',
      ],
    ],
    [
      'LC_ALL set: LANG stays out',
      ['PATH=/p', 'LC_ALL=x', 'TZ=', 'SOURCE_DATE_EPOCH=7'],
      ['HOME=/root', 'PATH=/p', 'LC_ALL=x', 'TZ=', 'SOURCE_DATE_EPOCH=7'],
    ],
    [
      'everything set',
      ['HOME=/h', 'LANG=l', 'PATH=p', 'TZ=z', 'SOURCE_DATE_EPOCH=1'],
      ['HOME=/h', 'LANG=l', 'PATH=p', 'TZ=z', 'SOURCE_DATE_EPOCH=1'],
    ],
  ])('%s', (_, env, all) => {
    expect(stepEnvironment({ env }, '/root')).toEqual(all);
  });
});

describe('config.json', () => {
  it('writes no limit as RLIM_INFINITY, and strings of the step untouched', () => {
    const nasty = '{"type":"RLIMIT_AS","soft":null} \u0000 18446744073709551615 "';
    const text = specJson(stepSpec({ ...step, args: [nasty] }, facts));
    expect(text).toContain('{"type":"RLIMIT_AS","soft":18446744073709551615,"hard":18446744073709551615}');
    const parsed = JSON.parse(text) as { process: { args: string[]; rlimits: unknown[] } };
    expect(parsed.process.args).toEqual([nasty]);
    expect(parsed.process.rlimits).toHaveLength(16);
  });
});
