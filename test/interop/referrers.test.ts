// The programs that read OCI layouts take what lies beside an image.

import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { busybox, Lab } from '../sandbox/engine.ts';
import { testRuntimes } from '../sandbox/harness.ts';

const has = (program: string): boolean => spawnSync(program, ['--version']).status === 0;
const tools = ['skopeo', 'umoci'].filter(has);
for (const tool of ['skopeo', 'umoci'])
  if (!tools.includes(tool)) process.stdout.write(`${tool} is not installed: referrers are not shown to it\n`);

describe.skipIf(busybox === undefined || testRuntimes().length === 0)('out/NAME.referrers', () => {
  let lab: Lab;
  let layout: string;
  let image: string;
  beforeAll(() => {
    lab = new Lab();
    const tree = lab.tree('tree', { hello: { Containerfile: 'FROM scratch\nCOPY file /\n', file: 'x\n' } });
    const result = lab.runRecipes(tree, ['hello']);
    expect(result.status, result.stderr).toBe(0);
    image = join(tree, 'out/hello');
    layout = `${image}.referrers`;
  });
  afterAll(() => lab.remove());

  const run = (program: string, ...args: string[]) => {
    const { status, stdout, stderr } = spawnSync(program, args, {
      encoding: 'utf8',
      env: { ...process.env, HOME: lab.directory },
    });
    expect(status, stderr).toBe(0);
    return stdout;
  };

  test.skipIf(!tools.includes('skopeo'))(
    'skopeo reads each by its tag, and its subject is the manifest skopeo finds in out/NAME',
    () => {
      const manifest = run('skopeo', 'inspect', '--raw', `oci:${image}`);
      const [platform] = (JSON.parse(manifest) as { manifests: { digest: string }[] }).manifests;
      for (const [tag, type] of [
        ['provenance', 'application/vnd.in-toto+json'],
        ['sbom', 'application/spdx+json'],
      ]) {
        const artifact = JSON.parse(run('skopeo', 'inspect', '--raw', `oci:${layout}:${tag}`));
        expect(artifact).toMatchObject({ artifactType: type, subject: { digest: platform!.digest } });
        const document = readFileSync(join(layout, 'blobs', artifact.layers[0].digest.replace(':', '/')));
        expect(`sha256:${createHash('sha256').update(document).digest('hex')}`).toBe(artifact.layers[0].digest);
      }
    },
  );

  test.skipIf(!tools.includes('skopeo'))('skopeo copies one, subject and all', () => {
    const copy = lab.path('copy');
    run('skopeo', '--insecure-policy', 'copy', `oci:${layout}:sbom`, `dir:${copy}`);
    const copied = readFileSync(join(copy, 'manifest.json'), 'utf8');
    expect(copied).toBe(run('skopeo', 'inspect', '--raw', `oci:${layout}:sbom`));
    rmSync(copy, { recursive: true });
  });

  test.skipIf(!tools.includes('umoci'))('umoci lists both tags', () => {
    expect(run('umoci', 'ls', '--layout', layout).trim().split('\n').sort()).toEqual(['provenance', 'sbom']);
  });
});
