// The canonical layer, before the programs that have to read it; and, byte for byte, before another that writes it.

import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createCompressor } from '../../oci/codec/load.ts';
import { encodeConfig } from '../../oci/config.ts';
import type { Descriptor } from '../../oci/descriptor.ts';
import { type Digest, digestOf } from '../../oci/digest.ts';
import { encodeImageIndex, imageIndex } from '../../oci/image-index.ts';
import { compareTars, verifyLayer } from '../../oci/layer/compare.ts';
import { encodeHeader, TYPE_FLAG } from '../../oci/layer/header.ts';
import { readTarSync } from '../../oci/layer/reader.ts';
import { writeLayer } from '../../oci/layer/writer.ts';
import { writeDockerArchive, writeOciArchive } from '../../oci/layout/archive.ts';
import { createLayout, type Layout } from '../../oci/layout/layout.ts';
import { openLayer } from '../../oci/layout/open-layer.ts';
import { encodeManifest, imageManifest } from '../../oci/manifest.ts';
import { MEDIA_TYPE } from '../../oci/media-type.ts';
import { hostPlatform } from '../../oci/platform.ts';
import { native } from '../../oci/profile.ts';
import { entry, file, KEEP, tarOf, ZERO } from '../oci/layer/build.ts';
import { IS_ROOT, makeHardTree } from '../oci/layer/hard-tree.ts';
import { walk } from '../oci/layer/walk.ts';

const root = mkdtempSync(join(tmpdir(), 'layer-tools-'));
const tree = join(root, 'tree');
const tar = join(root, 'tree.tar');
beforeAll(async () => {
  mkdirSync(tree);
  makeHardTree(tree);
  writeFileSync(tar, await tarOf(walk(tree), KEEP));
});
afterAll(() => {
  rmSync(root, { recursive: true, force: true });
});

/** Why a test of a tool is skipped, told once; undefined when the tool is there. */
function missing(tool: string, ...versionArgs: string[]): boolean {
  const isMissing = spawnSync(tool, versionArgs.length === 0 ? ['--version'] : versionArgs).status !== 0;
  if (isMissing) console.warn(`skipped: ${tool} is not installed`);
  return isMissing;
}

function needsRoot(what: string): boolean {
  if (!IS_ROOT) console.warn(`skipped: ${what} only works as root`);
  return !IS_ROOT;
}

/** Two walks told apart by everything a layer carries. */
function listing(directory: string, withOwners = true): unknown[] {
  return Array.from(walk(directory), (one) => ({
    ...one,
    source: undefined,
    owner: withOwners ? one.owner : undefined,
    content: one.type === 'file' ? digestOf(readFileSync(one.source!)) : undefined,
  }));
}

describe.skipIf(missing('tar'))('GNU tar', () => {
  test('lists every entry, in order, without a warning', () => {
    const run = spawnSync('tar', ['--quoting-style=literal', '-tf', tar], { encoding: 'latin1' });
    expect([run.status, run.stderr]).toEqual([0, '']);
    const names = Array.from(walk(tree), (one) => `${one.path}${one.type === 'directory' ? '/' : ''}\n`);
    expect(run.stdout).toBe(names.join(''));
  });

  test('extracts the tree again', () => {
    const out = join(root, 'gnu');
    mkdirSync(out);
    execFileSync('tar', ['-xpf', tar, '-C', out, ...(IS_ROOT ? ['--same-owner', '--numeric-owner'] : [])]);
    expect(listing(out)).toEqual(listing(tree));
  });

  test.each(['v7', 'ustar', 'gnu', 'oldgnu', 'pax', 'posix'])('what it writes as %s is read', (format) => {
    const names = join(root, 'names');
    // v7 and ustar cannot carry all of the tree.
    const simple = ['plain', 'empty', 'a', 'hard-1', 'hard-2', 'sticky', 'setuid', 'link-dangling', 'large'];
    const all = readdirSync(tree, { encoding: 'buffer' });
    const chosen = format === 'v7' || format === 'ustar' ? simple.map((name) => Buffer.from(name)) : all;
    writeFileSync(names, Buffer.concat(chosen.flatMap((name) => [Buffer.from('./'), name, Buffer.from([0])])));
    const path = join(root, `${format}.tar`);
    execFileSync('tar', [`--format=${format}`, '--numeric-owner', '-cf', path, '-C', tree, '--null', '-T', names]);
    const wanted = new Map(Array.from(walk(tree), (one) => [one.path, one]));
    const links = new Map<string, string>();
    let count = 0;
    for (const { entry: got, content } of readTarSync([readFileSync(path)])) {
      const want = wanted.get(got.path)!;
      count++;
      // Which name of a hard link comes first is the archive's choice.
      if (got.type === 'hardlink') links.set(got.path, got.target!);
      else if (want.type !== 'hardlink') {
        expect(got).toMatchObject({
          type: want.type,
          mode: want.mode,
          size: want.size,
          owner: want.owner,
          mtime: want.mtime,
        });
        expect(got.target).toBe(want.target);
        if (format !== 'v7') expect(got.device).toEqual(want.device);
      }
      if (got.type === 'file' && want.type === 'file') {
        const bytes = Buffer.concat(Array.from(content, (part) => Buffer.from(part)));
        expect(bytes.equals(readFileSync(want.source!))).toBe(true);
      }
    }
    expect(count).toBe(chosen === all ? wanted.size : simple.length + 1);
    expect(links.size).toBe(chosen === all ? 3 : 1);
  });

  test.each(['gnu', 'posix --sparse-version=0.0', 'posix --sparse-version=0.1', 'posix --sparse-version=1.0'])(
    'sparse files it writes as %s',
    (how) => {
      const path = join(root, 'sparse');
      execFileSync('truncate', ['-s', '3000000', path]);
      for (const [at, text] of [
        [70_000, 'one'],
        [1_000_000, 'two'],
        [2_999_997, 'end'],
      ] as const) {
        execFileSync('dd', [`of=${path}`, 'bs=1', `seek=${at}`, 'conv=notrunc', 'status=none'], { input: text });
      }
      const [format, ...more] = how.split(' ');
      execFileSync('tar', ['-S', `--format=${format}`, ...more, '-C', root, '-cf', `${path}.tar`, 'sparse']);
      const archive = readFileSync(`${path}.tar`);
      expect(archive.length).toBeLessThan(200_000);
      for (const { entry: got, content } of readTarSync([archive])) {
        expect(got).toMatchObject({ path: 'sparse', size: 3_000_000 });
        expect(Buffer.concat(Array.from(content, (part) => Buffer.from(part))).equals(readFileSync(path))).toBe(true);
      }
    },
  );

  test('accepts a size of 8 GiB from a pax record', () => {
    const header = encodeHeader({
      name: 'huge',
      linkName: '',
      typeFlag: TYPE_FLAG.file,
      mode: 0o644,
      uid: 0,
      gid: 0,
      size: 8 * 2 ** 30,
      mtime: 0,
      major: 0,
      minor: 0,
    });
    const run = spawnSync('tar', ['-tvf', '-'], { input: header, encoding: 'utf8' });
    expect(run.stdout).toMatch(/8589934592 .* huge/);
  });
});

const PYTHON = `
import json, sys, tarfile
with tarfile.open(sys.argv[1], encoding='latin1', errors='strict') as archive:
    json.dump([[m.name, m.type.decode(), m.mode, m.uid, m.gid, m.size, m.mtime, m.linkname, m.devmajor, m.devminor,
                m.uname, m.gname] for m in archive], sys.stdout)
`;

test.skipIf(missing('python3'))('python tarfile reads every field', () => {
  const flags: Record<string, string> = {
    file: '0',
    hardlink: '1',
    symlink: '2',
    char: '3',
    block: '4',
    directory: '5',
    fifo: '6',
  };
  // It decodes pax records as UTF-8 and falls back to the given encoding.
  const decode = (text: string, always: boolean) => {
    const utf8 = Buffer.from(text, 'latin1').toString('utf8');
    return always || Buffer.from(utf8).equals(Buffer.from(text, 'latin1')) ? utf8 : text;
  };
  const wanted = Array.from(walk(tree), (one) => [
    decode(one.path, false),
    flags[one.type],
    one.mode,
    one.owner!.uid,
    one.owner!.gid,
    one.size,
    one.mtime,
    decode(one.target ?? '', false),
    one.device?.major ?? 0,
    one.device?.minor ?? 0,
    '',
    '',
  ]);
  expect(JSON.parse(execFileSync('python3', ['-c', PYTHON, tar], { encoding: 'utf8' }))).toEqual(wanted);
});

describe('an image of these layers', () => {
  let layout: Layout;
  let index: Descriptor;
  let layers: Descriptor[];
  let diffIds: Digest[];
  const kept = { owner: 'keep', time: 'clamp', epoch: 2_000_000_000 } as const;
  const second = () => [
    entry('a', 'directory'),
    file('a/new', 'new'),
    entry('a/x', 'whiteout'),
    entry('plain', 'whiteout'),
    file('second', '2'),
  ];

  beforeAll(async () => {
    layout = createLayout(join(root, 'layout'));
    const write = async (
      entries: Iterable<ReturnType<typeof file>>,
      policy: typeof kept | typeof ZERO,
      kind: 'gzip' | 'zstd' | 'none',
    ) => {
      const layer = await writeLayer(entries, policy, {
        compression: kind,
        compressorFor: createCompressor,
        blob: layout.beginBlob(),
        profile: native,
      });
      layers.push(layer.descriptor);
      diffIds.push(layer.diffId);
      return layer;
    };
    layers = [];
    diffIds = [];
    const first = await write(walk(tree), kept, 'gzip');
    await verifyLayer({
      tar: openLayer(layout, first.descriptor),
      diffId: first.diffId,
      entries: walk(tree),
      policy: kept,
    });
    await write(second(), ZERO, 'gzip');
    const config = await layout.putBytes(
      encodeConfig(
        { ...hostPlatform(), config: { Cmd: ['/plain'] }, rootfs: { type: 'layers', diff_ids: diffIds } },
        native,
      ),
    );
    const manifest = await layout.putBytes(
      encodeManifest(imageManifest({ mediaType: MEDIA_TYPE.config, ...config }, layers, native), native),
    );
    index = {
      mediaType: MEDIA_TYPE.index,
      ...(await layout.putBytes(
        encodeImageIndex(
          imageIndex([{ mediaType: MEDIA_TYPE.manifest, ...manifest, platform: hostPlatform() }], native),
          native,
        ),
      )),
    };
    layout.writeIndex([{ ...index, annotations: { 'org.opencontainers.image.ref.name': 'tag' } }]);
  });

  test.skipIf(missing('umoci') || needsRoot('umoci unpack of a tree with owners and devices'))(
    'umoci unpacks it, whiteouts applied',
    () => {
      const bundle = join(root, 'bundle');
      execFileSync('umoci', ['unpack', '--image', `${layout.directory}:tag`, bundle], { stdio: 'pipe' });
      const rootfs = join(bundle, 'rootfs');
      const gone = new Set(['a/x', 'plain']);
      const changed = new Set(['a', 'a/new', 'second']);
      const strip = (list: unknown[]) =>
        (list as { path: string }[]).filter(({ path }) => !gone.has(path) && !changed.has(path));
      expect(strip(listing(rootfs))).toEqual(strip(listing(tree)));
      const names = new Set(Array.from(walk(rootfs), (one) => one.path as string));
      expect([...gone].filter((name) => names.has(name))).toEqual([]);
      expect([...changed].filter((name) => !names.has(name))).toEqual([]);
    },
  );

  test.skipIf(missing('skopeo'))('skopeo copies layout, OCI archive and Docker archive, digests checked', async () => {
    const [oci, docker] = [join(root, 'oci.tar'), join(root, 'docker.tar')];
    await writeOciArchive(layout, { index, reference: 'tag' }, oci);
    await writeDockerArchive(layout, { index, reference: 'localhost/name:tag' }, docker);
    for (const [i, source] of [
      `oci:${layout.directory}:tag`,
      `oci-archive:${oci}:tag`,
      `docker-archive:${docker}`,
    ].entries()) {
      const target = join(root, `copy-${i}`);
      execFileSync('skopeo', ['copy', '--insecure-policy', source, `dir:${target}`], { stdio: 'pipe' });
      const inspected = JSON.parse(execFileSync('skopeo', ['inspect', '--config', source], { encoding: 'utf8' }));
      expect(inspected.rootfs.diff_ids).toEqual(diffIds);
    }
  });
});

describe.skipIf(missing('buildah') || needsRoot('buildah mount'))('buildah', () => {
  const storage = ['--storage-driver', 'vfs', '--root', join(root, 'storage'), '--runroot', join(root, 'run')];
  const buildah = (...args: string[]) =>
    execFileSync('buildah', [...storage, ...args], { encoding: 'utf8', stdio: 'pipe' }).trim();

  /** Old versions put the file type's bits into the mode field; nothing else may differ. */
  function withoutTypeBits(bytes: Buffer): Buffer {
    const copy = Buffer.from(bytes);
    for (const { offset, header } of readTarSync([bytes], { keepHeaders: true })) {
      const at = offset + header!.length - 512;
      const mode = Number.parseInt(copy.toString('latin1', at + 100, at + 107), 8) & 0o7777;
      copy.write(mode.toString(8).padStart(7, '0'), at + 100);
      copy.fill(' ', at + 148, at + 156);
      const sum = copy.subarray(at, at + 512).reduce((total, byte) => total + byte);
      copy.write(`${sum.toString(8).padStart(6, '0')}\0 `, at + 148);
    }
    return copy;
  }

  test('writes the same layer, byte for byte', async () => {
    const container = buildah('from', 'scratch');
    const mounted = buildah('mount', container);
    makeHardTree(mounted);
    const ours = await tarOf(walk(mounted), { owner: 'keep', time: 'set', epoch: 0 });
    const image = join(root, 'buildah');
    buildah('commit', '--timestamp', '0', '--disable-compression', container, `oci:${image}:x`);
    buildah('rm', container);
    const blobs = readdirSync(join(image, 'blobs', 'sha256')).map((name) =>
      readFileSync(join(image, 'blobs', 'sha256', name)),
    );
    const layer = blobs.find((bytes) => bytes.length > 9_000_000)!;
    const theirs = withoutTypeBits(layer);
    expect(compareTars([ours], [theirs])).toBeUndefined();
    expect(ours.equals(theirs)).toBe(true);
  });
});
