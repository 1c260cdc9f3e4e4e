// Owns: making images of any shape in a layout of their own, for tests.

import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import type { Descriptor } from '../../../oci/descriptor.ts';
import { layoutSubject } from '../../../oci/diff/subject.ts';
import { digestOf } from '../../../oci/digest.ts';
import { createLayout, type Layout } from '../../../oci/layout/layout.ts';
import { MEDIA_TYPE } from '../../../oci/media-type.ts';

export interface LayerParts {
  readonly tar: Buffer;
  /** `gzip` by default. */
  readonly mediaType?: string;
  readonly stored?: Buffer;
  readonly createdBy?: string;
  readonly annotations?: Readonly<Record<string, string>>;
  /** What the config says, where that is not so. */
  readonly diffId?: string;
}

export interface ImageParts {
  readonly layers: readonly LayerParts[];
  readonly config?: Readonly<Record<string, unknown>>;
  readonly manifest?: Readonly<Record<string, unknown>>;
  /** In place of the history the layers make. */
  readonly history?: readonly object[];
  readonly platform?: { readonly os: string; readonly architecture: string };
  /** Spaces in the documents: other bytes, the same meaning. */
  readonly indent?: number;
}

export class ImageLab {
  readonly folder: string = mkdtempSync(join(tmpdir(), 'diff-'));
  #next = 0;

  layout(): Layout {
    return createLayout(join(this.folder, String(this.#next++)));
  }

  /** A layout whose index.json names one manifest. */
  async image(parts: ImageParts): Promise<Layout> {
    const layout = this.layout();
    layout.writeIndex([await putImage(layout, parts)]);
    return layout;
  }

  /** A layout whose index.json names one index of these. */
  async index(
    images: readonly (ImageParts & { readonly descriptor?: object })[],
    document: object = {},
  ): Promise<Layout> {
    const layout = this.layout();
    const manifests: Descriptor[] = [];
    for (const { descriptor, ...parts } of images) {
      const platform = parts.platform ?? { os: 'linux', architecture: 'amd64' };
      manifests.push({ ...(await putImage(layout, parts)), platform, ...descriptor });
    }
    layout.writeIndex([await putIndex(layout, manifests, document)]);
    return layout;
  }
}

export async function put(
  layout: Layout,
  mediaType: string,
  value: object | Buffer,
  indent?: number,
): Promise<Descriptor> {
  const bytes = Buffer.isBuffer(value) ? value : Buffer.from(JSON.stringify(value, undefined, indent));
  return { mediaType, ...(await layout.putBytes(bytes)) };
}

export function putIndex(layout: Layout, manifests: readonly object[], document: object = {}): Promise<Descriptor> {
  return put(layout, MEDIA_TYPE.index, { schemaVersion: 2, mediaType: MEDIA_TYPE.index, manifests, ...document });
}

export async function putImage(layout: Layout, parts: ImageParts): Promise<Descriptor> {
  const { layers, config, manifest, history, platform = { os: 'linux', architecture: 'amd64' }, indent } = parts;
  const blobs: object[] = [];
  for (const { tar, mediaType = MEDIA_TYPE.layerGzip, stored, annotations } of layers) {
    const bytes = stored ?? (mediaType === MEDIA_TYPE.layerTar ? tar : gzipSync(tar));
    blobs.push({ ...(await put(layout, mediaType, bytes)), ...(annotations === undefined ? {} : { annotations }) });
  }
  const configBlob = await put(
    layout,
    MEDIA_TYPE.config,
    {
      ...platform,
      rootfs: { type: 'layers', diff_ids: layers.map(({ tar, diffId }) => diffId ?? digestOf(tar)) },
      history: history ?? layers.map(({ createdBy }, i) => ({ created_by: createdBy ?? `COPY ${i} /` })),
      ...config,
    },
    indent,
  );
  const mediaType = MEDIA_TYPE.manifest;
  return put(
    layout,
    mediaType,
    { schemaVersion: 2, mediaType, config: configBlob, layers: blobs, ...manifest },
    indent,
  );
}

export function subject(layout: Layout): ReturnType<typeof layoutSubject> {
  return layoutSubject(`oci:${layout.directory}`, layout.directory);
}
