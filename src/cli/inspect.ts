// Owns: `ocibuild inspect`: what an image is made of, from its index to its layers, and what is said about it beside it.

import { createHash } from 'node:crypto';
import type { Descriptor } from '../../oci/descriptor.ts';
import type { Child, ImageNode } from '../../oci/diff/image.ts';
import { listTree, readDirectory } from '../../oci/diff/rootfs.ts';
import type { ImagesSubject, Subject, TarSubject } from '../../oci/diff/subject.ts';
import { type Digest, finishDigest } from '../../oci/digest.ts';
import { parseImageIndex } from '../../oci/image-index.ts';
import { readTarSync } from '../../oci/layer/reader.ts';
import { shownJson, shownLine } from '../../oci/shown-text.ts';
import { formatBytes } from '../progress/text.ts';
import type { Command } from './command.ts';
import { type Referrer, readReferrers } from './referrers-reading.ts';
import { imageDirectoryOf, SUBJECT_HELP, subjectOf } from './subjects.ts';
import { counted, tableText } from './table.ts';

export const command: Command = {
  name: 'inspect',
  summary: 'show what an image is made of',
  usage: `IMAGE\n${SUBJECT_HELP}\nProvenance and bills of materials are shown where they lie beside it, in DIR.referrers.`,
  flags: {
    json: {
      summary:
        'the documents: {"digest","index","images":[{"descriptor","platform","manifest","config"}],"others","referrers"}',
    },
  },
  operands: { min: 1, max: 1 },
  needsNamespace: false,
  run: async (context) => {
    const { args, stdout } = context;
    const operand = args.operands[0]!;
    const subject = subjectOf(operand, context);
    const isJson = args.is('json');
    if (subject.kind !== 'images') {
      const facts = subject.kind === 'tar' ? tarFacts(subject) : directoryFacts(subject);
      stdout.write(isJson ? `${shownJson(facts, 2)}\n` : factsText(facts));
      return 0;
    }
    const directory = imageDirectoryOf(operand, context);
    const found = subject.children.map((child) => {
      const read = readChild(child);
      const subjects = [read.digest, ...read.images.map(({ descriptor }) => descriptor?.digest)];
      const digests = subjects.filter((digest) => digest !== undefined);
      return { ...read, referrers: directory === undefined ? [] : readReferrers(directory, digests) };
    });
    if (isJson) stdout.write(`${shownJson(found.length === 1 ? jsonOf(found[0]!) : found.map(jsonOf), 2)}\n`);
    else stdout.write(found.map((read) => describeRoot(read, subject)).join('\n'));
    return 0;
  },
};

type Facts = Readonly<Record<string, string | number>>;

/** Of a layer that is a file: it is read to its end. */
function tarFacts(subject: TarSubject): Facts {
  const hash = createHash('sha256');
  const stored = createHash('sha256');
  let [size, storedSize, entries, bytes] = [0, 0, 0, 0];
  function* tap(): Generator<Uint8Array, void, void> {
    for (const chunk of subject.open()) {
      hash.update(chunk);
      size += chunk.length;
      yield chunk;
    }
  }
  for (const { entry } of readTarSync(tap())) {
    entries++;
    bytes += entry.size;
  }
  for (const chunk of subject.openStored()) {
    stored.update(chunk);
    storedSize += chunk.length;
  }
  const digest = finishDigest(stored);
  return { layer: subject.name, digest, diffID: finishDigest(hash), entries, bytes, tar: size, stored: storedSize };
}

function directoryFacts(subject: Extract<Subject, { kind: 'directory' }>): Facts {
  let [entries, bytes] = [0, 0];
  const steps = readDirectory(subject.directory);
  let step = steps.next();
  while (step.done !== true) step = steps.next();
  for (const { node } of listTree(step.value)) {
    entries++;
    bytes += node.inode.size;
  }
  return { directory: subject.name, entries, bytes };
}

function factsText(facts: Facts): string {
  const rows = Object.entries(facts).map(([name, value]) => [
    name,
    typeof value === 'number' && name !== 'entries' ? formatBytes(value) : String(value),
  ]);
  return tableText(rows);
}

interface Read {
  /** Absent in Docker's archive. */
  readonly digest: Digest | undefined;
  readonly index: ReturnType<typeof parseImageIndex> | undefined;
  readonly images: readonly { readonly descriptor: Descriptor | undefined; readonly node: ImageNode }[];
  /** Manifests that are no image, attestations mostly. */
  readonly others: readonly Descriptor[];
  readonly referrers?: readonly Referrer[];
}

function readChild({ descriptor, node }: Child): Read {
  const children = node.kind === 'index' ? node.children : [{ ...(descriptor && { descriptor }), node }];
  return {
    digest: descriptor?.digest,
    index: node.kind === 'index' ? parseImageIndex(node.bytes) : undefined,
    images: children.flatMap((child) =>
      child.node.kind === 'image' ? [{ descriptor: child.descriptor, node: child.node }] : [],
    ),
    others: children.flatMap((child) =>
      child.node.kind === 'image' || child.descriptor === undefined ? [] : [child.descriptor],
    ),
  };
}

function jsonOf({ digest, index, images, others, referrers = [] }: Read): unknown {
  return {
    digest,
    index,
    images: images.map(({ descriptor, node }) => ({
      descriptor,
      platform: node.platform,
      manifest: node.manifest?.document,
      config: node.config.document,
    })),
    others,
    referrers: referrers.map(({ lines: _, ...referrer }) => referrer),
  };
}

/** Every cell may hold what somebody else wrote. */
function shownTable(rows: readonly (readonly string[])[]): string {
  return tableText(rows.map((row) => row.map(shownLine)));
}

function describeRoot(read: Read, subject: ImagesSubject): string {
  const head = read.index === undefined || read.digest === undefined ? [] : [['index', read.digest]];
  const notes = Object.entries(read.index?.annotations ?? {}).map(([key, value]) => ['', `${key}=${value}`]);
  const others = read.others.map((other) => ['other', `${other.digest} ${other.artifactType ?? other.mediaType}`]);
  const referrers = (read.referrers ?? []).flatMap(({ artifactType, digest, subject: about, lines }) => [
    ['referrer', `${digest} ${artifactType}`],
    ['', `about ${about}`],
    ...lines.map((line) => ['', line]),
  ]);
  const names = subject.form === 'docker' ? read.images.flatMap(({ node }) => node.names) : [];
  const top = shownTable([...head, ...notes, ...names.map((name) => ['name', name]), ...others]);
  const images = read.images.map(({ node }) => describeImage(node));
  return [top, ...images, shownTable(referrers)].filter((part) => part !== '').join('\n');
}

function describeImage({ manifest, platform, config: { digest, document: config }, layers }: ImageNode): string {
  const inner = config.config ?? {};
  const rows: string[][] = [
    ...(manifest === undefined ? [] : [['manifest', manifest.descriptor.digest]]),
    ['platform', platform],
    ['config', digest],
  ];
  const add = (name: string, value: string | undefined): void => {
    if (value !== undefined && value !== '') rows.push([name, value]);
  };
  const addAll = (name: string, values: readonly string[]): void => {
    for (const [at, value] of values.entries()) rows.push([at === 0 ? name : '', value]);
  };
  const pairs = (record: Readonly<Record<string, string>> | undefined): readonly string[] =>
    Object.entries(record ?? {})
      .map(([key, value]) => `${key}=${value}`)
      .sort();
  addAll('annotations', pairs(manifest?.document.annotations));
  add('created', config.created);
  add('author', config.author);
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
  addAll('labels', pairs(inner.Labels));
  addAll('onbuild', inner.OnBuild ?? []);
  const stored = layers.flatMap(({ descriptor, diffId }, at) => [
    descriptor === undefined
      ? [`layer ${at + 1}`, `diffID ${diffId}`]
      : [`layer ${at + 1}`, descriptor.digest, formatBytes(descriptor.size), `diffID ${diffId}`],
  ]);
  const history = (config.history ?? []).map((entry, at) => {
    const layer = layers.find(({ side }) => side.history === at);
    const made = layer === undefined ? 'layer' : `layer ${layer.side.number}`;
    return ['history', entry.empty_layer === true ? 'no layer' : made, entry.created_by ?? entry.comment ?? ''];
  });
  const size = layers.reduce((sum, { descriptor }) => sum + (descriptor?.size ?? 0), 0);
  if (size > 0) stored.push(['layers', `${counted(layers.length, 'layer')}, ${formatBytes(size)}`]);
  return [rows, stored, history].map(shownTable).join('');
}
