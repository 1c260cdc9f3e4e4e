import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { homeDirectory } from '../../../src/sandbox/home.ts';
import { SKELETON_PATHS, writeSkeleton } from '../../../src/sandbox/skeleton.ts';

let rootfs: string;
beforeEach(() => {
  rootfs = mkdtempSync(join(tmpdir(), 'ocibuild-rootfs-'));
});
afterEach(() => rmSync(rootfs, { recursive: true, force: true }));

describe('homeDirectory', () => {
  const passwd = 'root:x:0:0:root:/root:/bin/sh\nshort:x:5\nuser:x:1000:1000::/home/user:\nempty:x:6:6:::\n';
  it.each([
    [0, '/root'],
    [1000, '/home/user'],
    [5, '/'],
    [6, '/'],
    [7, '/'],
  ])('of uid %i is %s', (uid, home) => {
    mkdirSync(join(rootfs, 'etc'));
    writeFileSync(join(rootfs, 'etc/passwd'), passwd);
    expect(homeDirectory(rootfs, uid)).toBe(home);
  });

  it('is / without a passwd file, or with a directory in its place', () => {
    expect(homeDirectory(rootfs, 0)).toBe('/');
    mkdirSync(join(rootfs, 'etc/passwd'), { recursive: true });
    expect(homeDirectory(rootfs, 0)).toBe('/');
  });

  it.each([
    ['an absolute link starts at the rootfs', '/real/passwd'],
    ['a link with too many .. stops there', '../../../../../../real/passwd'],
  ])('%s', (_, target) => {
    mkdirSync(join(rootfs, 'etc'));
    mkdirSync(join(rootfs, 'real'));
    writeFileSync(join(rootfs, 'real/passwd'), 'root:x:0:0::/inside:\n');
    symlinkSync(target, join(rootfs, 'etc/passwd'));
    expect(homeDirectory(rootfs, 0)).toBe('/inside');
  });

  it('never reads a file of the host, and ends on a circle', () => {
    symlinkSync('/etc', join(rootfs, 'etc'));
    expect(homeDirectory(rootfs, 0)).toBe('/');
    rmSync(join(rootfs, 'etc'));
    symlinkSync('b', join(rootfs, 'etc'));
    symlinkSync('etc', join(rootfs, 'b'));
    expect(homeDirectory(rootfs, 0)).toBe('/');
  });
});

describe('writeSkeleton', () => {
  it('makes the mount points, whatever the umask', () => {
    const umask = process.umask(0o077);
    try {
      writeSkeleton(rootfs);
    } finally {
      process.umask(umask);
    }
    const found = (readdirSync(rootfs, { recursive: true }) as string[]).sort();
    expect(found).toEqual(SKELETON_PATHS.map((path) => path.replace(/\/$/, '')));
    for (const path of found) {
      const { mode } = statSync(join(rootfs, path));
      expect([path, (mode & 0o7777).toString(8)]).toEqual([path, (mode & 0o170000) === 0o040000 ? '755' : '644']);
    }
  });
});
