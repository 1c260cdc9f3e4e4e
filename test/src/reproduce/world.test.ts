import { describe, expect, test } from 'vitest';
import { changeSpec, PLAIN, runtimePrefix, type StoryChange, storeKindOf } from '../../../src/reproduce/world.ts';
import { type MountedStep, type SpecFacts, stepSpec } from '../../../src/sandbox/spec.ts';

const step: MountedStep = {
  id: 'x',
  rootfs: '/rootfs',
  args: ['/bin/true'],
  env: [],
  cwd: '/',
  user: { uid: 0, gid: 0, additionalGids: [] },
  mounts: [],
  network: 'none',
};
const ids = [
  { inside: 0, outside: 0, count: 1 },
  { inside: 1, outside: 1, count: 65_535 },
];
const facts: SpecFacts = {
  home: '/root',
  devDirectory: '/dev-of-it',
  hostsFile: '/hosts',
  resolvFile: '/resolv',
  canMountProc: true,
  idMaps: { uids: ids, gids: ids },
  hardLimits: new Map(),
  architecture: 'x64',
};

function changed(story: StoryChange, env: readonly string[] = []) {
  const own = { ...step, env };
  return changeSpec(stepSpec(own, facts), own, { ...PLAIN, story });
}

describe('the story of a step', () => {
  test('an ordinary world changes nothing', () => {
    expect(changed({})).toEqual(stepSpec(step, facts));
  });
  test('host name and umask', () => {
    const spec = changed({ hostname: 'elsewhere', umask: 0o002 });
    expect([spec.hostname, spec.process.user.umask]).toEqual(['elsewhere', 0o002]);
  });
  test.each([
    ['the zone, where the step has none', { timezone: 'XYZ-13:45' }, [], 'TZ=XYZ-13:45'],
    ['not the zone a step sets', { timezone: 'XYZ-13:45' }, ['TZ=Asia/Tokyo'], 'TZ=Asia/Tokyo'],
    ['the locale, where the step has none', { locale: 'C.UTF-8' }, [], 'LANG=C.UTF-8'],
    ['not a locale a step sets', { locale: 'C.UTF-8' }, ['LANG=de_DE'], 'LANG=de_DE'],
  ] as const)('%s', (_, story, env, want) => {
    const name = want.slice(0, want.indexOf('='));
    expect(changed(story, env).process.env.filter((line) => line.startsWith(`${name}=`))).toEqual([want]);
  });
  test('an id map cut in two holds the same ids', () => {
    expect(changed({ splitIdsAt: 32_768 }).linux.uidMappings).toEqual([
      { containerID: 0, hostID: 0, size: 1 },
      { containerID: 1, hostID: 1, size: 32_767 },
      { containerID: 32_768, hostID: 32_768, size: 32_768 },
    ]);
  });
});

test('what starts the runtime', () => {
  expect(runtimePrefix(PLAIN)).toEqual([]);
  const prefix = runtimePrefix({ ...PLAIN, uptime: 60, personality: ['--uname-2.6', '--addr-no-randomize'] });
  expect(prefix.join(' ')).toBe(
    'unshare --time --boottime 60 --monotonic 60 --fork --kill-child -- setarch --uname-2.6 --addr-no-randomize --',
  );
});

test('each set of ids and each file system has a store of its own', () => {
  const kinds = [false, true].flatMap((isInMemory) =>
    [false, true].map((hasOtherIds) => storeKindOf({ ...PLAIN, isInMemory, hasOtherIds })),
  );
  expect(new Set(kinds).size).toBe(4);
});
