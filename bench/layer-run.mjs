// A program: one layer of a folder, made by the code that makes every image's, and a line of JSON about it.
// usage: node bench/layer-run.mjs FOLDER none|gzip|zstd [WORKERS] [proof]

import { mkdtempSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { createCompressor } from '../dist/oci/codec/load.js';
import { writeLayer } from '../dist/oci/layer/writer.js';
import { createLayout } from '../dist/oci/layout/layout.js';
import { proveLayer } from '../dist/oci/layout/proof.js';
import { native } from '../dist/oci/profile.js';
import { toEntries, walkView } from '../dist/src/snapshot/entries.js';
import { hostPath } from '../dist/src/snapshot/raw-fs.js';
import { hostView } from '../dist/src/snapshot/view.js';

const [folder, compression, workers, proof] = process.argv.slice(2);
const policy = { owner: 'root', time: 'set', epoch: 0 };
const aside = mkdtempSync(join(dirname(folder), 'layout-'));
try {
  const layout = createLayout(aside);
  const entries = () => {
    const view = hostView(hostPath(folder));
    return toEntries(view, walkView(view, 'open'), () => {});
  };
  const options = workers === undefined || workers === '' ? {} : { workers: Number(workers) };
  const layer = await writeLayer(entries(), policy, {
    compression,
    compressorFor: (kind, sink) => createCompressor(kind, sink, options),
    blob: layout.beginBlob(),
    profile: native,
  });
  if (proof === 'proof') {
    await proveLayer(layout, layer.descriptor, layer.diffId);
  }
  const { maxRSS } = process.resourceUsage();
  process.stdout.write(`${JSON.stringify({ ...layer, maxRSS })}\n`);
} finally {
  rmSync(aside, { recursive: true });
}
