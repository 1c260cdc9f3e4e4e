// `ocibuild digests`, and what refers to images: through the program, on recipes that are built for it.

import { existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { hostPlatform } from '../../oci/platform.ts';
import { lookUp } from '../../src/build/lookup.ts';
import { createFinder, recipeRequest } from '../../src/build/requests.ts';
import { openServices } from '../../src/build/services.ts';
import { imageFormat } from '../../src/digests/digest-list.ts';
import { openTree } from '../../src/recipe/tree.ts';
import { spdxFaults } from '../oci/spdx-schema.ts';
import { busybox, Lab, listFolder, otherUser, type Result, self } from './engine.ts';
import { testRuntimes } from './harness.ts';

const TOOLS = 'FROM scratch\nCOPY --chmod=0755 busybox /bin/busybox\nRUN ["/bin/busybox", "--install", "-s", "/bin"]\n';
const APP = 'FROM recipes/tools AS build\nRUN echo one >/file\n\nFROM scratch\nCOPY --from=build /file /\n';
const PLATFORM = `linux/${process.arch === 'x64' ? 'amd64' : process.arch}`;

function makeTree(lab: Lab, name: string): string {
  return lab.tree(name, {
    tools: { Containerfile: TOOLS, busybox: readFileSync(busybox!) },
    app: { Containerfile: APP },
  });
}

const runnable = busybox !== undefined && testRuntimes().length > 0;

describe.skipIf(!runnable)('digests', () => {
  let lab: Lab;
  let tree: string;
  let list: string;
  beforeAll(() => {
    lab = new Lab();
    tree = makeTree(lab, 'tree');
    list = join(tree, 'recipes/digests.txt');
  });
  afterAll(() => lab.remove());

  const digests = (...args: string[]): Result => lab.run(['--tree', tree, 'digests', ...args]);
  const lines = (): string[] => readFileSync(list, 'utf8').trimEnd().split('\n');
  const build = (...names: string[]): void => {
    const result = lab.runRecipes(tree, names);
    expect(result.status, result.stderr).toBe(0);
  };

  test('nothing was built: nothing is written, everything is missing', () => {
    const written = digests();
    expect(written).toMatchObject({ status: 1, stdout: '' });
    expect(written.stderr).toMatch(/^missing recipes\/app .*: ocibuild run recipes\/app$/m);
    expect(existsSync(list)).toBe(false);
    const checked = digests('--check');
    expect(checked.status).toBe(1);
    expect(checked.stdout).toMatch(
      /^recipes\/app \S+: no line in the list, got nothing: .*: ocibuild run recipes\/app$/m,
    );
  });

  test('what was built is written, once, sorted', () => {
    build('app');
    // What app needed was built too.
    expect(digests()).toMatchObject({ status: 0, stderr: '' });
    expect(lines()).toEqual([
      `# ocibuild digests 1, images ${imageFormat()}`,
      expect.stringMatching(new RegExp(`^sha256:[0-9a-f]{64} recipes/app ${PLATFORM}$`)),
      expect.stringMatching(new RegExp(`^sha256:[0-9a-f]{64} recipes/tools ${PLATFORM}$`)),
    ]);
    const { mtimeMs } = statSync(list);
    expect(digests().stdout).toMatch(/2 digests, unchanged\n$/);
    expect(statSync(list).mtimeMs).toBe(mtimeMs);
    expect(digests('--check')).toMatchObject({ status: 0, stdout: expect.stringMatching(/2 recipes, as expected\n$/) });
  });

  test('the digest is that of the manifest', () => {
    const index = JSON.parse(readFileSync(join(tree, 'out/app/index.json'), 'utf8')).manifests[0].digest as string;
    const { manifests } = JSON.parse(readFileSync(join(tree, 'out/app/blobs', index.replace(':', '/')), 'utf8'));
    expect(lines()[1]).toBe(`${manifests[0].digest} recipes/app ${PLATFORM}`);
  });

  test('a recipe that changed has no result until it is built, and then another digest', () => {
    const before = lines()[1]!;
    lab.write('tree/recipes/app', { Containerfile: APP.replace('one', 'two') });
    expect(digests('--check', 'app')).toMatchObject({ status: 1, stdout: expect.stringContaining('got nothing') });
    // Without names the line stays, and is named; with names it is an error.
    expect(digests()).toMatchObject({ status: 0, stderr: expect.stringMatching(/^kept recipes\/app /) });
    expect(digests('app')).toMatchObject({ status: 1, stderr: expect.stringMatching(/^kept recipes\/app /) });
    expect(lines()[1]).toBe(before);
    build('app');
    const checked = digests('--check');
    expect(checked.status).toBe(1);
    expect(checked.stdout).toMatch(
      new RegExp(
        `^recipes/app ${PLATFORM}: want ${before.split(' ')[0]}, got sha256:\\w+: ocibuild reproduce recipes/app\\n`,
      ),
    );
    expect(digests('--check', 'tools')).toMatchObject({ status: 0 });
    expect(digests('app').stdout).toMatch(/^changed recipes\/app /);
    expect(lines()[1]).not.toBe(before);
    expect(digests('--check').status).toBe(0);
  });

  test('a recipe that fails to build is not skipped', () => {
    lab.tree('tree', { broken: { Containerfile: 'FROM recipes/tools\nRUN false\n' } });
    expect(lab.runRecipes(tree, ['broken']).status).toBe(1);
    expect(digests('--check')).toMatchObject({
      status: 1,
      stdout: expect.stringMatching(/^recipes\/broken .*got nothing: .*ocibuild run recipes\/broken\n/),
    });
    expect(digests()).toMatchObject({ status: 1, stderr: expect.stringMatching(/^missing recipes\/broken /) });
    expect(lines()).toHaveLength(3);
  });

  test('a recipe that cannot be read hides no other', () => {
    lab.write('tree/recipes/broken', { Containerfile: 'FROM recipes/tools\nRNU false\n' });
    lab.write('tree/recipes/worse', { 'package.toml': 'x\n', Containerfile: 'FROM scratch\n' });
    const checked = digests('--check');
    expect(checked.status).toBe(1);
    expect(checked.stdout).toMatch(
      /^recipes\/broken .*got an error: \S+broken\/Containerfile:2: PARSE: .*: ocibuild lint recipes\/broken$/m,
    );
    expect(checked.stdout).toMatch(/^recipes\/worse .*got an error: \S+worse\/package\.toml:1: RECIPE: /m);
    expect(checked.stdout).toMatch(/4 recipes, 2 not as expected\n$/);
    for (const name of ['broken', 'worse']) rmSync(join(tree, 'recipes', name), { recursive: true });
  });

  test('a line of a recipe that is gone is an error, and is dropped aloud', () => {
    const gone = `${lines()[1]!.split(' ')[0]} recipes/gone ${PLATFORM}`;
    writeFileSync(list, `${[lines()[0], lines()[1], gone, lines()[2]].join('\n')}\n`);
    expect(digests('--check')).toMatchObject({
      status: 1,
      stdout: expect.stringMatching(/^recipes\/gone .*no such recipe/),
    });
    // Who asks about one recipe hears of that one.
    expect(digests('--check', 'app').status).toBe(0);
    expect(digests('app').stdout).not.toContain('gone');
    expect(digests().stdout).toMatch(/^dropped recipes\/gone /);
    expect(lines()).toHaveLength(3);
  });

  test('lines of other platforms are left alone', () => {
    const other = `${lines()[1]!.split(' ')[0]} recipes/tools linux/s390x`;
    writeFileSync(list, `${[...lines(), other].join('\n')}\n`);
    expect(digests('--check').status).toBe(0);
    expect(digests().stdout).toMatch(/3 digests, unchanged\n$/);
    expect(lines()).toContain(other);
  });

  test('a list for images of another format is replaced whole or not at all', () => {
    const before = readFileSync(list, 'utf8').replace(imageFormat(), 'native/0/x');
    writeFileSync(list, before);
    expect(digests('--check')).toMatchObject({
      status: 1,
      stdout: expect.stringMatching(/^the list was made .*native\/0\/x/),
    });
    const refused = digests('app');
    expect(refused).toMatchObject({ status: 1, stderr: expect.stringMatching(/CHECK_FAILED: .*was not written/) });
    expect(readFileSync(list, 'utf8')).toBe(before);
    writeFileSync(list, before.replace(/.*s390x\n/, ''));
    expect(digests().status).toBe(0);
    expect(digests('--check').status).toBe(0);
  });

  test('a list that is damaged is an error with its line', () => {
    const before = readFileSync(list, 'utf8');
    writeFileSync(list, before.replace(' recipes/tools', '  recipes/tools'));
    for (const args of [[], ['--check']]) {
      expect(digests(...args)).toMatchObject({ status: 1, stderr: expect.stringMatching(/digests\.txt:3: RECIPE: /) });
    }
    writeFileSync(list, before);
  });

  test('a store that is not there holds nothing', () => {
    const checked = lab.run(['--tree', tree, 'digests', '--check'], { store: lab.path('no-store') });
    expect(checked).toMatchObject({ status: 1, stdout: expect.stringMatching(/2 not as expected\n$/) });
    expect(existsSync(lab.path('no-store'))).toBe(false);
  });

  /** As `sign` asks: in this process, which may only read. */
  async function lookUpHere(...names: string[]): Promise<Record<string, string>> {
    const opened = openTree(tree);
    const options = { platform: hostPlatform(), cwd: tree };
    const requests = names.map((name) => recipeRequest(opened.recipe(name), options));
    const { signal } = new AbortController();
    const services = openServices({
      ...{
        store: lab.store,
        jobs: 1,
        offline: true,
        distfiles: [],
        noCache: false,
        secrets: new Map(),
        env: {},
        signal,
      },
      ...{ sshSocket: undefined, runtime: undefined, driver: 'auto', isReadOnly: true, watch: () => {} },
    });
    const found = await lookUp(requests, createFinder(opened, options), services);
    return Object.fromEntries(
      found.map((one) => [one.name, one.outcome === 'built' ? (one.imported?.what ?? 'built here') : one.outcome]),
    );
  }

  test('one action below an image that was not done here is named, and the images without it are not blamed', async () => {
    lab.tree('tree', { alone: { Containerfile: 'FROM scratch\nCOPY Containerfile /\n' } });
    build('alone');
    const names = ['recipes/alone', 'recipes/app', 'recipes/tools'] as const;
    const here = { 'recipes/alone': 'built here', 'recipes/app': 'built here', 'recipes/tools': 'built here' };
    expect(await lookUpHere(...names)).toEqual(here);
    const folder = join(lab.store, 'actions');
    const path = (readdirSync(folder, { recursive: true }) as string[])
      .map((name) => join(folder, name))
      .find((name) => name.endsWith('.json') && readFileSync(name, 'utf8').includes('--install'))!;
    const record = JSON.parse(readFileSync(path, 'utf8'));
    const blamed = expect.stringMatching(/^RUN .*--install/);
    for (const origin of ['imported', undefined, 'Built']) {
      writeFileSync(path, JSON.stringify({ ...record, origin }));
      expect(await lookUpHere(...names)).toEqual({ ...here, 'recipes/app': blamed, 'recipes/tools': blamed });
    }
    build('app', '--no-cache');
    expect(await lookUpHere(...names)).toEqual(here);
    rmSync(join(tree, 'recipes/alone'), { recursive: true });
  });

  test('every action says that it was done here', () => {
    const folder = join(lab.store, 'actions');
    const files = (readdirSync(folder, { recursive: true }) as string[]).filter((name) => name.endsWith('.json'));
    const origins = files.map((name) => JSON.parse(readFileSync(join(folder, name), 'utf8')).origin);
    expect(origins.length).toBeGreaterThan(5);
    expect(new Set(origins)).toEqual(new Set(['built']));
  });
});

describe.skipIf(!runnable)('what refers to an image', () => {
  const labs: Lab[] = [];
  let lab: Lab;
  let tree: string;
  let expected: string[];
  beforeAll(() => {
    lab = another(self);
    tree = makeTree(lab, 'tree');
    const result = lab.runRecipes(tree, ['app', 'tools']);
    expect(result.status, result.stderr).toBe(0);
    expected = content(join(tree, 'out/app.referrers'));
  });
  afterAll(() => {
    for (const each of labs) each.remove();
  });

  function another(user: typeof self): Lab {
    const made = new Lab(user);
    labs.push(made);
    return made;
  }

  /** Names, modes and bytes. */
  function content(folder: string): string[] {
    return listFolder(folder).map((line) => {
      const name = line.split(' ').slice(3).join(' ');
      return line.startsWith('f') ? `${line} ${readFileSync(join(folder, name)).toString('base64')}` : line;
    });
  }

  interface Artifact {
    readonly manifest: { readonly subject: unknown; readonly layers: readonly { readonly digest: string }[] };
    readonly document: { readonly subject: unknown; readonly packages: readonly Record<string, unknown>[] };
  }

  /** Documents by tag. */
  function documents(folder: string): Record<string, Artifact> {
    const read = (digest: string) => JSON.parse(readFileSync(join(folder, 'blobs', digest.replace(':', '/')), 'utf8'));
    const { manifests } = JSON.parse(readFileSync(join(folder, 'index.json'), 'utf8'));
    return Object.fromEntries(
      (manifests as { digest: string; annotations: Record<string, string> }[]).map(({ digest, annotations }) => {
        const manifest = read(digest);
        return [
          annotations['org.opencontainers.image.ref.name'],
          { manifest, document: read(manifest.layers[0].digest) },
        ];
      }),
    );
  }

  test('both documents are about the manifest in out/app', () => {
    const { provenance, sbom } = documents(join(tree, 'out/app.referrers'));
    const index = JSON.parse(readFileSync(join(tree, 'out/app/index.json'), 'utf8')).manifests[0].digest as string;
    const { manifests } = JSON.parse(readFileSync(join(tree, 'out/app/blobs', index.replace(':', '/')), 'utf8'));
    const { digest, size, mediaType } = manifests[0];
    for (const { manifest } of [provenance!, sbom!]) expect(manifest.subject).toEqual({ digest, size, mediaType });
    expect(provenance!.document.subject).toEqual([{ name: 'recipes/app', digest: { sha256: digest.slice(7) } }]);
    expect(spdxFaults(sbom!.document)).toEqual([]);
  });

  test('the same bytes in another store, another folder, one by one, from nothing and from the cache', () => {
    const store = lab.otherStore(lab.path('store-2'));
    const out = lab.path('elsewhere/deep');
    const result = lab.runRecipes(tree, ['app', '--out', out, '--no-cache', '--jobs', '1'], { store, cwd: '/' });
    expect(result.status, result.stderr).toBe(0);
    expect(result.ran).toBeGreaterThan(3);
    expect(content(join(out, 'app.referrers'))).toEqual(expected);
    const cached = lab.path('from-cache');
    expect(lab.runRecipes(tree, ['tools', 'app', '--out', cached]).ran).toBe(0);
    expect(content(join(cached, 'app.referrers'))).toEqual(expected);
  });

  test('the same bytes as root and as an unprivileged user', (context) => {
    if (otherUser === undefined) context.skip('needs root, and a user with a line in /etc/subuid');
    const by = another(otherUser!);
    const theirs = makeTree(by, 'another tree');
    const result = by.runRecipes(theirs, ['app']);
    expect(result.status, result.stderr).toBe(0);
    expect(content(join(theirs, 'out/app.referrers'))).toEqual(expected);
    expect(statSync(join(theirs, 'out/app.referrers/index.json')).uid).toBe(otherUser!.uid);
  });

  test('they are written when they would differ, and only then', () => {
    const folder = join(tree, 'out/app.referrers');
    const inode = () => statSync(folder).ino;
    const run = () => expect(lab.runRecipes(tree, ['app']).status).toBe(0);
    const before = inode();
    run();
    expect(inode()).toBe(before);
    const damages: readonly (() => void)[] = [
      () => writeFileSync(join(folder, 'blobs/sha256', 'a'.repeat(64)), 'x'),
      () => writeFileSync(join(folder, 'index.json'), '{}'),
      () => {
        const [name] = readdirSync(join(folder, 'blobs/sha256')).sort();
        const path = join(folder, 'blobs/sha256', name!);
        writeFileSync(path, readFileSync(path).fill(0x20));
      },
    ];
    for (const damage of damages) {
      damage();
      expect(content(folder)).not.toEqual(expected);
      run();
      expect(content(folder)).toEqual(expected);
    }
    // Another licence is another document about the same image.
    const toml = readFileSync(join(tree, 'recipes/tools/package.toml'), 'utf8');
    lab.write('tree/recipes/tools', { 'package.toml': toml.replace('license = "none"', 'license = "MIT"') });
    run();
    const { sbom } = documents(folder);
    expect(sbom!.document.packages.find(({ name }) => name === 'recipes/tools')?.['licenseDeclared']).toBe('MIT');
    expect(readFileSync(join(tree, 'out/app/index.json'), 'utf8')).toContain('sha256:');
  });

  test('two recipes of one short name have places of their own', () => {
    lab.write('tree/bootstrap/app', { Containerfile: 'FROM scratch\nCOPY Containerfile /\n' });
    const result = lab.runRecipes(tree, ['bootstrap/app', 'recipes/app', '--out', lab.path('twins')]);
    expect(result.status).toBe(0);
    for (const place of ['twins/app', 'twins/app.referrers', 'twins/bootstrap/app', 'twins/bootstrap/app.referrers']) {
      expect(existsSync(join(lab.path(place), 'index.json'))).toBe(true);
    }
    rmSync(join(tree, 'bootstrap'), { recursive: true });
  });

  test('something else in their place is never touched', () => {
    const out = lab.path('occupied');
    lab.write('occupied/app.referrers', { mine: 'x' });
    const result = lab.runRecipes(tree, ['app', '--out', out]);
    expect(result).toMatchObject({
      status: 2,
      stderr: expect.stringMatching(/app\.referrers is there and is no OCI layout/),
    });
    expect(existsSync(join(out, 'app'))).toBe(false);
  });

  test('what was observed goes to a log of the store, when there was something to do', () => {
    const logs = () => readdirSync(join(lab.store, 'logs')).filter((name) => /^build-.*\.jsonl$/.test(name));
    const before = logs();
    expect(before.length).toBeGreaterThan(0);
    const events = readFileSync(join(lab.store, 'logs', before[0]!), 'utf8')
      .trimEnd()
      .split('\n');
    const [machine, ...rest] = events.map((line) => JSON.parse(line));
    expect(machine).toMatchObject({ type: 'machine', uid: self.uid, node: process.version });
    expect(rest.filter(({ type }) => type === 'op-end').length).toBeGreaterThan(2);
    expect(lab.runRecipes(tree, ['app']).status).toBe(0);
    expect(logs()).toEqual(before);
  });
});
