// The witness, run on this machine, and what Node itself says about it.

import { execFileSync } from 'node:child_process';
import { chmodSync, mkdtempSync, opendirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, hostname, release, tmpdir, uptime } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { readWitness, witnessProgram } from '../../../src/reproduce/witness.ts';

test('there is one for 64-bit x86, and for nothing else yet', () => {
  const program = witnessProgram('x64')!;
  expect(program.subarray(0, 4).toString('latin1')).toBe('\x7fELF');
  // p_filesz: the whole file is the segment.
  expect(Number(program.readBigUInt64LE(0x40 + 32))).toBe(program.length);
  expect(witnessProgram('arm64')).toBeUndefined();
});

test('output that was cut short says nothing', () => {
  expect(readWitness(Buffer.alloc(0))).toBeUndefined();
  expect(readWitness(Buffer.from([1, 0, 0, 0, 8, 0, 0, 0, 1]))).toBeUndefined();
});

const canRun = process.arch === 'x64' && process.platform === 'linux';
if (!canRun) console.log('skipped: the witness runs on 64-bit x86 Linux only');

describe.skipIf(!canRun)('run here', () => {
  const folder = mkdtempSync(join(tmpdir(), 'witness-'));
  afterAll(() => rmSync(folder, { recursive: true }));
  const file = join(folder, 'witness');
  const run = (): NonNullable<ReturnType<typeof readWitness>> => {
    writeFileSync(file, witnessProgram('x64')!);
    chmodSync(file, 0o755);
    const script = 'umask 027; exec "$0"';
    const env = { B: '2', A: '1' };
    return readWitness(execFileSync('/bin/sh', ['-c', script, file], { cwd: folder, env }))!;
  };

  test('it sees what Node sees', () => {
    const facts = run();
    expect(facts.hostname).toBe(hostname());
    expect(facts.release).toBe(release());
    expect(facts.umask).toBe(0o027);
    expect(facts.processors).toBe(availableParallelism());
    expect(Math.abs(facts.seconds - Date.now() / 1000)).toBeLessThan(5);
    expect(Math.abs(facts.uptime - uptime())).toBeLessThan(5);
    expect(facts.idMap.split('\n')[0]).toBe(
      readFileSync('/proc/self/uid_map', 'latin1').split('\n')[0]!.trim().split(/\s+/).join(' '),
    );
    expect(facts.running).toBeGreaterThan(0);
    expect(facts.environment).toEqual(expect.arrayContaining(['A=1', 'B=2']));
    expect(facts.cwd).toBe(folder);
    expect(facts.stack).toMatch(/^7[0-9a-f]+$/);
  });

  test('names come in the order of the directory', () => {
    const names: string[] = [];
    const root = opendirSync('/');
    for (let entry = root.readSync(); entry !== null; entry = root.readSync()) names.push(entry.name);
    root.closeSync();
    expect(run().order).toEqual(names);
  });
});
