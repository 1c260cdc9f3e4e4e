// Configs, manifests and image indexes: what is read, what is refused and where, what is written.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { encodeConfig, parseConfig } from '../../oci/config.ts';
import { digestOf } from '../../oci/digest.ts';
import { OciError } from '../../oci/errors.ts';
import { encodeImageIndex, imageIndex, parseImageIndex } from '../../oci/image-index.ts';
import { encodeManifest, imageManifest, parseManifest } from '../../oci/manifest.ts';
import { native } from '../../oci/profile.ts';

const D = digestOf('');
const bytes = (value: unknown) => Buffer.from(typeof value === 'string' ? value : JSON.stringify(value));
const CONFIG = { architecture: 'amd64', os: 'linux', rootfs: { type: 'layers', diff_ids: [D] } };
const DESCRIPTOR = { mediaType: 'application/x', digest: D, size: 0 };
const MANIFEST = { schemaVersion: 2, config: DESCRIPTOR, layers: [DESCRIPTOR] };
const INDEX = { schemaVersion: 2, manifests: [DESCRIPTOR] };

describe('refused, with the place', () => {
  const cases: [string, (data: Buffer) => unknown, unknown, string][] = [
    ['no JSON', parseConfig, '{', 'image config is no JSON'],
    ['no UTF-8', parseConfig, '\xff', 'image config is no JSON'],
    ['a byte order mark', parseConfig, '\ufeff{}', 'image config is no JSON'],
    ['a list', parseManifest, [], 'manifest: want an object, got []'],
    ['no architecture', parseConfig, { ...CONFIG, architecture: undefined }, 'image config.architecture is missing'],
    ['an empty os', parseConfig, { ...CONFIG, os: '' }, 'image config.os: want a string that is not empty'],
    [
      'another rootfs',
      parseConfig,
      { ...CONFIG, rootfs: { type: 'x', diff_ids: [] } },
      'image config.rootfs.type: want layers, got x',
    ],
    [
      'a diffID that is none',
      parseConfig,
      { ...CONFIG, rootfs: { type: 'layers', diff_ids: [D, 'md5:1'] } },
      'image config.rootfs.diff_ids[1]: want sha256:',
    ],
    [
      'Env that is no list',
      parseConfig,
      { ...CONFIG, config: { Env: 'A=1' } },
      'image config.config.Env: want a list, got A=1',
    ],
    [
      'a number in Cmd',
      parseConfig,
      { ...CONFIG, config: { Cmd: ['a', 1] } },
      'image config.config.Cmd[1]: want a string, got 1',
    ],
    [
      'a label that is no string',
      parseConfig,
      { ...CONFIG, config: { Labels: { a: 1 } } },
      'image config.config.Labels.a: want a string',
    ],
    [
      'ports as a list',
      parseConfig,
      { ...CONFIG, config: { ExposedPorts: ['80/tcp'] } },
      'image config.config.ExposedPorts: want an object',
    ],
    [
      'a time in words',
      parseConfig,
      { ...CONFIG, created: 'today' },
      'image config.created: want a time as in RFC 3339, got today',
    ],
    [
      'a health check with text for a time',
      parseConfig,
      { ...CONFIG, config: { Healthcheck: { Interval: '30s' } } },
      'image config.config.Healthcheck.Interval: want a whole number',
    ],
    [
      'a flag in words',
      parseConfig,
      { ...CONFIG, history: [{ empty_layer: 'yes' }] },
      'image config.history[0].empty_layer: want true or false',
    ],
    [
      'a fraction anywhere',
      parseConfig,
      { ...CONFIG, other: [1.5] },
      'image config.other[0]: want a whole number, got 1.5',
    ],
    [
      'another schema version',
      parseManifest,
      { ...MANIFEST, schemaVersion: 3 },
      'manifest.schemaVersion: want 2, got 3',
    ],
    [
      'another media type',
      parseManifest,
      { ...MANIFEST, mediaType: 'application/vnd.oci.image.index.v1+json' },
      'manifest.mediaType: want',
    ],
    [
      'a manifest that is an index too',
      parseManifest,
      { ...MANIFEST, manifests: [] },
      'manifest.manifests: want no such member',
    ],
    [
      'an index that is a manifest too',
      parseImageIndex,
      { ...INDEX, layers: [] },
      'image index.layers: want no such member',
    ],
    ['no config', parseManifest, { ...MANIFEST, config: undefined }, 'manifest.config is missing'],
    [
      'a negative size',
      parseManifest,
      { ...MANIFEST, layers: [{ ...DESCRIPTOR, size: -1 }] },
      'manifest.layers[0].size: want a whole number, 0 or more, got -1',
    ],
    [
      'a size over 2^53',
      parseManifest,
      { ...MANIFEST, layers: [{ ...DESCRIPTOR, size: 2 ** 60 }] },
      'manifest.layers[0].size: want a whole number',
    ],
    [
      'an upper-case digest',
      parseManifest,
      { ...MANIFEST, config: { ...DESCRIPTOR, digest: D.toUpperCase() } },
      'manifest.config.digest: want sha256:',
    ],
    [
      'a digest that climbs',
      parseImageIndex,
      { ...INDEX, manifests: [{ ...DESCRIPTOR, digest: 'sha256:../../etc/passwd' }] },
      'image index.manifests[0].digest: want sha256:',
    ],
    [
      'a platform without os',
      parseImageIndex,
      { ...INDEX, manifests: [{ ...DESCRIPTOR, platform: { architecture: 'arm' } }] },
      'image index.manifests[0].platform.os is missing',
    ],
    ['a document too deep', parseConfig, `{"a":${'['.repeat(5000)}${']'.repeat(5000)}}`, 'want at most 64 levels'],
  ];
  test.each(cases)('%s', (_, parse, value, message) => {
    const data = value === '\xff' ? Buffer.from([0x22, 0xff, 0x22]) : bytes(value);
    expect(() => parse(data)).toThrow(
      expect.objectContaining({ code: 'DOCUMENT_INVALID', message: expect.stringContaining(message) }),
    );
  });

  test('schema 1 is known, and not supported', () => {
    expect(() => parseManifest(bytes({ schemaVersion: 1 }))).toThrow(expect.objectContaining({ code: 'UNSUPPORTED' }));
  });

  test('encoders check too', () => {
    expect(() => encodeConfig({ ...CONFIG, architecture: '' } as never, native)).toThrow(/image config\.architecture/);
    expect(() => encodeManifest({ ...MANIFEST, layers: [{}] } as never, native)).toThrow(
      /manifest\.layers\[0\]\.mediaType/,
    );
    expect(() => encodeImageIndex({ ...INDEX, manifests: {} } as never, native)).toThrow(/image index\.manifests/);
  });
});

describe('accepted', () => {
  test("Docker's config, null for what is absent; unknown members are kept", () => {
    const docker = {
      ...CONFIG,
      docker_version: '20.10',
      container_config: { Hostname: 'x', Cmd: null },
      config: {
        Cmd: null,
        Env: ['PATH=/bin'],
        Shell: ['/bin/sh', '-c'],
        OnBuild: null,
        Healthcheck: { Test: ['NONE'], Interval: 30_000_000_000 },
        ArgsEscaped: true,
      },
      created: '2024-01-02T03:04:05.678901234Z',
    };
    const parsed = parseConfig(bytes(docker));
    expect(parsed.config).toEqual({
      Env: ['PATH=/bin'],
      Shell: ['/bin/sh', '-c'],
      Healthcheck: { Test: ['NONE'], Interval: 30_000_000_000 },
      ArgsEscaped: true,
    });
    expect(JSON.parse(encodeConfig(parsed, native).toString())).toMatchObject({
      docker_version: '20.10',
      container_config: { Hostname: 'x' },
    });
  });
  test("Docker's manifest and list", () => {
    expect(
      parseManifest(bytes({ ...MANIFEST, mediaType: 'application/vnd.docker.distribution.manifest.v2+json' })).layers,
    ).toEqual([DESCRIPTOR]);
    expect(
      parseImageIndex(bytes({ ...INDEX, mediaType: 'application/vnd.docker.distribution.manifest.list.v2+json' }))
        .manifests,
    ).toEqual([DESCRIPTOR]);
  });
  test('a member called __proto__ is a member like any other', () => {
    const parsed = parseConfig(
      bytes(`{"architecture":"a","os":"b","rootfs":{"type":"layers","diff_ids":[]},"__proto__":{"x":1}}`),
    );
    expect(encodeConfig(parsed, native).toString()).toContain('"__proto__":{"x":1}');
    expect(({} as { x?: number }).x).toBeUndefined();
  });
});

describe('written', () => {
  test('canonical: the same bytes for any order of members', () => {
    const turned = Object.fromEntries(Object.entries(CONFIG).reverse());
    expect(encodeConfig(turned as never, native)).toEqual(encodeConfig(CONFIG as never, native));
    expect(encodeConfig(CONFIG as never, native).toString()).toBe(
      `{"architecture":"amd64","os":"linux","rootfs":{"diff_ids":["${D}"],"type":"layers"}}`,
    );
  });
  test('manifest and index of an image', () => {
    const manifest = imageManifest(DESCRIPTOR, [], native, { a: 'b' });
    expect(encodeManifest(manifest, native).toString()).toBe(
      `{"annotations":{"a":"b"},"config":{"digest":"${D}","mediaType":"application/x","size":0},"layers":[],"mediaType":"application/vnd.oci.image.manifest.v1+json","schemaVersion":2}`,
    );
    expect(encodeImageIndex(imageIndex([], native), native).toString()).toBe(
      '{"manifests":[],"mediaType":"application/vnd.oci.image.index.v1+json","schemaVersion":2}',
    );
  });
  test('history of the native profile', () => {
    expect(native.history({ createdBy: 'RUN true', epoch: 0, emptyLayer: false })).toEqual({
      created: '1970-01-01T00:00:00Z',
      created_by: 'RUN true',
    });
    expect(native.history({ createdBy: 'ENV A=1', epoch: 86400, emptyLayer: true })).toEqual({
      created: '1970-01-02T00:00:00Z',
      created_by: 'ENV A=1',
      empty_layer: true,
    });
  });
});

describe('whatever the bytes are, an error is ours', () => {
  test.each([
    ['config', parseConfig, CONFIG],
    ['manifest', parseManifest, MANIFEST],
    ['index', parseImageIndex, INDEX],
  ] as const)('%s', (_, parse, sample) => {
    const attempt = (data: Buffer) => {
      try {
        parse(data);
      } catch (error) {
        expect(error).toBeInstanceOf(OciError);
      }
    };
    fc.assert(fc.property(fc.json(), (text) => attempt(Buffer.from(text))));
    const keys = Object.keys(sample);
    fc.assert(
      fc.property(fc.constantFrom(...keys), fc.jsonValue(), (key, value) =>
        attempt(bytes({ ...sample, [key]: value })),
      ),
    );
    fc.assert(fc.property(fc.uint8Array(), (data) => attempt(Buffer.from(data))));
  });
});
