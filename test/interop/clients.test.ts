// The programs that read images take what we write: skopeo, umoci, podman.

import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, lstatSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { busybox, isRoot, Lab, readImage } from '../sandbox/engine.ts';
import { testRuntimes } from '../sandbox/harness.ts';

const has = (program: string): boolean => spawnSync(program, ['--version']).status === 0;

describe.skipIf(busybox === undefined || testRuntimes().length === 0)('out/NAME', () => {
  let lab: Lab;
  let layout: string;
  let digest: string;
  let scratch: string;
  beforeAll(() => {
    lab = new Lab();
    // podman makes a name of the path, and names have no capitals.
    scratch = join(tmpdir(), `ocibuild-clients-${process.pid}`);
    mkdirSync(scratch);
    const tree = lab.tree('tree', {
      hello: {
        Containerfile:
          'FROM scratch AS build\nCOPY --chmod=0755 busybox /bin/busybox\nRUN ["/bin/busybox", "--install", "-s", "/bin"]\n' +
          'FROM build\nRUN mkdir -p /d/e && echo text >/d/e/f && ln /d/e/f /d/g && rm /bin/ls\nCMD ["/bin/busybox", "echo", "it runs"]\n',
        busybox: readFileSync(busybox!) as never,
      },
    });
    const result = lab.runRecipes(tree, ['hello']);
    expect(result.status, result.stderr).toBe(0);
    digest = result.digest;
    layout = join(scratch, 'hello');
    cpSync(join(tree, 'out/hello'), layout, { recursive: true });
  });
  afterAll(() => {
    lab.remove();
    rmSync(scratch, { recursive: true, force: true });
  });

  function run(program: string, ...args: string[]): { status: number | null; stdout: string; stderr: string } {
    return spawnSync(program, args, {
      encoding: 'utf8',
      env: { ...process.env, HOME: scratch, XDG_RUNTIME_DIR: scratch },
    });
  }

  test.skipIf(!has('skopeo'))('skopeo inspects it, and copies it whole', () => {
    const inspected = run('skopeo', 'inspect', `oci:${layout}`);
    expect(inspected.status, inspected.stderr).toBe(0);
    const { manifest, index } = readImage(layout);
    expect(JSON.parse(inspected.stdout).Layers).toEqual(manifest.layers.map((layer) => layer.digest));
    expect(index.digest).toBe(digest);
    const raw = run('skopeo', 'inspect', '--raw', `oci:${layout}`);
    expect(JSON.parse(raw.stdout).mediaType).toBe('application/vnd.oci.image.index.v1+json');
    const copied = run('skopeo', 'copy', '--insecure-policy', '--all', `oci:${layout}`, `oci:${scratch}/copied:latest`);
    expect(copied.status, copied.stderr).toBe(0);
    expect(readImage(join(scratch, 'copied')).index.digest).toBe(digest);
  });

  test.skipIf(!has('umoci'))('umoci unpacks it', () => {
    const bundle = join(scratch, 'bundle');
    const unpacked = run('umoci', 'unpack', ...(isRoot ? [] : ['--rootless']), '--image', `${layout}:latest`, bundle);
    expect(unpacked.status, unpacked.stderr).toBe(0);
    expect(readFileSync(join(bundle, 'rootfs/d/g'), 'utf8')).toBe('text\n');
    expect(lstatSync(join(bundle, 'rootfs/d/g')).ino).toBe(lstatSync(join(bundle, 'rootfs/d/e/f')).ino);
    expect(existsSync(join(bundle, 'rootfs/bin/ls'))).toBe(false);
    expect(JSON.parse(readFileSync(join(bundle, 'config.json'), 'utf8')).process.args).toEqual([
      '/bin/busybox',
      'echo',
      'it runs',
    ]);
  });

  test.skipIf(!has('podman'))('podman pulls it and runs it', (context) => {
    const storage = ['--root', join(scratch, 'root'), '--runroot', join(scratch, 'run'), '--storage-driver', 'vfs'];
    const pulled = run('podman', ...storage, 'pull', '-q', '--signature-policy', policy(), `oci:${layout}`);
    if (pulled.status !== 0 && /cannot re-exec|newuidmap|cgroup|permission denied/i.test(pulled.stderr)) {
      context.skip(`podman cannot run here: ${pulled.stderr.trim()}`);
    }
    expect(pulled.status, pulled.stderr).toBe(0);
    const id = pulled.stdout.trim();
    const options = [
      '--rm',
      '--network=none',
      '--log-driver=none',
      '--ulimit=nofile=256:256',
      '--ulimit=nproc=256:256',
    ];
    // crun refuses machines with both kinds of cgroups, runc refuses to do without any.
    const ways = [
      { global: [], more: ['--cgroups=disabled'] },
      { global: ['--runtime', 'runc', '--cgroup-manager=cgroupfs'], more: [] },
    ];
    const attempts = ways.map(({ global, more }) =>
      run('podman', ...storage, '--events-backend=none', ...global, 'run', ...options, ...more, id),
    );
    const ran = attempts.find((attempt) => attempt.status === 0) ?? attempts[0]!;
    run('podman', ...storage, 'rmi', '-f', id);
    if (ran.status !== 0 && /cgroup|permission denied|operation not permitted|conmon|netns/i.test(ran.stderr)) {
      context.skip(`podman pulls, but runs nothing here: ${ran.stderr.trim()}`);
    }
    expect(ran.stdout, ran.stderr).toBe('it runs\n');
  });

  function policy(): string {
    const path = lab.write('policy', { 'policy.json': '{"default":[{"type":"insecureAcceptAnything"}]}' });
    return join(path, 'policy.json');
  }
});
