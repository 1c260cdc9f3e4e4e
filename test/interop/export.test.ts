// A recipe that was exported is built by buildah from what lies there alone, and gives the same layers: buildah
// writes the type of a file into tar's mode field (040755), so it is members that are compared, not diffIDs.

import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { busybox, Lab } from '../sandbox/engine.ts';
import { testRuntimes } from '../sandbox/harness.ts';

const hasBuildah = spawnSync('buildah', ['--version']).status === 0;
if (!hasBuildah) console.log('export is not compared: buildah is not installed');

describe.skipIf(busybox === undefined || testRuntimes().length === 0 || !hasBuildah)('an exported recipe', () => {
  let lab: Lab;
  let tree: string;
  let scratch: string;
  beforeAll(() => {
    lab = new Lab();
    scratch = mkdtempSync(join(tmpdir(), 'ocibuild-export-'));
    tree = lab.tree('tree', {
      tools: {
        Containerfile:
          'FROM scratch\nCOPY --chmod=0755 busybox /bin/busybox\nRUN ["/bin/busybox", "--install", "-s", "/bin"]\n',
        busybox: readFileSync(busybox!) as never,
      },
      app: {
        Containerfile:
          'ARG VERSION\nFROM recipes/tools AS build\nARG VERSION\nCOPY fetch/data input /in/\n' +
          'RUN mkdir /out && cat /in/* >/out/all && echo "$VERSION" >>/out/all && ln /out/all /out/hard && ln -s all /out/soft && chmod 4750 /out/all\n' +
          'FROM scratch\nCOPY --from=build /out /out\nCMD ["/out/all"]\n',
        input: 'from the context\n',
        'data.hex': '61 0a # a\n',
        'package.toml':
          '[package]\nname = "app"\nversion = "7"\ndescription = "d"\nlicense = "none"\n\n[sources.data]\n' +
          'hash = "87428fc522803d31065e7bce3cf03fe475096631e5e07bbd7a0fde60c4cf25c7"\nfile = "data"\nformat = "hex"\nmirrors = ["data.hex"]\n',
      },
    });
  });
  afterAll(() => {
    lab.remove();
    rmSync(scratch, { recursive: true, force: true });
  });

  test('is whole, and buildah gives the same members in the same order', (context) => {
    const ours = lab.runRecipes(tree, ['app']);
    expect(ours.status, ours.stderr).toBe(0);
    const folder = lab.path('exported');
    const exported = lab.run(['--tree', tree, 'export', 'app', folder]);
    expect(exported.status, exported.stderr).toBe(0);
    const names = readdirSync(folder).sort();
    expect(names).toEqual(expect.arrayContaining(['Containerfile', 'build.sh', 'fetch', 'images', 'input']));
    expect(readFileSync(join(folder, 'fetch/data'), 'utf8')).toBe('a\n');

    const env = {
      ...process.env,
      HOME: scratch,
      XDG_RUNTIME_DIR: scratch,
      STORAGE_DRIVER: 'vfs',
      BUILDAH_ISOLATION: 'chroot',
      CONTAINERS_STORAGE_CONF: join(lab.write('conf', { 'storage.conf': storageConf() }), 'storage.conf'),
    };
    const built = spawnSync('sh', [join(folder, 'build.sh'), 'buildah'], { env, encoding: 'utf8', timeout: 100_000 });
    if (built.status !== 0 && /operation not permitted|cannot clone|newuidmap|permission denied/i.test(built.stderr)) {
      context.skip(`buildah cannot build here: ${built.stderr.trim().split('\n').at(-1)}`);
    }
    expect(built.status, built.stderr + built.stdout).toBe(0);
    const pushed = spawnSync('buildah', ['push', '-q', 'recipes/app', `oci:${scratch}/pushed:latest`], {
      env,
      encoding: 'utf8',
    });
    expect(pushed.status, pushed.stderr).toBe(0);
    const [theirs, mine] = [join(scratch, 'pushed'), join(tree, 'out/app')].map((layout) => members(layout));
    expect(theirs).toEqual(mine);
    expect(mine).toHaveLength(4);
  });

  function storageConf(): string {
    return `[storage]\ndriver = "vfs"\ngraphroot = "${scratch}/graph"\nrunroot = "${scratch}/run"\n`;
  }

  /** Members of all layers of a layout's only image: GNU tar's listing, and the content of the files. */
  function members(directory: string): string[] {
    const blob = (digest: string) => join(directory, 'blobs/sha256', digest.slice('sha256:'.length));
    const json = (path: string) => JSON.parse(readFileSync(path, 'utf8'));
    let manifest = json(blob(json(join(directory, 'index.json')).manifests[0].digest));
    if (manifest.manifests !== undefined) manifest = json(blob(manifest.manifests[0].digest));
    return manifest.layers.flatMap(({ digest }: { digest: string }) => {
      const tar = (...args: string[]) =>
        spawnSync('tar', ['--numeric-owner', '--full-time', ...args, '-zf', blob(digest)], { encoding: 'utf8' });
      const content = tar('-xO').stdout;
      return tar('-tv')
        .stdout.trim()
        .split('\n')
        .map((line, at) => (at === 0 ? `${line}\n${content}` : line));
    });
  }
});
