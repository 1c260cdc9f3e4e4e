// The CI job of examples/countersign-ci, in a git repository with a change in it.

import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { checkout, Lab, type Result } from '../sandbox/engine.ts';

const JOB = join(import.meta.dirname, '../../examples/countersign-ci/run');
const has = (program: string): boolean => spawnSync(program, ['--version']).status === 0;
const missing = ['git', 'bash'].filter((program) => !has(program));
if (missing.length > 0) console.log(`the CI job is not covered: there is no ${missing.join(', no ')}`);

describe.skipIf(missing.length > 0)('examples/countersign-ci', () => {
  let lab: Lab;
  let tree: string;
  let key: string;
  let base: string;
  const spawned = (program: string, args: readonly string[], env: NodeJS.ProcessEnv = {}): Result => {
    const own = { ...process.env, HOME: lab.directory, OCIBUILD_STORE: lab.store };
    const { status, stdout, stderr } = spawnSync(program, args, {
      cwd: tree,
      encoding: 'utf8',
      env: { ...own, ...env },
    });
    return { status, stdout, stderr };
  };
  const must = (result: Result): Result => {
    expect(result.status, result.stdout + result.stderr).toBe(0);
    return result;
  };
  const git = (...args: string[]): string =>
    must(spawned('git', ['-c', 'user.name=a', '-c', 'user.email=a@b.c', ...args])).stdout.trim();
  const job = (env: NodeJS.ProcessEnv = {}): Result =>
    spawned('bash', [JOB], { OCIBUILD: lab.path('ocibuild'), COUNTERSIGN_KEY: key, ...env });

  beforeAll(() => {
    lab = new Lab();
    const recipe = (text: string) => ({ Containerfile: 'FROM scratch\nCOPY text /text\n', text });
    tree = lab.tree('tree', { one: recipe('one\n'), two: recipe('two\n') });
    lab.write('tree', {
      'ocibuild.toml': '[publish]\nrepository = "registry.example/ns"\ntag = "1"\n',
      '.gitignore': 'out/\n',
    });
    lab.write('', { ocibuild: `#!/bin/sh\nexec ${process.execPath} ${join(checkout(), 'dist/src/main.js')} "$@"\n` });
    chmodSync(lab.path('ocibuild'), 0o755);
    const run = (...words: string[]): Result => must(lab.run(words, { cwd: tree }));
    run('run', '--all');
    run('digests');
    run('keygen', '--out', '../ci', '--name', 'CI <ci@example.org>');
    key = readFileSync(lab.path('ci'), 'utf8');
    git('init', '--quiet', '--initial-branch=main');
    git('add', '.');
    git('commit', '--quiet', '-m', 'two recipes');
    base = git('rev-parse', 'HEAD');
    lab.write('tree', { 'recipes/two/text': 'changed\n' });
    run('run', 'two');
    run('digests');
    git('commit', '--quiet', '-a', '-m', 'another two');
  });
  afterAll(() => lab.remove());

  test('without a key it says so', () => {
    const { status, stderr } = job({ COUNTERSIGN_KEY: '' });
    expect(status).not.toBe(0);
    expect(stderr).toMatch(/COUNTERSIGN_KEY has to hold/);
  });
  test('signs what changed, and leaves a patch', () => {
    const { stdout } = must(job({ BASE: base }));
    expect(stdout).toMatch(/signed: 2 files in countersign.patch/);
    const patch = readFileSync(join(tree, 'countersign.patch'), 'utf8');
    expect(patch.match(/^ create mode 100644 signatures\/ns\/two@sha256=/gm)).toHaveLength(2);
    expect(patch).not.toMatch(/ns\/one@/);
    expect(patch).not.toContain('PRIVATE');
  });
  test('twice signs nothing new', () => {
    expect(must(job({ BASE: base })).stdout).toMatch(/nothing new to sign/);
    expect(existsSync(join(tree, 'countersign.patch'))).toBe(false);
  });
  test('signs everything where no base is given', () => {
    expect(must(job()).stdout).toMatch(/signed: 2 files/);
    expect(readFileSync(join(tree, 'countersign.patch'), 'utf8')).toMatch(/signatures\/ns\/one@sha256=/);
  });
  test('a result that is not the one expected fails, with nothing signed', () => {
    lab.write('tree', { 'recipes/one/text': 'nobody updated the digest\n' });
    git('commit', '--quiet', '-a', '-m', 'one');
    const before = git('rev-parse', 'HEAD');
    const { status, stdout } = job({ BASE: 'HEAD~1' });
    expect(status).toBe(1);
    expect(stdout).toMatch(/recipes\/one/);
    expect(git('rev-parse', 'HEAD')).toBe(before);
    expect(git('status', '--porcelain')).toBe('');
  });
});
