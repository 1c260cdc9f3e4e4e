// Whatever the bytes are: an answer, or an error of ours. Never a TypeError, never a loop.

import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { OciError } from '../../../oci/errors.ts';
import { BuildError } from '../../../src/errors.ts';
import { readDebData } from '../../../src/root/deb.ts';
import { parseLock } from '../../../src/root/lock-file.ts';
import { mergeUsr } from '../../../src/root/merge-usr.ts';
import { indexPackages, readStanzas } from '../../../src/root/packages-index.ts';
import { parseRelease } from '../../../src/root/release.ts';
import { resolveClosure } from '../../../src/root/resolve.ts';
import { makeAr, makeTar } from './fixture.ts';

const tar = await makeTar([
  { name: './bin/a', content: 'text' },
  { name: './lib/l', type: 'symlink', link: 'x' },
]);
const hex = 'ab'.repeat(32);
const SEEDS: readonly (readonly [string, Buffer, (bytes: Buffer) => unknown])[] = [
  [
    'deb',
    makeAr([
      ['debian-binary', Buffer.from('2.0\n')],
      ['control.tar.gz', gzipSync(tar)],
      ['data.tar.gz', gzipSync(tar)],
    ]),
    (bytes) => drain(readDebData([bytes], 'x')),
  ],
  ['tar', tar, (bytes) => drain(mergeUsr([bytes], 'x', () => {}))],
  [
    'Packages',
    Buffer.from(
      `Package: a\nVersion: 1\nArchitecture: amd64\nDepends: b (>= 1) | c\nProvides: b (= 2)\nFilename: pool/a\nSize: 1\nSHA256: ${hex}\n`,
    ),
    (bytes) => resolveClosure(indexPackages(readStanzas([bytes]), 'amd64'), ['a'], { file: 'x', line: 1 }),
  ],
  [
    'Release',
    Buffer.from(
      `Suite: s\nCodename: c\nDate: Wed, 01 May 2024 10:00:00 UTC\nArchitectures: all\nComponents: main\nSHA256:\n ${hex} 1 main/x\n`,
    ),
    (bytes) => parseRelease(bytes.toString('utf8')),
  ],
  [
    'lock.toml',
    Buffer.from(
      `suite = "s"\nversion = ""\ninrelease = { file = "dists/s/InRelease", size = 1, digest = "sha256:${hex}" }\nindexes = []\npackages = []\n`,
    ),
    (bytes) => parseLock(bytes.toString('utf8'), 'lock.toml'),
  ],
];

function drain(portions: Iterable<Uint8Array>): number {
  let length = 0;
  for (const portion of portions) length += portion.length;
  return length;
}

test.each(SEEDS)('%s', (_name, seed, read) => {
  const edit = fc.tuple(fc.nat(seed.length), fc.nat(20), fc.uint8Array({ maxLength: 12 }));
  let refused = 0;
  fc.assert(
    fc.property(fc.array(edit, { minLength: 1, maxLength: 4 }), (edits) => {
      let bytes = seed;
      for (const [at, cut, put] of edits) bytes = Buffer.concat([bytes.subarray(0, at), put, bytes.subarray(at + cut)]);
      try {
        read(bytes);
      } catch (error) {
        refused++;
        if (!(error instanceof BuildError || error instanceof OciError)) throw error;
      }
    }),
    { numRuns: 400 },
  );
  expect(refused).toBeGreaterThan(20);
});
