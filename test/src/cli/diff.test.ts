// diff, inspect, tree and cat as commands: what they print, write and answer for every form an image can have.

import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Digest, digestOf } from '../../../oci/digest.ts';
import { IN_TOTO_MEDIA_TYPE, provenanceStatement } from '../../../oci/in-toto.ts';
import { writeDockerArchive, writeOciArchive } from '../../../oci/layout/archive.ts';
import { createLayout } from '../../../oci/layout/layout.ts';
import { MEDIA_TYPE } from '../../../oci/media-type.ts';
import { artifactManifest } from '../../../oci/referrers.ts';
import { command as cat } from '../../../src/cli/cat.ts';
import type { Command } from '../../../src/cli/command.ts';
import { command as diff } from '../../../src/cli/diff.ts';
import { command as inspect } from '../../../src/cli/inspect.ts';
import { command as tree } from '../../../src/cli/tree.ts';
import { ImageLab, put, putImage, putIndex } from '../../oci/diff/build-image.ts';
import { archive, member } from '../../oci/diff/raw-tar.ts';
import { runCommand } from './run-command.ts';

const lab = new ImageLab();
let folder: string;
let manifest: Digest;

const lower = archive(
  member({ name: 'etc/', typeflag: '5', mode: '0000755\0' }),
  member({ name: 'etc/gone', data: 'gone\n' }),
  member({ name: 'etc/os', data: 'one\n' }),
);
const upper = (mode = '0000644\0') =>
  archive(
    member({ name: 'etc/', typeflag: '5', mode: '0000755\0' }),
    member({ name: 'etc/.wh.gone' }),
    member({ name: 'etc/bytes', data: Buffer.from([0, 255, 27, 10]), mode }),
    member({ name: 'etc/link', typeflag: '2', mode: '0000777\0', linkname: '../../../etc/os' }),
    member({ name: 'etc/\x1b[31m', typeflag: '6' }),
  );
const image = (mode?: string) => ({
  layers: [
    { tar: lower, createdBy: 'COPY lower /' },
    { tar: upper(mode), createdBy: 'RUN make' },
  ],
  config: { author: 'a\x1b[31m' },
});

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'diff-cli-'));
  mkdirSync(join(folder, 'recipes/hello'), { recursive: true });
  writeFileSync(join(folder, 'recipes/hello/Containerfile'), 'FROM scratch\n');
  const toml = '[package]\nname = "hello"\nversion = "1"\ndescription = "d"\nlicense = "none"\n';
  writeFileSync(join(folder, 'recipes/hello/package.toml'), toml);
  mkdirSync(join(folder, 'recipes/unbuilt'));
  writeFileSync(join(folder, 'recipes/unbuilt/Containerfile'), 'FROM scratch\n');
  writeFileSync(join(folder, 'recipes/unbuilt/package.toml'), toml.replace('hello', 'unbuilt'));
  const layout = createLayout(join(folder, 'out/hello'));
  const descriptor = { ...(await putImage(layout, image())), platform: { os: 'linux', architecture: 'amd64' } };
  manifest = descriptor.digest;
  const index = await putIndex(layout, [descriptor]);
  layout.writeIndex([index]);
  const other = createLayout(join(folder, 'other'));
  other.writeIndex([
    await putIndex(other, [{ ...(await putImage(other, image('0000600\0'))), platform: descriptor.platform }]),
  ]);
  await writeOciArchive(layout, { index, reference: 'x:y' }, join(folder, 'hello.oci.tar'));
  const platform = descriptor.platform;
  await writeDockerArchive(layout, { index, reference: 'x:y', platform }, join(folder, 'hello.docker.tar'));
  writeFileSync(join(folder, 'layer.tar.gz'), gzipSync(lower));
  const referrers = createLayout(join(folder, 'out/hello.referrers'));
  const statement = provenanceStatement([{ name: 'hello', digest: { sha256: manifest.slice(7) } }], {
    buildDefinition: {
      buildType: 'urn:test:1',
      externalParameters: { recipe: 'hello' },
      resolvedDependencies: [{ uri: 'urn:a', digest: { sha256: 'ab' } }],
    },
    runDetails: { builder: { id: 'urn:builder', version: { ocibuild: '1' } } },
  });
  const blob = await put(referrers, IN_TOTO_MEDIA_TYPE, statement as object);
  await referrers.putBytes(Buffer.from('{}'));
  referrers.writeIndex([await put(referrers, MEDIA_TYPE.manifest, artifactManifest(descriptor, blob) as object)]);
});
afterAll(() => {
  rmSync(folder, { recursive: true });
  rmSync(lab.folder, { recursive: true });
});

const run = (command: Command, ...words: string[]) => runCommand(command, words, folder, join(folder, 'store'));
const FORMS = [
  'hello',
  'recipes/hello',
  'oci:out/hello',
  'out/hello',
  'oci-archive:hello.oci.tar:y',
  'docker-archive:hello.docker.tar',
];

describe('diff', () => {
  test('0 and no difference, whatever the forms', async () => {
    for (const form of FORMS) {
      const { status, stdout } = await run(diff, 'hello', form);
      expect(stdout, form).toMatch(/(^|\n)no difference(, 2 notes)?\n$/);
      expect(status, form).toBe(0);
    }
  });
  test('1, the layer and its instruction, the field and both values', async () => {
    const { status, stdout } = await run(diff, 'hello', 'oci:other');
    expect(status).toBe(1);
    expect(stdout).toBe(
      'layer 2: RUN make\netc/bytes: field mode: changed [linux/amd64]\n    left:  0644\n    right: 0600\n1 difference\n',
    );
  });
  test('--ignore, counted', async () => {
    const ran = await run(diff, 'hello', 'oci:other', '--ignore', 'mo*');
    expect(ran).toMatchObject({ status: 0, stdout: 'no difference; ignored: mode 1\n' });
  });
  test('--json is one document', async () => {
    const { status, stdout } = await run(diff, '--json', 'hello', 'oci:other');
    expect(status).toBe(1);
    const report = JSON.parse(stdout);
    expect(report).toMatchObject({
      format: 1,
      left: 'hello',
      right: 'oci:other',
      equal: false,
      differences: 1,
      notes: 0,
      leftOut: 0,
      ignored: {},
      findings: [
        {
          level: 'field',
          kind: 'changed',
          weight: 'difference',
          field: 'mode',
          path: 'etc/bytes',
          left: '0644',
          right: '0600',
        },
      ],
    });
    expect(report.findings[0].layer.left).toMatchObject({ number: 2, createdBy: 'RUN make', history: 1 });
    const same = JSON.parse((await run(diff, '--json', 'hello', 'hello')).stdout);
    expect(same).toMatchObject({ equal: true, findings: [] });
  });
  test('--max', async () => {
    const { stdout } = await run(diff, '--max', '1', 'tar:layer.tar.gz', 'oci:other');
    expect(stdout).toMatch(/^\d+ differences, \d+ not told\n$/m);
    expect(stdout.match(/: (changed|missing)/g)).toHaveLength(1);
  });
  test('--html FILE is a page, and nothing else is left', async () => {
    const before = readdirSync(folder).sort();
    expect((await run(diff, '--html', 'page.html', 'hello', 'oci:other')).status).toBe(1);
    const page = readFileSync(join(folder, 'page.html'), 'utf8');
    expect(page).toMatch(/^<!doctype html>[\s\S]*<\/html>\n$/);
    expect(page).toContain('<h2>layer 2: RUN make</h2>');
    expect(page).toContain("default-src 'none'");
    expect(page).not.toMatch(/<script|https?:|src=|@import|url\(/);
    expect(readdirSync(folder).sort()).toEqual([...before, 'page.html'].sort());
    rmSync(join(folder, 'page.html'));
    await expect(run(diff, '--html', 'no/where.html', 'hello', 'hello')).rejects.toMatchObject({ code: 'USAGE' });
    // A comparison that fails leaves no half of a page.
    writeFileSync(join(folder, 'cut.tar'), lower.subarray(0, 700));
    await expect(run(diff, '--html', 'page.html', 'cut.tar', 'layer.tar.gz')).rejects.toThrow(/cut.tar/);
    rmSync(join(folder, 'cut.tar'));
    expect(readdirSync(folder).sort()).toEqual(before);
  });
  test.each([
    ['none', 'USAGE'],
    ['unbuilt', 'USAGE'],
    ['recipes/unbuilt', 'USAGE'],
    ['oci:none', 'USAGE'],
    ['oci-archive:none:tag', 'USAGE'],
    ['oci:other:none', 'LAYOUT_INVALID'],
    ['oci-archive:layer.tar.gz', 'LAYOUT_INVALID'],
    ['oci:out/hello:none', 'LAYOUT_INVALID'],
    [digestOf('x'), 'LAYOUT_INVALID'],
  ])('%s: %s', async (form, code) => {
    await expect(run(diff, 'hello', form)).rejects.toMatchObject({ code });
  });
  test('stops when it is told to', async () => {
    const controller = new AbortController();
    controller.abort(new Error('stopped'));
    const stopped: Command = { ...diff, run: (context) => diff.run({ ...context, signal: controller.signal }) };
    await expect(run(stopped, 'hello', 'oci:other')).rejects.toThrow('stopped');
  });
});

const TREE = `drwxr-xr-x 0:0                0 etc/
prw-r--r-- 0:0                0 etc/\\x1b[31m
-rw-r--r-- 0:0                4 etc/bytes
lrwxrwxrwx 0:0                0 etc/link -> ../../../etc/os
-rw-r--r-- 0:0                4 etc/os
`;

describe('tree', () => {
  test('the merged rootfs, of every form', async () => {
    for (const form of FORMS) expect((await run(tree, form)).stdout, form).toBe(TREE);
    expect((await run(tree, 'layer.tar.gz')).stdout).toContain('etc/gone');
  });
  test('--layer N is one layer as it is', async () => {
    const { stdout } = await run(tree, 'hello', '--layer', '2');
    expect(stdout).toContain('!--------- 0:0                0 etc/gone\n');
    expect((await run(tree, 'hello', '--layer', '1')).stdout).toContain('etc/gone');
    await expect(run(tree, 'hello', '--layer', '3')).rejects.toMatchObject({ code: 'USAGE', message: /1 to 2/ });
  });
  test('--json', async () => {
    const list = JSON.parse((await run(tree, 'hello', '--json')).stdout);
    expect(list).toHaveLength(5);
    expect(list[3]).toEqual({
      path: 'etc/link',
      type: 'symlink',
      mode: '0777',
      uid: 0,
      gid: 0,
      size: 0,
      mtime: 0,
      target: '../../../etc/os',
      layer: 2,
    });
    expect(list[4]).toMatchObject({ path: 'etc/os', type: 'file', size: 4, layer: 1 });
    mkdirSync(join(folder, 'empty'));
    expect(JSON.parse((await run(tree, '--json', 'dir:empty')).stdout)).toEqual([]);
  });
  test('a platform that is not there', async () => {
    await expect(run(tree, 'hello', '--platform', 'linux/s390x')).rejects.toMatchObject({ code: 'PLATFORM_INVALID' });
  });
});

describe('cat', () => {
  const bytes = async (words: string[], isTTY?: boolean) => {
    const parts: Buffer[] = [];
    const stdout = { isTTY, write: (part: Uint8Array | string) => parts.push(Buffer.from(part as string)) > 0 };
    const wrapped: Command = { ...cat, run: (context) => cat.run({ ...context, stdout: stdout as never }) };
    const { status } = await run(wrapped, ...words);
    return { status, bytes: Buffer.concat(parts) };
  };
  test('raw bytes, of every form', async () => {
    for (const form of FORMS) {
      expect(await bytes([form, 'etc/bytes']), form).toEqual({ status: 0, bytes: Buffer.from([0, 255, 27, 10]) });
    }
  });
  test('to a terminal, escaped', async () => {
    expect((await bytes(['hello', 'etc/bytes'], true)).bytes.toString()).toBe('\\x00\ufffd\\x1b\n');
  });
  test('links lead nowhere but into the image', async () => {
    expect((await bytes(['hello', '/etc/link'])).bytes.toString()).toBe('one\n');
    symlinkSync('/etc/passwd', join(folder, 'out/passwd'));
    await expect(run(cat, 'hello', '../passwd')).rejects.toMatchObject({ code: 'CHECK_FAILED' });
    mkdirSync(join(folder, 'rootfs'));
    symlinkSync('/etc/passwd', join(folder, 'rootfs/out'));
    await expect(run(cat, 'dir:rootfs', 'out')).rejects.toMatchObject({ code: 'CHECK_FAILED' });
  });
  test.each([
    ['etc/gone', /no file etc\/gone/],
    ['etc', /is no file: want a file, got a directory/],
    ['etc/\x1b[31m', /\\x1b.*got a fifo/],
    ['none', /see `ocibuild tree`/],
  ])('%j is an error', async (path, message) => {
    await expect(run(cat, 'hello', path)).rejects.toThrow(message);
  });
  test('--layer N sees what is deleted above', async () => {
    expect((await bytes(['hello', 'etc/gone', '--layer', '1'])).bytes.toString()).toBe('gone\n');
  });
  test('nothing is written of a layer that is damaged', async () => {
    const layout = await lab.image(image());
    const { layers } = JSON.parse(layout.readBytes(layout.readIndex()[0]!).toString());
    const path = layout.blobPath(layers[1].digest);
    const blob = readFileSync(path);
    blob[blob.length - 1]! ^= 1;
    writeFileSync(path, blob);
    const parts: unknown[] = [];
    const stdout = { write: (part: unknown) => parts.push(part) > 0 };
    const wrapped: Command = { ...cat, run: (context) => cat.run({ ...context, stdout: stdout as never }) };
    await expect(run(wrapped, `oci:${layout.directory}`, 'etc/os')).rejects.toThrow(layers[1].digest);
    expect(parts).toEqual([]);
  });
});

describe('inspect', () => {
  test('what lies beside an image is shown with it', async () => {
    for (const form of ['hello', 'oci:out/hello', 'out/hello']) {
      const { stdout } = await run(inspect, form);
      expect(stdout, form).toMatch(/^referrer +sha256:[0-9a-f]{64} application\/vnd.in-toto\+json$/m);
      expect(stdout).toContain(`about ${manifest}`);
      expect(stdout).toContain('1 resolved dependencies');
    }
    const { referrers } = JSON.parse((await run(inspect, 'hello', '--json')).stdout);
    expect(referrers[0]).toMatchObject({
      subject: manifest,
      documents: [{ predicate: { runDetails: { builder: { id: 'urn:builder' } } } }],
    });
    expect((await run(inspect, 'oci:other')).stdout).not.toContain('referrer');
  });
  test('which history entry made which layer', async () => {
    const { stdout } = await run(inspect, 'hello');
    expect(stdout).toMatch(/^history +layer 2 +RUN make$/m);
    expect(stdout).toMatch(/^author +a\\x1b\[31m$/m);
  });
  test("Docker's archive", async () => {
    const { stdout } = await run(inspect, 'docker-archive:hello.docker.tar');
    expect(stdout).toMatch(/^name +x:y$/m);
    expect(stdout).not.toMatch(/^manifest/m);
    expect(JSON.parse((await run(inspect, '--json', 'docker-archive:hello.docker.tar')).stdout).images).toHaveLength(1);
  });
  test('a layer, and a directory', async () => {
    const { stdout } = await run(inspect, '--json', 'layer.tar.gz');
    expect(JSON.parse(stdout)).toMatchObject({ diffID: digestOf(lower), entries: 3, bytes: 9, tar: lower.length });
    expect((await run(inspect, 'dir:out')).stdout).toMatch(/^directory +dir:out\nentries +\d+\n/);
  });
});
