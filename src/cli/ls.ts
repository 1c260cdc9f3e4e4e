// Owns: `ocibuild ls`: the images the store holds.

import { join } from 'node:path';
import { type Layout, openLayout } from '../../oci/layout/layout.ts';
import { readRoots } from '../build/roots-record.ts';
import { formatBytes } from '../progress/text.ts';
import type { Command } from './command.ts';
import { readImages } from './image-reading.ts';
import { counted, tableText } from './table.ts';

export const command: Command = {
  name: 'ls',
  summary: 'list the images in the store',
  usage: '',
  flags: { json: { summary: 'as a list of {"name","index","platforms","layers","size"}' } },
  operands: { min: 0, max: 0 },
  needsNamespace: false,
  run: async ({ args, storeDirectory, stdout, stderr }) => {
    const records = readRoots(storeDirectory);
    const layout = records.length === 0 ? undefined : openLayout(join(storeDirectory, 'layout'));
    const rows = records.map(({ target, index }) => ({ name: target, index, ...sizeOf(layout!, index) }));
    if (rows.length === 0) stderr.write(`no images in ${storeDirectory}\n`);
    if (args.is('json')) stdout.write(`${JSON.stringify(rows, undefined, 2)}\n`);
    else {
      const cells = rows.map((row) => [
        row.name,
        row.index,
        row.platforms.join(','),
        counted(row.layers, 'layer'),
        formatBytes(row.size),
      ]);
      stdout.write(tableText(cells, [3, 4]));
    }
    return 0;
  },
};

/** Compressed bytes of every layer and config of every platform, shared ones counted once. */
function sizeOf(layout: Layout, index: Parameters<typeof readImages>[1]) {
  const { images } = readImages(layout, index);
  const blobs = new Map(
    images.flatMap(({ manifest }) => [manifest.config, ...manifest.layers]).map((one) => [one.digest, one.size]),
  );
  return {
    platforms: images.map(({ platform }) => platform),
    layers: Math.max(0, ...images.map(({ manifest }) => manifest.layers.length)),
    size: [...blobs.values()].reduce((sum, size) => sum + size, 0),
  };
}
