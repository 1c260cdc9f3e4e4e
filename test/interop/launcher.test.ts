import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Checkout, makeCheckout } from '../src/small-checkout.ts';

const COMPILING = 60_000;
const DONE = { status: 0, stdout: '', stderr: '' };

let checkout: Checkout;
let scratch: string;
beforeAll(() => {
  checkout = makeCheckout();
  scratch = mkdtempSync(join(tmpdir(), 'launcher-'));
});
afterAll(() => {
  checkout.remove();
  rmSync(scratch, { recursive: true });
});

const path = (...parts: string[]) => join(checkout.directory, ...parts);
const compiledAt = () => statSync(path('dist/.stamp')).mtimeMs;
const leftovers = () => readdirSync(checkout.directory).filter((name) => /^dist\.|lock$/.test(name));
/** Makes everything compiled look older than every source. */
const age = (file: string) => utimesSync(file, new Date(2001, 1, 1), new Date(2001, 1, 1));

/** A program of that name that stands first on PATH. */
function fake(name: string, script: string): NodeJS.ProcessEnv {
  const folder = mkdtempSync(join(scratch, 'bin-'));
  writeFileSync(join(folder, name), `#!/bin/sh\n${script}\n`);
  chmodSync(join(folder, name), 0o755);
  return { PATH: `${folder}:${process.env['PATH']}` };
}

function hasProgram(name: string): boolean {
  return spawnSync('sh', ['-c', `command -v ${name}`]).status === 0;
}

test('two launchers at once in a checkout that was never compiled: both work, one compiles', async () => {
  const count = join(scratch, 'compiled');
  const env = fake('cp', `echo >>'${count}'; exec /bin/cp "$@"`);
  writeFileSync(path('src/extra.json'), '{}'); // cp runs once for it in each compilation
  const both = await Promise.all([1, 2, 3].map(() => checkout.run(['none'], { env })));
  expect(both).toEqual([DONE, DONE, DONE]);
  expect(readFileSync(count, 'utf8')).toBe('\n');
  expect(existsSync(path('dist/src/extra.json'))).toBe(true);
  expect(leftovers()).toEqual([]);
}, 120_000);

describe('when it compiles', () => {
  test('not without a reason', async () => {
    const before = compiledAt();
    expect(await checkout.run(['none'])).toEqual(DONE);
    expect(compiledAt()).toBe(before);
  });

  test.each<[string, () => void]>([
    ['a source was edited', () => writeFileSync(path('src/errors.ts'), `${readFileSync(path('src/errors.ts'))}\n`)],
    ['a source was deleted', () => unlinkSync(path('src/extra.json'))],
    ['tsconfig.json was edited', () => utimesSync(path('tsconfig.json'), new Date(), new Date())],
    ['dist is gone', () => rmSync(path('dist'), { recursive: true })],
    [
      'a compilation was killed half way',
      () => {
        mkdirSync(path('dist.new.1'));
        mkdirSync(path('dist.old.1'));
        rmSync(path('dist'), { recursive: true });
      },
    ],
  ])(
    '%s',
    async (_name, change) => {
      const before = compiledAt();
      change();
      expect(await checkout.run(['none'])).toEqual(DONE);
      expect(compiledAt()).toBeGreaterThan(before);
      expect(leftovers()).toEqual([]);
      expect(existsSync(path('dist/src/extra.json'))).toBe(existsSync(path('src/extra.json')));
    },
    COMPILING,
  );

  test(
    'a compilation that fails leaves the old dist and says where',
    async () => {
      const env = fake('cp', 'echo no space left >&2; exit 1');
      writeFileSync(path('src/extra.json'), '{}');
      const before = compiledAt();
      const ended = await checkout.run(['none'], { env });
      expect(ended).toMatchObject({ status: 3, stdout: '' });
      expect(ended.stderr).toContain(checkout.directory);
      expect(compiledAt()).toBe(before);
      expect(leftovers()).toEqual([]);
    },
    COMPILING,
  );
});

describe('where it is called from', () => {
  beforeAll(async () => {
    expect(await checkout.run(['none'])).toEqual(DONE);
  }, COMPILING);

  test.each([
    [
      'an absolute link',
      () => symlinkSync(path('ocibuild'), join(scratch, 'absolute')),
      () => join(scratch, 'absolute'),
    ],
    [
      'a link to a link, relative',
      () => symlinkSync('absolute', join(scratch, 'relative')),
      () => join(scratch, 'relative'),
    ],
    [
      'a folder with spaces and a dash',
      () => symlinkSync(checkout.directory, join(scratch, '- a b')),
      () => join(scratch, '- a b/ocibuild'),
    ],
  ])('%s', async (_name, make, launcher) => {
    make();
    const ended = await checkout.run(['context', 'x'], { launcher: [launcher()], cwd: '/' });
    expect(JSON.parse(ended.stdout)).toMatchObject({ operands: ['x'], cwd: '/' });
  });
  test('the checkout itself, by a bare name', async () => {
    const launcher = ['sh', 'ocibuild'];
    expect(await checkout.run(['seven'], { launcher })).toMatchObject({ status: 7 });
  });
  test.each([
    ['dash', ['dash']],
    ['busybox sh', ['busybox', 'sh']],
    ['bash as sh', ['bash', '--posix']],
  ])('%s runs it', async (_name, shell) => {
    if (!hasProgram(shell[0]!)) return console.log(`skipped: no ${shell[0]} on PATH`);
    const ended = await checkout.run(['context', 'a b', '', '*'], { launcher: [...shell, path('ocibuild')] });
    expect(JSON.parse(ended.stdout).operands).toEqual(['a b', '', '*']);
  });
});

describe('node', () => {
  test.each(['v20.18.3', 'v18.19.0', 'v9.0.0'])('%s is too old', async (version) => {
    const ended = await checkout.run(['none'], { env: fake('node', `echo ${version}`) });
    expect(ended).toMatchObject({ status: 3, stdout: '' });
    expect(ended.stderr).toMatch(new RegExp(`^ocibuild: MACHINE: .*20\\.19 or later, got ${version} .*install.*\\n$`));
  });
  test.each(['v20.19.0', 'v22.0.0', 'v100.1.0'])('%s is not', async (version) => {
    const env = fake('node', `[ "$*" = --version ] && echo ${version} && exit; exec '${process.execPath}' "$@"`);
    expect(await checkout.run(['none'], { env })).toEqual(DONE);
  });
  test('there is none', async () => {
    const ended = await checkout.run(['none'], { env: fake('node', 'exit 127') });
    expect(ended.status).toBe(3);
    expect(ended.stderr).toMatch(/finds no working `node`.*install the packages nodejs and npm/);
  });
});

describe('npm packages', () => {
  const real = () => join(import.meta.dirname, '../../node_modules');
  /** Stands for npm: writes down how it was called and installs one package, with the version of the lock file. */
  const npm = (log: string) =>
    fake('npm', `echo "$*" >>'${log}'; rm -rf node_modules; mkdir node_modules; ln -s '${real()}'/* node_modules/`);
  let log: string;
  beforeAll(() => {
    log = join(scratch, 'npm.log');
    unlinkSync(path('node_modules'));
  });

  test('are installed when they are missing, without the development ones and without scripts', async () => {
    const ended = await checkout.run(['none'], { env: npm(log) });
    expect(ended).toEqual({ status: 0, stdout: '', stderr: 'ocibuild: installing npm packages (once)\n' });
    expect(readFileSync(log, 'utf8')).toMatch(/^ci --ignore-scripts .*--omit=dev\n$/);
    expect(await checkout.run(['none'], { env: npm(log) })).toEqual(DONE);
    expect(readFileSync(log, 'utf8').split('\n')).toHaveLength(2);
  });
  test('stay when the lock file is newer but says nothing new', async () => {
    age(path('node_modules/.ocibuild-installed'));
    expect(await checkout.run(['none'], { env: npm(log) })).toEqual(DONE);
    expect(readFileSync(log, 'utf8').split('\n')).toHaveLength(2);
    expect(statSync(path('node_modules/.ocibuild-installed')).mtimeMs).toBeGreaterThan(Date.now() - 60_000);
  });
  test('are installed again when the lock file has another version, the development ones too if they were there', async () => {
    const lock = path('package-lock.json');
    const before = readFileSync(lock, 'utf8');
    const changed = JSON.parse(before);
    changed.packages['node_modules/smol-toml'].version = '0.0.1';
    writeFileSync(lock, JSON.stringify(changed));
    age(path('node_modules/.ocibuild-installed'));
    expect((await checkout.run(['none'], { env: npm(log) })).status).toBe(0);
    expect(readFileSync(log, 'utf8').split('\n').at(-2)).toMatch(/^ci --ignore-scripts .*--include=dev$/);
    writeFileSync(lock, before);
  });
  test('npm failing is shown', async () => {
    rmSync(path('node_modules'), { recursive: true });
    const ended = await checkout.run(['none'], { env: fake('npm', 'echo "npm error no way out"; exit 1') });
    expect(ended.status).toBe(3);
    expect(ended.stderr).toMatch(/npm error no way out\nocibuild: MACHINE: npm ci failed/);
    symlinkSync(real(), path('node_modules'));
  });
});

/** Whether anybody may go to a place, through all the folders above it. */
function isOpenToAll(place: string): boolean {
  return (statSync(place).mode & 0o001) !== 0 && (place === '/' || isOpenToAll(dirname(place)));
}

// Only root can start a program as somebody else; for anybody else, taking the write permission away does it.
const isOpen = process.getuid!() !== 0 || isOpenToAll(join(import.meta.dirname, '../../node_modules'));
if (!isOpen)
  process.stdout.write('a checkout that is not writable is skipped: nobody else can reach node_modules here\n');

describe.skipIf(!isOpen)('a checkout that is not writable', () => {
  const nobody = process.getuid!() === 0 ? { uid: 65_534 } : {};
  const lock = (mode: number) => chmodSync(checkout.directory, mode);

  test('works when it is compiled', async () => {
    expect(await checkout.run(['none'])).toEqual(DONE);
    lock(0o555);
    expect(await checkout.run(['none'], nobody)).toEqual(DONE);
    lock(0o755);
  });
  test('says so when it is stale, and changes nothing', async () => {
    const before = compiledAt();
    utimesSync(path('src/errors.ts'), new Date(), new Date());
    lock(0o555);
    const ended = await checkout.run(['none'], nobody);
    lock(0o755);
    expect(ended).toMatchObject({ status: 3, stdout: '' });
    expect(ended.stderr).toMatch(
      /^ocibuild: MACHINE: .*dist is missing or older than the sources, .* not writable; run `npm run build`.*\n$/,
    );
    expect(compiledAt()).toBe(before);
  });
});
