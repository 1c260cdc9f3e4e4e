// `--compression`: what it changes, what it leaves, and who reads the result. umoci of Debian 12 (0.4.7) knows no zstd.

import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Lab, parseBuild, readImage } from '../sandbox/engine.ts';

const has = (program: string): boolean => spawnSync(program, ['--version']).status === 0;
const KINDS = ['gzip', 'zstd', 'none'] as const;

describe('--compression', () => {
  let lab: Lab;
  let scratch: string;
  let context: string;
  const digests = new Map<string, string>();
  const layouts = new Map<string, string>();
  beforeAll(() => {
    lab = new Lab();
    scratch = join(tmpdir(), `ocibuild-compression-${process.pid}`);
    mkdirSync(scratch);
    context = lab.write('context', {
      Containerfile: 'FROM scratch\nCOPY text /usr/share/text\nCOPY Containerfile /etc/c\n',
      text: 'the layer of an image\n'.repeat(20_000),
    });
    for (const kind of KINDS) {
      const layout = join(scratch, kind);
      const built = build('--compression', kind, '-o', `oci:${layout}`);
      expect(built.status, built.stderr).toBe(0);
      digests.set(kind, built.digest);
      layouts.set(kind, layout);
    }
  });
  afterAll(() => {
    lab.remove();
    rmSync(scratch, { recursive: true, force: true });
  });

  const build = (...args: string[]) => parseBuild(lab.run(['build', ...args, context]));
  const layersOf = (kind: string) => readImage(layouts.get(kind)!).manifest.layers;
  const diffIdsOf = (kind: string) => readImage(layouts.get(kind)!).config.rootfs.diff_ids;

  test('other blobs and digests, the same diffIDs', () => {
    expect(new Set(digests.values()).size).toBe(3);
    expect(KINDS.map((kind) => (layersOf(kind)[0] as { mediaType?: string }).mediaType)).toEqual([
      'application/vnd.oci.image.layer.v1.tar+gzip',
      'application/vnd.oci.image.layer.v1.tar+zstd',
      'application/vnd.oci.image.layer.v1.tar',
    ]);
    expect(diffIdsOf('zstd')).toEqual(diffIdsOf('gzip'));
    expect(diffIdsOf('none')).toEqual(diffIdsOf('gzip'));
    expect(layersOf('none').map((layer) => layer.digest)).toEqual(diffIdsOf('gzip'));
  });

  test('the store keeps them apart: the same again, and gzip where nothing is said', () => {
    for (const kind of KINDS) {
      const again = build('--compression', kind);
      expect(again.digest).toBe(digests.get(kind));
      expect(again.ran).toBe(0);
    }
    expect(build().digest).toBe(digests.get('gzip'));
  });

  test('another word is refused', () => {
    const refused = build('--compression', 'brotli');
    expect(refused.status).toBe(2);
    expect(refused.stderr).toMatch(/gzip, zstd/);
  });

  function run(program: string, ...args: string[]) {
    return spawnSync(program, args, {
      encoding: 'utf8',
      env: { ...process.env, HOME: scratch, XDG_RUNTIME_DIR: scratch },
    });
  }

  test.skipIf(!has('skopeo')).each(KINDS)('skopeo copies %s, and the layer it decodes is the same', (kind) => {
    const directory = join(scratch, `dir-${kind}`);
    const copied = run(
      'skopeo',
      'copy',
      '-q',
      '--insecure-policy',
      '--dest-decompress',
      `oci:${layouts.get(kind)}`,
      `dir:${directory}`,
    );
    expect(copied.status, copied.stderr).toBe(0);
    const manifest = JSON.parse(readFileSync(join(directory, 'manifest.json'), 'utf8'));
    expect(manifest.layers.map((layer: { digest: string }) => layer.digest)).toEqual(diffIdsOf('gzip'));
  });

  test.skipIf(!has('podman')).each(KINDS)('podman pulls %s', (kind) => {
    const storage = ['--root', join(scratch, 'root'), '--runroot', join(scratch, 'run'), '--storage-driver', 'vfs'];
    const policy = lab.write(`policy-${kind}`, { 'policy.json': '{"default":[{"type":"insecureAcceptAnything"}]}' });
    const pulled = run(
      'podman',
      ...storage,
      'pull',
      '-q',
      '--signature-policy',
      join(policy, 'policy.json'),
      `oci:${layouts.get(kind)}`,
    );
    if (/cannot re-exec|newuidmap|cgroup|permission denied/i.test(pulled.stderr)) {
      console.log(`skipped: podman cannot run here: ${pulled.stderr.trim()}`);
      return;
    }
    expect(pulled.status, pulled.stderr).toBe(0);
    run('podman', ...storage, 'rmi', '-f', pulled.stdout.trim());
  });

  test.skipIf(!has('umoci')).each(KINDS)('umoci unpacks %s, or says that it does not know it', (kind) => {
    const bundle = join(scratch, `bundle-${kind}`);
    const rootless = process.getuid!() === 0 ? [] : ['--rootless'];
    const unpacked = run('umoci', 'unpack', ...rootless, '--image', `${layouts.get(kind)}:latest`, bundle);
    if (kind === 'zstd' && unpacked.status !== 0) {
      expect(unpacked.stderr).toMatch(/media.?type|zstd|unsupported/i);
      console.log('skipped: this umoci reads no zstd');
      return;
    }
    expect(unpacked.status, unpacked.stderr).toBe(0);
    expect(readFileSync(join(bundle, 'rootfs/usr/share/text'), 'utf8')).toHaveLength(22 * 20_000);
  });
});
