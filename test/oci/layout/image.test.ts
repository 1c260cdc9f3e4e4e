import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeEach, describe, expect, test } from 'vitest';
import { encodeConfig } from '../../../oci/config.ts';
import type { Descriptor } from '../../../oci/descriptor.ts';
import { digestOf, hexOf } from '../../../oci/digest.ts';
import { encodeImageIndex, imageIndex } from '../../../oci/image-index.ts';
import { readTarSync } from '../../../oci/layer/reader.ts';
import { writeDockerArchive, writeOciArchive } from '../../../oci/layout/archive.ts';
import { resolveImage } from '../../../oci/layout/image.ts';
import { createLayout, type Layout } from '../../../oci/layout/layout.ts';
import { openLayer } from '../../../oci/layout/open-layer.ts';
import { encodeManifest, imageManifest } from '../../../oci/manifest.ts';
import { MEDIA_TYPE } from '../../../oci/media-type.ts';
import { parsePlatform } from '../../../oci/platform.ts';
import { native } from '../../../oci/profile.ts';
import { file, tarOf } from '../layer/build.ts';

const root = mkdtempSync(join(tmpdir(), 'image-'));
afterAll(() => rmSync(root, { recursive: true }));
let next = 0;
let layout: Layout;
beforeEach(() => {
  layout = createLayout(join(root, String(next++)));
});

const AMD64 = parsePlatform('linux/amd64');
const ARM64 = parsePlatform('linux/arm64');
const REF = 'org.opencontainers.image.ref.name';

async function put(mediaType: string, bytes: Buffer): Promise<Descriptor> {
  return { mediaType, ...(await layout.putBytes(bytes)) };
}

/** An image of one layer; `text` makes it different from others. */
async function image(platform: string, text = platform, diffId?: string): Promise<Descriptor> {
  const tar = await tarOf([file('text', text)]);
  const config = { ...parsePlatform(platform), rootfs: { type: 'layers', diff_ids: [diffId ?? digestOf(tar)] } };
  return put(
    MEDIA_TYPE.manifest,
    encodeManifest(
      imageManifest(
        await put(MEDIA_TYPE.config, encodeConfig(config as never, native)),
        [await put(MEDIA_TYPE.layerGzip, gzipSync(tar))],
        native,
      ),
      native,
    ),
  );
}

async function index(...manifests: Descriptor[]): Promise<Descriptor> {
  return put(MEDIA_TYPE.index, encodeImageIndex(imageIndex(manifests, native), native));
}

describe('resolveImage', () => {
  test('a manifest alone', async () => {
    const manifest = await image('linux/amd64');
    layout.writeIndex([manifest]);
    const found = resolveImage(layout, AMD64);
    expect(found.descriptor).toEqual(manifest);
    expect(found.index).toBeUndefined();
    expect(found.config.architecture).toBe('amd64');
    expect(found.manifest.layers).toHaveLength(1);
  });

  test('by platform, through an image index, whatever else it lists', async () => {
    const [amd, arm] = [await image('linux/amd64'), await image('linux/arm64')];
    const attestation = {
      ...(await image('linux/amd64', 'attestation')),
      annotations: { 'vnd.docker.reference.type': 'attestation-manifest' },
    };
    const elsewhere = { ...amd, digest: digestOf('elsewhere'), platform: parsePlatform('linux/s390x') };
    const top = await index(
      { ...amd, platform: AMD64 },
      { ...arm, platform: { ...ARM64, variant: 'v8' } },
      attestation,
      elsewhere,
      { ...amd, mediaType: 'text/plain' },
    );
    layout.writeIndex([top]);
    expect(resolveImage(layout, AMD64)).toMatchObject({ index: top, descriptor: { digest: amd.digest } });
    expect(resolveImage(layout, ARM64)).toMatchObject({ index: top, descriptor: { digest: arm.digest } });
  });

  test('an index in an index, the same manifest twice', async () => {
    const amd = await image('linux/amd64');
    layout.writeIndex([await index(await index(amd)), amd]);
    expect(resolveImage(layout, AMD64).descriptor).toEqual(amd);
  });

  test('by tag, whole or behind the name, and by digest', async () => {
    const [one, two] = [await image('linux/amd64', 'one'), await image('linux/amd64', 'two')];
    layout.writeIndex([
      { ...one, annotations: { [REF]: 'one' } },
      { ...two, annotations: { [REF]: 'example.org/name:two' } },
    ]);
    expect(resolveImage(layout, AMD64, 'one').descriptor.digest).toBe(one.digest);
    expect(resolveImage(layout, AMD64, 'two').descriptor.digest).toBe(two.digest);
    expect(resolveImage(layout, AMD64, 'example.org/name:two').descriptor.digest).toBe(two.digest);
    expect(resolveImage(layout, AMD64, two.digest).descriptor.digest).toBe(two.digest);
  });

  test('by the digest of a manifest or index nothing lists', async () => {
    const amd = await image('linux/amd64');
    const top = await index(amd);
    expect(resolveImage(layout, AMD64, amd.digest).descriptor.digest).toBe(amd.digest);
    expect(resolveImage(layout, AMD64, top.digest)).toMatchObject({
      index: { digest: top.digest },
      descriptor: { digest: amd.digest },
    });
  });

  test('the exact variant, or any where none is asked for', async () => {
    const [v1, v3] = [await image('linux/amd64'), await image('linux/amd64/v3')];
    layout.writeIndex([v3]);
    expect(resolveImage(layout, AMD64).descriptor).toEqual(v3);
    layout.writeIndex([v3, v1]);
    expect(resolveImage(layout, AMD64).descriptor).toEqual(v1);
    expect(resolveImage(layout, parsePlatform('linux/amd64/v3')).descriptor).toEqual(v3);
  });

  test('what is wrong', async () => {
    layout.writeIndex([]);
    expect(() => resolveImage(layout, AMD64)).toThrow(expect.objectContaining({ code: 'PLATFORM_INVALID' }));
    layout.writeIndex([await image('linux/arm64')]);
    expect(() => resolveImage(layout, AMD64)).toThrow(/want linux\/amd64, got linux\/arm64/);
    expect(() => resolveImage(layout, AMD64, 'nobody')).toThrow(expect.objectContaining({ code: 'LAYOUT_INVALID' }));
    expect(() => resolveImage(layout, AMD64, digestOf('nobody'))).toThrow(
      expect.objectContaining({ code: 'BLOB_UNKNOWN' }),
    );
    layout.writeIndex([await image('linux/amd64', 'one'), await image('linux/amd64', 'two')]);
    expect(() => resolveImage(layout, AMD64)).toThrow(/several images for linux\/amd64/);
    let deep = await image('linux/amd64');
    for (let i = 0; i < 10; i++) deep = await index(deep);
    layout.writeIndex([deep]);
    expect(() => resolveImage(layout, AMD64)).toThrow(/more than 8 deep/);
  });

  test('a config whose diffIDs are not as many as the layers', async () => {
    const tar = await tarOf([]);
    const config = { ...AMD64, rootfs: { type: 'layers', diff_ids: [digestOf(tar), digestOf(tar)] } };
    const manifest = imageManifest(
      await put(MEDIA_TYPE.config, encodeConfig(config as never, native)),
      [await put(MEDIA_TYPE.layerTar, tar)],
      native,
    );
    layout.writeIndex([await put(MEDIA_TYPE.manifest, encodeManifest(manifest, native))]);
    expect(() => resolveImage(layout, AMD64)).toThrow(expect.objectContaining({ code: 'DOCUMENT_INVALID' }));
  });
});

test('openLayer knows layers by their media type', async () => {
  const tar = await tarOf([file('a', 'x')]);
  const open = (descriptor: Descriptor) =>
    Buffer.concat(Array.from(openLayer(layout, descriptor), (chunk) => Buffer.from(chunk)));
  for (const [type, bytes] of [
    [MEDIA_TYPE.layerTar, tar],
    [MEDIA_TYPE.layerGzip, gzipSync(tar)],
    [MEDIA_TYPE.dockerLayerGzip, gzipSync(tar)],
  ] as const) {
    expect(open(await put(type, bytes))).toEqual(tar);
  }
  const odd = await put('application/x', tar);
  expect(() => open(odd)).toThrow(expect.objectContaining({ code: 'UNSUPPORTED' }));
});

describe('archives', () => {
  const members = (path: string) =>
    new Map(
      Array.from(readTarSync([readFileSync(path)]), ({ entry, content }) => [
        entry.path as string,
        Buffer.concat(Array.from(content, (chunk) => Buffer.from(chunk))),
      ]),
    );

  test('an OCI archive is a layout of what the image needs', async () => {
    const amd = await image('linux/amd64');
    await layout.putBytes(Buffer.from('somebody else'));
    const top = await index({ ...amd, platform: AMD64 });
    const path = join(layout.directory, '..', `${next}.tar`);
    await writeOciArchive(layout, { index: top, reference: 'name:tag' }, path);
    const unpacked = join(root, `${next}-unpacked`);
    execFileSync('mkdir', [unpacked]);
    execFileSync('tar', ['-xf', path, '-C', unpacked]);
    const copy = createLayout(unpacked);
    expect(copy.readIndex()).toEqual([{ ...top, annotations: { [REF]: 'name:tag' } }]);
    expect(resolveImage(copy, AMD64, 'tag').descriptor.digest).toBe(amd.digest);
    expect(copy.digests()).toHaveLength(4);
    for (const digest of copy.digests()) copy.readBytes(digest);
    expect([...members(path).keys()]).toEqual([
      'blobs',
      'blobs/sha256',
      ...copy.digests().map((digest) => `blobs/sha256/${hexOf(digest)}`),
      'index.json',
      'oci-layout',
    ]);
    await writeOciArchive(layout, { index: top, reference: 'name:tag' }, `${path}.2`);
    expect(readFileSync(`${path}.2`)).toEqual(readFileSync(path));
  });

  test('a Docker archive holds config, uncompressed layers and manifest.json', async () => {
    const amd = await image('linux/amd64');
    const path = join(root, `${next}.tar`);
    await writeDockerArchive(layout, { index: await index(amd), reference: 'name:tag', platform: AMD64 }, path);
    const found = members(path);
    const tar = await tarOf([file('text', 'linux/amd64')]);
    const { manifest } = resolveImage(layout, AMD64, amd.digest);
    const config = `${hexOf(manifest.config.digest)}.json`;
    const layer = `${hexOf(digestOf(tar))}.tar`;
    expect([...found.keys()]).toEqual([config, layer].sort().concat('manifest.json'));
    expect(found.get(layer)).toEqual(tar);
    expect(JSON.parse(found.get('manifest.json')!.toString())).toEqual([
      { Config: config, RepoTags: ['name:tag'], Layers: [layer] },
    ]);
  });

  test('a layer that is not its diffID, or damaged, or missing, leaves no archive', async () => {
    const wrong = await image('linux/amd64', 'wrong', digestOf('another'));
    const path = join(root, `${next}-none.tar`);
    await expect(writeDockerArchive(layout, { index: wrong, platform: AMD64 }, path)).rejects.toThrow(
      /uncompressed: want sha256/,
    );
    const amd = await image('linux/amd64');
    const { manifest } = resolveImage(layout, AMD64, amd.digest);
    writeFileSync(layout.blobPath(manifest.layers[0]!.digest), 'damage');
    await expect(writeOciArchive(layout, { index: amd }, path)).rejects.toMatchObject({ code: 'DIGEST_MISMATCH' });
    rmSync(layout.blobPath(manifest.layers[0]!.digest));
    await expect(writeOciArchive(layout, { index: amd }, path)).rejects.toMatchObject({ code: 'BLOB_UNKNOWN' });
    expect(readdirSync(root).filter((name) => name.includes('none') || name.startsWith('.aside'))).toEqual([]);
  });
});
