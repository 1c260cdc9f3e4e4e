import { copyFileSync, cpSync, mkdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, describe, expect, test, vi } from 'vitest';
import { compareWhole } from '../../../oci/diff/diff.ts';
import { type Finding, instructionOf } from '../../../oci/diff/finding.ts';
import { openSubject } from '../../../oci/diff/subject.ts';
import { digestOf } from '../../../oci/digest.ts';
import { writeDockerArchive, writeOciArchive } from '../../../oci/layout/archive.ts';
import type { Layout } from '../../../oci/layout/layout.ts';
import { MEDIA_TYPE } from '../../../oci/media-type.ts';
import { ImageLab, type ImageParts, type LayerParts, put, putImage, putIndex, subject } from './build-image.ts';
import { archive, member } from './raw-tar.ts';

vi.setConfig({ testTimeout: 60_000 });

const lab = new ImageLab();
afterAll(() => rmSync(lab.folder, { recursive: true }));

const layer = (text: string, more: Partial<LayerParts> = {}): LayerParts => ({
  tar: archive(member({ name: 'file', data: `${text}\n` })),
  createdBy: `COPY ${text} /`,
  ...more,
});
const BASE: ImageParts = { layers: [layer('one'), layer('two'), layer('three')] };
const [ONE, TWO, THREE] = BASE.layers as [LayerParts, LayerParts, LayerParts];

async function compare(left: Layout, right: Layout, ignore: readonly string[] = []) {
  const report = await compareWhole(subject(left), subject(right), { ignore });
  const mirrored = await compareWhole(subject(right), subject(left), { ignore });
  expect(mirrored.differences).toBe(report.differences);
  for (const side of [left, right]) expect((await compareWhole(subject(side), subject(side))).findings).toEqual([]);
  return report;
}

const cases: readonly (readonly [string, ImageParts, readonly Partial<Finding>[]])[] = [
  [
    'a config key',
    { ...BASE, config: { config: { User: 'a' } } },
    [{ level: 'config', kind: 'missing', field: 'config', right: '{"User":"a"}' }],
  ],
  [
    'created',
    { ...BASE, config: { created: '1970-01-01T00:00:00Z' } },
    [{ level: 'config', field: 'created', kind: 'missing', right: '"1970-01-01T00:00:00Z"' }],
  ],
  [
    'a member of the config nobody knows',
    { ...BASE, config: { 'x-y': { z: [1] } } },
    [{ level: 'config', field: 'x-y', right: '{"z":[1]}' }],
  ],
  [
    'a history entry',
    { ...BASE, history: [{ created_by: 'COPY one /' }, { created_by: 'RUN other' }, { created_by: 'COPY three /' }] },
    [{ level: 'config', field: 'history[1].created_by', left: '"COPY two /"', right: '"RUN other"' }],
  ],
  [
    'a history entry more',
    {
      ...BASE,
      history: [
        { created_by: 'COPY one /' },
        { created_by: 'ENV A=1', empty_layer: true },
        { created_by: 'COPY two /' },
        { created_by: 'COPY three /' },
      ],
    },
    [{ level: 'config', kind: 'missing', field: 'history[1]', right: '{"created_by":"ENV A=1","empty_layer":true}' }],
  ],
  [
    'an annotation of the manifest',
    { ...BASE, manifest: { annotations: { a: '1' } } },
    [{ level: 'manifest', field: 'annotations', right: '{"a":"1"}' }],
  ],
  ['artifactType', { ...BASE, manifest: { artifactType: 'a/b' } }, [{ level: 'manifest', field: 'artifactType' }]],
  [
    'an annotation of a layer',
    { layers: [ONE, { ...TWO, annotations: { a: '1' } }, THREE] },
    [{ level: 'manifest', field: 'layers[1].annotations' }],
  ],
  [
    'media type of a layer',
    { layers: [ONE, { ...TWO, mediaType: MEDIA_TYPE.dockerLayerGzip }, THREE] },
    [
      {
        level: 'manifest',
        field: 'layers[1].mediaType',
        left: `"${MEDIA_TYPE.layerGzip}"`,
        right: `"${MEDIA_TYPE.dockerLayerGzip}"`,
      },
    ],
  ],
  [
    'compression only',
    { layers: [ONE, { ...TWO, stored: gzipSync(TWO.tar, { level: 1 }) }, THREE] },
    [
      {
        level: 'layer',
        kind: 'compression',
        field: 'compression',
        note: 'the same tar: the layers differ in compression only',
      },
    ],
  ],
  [
    'no compression',
    { layers: [ONE, { ...TWO, mediaType: MEDIA_TYPE.layerTar }, THREE] },
    [
      { level: 'manifest', field: 'layers[1].mediaType' },
      {
        level: 'layer',
        kind: 'compression',
        left: expect.stringMatching(/^gzip, /),
        right: 'uncompressed, 2048 bytes',
      },
    ],
  ],
  ['the documents in other bytes', { ...BASE, indent: 2 }, [{ level: 'config', kind: 'encoding', field: 'json' }]],
  [
    'a layer in the middle',
    { layers: [ONE, layer('two', { tar: archive(member({ name: 'file', data: 'Two\n' })) }), THREE] },
    [{ level: 'content', path: 'file', offset: 0, inner: [{ kind: 'text line', name: '1' }] }],
  ],
  [
    'order of the layers',
    { layers: [TWO, ONE, THREE] },
    [
      { level: 'config', kind: 'order', field: 'history' },
      { level: 'layer', kind: 'order', field: 'layer-order' },
    ],
  ],
  [
    'a layer more',
    { layers: [ONE, TWO, layer('between'), THREE] },
    [
      { level: 'config', kind: 'missing', field: 'history[2]' },
      { level: 'layer', kind: 'missing', field: 'layer' },
    ],
  ],
  [
    'a layer less',
    { layers: [ONE, THREE] },
    [
      { level: 'config', kind: 'missing', field: 'history[1]' },
      { level: 'layer', kind: 'missing', field: 'layer' },
    ],
  ],
];

describe('two images', () => {
  test.each(cases)('%s', async (_, other, wanted) => {
    const report = await compare(await lab.image(BASE), await lab.image(other));
    expect(report.findings).toMatchObject(wanted);
    expect(report.findings).toHaveLength(wanted.length);
    expect(report.isEqual).toBe(false);
  });

  test('a finding says which layer, and which instruction made it', async () => {
    const history = (text: string) => [
      { created_by: 'COPY one /' },
      { created_by: 'ENV A=1', empty_layer: true },
      { created_by: text },
    ];
    const other = layer('two', { tar: archive(member({ name: 'file', mode: '0000600\0' })) });
    const same = {
      layers: [ONE, layer('x', { tar: archive(member({ name: 'file' })) })],
      history: history('RUN make'),
    };
    const { findings } = await compare(
      await lab.image(same),
      await lab.image({ layers: [ONE, other], history: history('RUN make') }),
    );
    expect(findings).toHaveLength(1);
    expect(findings[0]).toMatchObject({
      field: 'mode',
      platform: 'linux/amd64',
      layer: {
        left: { number: 2, createdBy: 'RUN make', history: 2 },
        right: { number: 2, diffId: digestOf(other.tar) },
      },
    });
    expect(instructionOf(findings[0]!)).toBe('RUN make');
  });

  test('a history that does not fit the layers says nothing of them', async () => {
    const image = (mode: string) =>
      lab.image({
        layers: [layer('x', { tar: archive(member({ mode })) })],
        history: [{ created_by: 'a' }, { created_by: 'b' }],
      });
    const { findings } = await compare(await image('0000644\0'), await image('0000600\0'));
    expect(findings[0]!.layer!.left).toMatchObject({ number: 1 });
    expect(instructionOf(findings[0]!)).toBeUndefined();
  });

  test('compression can be ignored, and is counted', async () => {
    const other = await lab.image({ layers: [ONE, { ...TWO, stored: gzipSync(TWO.tar, { level: 1 }) }, THREE] });
    expect(await compare(await lab.image(BASE), other, ['compression'])).toMatchObject({
      isEqual: true,
      ignored: { compression: 1 },
    });
  });
});

describe('image indexes', () => {
  const arm = { os: 'linux', architecture: 'arm64' };
  const ARM: ImageParts = { layers: [ONE], platform: arm };
  test.each<[string, readonly (ImageParts & { descriptor?: object })[], object, readonly object[]]>([
    [
      'a platform less',
      [BASE],
      {},
      [
        {
          level: 'index',
          kind: 'missing',
          field: 'manifests',
          left: expect.stringMatching(/^image for linux\/arm64, sha256:/),
        },
      ],
    ],
    ['order', [ARM, BASE], {}, [{ level: 'index', kind: 'order', field: 'manifests' }]],
    [
      'an annotation of the index',
      [BASE, ARM],
      { annotations: { a: '1' } },
      [{ level: 'index', field: 'annotations' }],
    ],
    [
      'an annotation of a descriptor',
      [BASE, { ...ARM, descriptor: { annotations: { a: '1' } } }],
      {},
      [{ level: 'index', field: 'manifests[].annotations' }],
    ],
    [
      'platform',
      [BASE, { ...ARM, descriptor: { platform: { ...arm, variant: 'v9' } } }],
      {},
      [{ level: 'index', field: 'manifests[].platform.variant', right: '"v9"' }],
    ],
    [
      'one image of several',
      [BASE, { ...ARM, config: { config: { User: 'a' } } }],
      {},
      [{ level: 'config', platform: 'linux/arm64', field: 'config' }],
    ],
  ])('%s', async (_, other, document, wanted) => {
    const { findings } = await compare(await lab.index([BASE, ARM]), await lab.index(other, document));
    expect(findings).toMatchObject(wanted);
    expect(findings).toHaveLength(wanted.length);
  });

  test('an image alone, and the same in an index', async () => {
    const { findings } = await compare(await lab.index([BASE]), await lab.image(BASE));
    expect(findings).toMatchObject([{ level: 'index', kind: 'missing', field: 'index', weight: 'difference' }]);
    const both = await compare(await lab.index([BASE]), await lab.image({ ...BASE, config: { author: 'a' } }), [
      'index',
    ]);
    expect(both.findings).toMatchObject([{ level: 'config', field: 'author' }]);
    expect(both.ignored).toEqual({ index: 1 });
  });

  test('attestations are compared as what they are', async () => {
    const make = async (text: string) => {
      const layout = lab.layout();
      const image = { ...(await putImage(layout, BASE)), platform: { os: 'linux', architecture: 'amd64' } };
      const document = await put(layout, 'application/vnd.in-toto+json', { said: text });
      const config = await put(layout, MEDIA_TYPE.empty, {});
      const mediaType = MEDIA_TYPE.manifest;
      const manifest = await put(layout, mediaType, { schemaVersion: 2, mediaType, config, layers: [document] });
      layout.writeIndex([
        await putIndex(layout, [image, { ...manifest, platform: { os: 'unknown', architecture: 'unknown' } }]),
      ]);
      return layout;
    };
    const { findings } = await compare(await make('one'), await make('two'));
    expect(findings).toMatchObject([
      { level: 'content', path: 'layers[0]', inner: [{ kind: 'text line', name: '1' }] },
    ]);
  });
});

describe('forms', () => {
  test('a tag is a name, not a difference', async () => {
    const layout = await lab.image(BASE);
    const other = lab.layout();
    cpSync(join(layout.directory, 'blobs'), join(other.directory, 'blobs'), { recursive: true });
    const [root] = layout.readIndex();
    other.writeIndex([{ ...root!, annotations: { 'org.opencontainers.image.ref.name': 'example.org/x:tag' } }]);
    const open = (text: string) => openSubject(text, lab.folder);
    for (const selector of ['', ':tag', ':example.org/x:tag', `@${root!.digest}`]) {
      const report = await compareWhole(subject(layout), open(`oci:${other.directory}${selector}`));
      expect(report).toMatchObject({ isEqual: true, findings: [] });
    }
    expect(() => open(`oci:${other.directory}:none`)).toThrow(/want none, got example.org\/x:tag/);
  });

  test('archives hold the same image', async () => {
    const layout = await lab.index([BASE]);
    const index = layout.readIndex()[0]!;
    const oci = join(lab.folder, 'image.oci.tar');
    const docker = join(lab.folder, 'image.docker.tar');
    await writeOciArchive(layout, { index, reference: 'x:y' }, oci);
    await writeDockerArchive(
      layout,
      { index, reference: 'x:y', platform: { os: 'linux', architecture: 'amd64' } },
      docker,
    );
    writeFileSync(`${oci}.gz`, gzipSync(readFileSync(oci)));
    for (const text of [`oci-archive:${oci}`, `oci-archive:${oci}:y`, `oci-archive:${oci}.gz`]) {
      expect(await compareWhole(subject(layout), openSubject(text, '/'))).toMatchObject({
        isEqual: true,
        findings: [],
      });
    }
    for (const text of [`docker-archive:${docker}`, `docker-archive:${docker}:x:y`]) {
      const report = await compareWhole(subject(layout), openSubject(text, '/'));
      expect(report.isEqual).toBe(true);
      expect(report.findings.map(({ weight, field }) => [weight, field])).toEqual([
        ['note', 'index'],
        ['note', 'manifest'],
      ]);
    }
    const other = await lab.index([{ ...BASE, layers: [ONE, TWO, layer('Three')] }]);
    const { findings } = await compareWhole(subject(other), openSubject(`docker-archive:${docker}`, '/'));
    const told = findings
      .filter(({ weight }) => weight === 'difference')
      .map(({ level, field }) => `${level} ${field}`);
    expect(told).toEqual(['config history[2].created_by', 'content content']);
    expect(() => openSubject(`docker-archive:${oci}`, '/')).toThrow(/name it oci-archive:FILE/);
    expect(() => openSubject(`oci-archive:${docker}`, '/')).toThrow(/name it docker-archive:FILE/);
  });

  test('a layer as a file, compressed or not', async () => {
    const folder = join(lab.folder, 'layers');
    mkdirSync(folder);
    writeFileSync(join(folder, 'a.tar'), ONE.tar);
    writeFileSync(join(folder, 'a.tar.gz'), gzipSync(ONE.tar));
    copyFileSync(join(folder, 'a.tar'), join(folder, 'b:tag'));
    const open = (name: string) => openSubject(name, folder);
    expect(await compareWhole(open('a.tar'), open('b:tag'))).toMatchObject({ isEqual: true });
    expect((await compareWhole(open('a.tar'), open('a.tar.gz'))).findings).toMatchObject([{ kind: 'compression' }]);
    // An image of that layer alone is the same rootfs.
    const image = await lab.image({ layers: [ONE] });
    expect(await compareWhole(subject(image), open('a.tar.gz'))).toMatchObject({ isEqual: true, findings: [] });
    const other = await compareWhole(subject(await lab.image({ layers: [TWO] })), open('tar:a.tar'));
    expect(other.findings).toMatchObject([{ level: 'content', path: 'file' }]);
    for (const text of ['none.tar', 'dir:none', 'oci:none', 'oci-archive:none', 'docker-archive:a.tar', 'dir:a.tar']) {
      expect(() => open(text), text).toThrow(expect.objectContaining({ name: 'OciError' }));
    }
  });
});

describe('damage is an error that names the blob', () => {
  const damaged = async (change: (path: string) => void, which: 'layer' | 'config' | 'manifest') => {
    const layout = await lab.image(BASE);
    const manifest = layout.readIndex()[0]!;
    const document = JSON.parse(layout.readBytes(manifest).toString());
    const blob = which === 'manifest' ? manifest : which === 'config' ? document.config : document.layers[1];
    change(layout.blobPath(blob.digest));
    return { layout, digest: blob.digest as string };
  };
  const flip = (path: string): void => {
    const bytes = readFileSync(path);
    bytes[bytes.length >> 1]! ^= 1;
    writeFileSync(path, bytes);
  };
  const shorten = (path: string): void => truncateSync(path, 20);
  const run = async (left: Layout, right: Layout) => compareWhole(subject(left), subject(right));
  for (const which of ['layer', 'config', 'manifest'] as const) {
    test.each([
      ['flipped', flip],
      ['cut short', shorten],
      ['gone', (path: string) => rmSync(path)],
    ])(`${which} %s`, async (_, change) => {
      const { layout, digest } = await damaged(change, which);
      const message = expect.stringContaining(digest.slice('sha256:'.length)) as unknown as string;
      const wrong = { name: 'OciError', message };
      // Against an image that is the same by its documents, one that is not, and itself.
      await expect((async () => run(layout, await lab.image(BASE)))()).rejects.toMatchObject(wrong);
      await expect((async () => run(await lab.image({ layers: [ONE, THREE] }), layout))()).rejects.toMatchObject(wrong);
      await expect((async () => run(layout, layout))()).rejects.toMatchObject(wrong);
    });
  }
  test('a diffID that is a lie', async () => {
    const liar = await lab.image({ layers: [ONE, { ...TWO, diffId: digestOf('lie') }, THREE] });
    await expect(run(await lab.image(BASE), liar)).rejects.toThrow(/layer sha256:[0-9a-f]{64}, uncompressed: want/);
    // What nobody wants verified is believed, where nothing else has to be read.
    expect(await compareWhole(subject(liar), subject(liar), { verify: false })).toMatchObject({ isEqual: true });
  });
  test('in an archive', async () => {
    const layout = await lab.image(BASE);
    const path = join(lab.folder, 'damaged.tar');
    await writeOciArchive(layout, { index: layout.readIndex()[0]! }, path);
    const bytes = readFileSync(path);
    // A byte in the middle of a layer, wherever it stands.
    const { layers } = JSON.parse(layout.readBytes(layout.readIndex()[0]!).toString());
    const at = bytes.indexOf(readFileSync(layout.blobPath(layers[1].digest)));
    bytes[at + 30]! ^= 1;
    writeFileSync(path, bytes);
    const open = () => openSubject(`oci-archive:${path}`, '/');
    await expect(compareWhole(open(), subject(layout))).rejects.toThrow(new RegExp(layers[1].digest));
    writeFileSync(path, bytes.subarray(0, 5000));
    expect(open).toThrow(/damaged.tar/);
  });
});
