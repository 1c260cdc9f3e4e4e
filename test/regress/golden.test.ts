// The formats that decide digests, pinned by what they make of this tree's own recipes.

import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';

const ROOT = join(import.meta.dirname, '../..');
const hasRuntime = ['crun', 'runc'].some((name) => spawnSync(name, ['--version']).status === 0);
if (!hasRuntime) process.stdout.write('golden digests are skipped: there is neither crun nor runc\n');

const golden = readFileSync(join(import.meta.dirname, 'digests.txt'), 'utf8')
  .split('\n')
  .filter((line) => line !== '' && !line.startsWith('#'))
  .map((line) => line.split(' ') as [string, string]);

test('there is something to compare', () => {
  expect(golden.length).toBeGreaterThan(0);
});

describe.skipIf(!hasRuntime)('golden digests', () => {
  const work = mkdtempSync(join(tmpdir(), 'golden-'));
  const env = { ...process.env, OCIBUILD_STORE: join(work, 'store') };
  afterAll(() => {
    // The store's files may belong to other ids; what it holds is freed from inside.
    spawnSync(join(ROOT, 'ocibuild'), ['gc', '--all', '--sources'], { env, cwd: ROOT });
    rmSync(work, { recursive: true, force: true });
  });

  test.each(golden)('%s is %s', (digest, recipe) => {
    const out = join(work, 'out');
    const printed = execFileSync(join(ROOT, 'ocibuild'), ['run', '--out', out, recipe], {
      env,
      cwd: ROOT,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    expect(printed).toContain(`${recipe} ${digest} `);
    // recipes/digests.txt says the same of the manifest.
    const checked = spawnSync(join(ROOT, 'ocibuild'), ['digests', '--check', recipe], {
      env,
      cwd: ROOT,
      encoding: 'utf8',
    });
    expect(checked.stdout).toMatch(/: 1 recipe, as expected\n$/);
    expect(checked.status).toBe(0);
  });
});
