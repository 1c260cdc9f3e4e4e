// Owns: `ocibuild inspect`: what an image is made of, from its index to its layers.

import { join, resolve } from 'node:path';
import type { Descriptor } from '../../oci/descriptor.ts';
import { type Digest, isDigest } from '../../oci/digest.ts';
import { type Layout, openLayout } from '../../oci/layout/layout.ts';
import { readRoots } from '../build/roots-record.ts';
import { BuildError } from '../errors.ts';
import { formatBytes } from '../progress/text.ts';
import { didYouMean } from '../recipe/near-miss.ts';
import type { Command, CommandContext } from './command.ts';
import { type ReadImage, type ReadIndex, readImages } from './image-reading.ts';
import { tableText } from './table.ts';

export const command: Command = {
  name: 'inspect',
  summary: 'show what an image is made of',
  usage: 'IMAGE\nIMAGE is a name or a digest of the store (see `ocibuild ls`), or oci:DIR for an OCI layout.',
  flags: {
    json: { summary: 'the documents themselves, as {"digest","index","images":[{"descriptor","manifest","config"}]}' },
  },
  operands: { min: 1, max: 1 },
  needsNamespace: false,
  run: async (context) => {
    const found = imagesOf(context.args.operands[0]!, context).map(({ layout, root }) => readImages(layout, root));
    if (context.args.is('json')) {
      context.stdout.write(`${JSON.stringify(found.length === 1 ? found[0] : found, undefined, 2)}\n`);
    } else context.stdout.write(found.map(describeIndex).join('\n'));
    return 0;
  },
};

interface Place {
  readonly layout: Layout;
  readonly root: Descriptor | Digest;
}

/** Throws BuildError USAGE for a name the store does not know. */
function imagesOf(operand: string, { storeDirectory, cwd }: CommandContext): readonly Place[] {
  if (operand.startsWith('oci:')) {
    const layout = openLayout(resolve(cwd, operand.slice('oci:'.length)));
    const roots = layout.readIndex();
    if (roots.length === 0) throw new BuildError('CHECK_FAILED', `${operand} holds no image`);
    return roots.map((root) => ({ layout, root }));
  }
  const inStore = (root: Digest): readonly Place[] => [{ layout: openLayout(join(storeDirectory, 'layout')), root }];
  if (isDigest(operand)) return inStore(operand);
  const records = readRoots(storeDirectory);
  const name = operand.replace(/^\.\//, '').replace(/\/+$/, '');
  const record =
    records.find(({ target }) => target === name) ?? records.find(({ target }) => target.split('/').at(-1) === name);
  if (record !== undefined) return inStore(record.index);
  const near = didYouMean(
    name,
    records.map(({ target }) => target),
  );
  throw new BuildError('USAGE', `the store holds no image called ${operand}`, {
    hint: near ?? 'see `ocibuild ls`; a layout in a folder is named oci:DIR',
  });
}

function describeIndex(read: ReadIndex): string {
  const head = read.index === undefined ? [] : [['index', read.digest]];
  const notes = Object.entries(read.index?.annotations ?? {}).map(([key, value]) => ['', `${key}=${value}`]);
  const others = read.others.map((other) => ['other', `${other.digest} ${other.mediaType}`]);
  const images = read.images.map((image) => `\n${describeImage(image)}`);
  return tableText([...head, ...notes, ...others]) + (head.length === 0 ? images.join('').slice(1) : images.join(''));
}

function describeImage({ descriptor, platform, manifest, config }: ReadImage): string {
  const inner = config.config ?? {};
  const rows: string[][] = [
    ['manifest', descriptor.digest],
    ['platform', platform],
    ['config', manifest.config.digest],
  ];
  const add = (name: string, value: string | undefined): void => {
    if (value !== undefined && value !== '') rows.push([name, value]);
  };
  const addAll = (name: string, values: readonly string[]): void => {
    for (const [at, value] of values.entries()) rows.push([at === 0 ? name : '', value]);
  };
  add('created', config.created);
  add('user', inner.User);
  add('workdir', inner.WorkingDir);
  add('entrypoint', inner.Entrypoint && JSON.stringify(inner.Entrypoint));
  add('cmd', inner.Cmd && JSON.stringify(inner.Cmd));
  add('shell', inner.Shell && JSON.stringify(inner.Shell));
  add('stopsignal', inner.StopSignal);
  add('healthcheck', inner.Healthcheck && JSON.stringify(inner.Healthcheck));
  addAll('env', inner.Env ?? []);
  addAll('ports', Object.keys(inner.ExposedPorts ?? {}).sort());
  addAll('volumes', Object.keys(inner.Volumes ?? {}).sort());
  addAll(
    'labels',
    Object.entries(inner.Labels ?? {})
      .map(([key, value]) => `${key}=${value}`)
      .sort(),
  );
  addAll('onbuild', inner.OnBuild ?? []);
  const layers = manifest.layers.map((layer, at) => [
    `layer ${at + 1}`,
    layer.digest,
    formatBytes(layer.size),
    `diffID ${config.rootfs.diff_ids[at]}`,
  ]);
  const history = (config.history ?? []).map((entry) => [
    'history',
    entry.empty_layer === true ? 'no layer' : 'layer',
    entry.created_by ?? entry.comment ?? '',
  ]);
  return [rows, layers, history].map((part) => tableText(part, [])).join('');
}
