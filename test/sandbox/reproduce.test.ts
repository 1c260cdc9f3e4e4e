// Planted defects: each recipe of fixtures/nondeterminism is found, with the variation, the file and the place in it; its
// repaired twin passes. Then the command itself: what it compares with, what it leaves behind, the page it writes.

import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ImageVerdict, Place, Verdict } from '../../src/reproduce/verdict.ts';
import { findProgram } from '../../src/sandbox/tools.ts';
import { Lab, type Result } from './engine.ts';
import { testRuntimes } from './harness.ts';

const FIXTURES = join(import.meta.dirname, '../../fixtures/nondeterminism');
const MINUTES = 60_000;

/** What is to be said of NAME-broken: the variations (none: it differs by itself), the file, what in it. */
const DEFECTS: readonly (readonly [name: string, variations: readonly string[], file: string, inside: RegExp])[] = [
  ['address-space', ['address-space'], 'out/debug', /^text line 1$/],
  ['ar-times', ['clock'], 'out/lib.a', /^ar member one\.o: ar\.mtime$/],
  ['clock', ['clock'], 'out/stamp', /^text line 1$/],
  ['file-order', ['file-order'], 'out/list', /^text line \d$/],
  ['gzip-time', ['clock'], 'out/text.gz', /^gzip header MTIME: gzip\.mtime$/],
  ['host-path', [], 'out/paths', /^text line 1$/],
  ['hostname', ['hostname'], 'out/banner', /^text line 1$/],
  ['id-map', ['id-map'], 'out/ids', /^text line 2$/],
  ['inode', [], 'out/cache', /^text line 1$/],
  ['kernel', ['kernel'], 'out/platform', /^text line 1$/],
  ['locale', ['locale'], 'out/names', /^text line 1$/],
  ['processors', ['processors'], 'out/configuration', /^text line 1$/],
  ['race', [], 'out/done', /^text line \d+$/],
  ['random-name', [], 'out/work.', /^existence$/],
  ['tar-order', ['file-order'], 'out/tree.tar', /^archive entry file\d: order$/],
  ['tar-times', ['clock'], 'out/tree.tar', /^archive entry tree: mtime$/],
  ['timezone', ['timezone'], 'out/opens', /^text line 1$/],
  ['uptime', ['uptime'], 'out/machine', /^text line 1$/],
  ['uuid', [], 'out/id', /^text line 1$/],
];

const runtimes = testRuntimes();

describe.skipIf(runtimes.length === 0 || process.arch !== 'x64')('reproduce', () => {
  const lab = new Lab();
  let tree: string;
  let canFetch = true;

  beforeAll(() => {
    tree = lab.path('nondeterminism');
    cpSync(FIXTURES, tree, { recursive: true });
    const fetched = lab.run(['--tree', tree, 'fetch', 'bootstrap/busybox']);
    canFetch = fetched.status === 0;
    if (!canFetch) console.log(`the root of the fixtures cannot be fetched: ${fetched.stderr}`);
  });
  afterAll(() => lab.remove());

  const reproduce = (args: readonly string[], options = {}): Promise<Result> =>
    lab.start(['--tree', tree, 'reproduce', ...args], options).ended;
  const verdictOf = ({ stdout, stderr, status }: Result): Verdict => {
    if (!stdout.startsWith('{')) throw new Error(`status ${status}: ${stderr}${stdout}`);
    return JSON.parse(stdout) as Verdict;
  };

  test('the root that all fixtures stand on can be had', () => {
    // Without it nothing below says anything.
    expect(canFetch).toBe(true);
  });

  describe('--vary', () => {
    let result: Result;
    let verdict: Verdict;
    const page = lab.path('report.html');
    // load is left out: a machine that is busy with other things cannot be made to look busier.
    const FLAGS = ['--vary', '--skip', 'load', '--json', '--report', page];

    beforeAll(async () => {
      const others = readdirSync(join(FIXTURES, 'recipes')).filter((name) => !name.startsWith('umask-'));
      result = await reproduce([...others, ...FLAGS]);
      verdict = verdictOf(result);
    }, 8 * MINUTES);

    const imageOf = (name: string): ImageVerdict => verdict.images.find((image) => image.name === `recipes/${name}`)!;
    const outcomeOf = (image: ImageVerdict, name: string): string | undefined =>
      image.variations.find((variation) => variation.name === name)?.outcome;

    test('something was done, and nothing was answered from before', () => {
      expect(result.status).toBe(1);
      expect(verdict.executed).toBeGreaterThan(2 * DEFECTS.length);
      expect(verdict.hits).toBe(0);
      expect(verdict.problems).toEqual([]);
    });

    test('every fixture is in the table', () => {
      const names = readdirSync(join(FIXTURES, 'recipes')).map((name) => name.replace(/-(broken|fixed)$/, ''));
      const known = [...DEFECTS.map(([name]) => name), 'hostname-check', 'umask'];
      expect([...new Set(names)].sort()).toEqual(known.sort());
      expect(known.length).toBeGreaterThanOrEqual(12);
    });

    test.each(DEFECTS)('%s is found, and named', (name, variations, file, inside) => {
      const image = imageOf(`${name}-broken`);
      const { cause, place } = image.difference!;
      expect({ name, kind: cause.kind, variations: cause.variations }).toEqual({
        name,
        kind: variations.length === 0 ? 'itself' : 'each',
        variations,
      });
      for (const variation of variations) expect(outcomeOf(image, variation)).toBe('changed');
      const files = filesOf(place);
      expect(files.step).toMatchObject({ target: `recipes/${name}-broken`, stage: 'build', step: 1 });
      expect(files.step.location.line).toBe(2);
      expect(files.step.location.file).toMatch(new RegExp(`recipes/${name}-broken/Containerfile$`));
      const found = files.files.find(({ path }) => path.startsWith(file))!;
      expect(found?.path).toContain(file);
      expect(insidesOf(found)).toContainEqual(expect.stringMatching(inside));
    });

    test('a build that fails under a variation is found, and named', () => {
      const { cause, place } = imageOf('hostname-check-broken').difference!;
      expect(cause).toMatchObject({ kind: 'each', variations: ['hostname'] });
      expect(place).toMatchObject({ type: 'failure', step: { stage: 'build', step: 1 } });
    });

    test.each([...DEFECTS.map(([name]) => name), 'hostname-check'])('%s, repaired, passes', (name) => {
      const image = imageOf(`${name}-fixed`);
      expect(image.difference).toBeUndefined();
      const bad = image.variations.filter(({ outcome }) => outcome !== 'survived' && outcome !== 'not varied');
      expect(bad).toEqual([]);
    });

    test('what was varied was witnessed, in every step, and what was not is called so', () => {
      const open = new Map<string, string>();
      for (const [name] of DEFECTS) {
        for (const variation of imageOf(`${name}-fixed`).variations) {
          if (variation.outcome === 'not varied') open.set(variation.name, variation.detail);
        }
      }
      // One machine is not another: but what the date is can be varied on none, and most can on all.
      const always = ['address-space', 'caller-environment', 'caller-hostname', 'caller-locale', 'caller-timezone'];
      const more = ['caller-umask', 'clock', 'hostname', 'jobs', 'kernel', 'locale', 'paths', 'timezone'];
      expect([...open.keys()]).toContain('calendar');
      expect([...open].filter(([name]) => [...always, ...more].includes(name))).toEqual([]);
      const witness = imageOf('hostname-fixed').variations.find(({ name }) => name === 'hostname')!;
      expect(witness.detail).toBe('ocibuild and elsewhere');
    });

    test('the page opens in a browser without a network, and says the same', () => {
      const html = readFileSync(page, 'utf8');
      expect(html).toContain('recipes/ar-times-broken');
      const chromium = findProgram('chromium') ?? findProgram('chromium-browser');
      if (chromium === undefined) {
        console.log('the page was not opened: chromium is not installed');
        return;
      }
      const profile = mkdtempSync(join(tmpdir(), 'reproduce-browser-'));
      const flags = ['--headless', '--no-sandbox', '--disable-gpu', '--disable-background-networking'];
      const more = ['--disable-component-update', '--disable-sync', '--disable-dev-shm-usage', '--no-first-run'];
      try {
        const { stdout, stderr, status } = spawnSync(
          chromium,
          [...flags, ...more, `--user-data-dir=${profile}`, '--dump-dom', `file://${page}`],
          { encoding: 'utf8', timeout: 100_000, env: { ...process.env, HOME: profile }, maxBuffer: 1 << 26 },
        );
        expect(`${status} ${stderr}`).toMatch(/^0 /);
        // As the browser understood it: text that is text, links that lead somewhere on the page.
        expect(stdout).toContain('<h1 class="bad">Not reproduced</h1>');
        expect(stdout).toMatch(/<h2 id="image-\d+">recipes\/gzip-time-broken /);
        expect(stdout).toContain('gzip header MTIME');
        expect(stdout).toContain('&lt;&lt;');
        expect(stdout).not.toContain('<script');
      } finally {
        rmSync(profile, { recursive: true, force: true });
      }
    });

    test('nothing of the builds is left', () => {
      expect(readdirSync(lab.directory).filter((name) => name.startsWith('.ocibuild-reproduce'))).toEqual([]);
    });
  });

  test(
    'umask is varied where it is asked for, and what is required and cannot be varied is an error',
    async () => {
      // Both stores are on one disk here, and one build fails: what it keeps the others from is built all the same.
      const flags = ['--vary', '--only', 'umask,calendar,hostname', '--require', 'calendar', '--json'];
      const more = ['hostname-check-broken', 'hostname-broken'];
      const result = await reproduce(['umask-broken', 'umask-fixed', ...more, ...flags]);
      const verdict = verdictOf(result);
      const [broken, fixed, check, banner] = ['umask-broken', 'umask-fixed', ...more].map(
        (name) => verdict.images.find((image) => image.name === `recipes/${name}`)!,
      );
      expect(check!.difference!.cause.variations).toContain('hostname');
      // Each of two alone.
      expect(banner!.difference!.cause).toMatchObject({ kind: 'each', variations: ['hostname', 'umask'] });
      expect(broken!.difference!.cause.variations).toEqual(['umask']);
      const { files } = filesOf(broken!.difference!.place);
      expect(files.map(({ path, fields }) => [path, ...fields.map(({ field }) => field)])).toEqual([
        ['out/folder', 'mode'],
        ['out/folder/file', 'mode'],
      ]);
      expect(fixed!.difference).toBeUndefined();
      expect(fixed!.variations).toMatchObject([
        { name: 'calendar', outcome: 'not varied' },
        { name: 'hostname', outcome: 'survived', detail: 'ocibuild and elsewhere' },
        { name: 'umask', outcome: 'survived', detail: '0022 and 0002' },
      ]);
      expect(verdict.problems).toHaveLength(1);
      expect(verdict.problems[0]).toMatch(/^calendar is required, and .*recipes\/umask-fixed.*: not varied/);
      expect(result.status).toBe(1);
    },
    3 * MINUTES,
  );

  describe('what it compares with', () => {
    beforeAll(() => {
      const built = lab.run(['--tree', tree, 'run', 'kernel-fixed', 'clock-broken']);
      if (built.status !== 0) throw new Error(built.stderr);
      const written = lab.run(['--tree', tree, 'digests', 'kernel-fixed']);
      if (!written.stdout.includes('recipes/kernel-fixed')) throw new Error(written.stderr);
    }, 2 * MINUTES);

    test('digests.txt, the image under out/, or nothing, which is an error', async () => {
      const { status, stdout } = await reproduce(['kernel-fixed', 'kernel-broken']);
      expect(stdout).toMatch(
        /^recipes\/kernel-fixed .* reproduced\n {2}same as \S*recipes\/digests.txt\n {2}same as \S*out\/kernel-fixed\n/m,
      );
      expect(stdout).toContain('problem: there is nothing to compare recipes/kernel-broken with');
      expect(stdout).toMatch(/^ops: [1-9]\d* executed, 0 cache hits; builds: 1$/m);
      expect(status).toBe(1);
    });

    test('the image under out/, with the steps that the store remembers; a line of digests.txt', async () => {
      const file = join(tree, 'recipes/digests.txt');
      const text = readFileSync(file, 'utf8');
      const other = text.replace(/sha256:[0-9a-f]{4}(?=[0-9a-f]{60} recipes\/kernel-fixed)/, 'sha256:0000');
      expect(other).not.toBe(text);
      writeFileSync(file, other);
      const { status, stdout } = await reproduce(['clock-broken', 'kernel-fixed']);
      rmSync(file);
      expect(stdout).toMatch(/out\/clock-broken: different: want sha256:/);
      expect(stdout).toMatch(
        /step: \S*recipes\/clock-broken\/Containerfile:2: recipes\/clock-broken, stage build, step 1/,
      );
      expect(stdout).toMatch(/out\/stamp: content: text line 1/);
      expect(stdout).toMatch(/recipes\/digests\.txt:\d+: different: want sha256:0000/);
      expect(stdout).toMatch(/same as \S*out\/kernel-fixed/);
      expect(status).toBe(1);
    });

    test('the image under out/, when the store has forgotten: its layers', async () => {
      const { status, stdout } = await reproduce(['clock-broken'], { store: lab.otherStore(lab.path('other-store')) });
      expect(stdout).not.toContain('  step: ');
      expect(stdout).toMatch(/out\/stamp: content: text line 1/);
      expect(status).toBe(1);
    });
  });

  test('a name that is no variation, and a flag that needs --vary', () => {
    const wrong = lab.run(['--tree', tree, 'reproduce', 'kernel-fixed', '--vary', '--skip', 'hostnam']);
    expect(`${wrong.status} ${wrong.stderr}`).toMatch(/^2 USAGE: --skip: there is no variation hostnam.*hostname/s);
    const alone = lab.run(['--tree', tree, 'reproduce', 'kernel-fixed', '--only', 'clock']);
    expect(`${alone.status} ${alone.stderr}`).toMatch(/^2 USAGE: .*--vary/s);
    expect(lab.run(['reproduce', '--list']).stdout).toMatch(/^file-order \(inside\)\n {4}The store lies on /m);
  });

  test(
    'a signal ends it, and what it had no time to delete the next run deletes',
    async () => {
      expect(lab.run(['--tree', tree, 'run', 'kernel-fixed']).status).toBe(0);
      const left = (): string[] => readdirSync(lab.directory).filter((name) => name.startsWith('.ocibuild-reproduce'));
      const stopped = lab.start(['--tree', tree, 'reproduce', 'race-fixed', 'kernel-fixed', '--vary']);
      await stopped.printed('variations at once');
      stopped.child.kill('SIGINT');
      expect((await stopped.ended).status).toBe(130);
      const killed = lab.start(['--tree', tree, 'reproduce', 'race-fixed']);
      await killed.printed('from nothing');
      expect(left().length).toBeGreaterThan(0);
      killed.child.kill('SIGKILL');
      await killed.ended;
      const { status, stdout } = await reproduce(['kernel-fixed']);
      expect(stdout).toMatch(/^reproduced: 2 of 2$/m);
      expect(status).toBe(0);
      expect(left()).toEqual([]);
    },
    3 * MINUTES,
  );
});

function filesOf(place: Place): Extract<Place, { type: 'files' }> {
  if (place.type !== 'files') throw new Error(JSON.stringify(place));
  return place;
}

/** `ar member one.o: ar.mtime`, `text line 1`, `existence`. */
function insidesOf({ fields, inside }: Extract<Place, { type: 'files' }>['files'][number]): string[] {
  const details = inside.map((detail) => {
    const way = detail.inner.map(({ kind, name }) => `${kind} ${name}`).join(' > ');
    return detail.field === undefined || detail.field === 'bytes' || way.startsWith('text line')
      ? way
      : `${way}: ${detail.field}`;
  });
  return [...details, ...fields.map(({ field }) => field)];
}
