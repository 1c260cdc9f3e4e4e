// The one program of recipes/hello: that its text is what package.toml pins, and that its comments tell the truth.

import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { digestOf } from '../../../oci/digest.ts';
import { decodeHexSource } from '../../../src/recipe/hex-source.ts';
import { parsePackageToml } from '../../../src/recipe/package-toml.ts';

const RECIPE = join(import.meta.dirname, '../../../recipes/hello');
const BASE = 0x400000;

describe('recipes/hello', () => {
  const text = readFileSync(join(RECIPE, 'hello.hex'), 'utf8');
  const bytes = decodeHexSource(text, { file: 'hello.hex', line: 1 });
  const folder = mkdtempSync(join(tmpdir(), 'hello-'));
  afterAll(() => rmSync(folder, { recursive: true }));

  test('package.toml pins the decoded bytes', () => {
    const { sources } = parsePackageToml(readFileSync(join(RECIPE, 'package.toml'), 'utf8'), { file: 'package.toml' });
    expect(sources).toMatchObject([{ file: 'hello', format: 'hex', mirrors: ['hello.hex'], digest: digestOf(bytes) }]);
  });

  test('every address in a comment is that of its line', () => {
    let offset = 0;
    const claims: string[] = [];
    const truth: string[] = [];
    for (const [index, line] of text.split('\n').entries()) {
      const claim =
        /; .*# (0x40[0-9a-f]{4}) /.exec(line)?.[1] ?? /^# (?:_start|message|end), (0x40[0-9a-f]{4})/.exec(line)?.[1];
      if (claim !== undefined) {
        claims.push(`${index + 1}: ${claim}`);
        truth.push(`${index + 1}: 0x${(BASE + offset).toString(16)}`);
      }
      offset += line
        .replace(/[;#].*/, '')
        .trim()
        .split(/\s+/)
        .filter(Boolean).length;
    }
    expect(claims).toEqual(truth);
    expect(claims.length).toBeGreaterThan(10);
    expect(offset).toBe(bytes.length);
  });

  test('the header fields say what the file is', () => {
    expect(bytes.readBigUInt64LE(0x18)).toBe(0x400078n);
    expect([bytes.readBigUInt64LE(0x60), bytes.readBigUInt64LE(0x68)]).toEqual([
      BigInt(bytes.length),
      BigInt(bytes.length),
    ]);
  });

  test.skipIf(process.arch !== 'x64' || process.platform !== 'linux')(
    'prints its line, and fails when it cannot',
    () => {
      const program = join(folder, 'hello');
      writeFileSync(program, bytes, { mode: 0o755 });
      expect(spawnSync(program, { encoding: 'utf8' })).toMatchObject({
        stdout: 'Hello from ocibuild\n',
        stderr: '',
        status: 0,
      });
      expect(spawnSync('/bin/sh', ['-c', `${program} >&-`]).status).toBe(1);
    },
  );
});
