import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { type Checkout, ending, makeCheckout } from './small-checkout.ts';

// Each starts a program or two: a busy machine may take its time.
vi.setConfig({ testTimeout: 30_000 });

let checkout: Checkout;
let main: readonly string[];

beforeAll(async () => {
  checkout = makeCheckout();
  expect(await checkout.run(['none'])).toEqual({ status: 0, stdout: '', stderr: '' });
  main = [process.execPath, join(checkout.directory, 'dist/src/main.js')];
}, 60_000);
afterAll(() => checkout.remove());

const run = (...words: string[]) => checkout.run(words, { launcher: main });

describe('exit status', () => {
  test.each<[string, number, RegExp]>([
    ['seven', 7, /^$/],
    ['none', 0, /^$/],
    ['build', 1, /^a\/Containerfile:3: STEP_FAILED: make: want status 0, got 2\n$/],
    ['bytes', 1, /^TAR_INVALID: not a tar\n$/],
    ['machine', 3, /^MACHINE: no user namespaces\n$/],
    ['disk', 1, /^DISK_FULL: ENOSPC: .*\n$/],
    ['denied', 3, /^MACHINE: EACCES: permission denied, mkdir '\/x'; .*\n$/],
    ['fault', 1, /^TypeError: (.*\n)+ +at .*\n(.*\n)*This is a fault of ocibuild, .*\n$/],
    ['later', 1, /^TypeError: nobody waits for this\n(.*\n)+This is a fault of ocibuild, .*\n$/],
    ['forgetful', 0, /^$/],
    ['sevne', 2, /^USAGE: no command is called sevne; did you mean "seven"\? see `ocibuild help`\n$/],
    ['toString', 2, /^USAGE: no command is called toString; see `ocibuild help`\n$/],
    ['', 2, /^USAGE: no command is called {2};?.*\n$|^USAGE: no command is called ; see/],
    ['--levle 3', 2, /^USAGE: unknown flag --levle/],
    ['seven --levle 3', 2, /^USAGE: unknown flag --levle; did you mean "--level"\? see `ocibuild help seven`\n$/],
    ['none x', 2, /^USAGE: too many arguments for none: want ocibuild none \[WORD…\]; see `ocibuild help none`\n$/],
    ['one', 2, /^USAGE: too few arguments for one: want ocibuild one FILE; see `ocibuild help one`\n$/],
  ])('%s: %i', async (line, status, stderr) => {
    const ended = await run(...line.split(' '));
    expect(ended.stderr).toMatch(stderr);
    expect({ status: ended.status, stdout: ended.stdout }).toEqual({ status, stdout: '' });
  });
});

describe('help and version', () => {
  const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));

  test('--version', async () => {
    expect(await run('--version')).toEqual({ status: 0, stdout: `ocibuild ${version}\n`, stderr: '' });
  });
  test.each(['--help', '-h', 'help', 'help help', 'help --help'])('%s lists the commands', async (line) => {
    const { status, stdout, stderr } = await run(...line.split(' '));
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(stdout).toContain('  seven      seven for a test\n');
    expect(stdout).toContain('--tree DIR');
  });
  test('no command at all is a usage error that helps', async () => {
    const { status, stdout, stderr } = await checkout.run([], { launcher: main });
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
    expect(stderr).toContain('seven for a test');
  });
  test.each(['help one', 'one --help', '--help one', 'one FILE -h', '--offline one --help'])(
    '%s is about it',
    async (line) => {
      const { status, stdout } = await run(...line.split(' '));
      expect(status).toBe(0);
      expect(stdout).toMatch(
        /^ocibuild one: one for a test\n\nusage: ocibuild one \[FLAG…\] FILE\n\nReads one file\.\n\nflags:\n {2}--level N {2}how much\n/,
      );
    },
  );
  test('help on what is no command', async () => {
    expect((await run('help', 'wat')).status).toBe(2);
  });
});

describe('what a command is given', () => {
  const context = async (line: string, env: NodeJS.ProcessEnv = {}) =>
    JSON.parse((await checkout.run(line.split(' '), { launcher: main, env })).stdout);

  test('flags before and after its name, the later one wins', async () => {
    const got = await context('--jobs 3 --tree t --offline --store /s context a --jobs=5 --level 2 -- --tree');
    const cwd = checkout.directory;
    expect(got).toEqual({
      operands: ['a', '--tree'],
      level: 2,
      storeDirectory: '/s',
      treeDirectory: 't',
      jobs: 5,
      offline: true,
      cwd,
    });
  });
  test('defaults', async () => {
    const got = await context('context', { OCIBUILD_STORE: 'x' });
    expect(got).toMatchObject({
      storeDirectory: join(checkout.directory, 'x'),
      jobs: availableParallelism(),
      offline: false,
    });
    expect(got).not.toHaveProperty('treeDirectory');
  });
});

describe('the namespace', () => {
  test('is entered once, with the same words, after the tools were looked for', async () => {
    const ended = await run('--jobs', '2', 'inside', 'a b', '');
    expect(ended.stderr).toBe('tools are there\n');
    expect(ended.stdout.split('\0').slice(2)).toEqual(['--jobs', '2', 'inside', 'a b', '', '']);
  });
  test('is not entered for help or for a usage error', async () => {
    expect((await run('inside', '--help')).stderr).toBe('');
    expect((await run('inside', '--wat')).stderr).not.toContain('tools');
  });
});

describe('signals and pipes', () => {
  test.each(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)('%s ends a command that listens, status 130', async (signal) => {
    const child = checkout.start(['patient'], { launcher: main });
    const ended = ending(child);
    await once(child.stdout!, 'data');
    child.kill(signal);
    expect(await ended).toEqual({ status: 130, stdout: 'ready\n', stderr: `INTERRUPTED: stopped by ${signal}\n` });
  });
  test('the second signal ends one that does not', async () => {
    const child = checkout.start(['deaf'], { launcher: main });
    const ended = ending(child);
    await once(child.stdout!, 'data');
    child.kill('SIGINT');
    // A second one sent at once could arrive as one with the first.
    const again = setInterval(() => child.kill('SIGINT'), 50);
    expect((await ended).status).toBe(130);
    clearInterval(again);
  });
  test('a reader that goes away is no error', async () => {
    const child = checkout.start(['loud'], { launcher: main });
    let stderr = '';
    child.stderr!.on('data', (text) => {
      stderr += text;
    });
    await once(child.stdout!, 'data');
    child.stdout!.destroy();
    const [status] = await once(child, 'close');
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  });
  test('a reader that is slow gets everything', async () => {
    const launcher = ['sh', '-c', '"$@" | (sleep 0.3; wc -l)', 'sh', ...main];
    const { stdout, status } = await checkout.run(['loud'], { launcher });
    expect([status, stdout.trim()]).toEqual([0, '20000']);
  });
});
