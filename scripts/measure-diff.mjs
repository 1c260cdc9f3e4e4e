// A program: makes two images that differ here and there, compares them with `ocibuild diff`, and says how much memory that
// took. Ends with 1 when it took more than is promised, or when a planted difference was not found.
//
//   node scripts/measure-diff.mjs [--mib 2048] [--files 20000] [--limit-mib 200] [--program DIST/src/main.js] [--keep DIR]

import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { closeSync, mkdirSync, mkdtempSync, openSync, renameSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { createGzip } from 'node:zlib';

const { values } = parseArgs({
  options: {
    mib: { type: 'string', default: '2048' },
    files: { type: 'string', default: '20000' },
    'limit-mib': { type: 'string', default: '200' },
    program: { type: 'string', default: join(import.meta.dirname, '../dist/src/main.js') },
    keep: { type: 'string' },
  },
});
const [mib, files, limit] = [values.mib, values.files, values['limit-mib']].map(Number);
const folder = values.keep ?? mkdtempSync(join(tmpdir(), 'measure-diff-'));

/** Bytes of noise, as compressible as programs are; the same for the same seed, others for another. */
function* noise(seed, size) {
  for (let at = 0; at < size; ) {
    const from = (seed * 7919 + at) % NOISE.length;
    const part = NOISE.subarray(from, Math.min(NOISE.length, from + size - at, from + (1 << 16)));
    yield part;
    at += part.length;
  }
}

const NOISE = Buffer.from(
  (() => {
    let state = 2463534242;
    return Uint32Array.from({ length: 4 << 20 }, () => {
      state ^= state << 13;
      state ^= state >>> 17;
      state ^= state << 5;
      return state & 0x0f0fffff;
    });
  })().buffer,
);

function headerOf(name, size, mode = '0000644') {
  const block = Buffer.alloc(512);
  block.write(name, 0);
  block.write(`${mode}\0`, 100);
  block.write('0000000\x000000000\0', 108);
  block.write(`${size.toString(8).padStart(11, '0')}\x0000000000000\0`, 124);
  block.write('        0', 148);
  block.write('ustar\x0000', 257);
  block.write('0000000\x000000000\0', 329);
  let sum = 0;
  for (const byte of block) sum += byte;
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
  return block;
}

/** One large file, which both sides have in other bytes, then many small ones, of which some differ. */
function* tar(side) {
  const big = Math.floor((mib * 2 ** 20) / 4 / 512) * 512;
  yield headerOf('big', big);
  let at = 0;
  for (const part of noise(7, big)) {
    // Behind what is held in memory at once, so that it takes another way to look into it.
    if (side === 1 && at <= big - 512 && big - 512 < at + part.length) {
      const other = Buffer.from(part);
      other[big - 512 - at] ^= 1;
      yield other;
    } else yield part;
    at += part.length;
  }
  const each = Math.floor((mib * 2 ** 20 - big) / files);
  for (let i = 0; i < files; i++) {
    const name = `usr/share/files/directory-${String(i % 97).padStart(3, '0')}/file-${String(i).padStart(8, '0')}`;
    const differs = side === 1 && i % 1000 === 999;
    yield headerOf(name, each, differs && i % 2000 === 999 ? '0000755' : '0000644');
    yield* noise(differs ? i + 1_000_000 : i, each);
    yield Buffer.alloc((512 - (each % 512)) % 512);
  }
  yield Buffer.alloc(1024);
}

async function image(name, side) {
  const layout = join(folder, name);
  const blobs = join(layout, 'blobs/sha256');
  mkdirSync(blobs, { recursive: true });
  const plain = createHash('sha256');
  const stored = createHash('sha256');
  const aside = join(layout, 'aside');
  const fd = openSync(aside, 'w');
  let size = 0;
  const gzip = createGzip({ level: 1 });
  gzip.on('data', (bytes) => {
    stored.update(bytes);
    writeSync(fd, bytes);
    size += bytes.length;
  });
  for (const part of tar(side)) {
    plain.update(part);
    if (!gzip.write(Buffer.from(part))) await new Promise((resolve) => gzip.once('drain', resolve));
  }
  await new Promise((resolve) => {
    gzip.once('end', resolve);
    gzip.end();
  });
  closeSync(fd);
  const digest = stored.digest('hex');
  renameSync(aside, join(blobs, digest));
  const put = (mediaType, value) => {
    const text = JSON.stringify(value);
    const hex = createHash('sha256').update(text).digest('hex');
    writeFileSync(join(blobs, hex), text);
    return { mediaType, digest: `sha256:${hex}`, size: Buffer.byteLength(text) };
  };
  const oci = 'application/vnd.oci.image';
  const config = put(`${oci}.config.v1+json`, {
    architecture: 'amd64',
    os: 'linux',
    rootfs: { type: 'layers', diff_ids: [`sha256:${plain.digest('hex')}`] },
    history: [{ created_by: 'COPY much /' }],
  });
  const layer = { mediaType: `${oci}.layer.v1.tar+gzip`, digest: `sha256:${digest}`, size };
  const mediaType = `${oci}.manifest.v1+json`;
  const manifest = put(mediaType, { schemaVersion: 2, mediaType, config, layers: [layer] });
  writeFileSync(join(layout, 'index.json'), JSON.stringify({ schemaVersion: 2, manifests: [manifest] }));
  writeFileSync(join(layout, 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}');
  return size;
}

/** Runs the program with a line at its end that says the most memory it had, in KiB. */
function measured(words) {
  const tell = `process.on('exit',()=>process.stderr.write('\\npeak '+process.resourceUsage().maxRSS+'\\n'))`;
  const hook = `data:text/javascript,${encodeURIComponent(tell)}`;
  const child = spawn(process.execPath, ['--import', hook, values.program, ...words], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const out = [];
  let err = '';
  child.stdout.on('data', (bytes) => out.push(bytes));
  child.stderr.on('data', (bytes) => {
    err += bytes;
  });
  return new Promise((resolve) => {
    child.on('close', (status) => {
      const peak = Number(/\npeak (\d+)\n/.exec(err)?.[1]);
      resolve({ status, peak, text: Buffer.concat(out).toString(), err });
    });
  });
}

let failed = false;
const say = (isGood, text) => {
  failed ||= !isGood;
  console.log(`${isGood ? 'ok' : 'FAILED'}: ${text}`);
};
try {
  const sizes = [await image('one', 0), await image('other', 1)];
  console.log(
    `two images of ${mib} MiB and ${files + 1} files, ${sizes.map((size) => Math.round(size / 2 ** 20)).join(' and ')} MiB compressed`,
  );
  const started = performance.now();
  const words = ['diff', '--json', '--max', '100000', `oci:${join(folder, 'one')}`, `oci:${join(folder, 'other')}`];
  const { status, peak, text, err } = await measured(words);
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  say(status === 1, `exit status ${status}${status === 1 ? '' : `: ${err}`}`);
  if (err.replace(/\npeak \d+\n/, '') !== '') throw new Error(err);
  const { findings } = JSON.parse(text);
  const paths = new Set(findings.filter(({ level }) => level === 'content').map(({ path }) => path));
  const want = 1 + Math.floor(files / 1000);
  say(paths.size === want && paths.has('big'), `${paths.size} differing contents of ${want} found in ${seconds} s`);
  say(peak > 0 && peak <= limit * 1024, `${(peak / 1024).toFixed(0)} MiB of memory, at most ${limit} allowed`);
} finally {
  if (values.keep === undefined) rmSync(folder, { recursive: true, force: true });
}
process.exit(failed ? 1 : 0);
