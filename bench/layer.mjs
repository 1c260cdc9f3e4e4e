// A program: times the making of layers against tar and its compressors, umoci and buildah, in turns, and prints medians,
// ratios and peak memory. Seconds of processor time are what to look at on a machine that does other things too.
// usage: node bench/layer.mjs [--scale 0.1] [--rounds 3] [--only tree,small,large,add,rebuild] [--keep]

import { copyFileSync, existsSync, mkdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import { fail, floors, isThere, machine, measure, median, output } from './measure.mjs';
import { makeTree } from './tree.mjs';

const { values } = parseArgs({
  options: {
    scale: { type: 'string', default: '1' },
    quick: { type: 'boolean', default: false },
    rounds: { type: 'string', default: '3' },
    only: { type: 'string', default: '' },
    keep: { type: 'boolean', default: false },
  },
});
const SCALE = values.quick ? 0.05 : Number(values.scale);
const ROUNDS = values.quick ? 1 : Number(values.rounds);
const ONLY = values.only === '' ? undefined : values.only.split(',');
const GB = 1e9;
const ROOT = dirname(import.meta.dirname);
const OCIBUILD = join(ROOT, 'ocibuild');
const isRoot = process.getuid() === 0;
const WORK = join(process.env.TMPDIR ?? homedir(), `ocibuild-bench-layer-${process.pid}`);
mkdirSync(WORK);
const log = join(WORK, 'log');
if (!isThere('python3')) fail('python3 is missing: it measures');

const sh = (script) => ['sh', '-c', `set -e; ${script}`];
const layer = (folder, ...rest) => [process.execPath, join(ROOT, 'bench/layer-run.mjs'), folder, ...rest];
const STORAGE = ['--root', join(WORK, 'buildah'), '--runroot', join(WORK, 'buildah-run')];
const buildah = (...rest) => ['buildah', ...STORAGE, ...rest];

/** What a shell does with a folder. Peers end in sha256sum because a layer without its digest is none. */
function pipes(name) {
  const tar = `tar --sort=name -cf - ${name}`;
  return [
    { who: 'tar | sha256sum', argv: sh(`${tar} | sha256sum`), against: 'none' },
    { who: 'tar | tee FILE | sha256sum', argv: sh(`${tar} | tee ${WORK}/made | sha256sum`), against: 'none' },
    { who: 'tar | gzip -6 | sha256sum', argv: sh(`${tar} | gzip -6 | sha256sum`), against: 'gzip' },
    ...(isThere('pigz')
      ? [{ who: 'tar | pigz -p2 | sha256sum', argv: sh(`${tar} | pigz -p2 | sha256sum`), against: 'gzip' }]
      : []),
    ...(isThere('zstd')
      ? [{ who: 'tar | zstd -3 | sha256sum', argv: sh(`${tar} | zstd -3 -c | sha256sum`), against: 'zstd' }]
      : []),
  ];
}

function ours(folder, kinds = ['none', 'gzip', 'zstd']) {
  return kinds.flatMap((kind) => [
    { who: `ocibuild, ${kind}, without the proof`, argv: layer(folder, kind), is: kind },
    { who: `ocibuild, ${kind}`, argv: layer(folder, kind, '', 'proof'), is: `${kind}+proof` },
  ]);
}

function tree(name, options) {
  const folder = join(WORK, name);
  if (!existsSync(folder))
    makeTree(folder, { ...options, count: Math.ceil(options.count * SCALE), bytes: Math.round(options.bytes * SCALE) });
  return folder;
}

/** umoci and buildah start from what they have unpacked or copied: only making the layer is timed. */
function imageTools(folder) {
  const runs = [];
  if (isThere('umoci')) {
    const image = join(WORK, 'umoci');
    const bundle = join(WORK, 'bundle');
    output(['umoci', 'init', '--layout', image]);
    output(['umoci', 'new', '--image', `${image}:base`]);
    output(['umoci', 'unpack', ...(isRoot ? [] : ['--rootless']), '--image', `${image}:base`, bundle]);
    output(['cp', '-a', folder, join(bundle, 'rootfs/tree')]);
    runs.push({
      who: 'umoci repack',
      argv: ['umoci', 'repack', '--image', `${image}:made`, bundle],
      against: 'gzip',
    });
  }
  if (isThere('buildah') && isRoot) {
    const id = output(buildah('from', 'scratch'));
    output(buildah('copy', '-q', id, folder, '/tree'));
    runs.push({
      who: 'buildah commit (it does not compress)',
      argv: sh(`rm -rf ${WORK}/committed; ${buildah('commit', '-q', id, `oci:${WORK}/committed`).join(' ')}`),
      against: 'none',
    });
  }
  return runs;
}

function context(name, containerfile, fill) {
  const folder = join(WORK, name);
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'Containerfile'), containerfile);
  fill(folder);
  return folder;
}

const build = (folder, store, ...flags) => ({
  argv: [OCIBUILD, 'build', folder, '--progress', 'plain', ...flags],
  env: { OCIBUILD_STORE: join(WORK, store) },
});
const bud = (folder, ...rest) => buildah('bud', '--layers', '--network', 'none', ...rest, '-t', 'bench', folder);

const CASES = {
  tree: {
    title: 'a layer of 60,000 files, 1 GB',
    runs() {
      const folder = tree('tree', { count: 60_000, bytes: GB });
      return [...ours(folder), ...pipes('tree'), ...imageTools(folder)];
    },
  },
  small: {
    title: 'a layer of 200,000 files, 100 MB',
    runs() {
      const folder = tree('small', { count: 200_000, bytes: 0.1 * GB, seed: 2 });
      return [...ours(folder, ['none', 'gzip']), ...pipes('small')];
    },
  },
  large: {
    title: 'a layer of 40 files, 2 GB',
    runs() {
      const folder = tree('large', { count: 40, bytes: 2 * GB, seed: 3 });
      return [...ours(folder, ['none', 'gzip']), ...pipes('large')];
    },
  },
  add: {
    title: 'ADD of a .tar.xz of 100 MB',
    runs() {
      const folder = tree('archived', { count: 20_000, bytes: 0.32 * GB, seed: 4 });
      const made = context('add', 'FROM scratch\nADD files.tar.xz /\n', (into) => {
        output(['sh', '-c', `tar --sort=name -C ${folder} -cf - . | xz -2 -T0 -c >${into}/files.tar.xz`]);
      });
      const mb = Math.round(statSync(join(made, 'files.tar.xz')).size / 1e6);
      process.stdout.write(`files.tar.xz has ${mb} MB\n`);
      let count = 0;
      return [
        { who: 'ocibuild build', is: 'none', each: () => build(made, `store-add-${count++}`) },
        {
          who: 'xz -dc | tar -x',
          argv: sh(`rm -rf ${WORK}/x; mkdir ${WORK}/x; xz -dc ${made}/files.tar.xz | tar -C ${WORK}/x -xf -`),
          against: 'none',
        },
        ...(isThere('buildah') && isRoot
          ? [{ who: 'buildah bud (it does not compress)', argv: bud(made, '--no-cache'), against: 'none' }]
          : []),
      ];
    },
  },
  rebuild: {
    title: 'a build after one file of a context of 60,000 files, 1 GB, changed',
    runs() {
      const folder = tree('tree', { count: 60_000, bytes: GB });
      const made = context('rebuild', 'FROM scratch\nCOPY tree /tree\n', (into) => {
        output(['cp', '-a', folder, join(into, 'tree')]);
      });
      let count = 0;
      const change = () => writeFileSync(join(made, 'tree/changed'), `${count++}\n`);
      change();
      const first = build(made, 'store-rebuild');
      output(first.argv, { env: { ...process.env, ...first.env } });
      const hasBuildah = isThere('buildah') && isRoot;
      if (hasBuildah) output(bud(made));
      return [
        { who: 'ocibuild build', before: change, ...build(made, 'store-rebuild') },
        {
          who: 'ocibuild build --compression none',
          is: 'none',
          before: change,
          ...build(made, 'store-rebuild', '--compression', 'none'),
        },
        { who: 'ocibuild build, nothing changed', ...build(made, 'store-rebuild', '--compression', 'none') },
        ...(hasBuildah
          ? [{ who: 'buildah bud (it does not compress)', before: change, argv: bud(made), against: 'none' }]
          : []),
        ...(hasBuildah ? [{ who: 'buildah bud, nothing changed', argv: bud(made) }] : []),
      ];
    },
  },
};

output([OCIBUILD, '--version']);
const speeds = floors(join(WORK, 'floor'));
const tables = [];
for (const [name, { title, runs }] of Object.entries(CASES)) {
  if (ONLY !== undefined && !ONLY.includes(name)) continue;
  const list = runs();
  const took = new Map(list.map((run) => [run, []]));
  // Every round runs each once, so that a machine that gets slower gets slower for all.
  for (let round = 0; round < ROUNDS; round++) {
    for (const run of list) {
      run.before?.();
      const { argv, env } = run.each?.() ?? run;
      took.get(run).push(measure(argv, { cwd: WORK, env, log }));
      copyFileSync(log, join(WORK, `log-${name}-${list.indexOf(run)}`));
    }
  }
  const of = (run, what) => median(took.get(run).map((each) => each[what]));
  const row = (run) => {
    const [mine, proved] = ['', '+proof'].map((way) =>
      run.against === undefined ? undefined : list.find((other) => other.is === run.against + way),
    );
    const ratio = (base) => (base === undefined ? '' : `${(of(run, 'cpu') / of(base, 'cpu')).toFixed(2)}x`);
    const memory = `${Math.round(of(run, 'memory') / 1e6)} MB`;
    const seconds = `${of(run, 'wall').toFixed(2)} | ${of(run, 'cpu').toFixed(2)}`;
    return `| ${run.who} | ${seconds} | ${memory} | ${ratio(mine)} | ${ratio(proved)} |`;
  };
  tables.push(`## ${title}${SCALE === 1 ? '' : `, scaled by ${SCALE}`}

| | wall s | processor s | peak memory | processor time of ours | with the proof |
|---|---|---|---|---|---|
${list.map(row).join('\n')}
`);
  process.stdout.write(`${tables.at(-1)}\n`);
}

const versions = [
  ['tar', '--version'],
  ['gzip', '--version'],
  ['pigz', '--version'],
  ['umoci', '--version'],
  ['buildah', '--version'],
]
  .filter(([program]) => isThere(program))
  .map((argv) => output(['sh', '-c', `${argv.join(' ')} 2>&1`]).split('\n')[0]);
process.stdout.write(`machine: ${machine()}
floors of one thread, MB a second: read ${speeds.read}, sha256 ${speeds.sha256}, memcpy ${speeds.memcpy}
${versions.join('; ')}
rounds: ${ROUNDS}, medians
`);
if (values.keep) process.stdout.write(`files are left in ${WORK}\n`);
else {
  if (isThere('buildah'))
    output(['sh', '-c', `${buildah('rm', '-a').join(' ')} >/dev/null; ${buildah('rmi', '-af').join(' ')} >/dev/null`]);
  if (isRoot || !existsSync(join(WORK, 'store-rebuild'))) rmSync(WORK, { recursive: true, force: true });
  else process.stdout.write(`files are left in ${WORK}: some belong to ids of a user namespace\n`);
}
