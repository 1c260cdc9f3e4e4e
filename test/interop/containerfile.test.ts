// Owns: the same Containerfile read by buildah and by us must give the same image config. Only files on scratch that run nothing, so that no
// network and no sandbox is needed.

import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { expandInstruction } from '../../src/containerfile/expand.ts';
import { parseContainerfile } from '../../src/containerfile/parse.ts';
import { exposedPorts } from '../../src/containerfile/ports.ts';

const SHELL = ['/bin/sh', '-c'];

interface Config {
  readonly env: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
  readonly cmd: readonly string[];
  readonly entrypoint: readonly string[];
  readonly user: string;
  readonly volumes: readonly string[];
  readonly ports: readonly string[];
  readonly signal: string;
  readonly health: unknown;
}

/** The config of the last stage, PATH left out. */
function ours(text: string): Config {
  const file = parseContainerfile(text, 'Containerfile');
  const env = new Map<string, string>();
  const args = new Map<string, string>();
  const config = { labels: {} as Record<string, string>, cmd: [] as string[], entrypoint: [] as string[] };
  const rest = { user: '', volumes: [] as string[], ports: [] as string[], signal: '', health: undefined as unknown };
  for (const written of file.stages.at(-1)!.instructions) {
    const read = expandInstruction(written, (name) => env.get(name) ?? args.get(name), file.directives.escape);
    const line = 'command' in read ? read.command : undefined;
    const argv = line === undefined ? [] : line.form === 'json' ? [...line.args] : [...SHELL, ...line.args];
    if (read.keyword === 'ARG') for (const { key, value } of read.args) if (value !== undefined) args.set(key, value);
    if (read.keyword === 'ENV') for (const { key, value } of read.pairs) env.set(key, value);
    if (read.keyword === 'LABEL') for (const { key, value } of read.pairs) config.labels[key] = value;
    if (read.keyword === 'CMD') config.cmd = argv;
    if (read.keyword === 'ENTRYPOINT') config.entrypoint = argv;
    if (read.keyword === 'USER') rest.user = read.user;
    if (read.keyword === 'VOLUME') rest.volumes.push(...read.paths);
    if (read.keyword === 'EXPOSE') rest.ports.push(...exposedPorts(read.ports, read.at));
    if (read.keyword === 'STOPSIGNAL') rest.signal = read.signal;
    if (read.keyword === 'HEALTHCHECK' && line !== undefined) {
      const kind = line.form === 'json' ? 'CMD' : 'CMD-SHELL';
      const { interval, timeout, startPeriod, retries } = read;
      rest.health = {
        Test: [kind, ...line.args],
        Interval: interval,
        Timeout: timeout,
        StartPeriod: startPeriod,
        Retries: retries,
      };
    }
  }
  return {
    env: [...env].map(([key, value]) => `${key}=${value}`).sort(),
    ...config,
    ...rest,
    volumes: rest.volumes.sort(),
    ports: rest.ports.sort(),
  };
}

let directory = '';
let skip: string | undefined;

function buildah(...args: string[]): string {
  const store = ['--storage-driver', 'vfs', '--root', join(directory, 'root'), '--runroot', join(directory, 'run')];
  return execFileSync('buildah', [...store, ...args], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
}

function theirs(text: string): Config {
  writeFileSync(join(directory, 'Containerfile'), text);
  buildah('bud', '--isolation', 'chroot', '-q', '--format', 'docker', '-t', 'read', directory);
  const config = JSON.parse(buildah('inspect', '--type', 'image', 'read')).Docker.config;
  const { 'io.buildah.version': _, ...labels } = config.Labels ?? {};
  return {
    env: config.Env.filter((pair: string) => !pair.startsWith('PATH=')).sort(),
    labels,
    cmd: config.Cmd ?? [],
    entrypoint: config.Entrypoint ?? [],
    user: config.User ?? '',
    volumes: Object.keys(config.Volumes ?? {}).sort(),
    ports: Object.keys(config.ExposedPorts ?? {}).sort(),
    signal: config.StopSignal ?? '',
    health: config.Healthcheck ?? undefined,
  };
}

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'containerfile-interop-'));
  const found = spawnSync('buildah', ['--version'], { encoding: 'utf8' });
  if (found.status !== 0) {
    skip = 'buildah is not installed';
    return;
  }
  try {
    theirs('FROM scratch\nENV a=b\n');
  } catch (error) {
    skip = `buildah cannot build here: ${error instanceof Error ? error.message.slice(0, 300) : error}`;
  }
});

afterAll(() => {
  if (skip !== undefined) console.warn(`skipped: ${skip}`);
  rmSync(directory, { recursive: true, force: true });
});

describe('buildah reads the same', () => {
  const cases: [string, string[]][] = [
    [
      'quotes',
      ['ENV B="two words" C=\'sin $A gle\' e="" f=\'\' g="a"\'b\'c', 'ENV dq="a\\"b\\\\c\\$A\\n" sq=\'a"b\\c\''],
    ],
    ['escapes', ['ENV a=a\\ b\\"c b=c:\\\\x c=\\$a d=\\a']],
    ['the old form', ['ENV A 1', 'ENV OLD  form "with" $A \\$A  spaces', 'LABEL old style label']],
    ['one environment for a whole line', ['ENV A=1', 'ENV A=2 B=$A', 'ENV C=$A']],
    ['defaults', ['ENV A=1 E=', 'ENV a=${N:-d} b=${N:-${A}x} c=${A:+y} d=${N:+y} e=${E:-d} f=${E:+y} g=${A:-d}']],
    ['names', ['ENV A=1', 'ENV a=${A}b b=$A$N.c c=$A-x d=${A}$A e=a$']],
    ['ARG', ['ARG A=1 B="x y" C', 'ENV a=$A b=$B c=$C', 'ENV A=2', 'ENV d=$A']],
    ['labels', ['ENV A=1', 'LABEL "com.example one"="v 1" multi="line1 \\', "line2\" k=$A j='$A'"]],
    ['continuations', ['ENV a=1 \\', '# comment', '  b=2 \\', '  c="x \\', '   y"']],
    ['JSON and shell forms', ['CMD ["a", "b\\u0041", "$A", ""]', 'ENTRYPOINT exec  top "-b"  $A']],
    ['almost JSON', ["CMD ['a', 'b']"]],
    ['the last CMD counts', ['CMD a', 'CMD ["b"]']],
    ['volumes and ports', ['ENV P=80', 'VOLUME ["/v one", "/v2"]', 'VOLUME /v3 /v4', 'EXPOSE $P 90/udp']],
    ['user and signal', ['ENV A=1', 'USER $A:"g"', 'STOPSIGNAL SIG${N:-TERM}']],
    [
      'healthcheck',
      ['HEALTHCHECK --interval=1m30s --timeout=5s --start-period=1.5s --retries=3 CMD curl  -f x || exit 1'],
    ],
    ['healthcheck in JSON', ['HEALTHCHECK --interval=1s --timeout=1s --start-period=1s --retries=1 CMD ["a", "b c"]']],
    ['stages', ['ENV A=1', 'FROM scratch AS b', 'ENV B=$A.']],
  ];
  it.for(cases)('%s', ([, lines], context) => {
    context.skip(skip !== undefined, skip);
    const text = ['FROM scratch', ...lines, ''].join('\n');
    expect(ours(text)).toEqual(theirs(text));
  });
});
