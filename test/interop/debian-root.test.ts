// dpkg's own judgement on versions and packages, against ours.

import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, describe, expect, test } from 'vitest';
import { readDebData } from '../../src/root/deb.ts';
import { compareVersions } from '../../src/root/deb-version.ts';

const hasDpkg = spawnSync('dpkg-deb', ['--version']).status === 0;
if (!hasDpkg) console.log('skipped: dpkg is not installed, and it is what versions and packages are compared with');

describe.skipIf(!hasDpkg)('dpkg agrees', () => {
  const folder = mkdtempSync(join(tmpdir(), 'debian-root-'));
  afterAll(() => rmSync(folder, { recursive: true }));

  test('on the order of versions', () => {
    const part = fc.stringMatching(/^[0-9][0-9ab.~+]{0,6}$/);
    const version = fc
      .tuple(fc.constantFrom('', '0:', '1:'), part, fc.constantFrom('', '-0', '-1', '-1~', '-1+b1', '-a', '-1.1'))
      .map((parts) => parts.join(''));
    const seen = { less: 0, equal: 0, greater: 0 };
    fc.assert(
      fc.property(version, version, fc.boolean(), (a, other, alike) => {
        // Versions that differ in one character are where the rules bite.
        const b = alike ? `${a}${other.at(-1)}` : other;
        const order = Math.sign(compareVersions(a, b));
        const relation = order < 0 ? 'lt' : order > 0 ? 'gt' : 'eq';
        seen[order < 0 ? 'less' : order > 0 ? 'greater' : 'equal']++;
        const { status, stderr } = spawnSync('dpkg', ['--compare-versions', a, relation, b], { encoding: 'utf8' });
        expect({ a, b, relation, status, stderr }).toEqual({ a, b, relation, status: 0, stderr: '' });
      }),
      { numRuns: 300 },
    );
    expect(Math.min(seen.less, seen.greater)).toBeGreaterThan(20);
  });

  test.each(['xz', 'gzip', 'zstd', 'none'])('on what a package holds, packed with %s', (compression) => {
    const tree = join(folder, compression);
    const long = 'a-directory-with-a-long-name-'.repeat(6);
    mkdirSync(join(tree, 'DEBIAN'), { recursive: true });
    mkdirSync(join(tree, 'usr/share', long, long), { recursive: true });
    const fields = {
      Package: 'x',
      Version: '1',
      Architecture: 'all',
      Maintainer: 'X <x@example.org>',
      Description: 'x',
    };
    writeFileSync(
      join(tree, 'DEBIAN/control'),
      Object.entries(fields)
        .map(([name, value]) => `${name}: ${value}\n`)
        .join(''),
    );
    writeFileSync(join(tree, 'usr/share', long, long, 'file'), Buffer.alloc(200_000, 'some text. '));
    writeFileSync(join(tree, 'usr/share/tool'), '#!/bin/sh\n');
    chmodSync(join(tree, 'usr/share/tool'), 0o755);
    symlinkSync(`${long}/${long}/file`, join(tree, 'usr/share/link'));
    const deb = `${tree}.deb`;
    const built = spawnSync('dpkg-deb', [`-Z${compression}`, '--root-owner-group', '-b', tree, deb], {
      encoding: 'utf8',
    });
    expect(built.stderr).toBe('');
    const theirs = spawnSync('dpkg-deb', ['--fsys-tarfile', deb], { maxBuffer: 1 << 26 }).stdout;
    const ours = Buffer.concat([...readDebData([readFileSync(deb)], deb)].map((part) => Buffer.from(part)));
    expect(ours.length).toBeGreaterThan(200_000);
    expect(ours.equals(theirs)).toBe(true);
  });
});
