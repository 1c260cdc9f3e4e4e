// A program: times ocibuild and other builders on the same Containerfiles, in turns, and prints medians and ratios.
// Each round runs every builder once, so that a machine that gets slower gets slower for all of them.

import { spawnSync } from 'node:child_process';
import { chmodSync, copyFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus, homedir, release } from 'node:os';
import { dirname, join } from 'node:path';
import { parseArgs } from 'node:util';

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    only: { type: 'string', default: '' },
    keep: { type: 'boolean', default: false },
  },
});
const ROUNDS = Number(values.rounds);
const ONLY = values.only === '' ? [] : values.only.split(',');
const ROOT = dirname(import.meta.dirname);
const OCIBUILD = join(ROOT, 'ocibuild');
const BUSYBOX = ['/bin/busybox', '/usr/bin/busybox'].find((path) => existsSync(path));
if (BUSYBOX === undefined) fail('busybox is missing: install busybox-static');
// Lower case: buildah makes an image's name of the path it is pulled from.
const WORK = join(process.env.TMPDIR ?? homedir(), `ocibuild-bench-${process.pid}`);
mkdirSync(WORK);

function fail(message) {
  process.stderr.write(`bench: ${message}\n`);
  process.exit(1);
}

/** Runs to the end; seconds of wall clock, and of processor time of everything it waited for. Throws on failure. */
function time(argv, env = {}) {
  const times = join(WORK, 'times');
  const started = process.hrtime.bigint();
  // The shell's own `times` is the portable way to the processor time of children.
  const script = `"$@" >${WORK}/output 2>&1; status=$?; times >${times}; exit $status`;
  const done = spawnSync('sh', ['-c', script, 'sh', ...argv], { env: { ...process.env, ...env }, cwd: WORK });
  const wall = Number(process.hrtime.bigint() - started) / 1e9;
  if (done.status !== 0)
    fail(`${argv.join(' ')} ended with ${done.status}:\n${readFileSync(join(WORK, 'output'), 'utf8').slice(-3000)}`);
  const seconds = (text) =>
    text
      .match(/(\d+)m([\d.]+)s/g)
      .map((each) => each.slice(0, -1).split('m'))
      .reduce((sum, [m, s]) => sum + Number(m) * 60 + Number(s), 0);
  return { wall, cpu: seconds(readFileSync(times, 'utf8').trim().split('\n').at(-1)) };
}

function run(argv, env = {}) {
  const done = spawnSync(argv[0], argv.slice(1), { env: { ...process.env, ...env }, cwd: WORK, encoding: 'utf8' });
  if (done.status !== 0) fail(`${argv.join(' ')}: ${done.stderr ?? done.error}`);
  return done.stdout.trim();
}

function median(numbers) {
  const sorted = [...numbers].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

function context(name, files) {
  const directory = join(WORK, name);
  mkdirSync(directory, { recursive: true });
  for (const [file, text] of Object.entries(files)) {
    mkdirSync(dirname(join(directory, file)), { recursive: true });
    writeFileSync(join(directory, file), text);
  }
  return directory;
}

/** The image every case starts from: a static busybox. Made by ocibuild, handed to the others as an OCI layout. */
function makeBase() {
  const directory = context('base', {
    Containerfile:
      'FROM scratch\nCOPY busybox /bin/busybox\nRUN ["/bin/busybox", "--install", "-s", "/bin"]\nRUN mkdir -p /tmp /etc && echo bench >/etc/bench\n',
  });
  copyFileSync(BUSYBOX, join(directory, 'busybox'));
  chmodSync(join(directory, 'busybox'), 0o755);
  run([OCIBUILD, 'build', directory, '-o', `oci:${join(WORK, 'images/base')}`], { OCIBUILD_STORE: join(WORK, 'made') });
}

/** Thirty images of forty files each, as packages of a distribution would be. */
function makePackages(count) {
  const files = {};
  for (let number = 0; number < count; number++) {
    for (let file = 0; file < 40; file++)
      files[`p${number}/usr/share/p${number}/f${file}`] = `${number} ${file}\n`.repeat(50);
  }
  const names = Array.from({ length: count }, (_, number) => `p${number}`);
  const stages = names.map((name) => `FROM scratch AS ${name}\nCOPY ${name}/ /\n`).join('');
  const directory = context('packages', { Containerfile: stages, ...files });
  for (const name of names) {
    run([OCIBUILD, 'build', directory, '--target', name, '-o', `oci:${join(WORK, 'images', name)}`], {
      OCIBUILD_STORE: join(WORK, 'made'),
    });
  }
  return names;
}

const ours = {
  name: 'ocibuild',
  version: () => run([OCIBUILD, '--version']),
  /** A store of its own for cold runs; `warm` keeps one. */
  build: (directory, { images, jobs, store }) =>
    time(
      [
        OCIBUILD,
        'build',
        directory,
        '--progress',
        'plain',
        ...(jobs ? ['--jobs', String(jobs)] : []),
        ...images.flatMap((name) => ['--build-context', `${name}=oci:${join(WORK, 'images', name)}`]),
      ],
      {
        OCIBUILD_STORE: join(WORK, store),
      },
    ),
  forget: () => {},
};

const storage = [
  '--root',
  join(WORK, 'buildah/root'),
  '--runroot',
  join(WORK, 'buildah/run'),
  '--storage-driver',
  'overlay',
];
const runtime = ['runc', 'crun'].find((name) => spawnSync('sh', ['-c', `command -v ${name}`]).status === 0);
const buildah = {
  name: 'buildah',
  version: () => run(['buildah', '--version']),
  build: (directory, { jobs, isWarm }) =>
    time([
      'buildah',
      ...storage,
      'bud',
      '--layers',
      '--network',
      'none',
      '--runtime',
      runtime,
      ...(isWarm ? [] : ['--no-cache']),
      ...(jobs ? ['--jobs', String(jobs)] : []),
      '-t',
      'bench',
      directory,
    ]),
  prepare: (images) => {
    for (const name of images) {
      const id = run(['buildah', ...storage, 'pull', '-q', `oci:${join(WORK, 'images', name)}`]);
      run(['buildah', ...storage, 'tag', id, `localhost/${name}`]);
    }
  },
};

// DOCKER names the client, where the first one found has no builder. The daemon's processor time is not seen from here.
const DOCKER = process.env.DOCKER ?? 'docker';
const docker = {
  name: 'BuildKit',
  isDaemon: true,
  version: () => `${run([DOCKER, 'version', '--format', 'dockerd {{.Server.Version}}'])} with its BuildKit`,
  build: (directory, { isWarm }) =>
    time([DOCKER, 'build', '--network', 'none', ...(isWarm ? [] : ['--no-cache']), '-t', 'bench', directory], {
      DOCKER_BUILDKIT: '1',
    }),
  prepare: (images) => {
    for (const name of images) {
      run([
        'skopeo',
        'copy',
        '-q',
        `oci:${join(WORK, 'images', name)}`,
        `docker-archive:${join(WORK, `${name}.tar`)}:localhost/${name}:latest`,
      ]);
      run([DOCKER, 'load', '-q', '-i', join(WORK, `${name}.tar`)]);
    }
  },
};

function available() {
  const found = [ours];
  if (spawnSync('buildah', ['--version']).status === 0) found.push(buildah);
  else process.stdout.write('buildah is not installed: left out\n');
  if (process.getuid() === 0 && spawnSync(DOCKER, ['version'], { stdio: 'ignore' }).status === 0) found.push(docker);
  else process.stdout.write('no dockerd that answers (it needs root): BuildKit is left out\n');
  return found;
}

const steps = (count) => Array.from({ length: count }, (_, number) => `RUN : ${number}\n`).join('');
const from = (name, builder) => (builder === ours ? name : `localhost/${name}`);

/** Each case: a Containerfile for a builder, and how it is run. */
const CASES = {
  cold20: {
    title: '20 trivial RUN steps, cold',
    file: (builder) => `FROM ${from('base', builder)}\n${steps(20)}`,
    images: () => ['base'],
    isWarm: false,
  },
  noop: {
    title: 'the same again, nothing changed',
    file: (builder) => `FROM ${from('base', builder)}\n${steps(20)}`,
    images: () => ['base'],
    isWarm: true,
  },
  copy30: {
    title: 'COPY --from of 30 images into one stage, and a RUN',
    file: (builder, packages) =>
      `FROM ${from('base', builder)} AS all\n${packages.map((name) => `COPY --from=${from(name, builder)} . /\n`).join('')}RUN :\nFROM scratch\nCOPY --from=all /etc /etc\n`,
    images: (packages) => ['base', ...packages],
    isWarm: false,
  },
  sleep12: {
    title: '12 independent stages of sleep 1, 12 jobs',
    file: (builder) => {
      const names = Array.from({ length: 12 }, (_, number) => `s${number}`);
      const stages = names.map(
        (name) => `FROM ${from('base', builder)} AS ${name}\nRUN sleep 1; echo ${name} >/etc/${name}\n`,
      );
      return `${stages.join('')}FROM scratch\n${names.map((name) => `COPY --from=${name} /etc/${name} /\n`).join('')}`;
    },
    images: () => ['base'],
    isWarm: false,
    jobs: 12,
  },
};

makeBase();
const chosen = Object.entries(CASES).filter(([name]) => ONLY.length === 0 || ONLY.includes(name));
const packages = chosen.some(([name]) => name === 'copy30') ? makePackages(30) : [];
const builders = available();
for (const builder of builders) builder.prepare?.(['base', ...packages]);

const lines = [];
for (const [name, it] of chosen) {
  const figures = new Map(builders.map((builder) => [builder, { wall: [], cpu: [] }]));
  const directories = new Map(
    builders.map((builder) => [
      builder,
      context(`${name}-${builder.name}`, {
        Containerfile: it.file(builder, packages),
        Dockerfile: it.file(builder, packages),
      }),
    ]),
  );
  for (let round = -1; round < ROUNDS; round++) {
    for (const builder of builders) {
      // The round before the first is not counted: it warms caches, and is the build that a no-op run finds done.
      const store = it.isWarm ? `store-${name}` : `store-${name}-${round}`;
      const took = builder.build(directories.get(builder), {
        images: it.images(packages),
        jobs: it.jobs,
        isWarm: it.isWarm,
        store,
      });
      if (round < 0) continue;
      figures.get(builder).wall.push(took.wall);
      figures.get(builder).cpu.push(took.cpu);
    }
  }
  const base = figures.get(ours);
  for (const builder of builders) {
    const { wall, cpu } = figures.get(builder);
    const ratio = builder === ours ? '' : `${(median(wall) / median(base.wall)).toFixed(1)}x`;
    const cpuRatio = builder === ours || builder.isDaemon ? '' : `${(median(cpu) / median(base.cpu)).toFixed(1)}x`;
    lines.push(
      `| ${it.title} | ${builder.name} | ${median(wall).toFixed(2)} | ${ratio} | ${builder.isDaemon ? '(daemon)' : median(cpu).toFixed(2)} | ${cpuRatio} |`,
    );
    process.stdout.write(`${lines.at(-1)}\n`);
  }
}

process.stdout.write(`
machine: ${cpus().length} x ${cpus()[0]?.model}, Linux ${release()}, Node ${process.version}, ${process.getuid() === 0 ? 'root' : 'unprivileged'}
builders: ${builders.map((builder) => builder.version()).join('; ')}
rounds: ${ROUNDS}, medians

| case | builder | seconds | slower than ocibuild by | processor seconds | by |
|---|---|---|---|---|---|
${lines.join('\n')}
`);
process.stdout.write(
  `\nfiles are left in ${WORK}: some belong to ids of a user namespace; \`buildah unshare rm -r\` removes them\n`,
);
