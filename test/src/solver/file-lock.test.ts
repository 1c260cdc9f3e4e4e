// Locks on files, held by another program for us.

import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { lockFile, tryLockFile } from '../../../src/solver/file-lock.ts';

const hasFlock = spawnSync('flock', ['--version']).error === undefined;
if (!hasFlock) console.log('file-lock.test.ts is skipped: there is no flock');

describe.skipIf(!hasFlock)('a lock on a file', () => {
  let directory: string;
  beforeAll(() => {
    directory = mkdtempSync(join(tmpdir(), 'ocibuild-lock-'));
  });
  afterAll(() => rmSync(directory, { recursive: true }));
  const { signal } = new AbortController();

  test('is had by one at a time', async () => {
    const path = join(directory, 'one');
    const first = await lockFile(path, { signal });
    expect(await tryLockFile(path, signal)).toBeUndefined();
    let hasWaited = false;
    const second = lockFile(path, { signal, patience: 20, onWait: () => (hasWaited = true) });
    await new Promise((done) => setTimeout(done, 100));
    expect(hasWaited).toBe(true);
    await first.release();
    await (await second).release();
    const third = await tryLockFile(path, signal);
    expect(third).toBeDefined();
    await third!.release();
  });

  test('is waited for no longer once the signal fires, and is then nobody’s', async () => {
    const path = join(directory, 'two');
    const first = await lockFile(path, { signal });
    const controller = new AbortController();
    const waiting = lockFile(path, { signal: controller.signal });
    setTimeout(() => controller.abort(new Error('stopped')), 50);
    await expect(waiting).rejects.toThrow('stopped');
    await first.release();
    const next = await tryLockFile(path, signal);
    expect(next).toBeDefined();
    await next!.release();
  });

  test('cannot be had where there is no folder', async () => {
    await expect(lockFile(join(directory, 'absent', 'x'), { signal })).rejects.toMatchObject({ code: 'MACHINE' });
  });
});
