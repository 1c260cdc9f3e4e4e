// What the instructions of a Containerfile become: ops, config, history.

import { describe, expect, test } from 'vitest';
import { native } from '../../../oci/profile.ts';
import { parseContainerfile } from '../../../src/containerfile/parse.ts';
import { lower } from '../../../src/graph/lower.ts';
import type { CopyOp, Graph, RunOp, Target } from '../../../src/graph/op.ts';
import { planJson } from '../../../src/graph/print.ts';
import type { BuildRequest, ImageFinder } from '../../../src/graph/request.ts';
import type { Recipe } from '../../../src/recipe/types.ts';

const PATH = 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

function request(name: string, text: string, more: Partial<BuildRequest> = {}): BuildRequest {
  return {
    name,
    recipe: undefined,
    containerfile: parseContainerfile(text, `${name}/Containerfile`),
    context: { name: '.', directory: '/context' },
    contexts: new Map(),
    stage: undefined,
    buildArgs: new Map(),
    platform: { os: 'linux', architecture: 'amd64' },
    policy: { owner: 'root', time: 'set', epoch: 0 },
    profile: native,
    network: 'none',
    labels: new Map(),
    xattrs: undefined,
    ...more,
  };
}

function finder(files: Readonly<Record<string, string>> = {}): ImageFinder {
  return {
    lookup: (reference) => (files[reference] === undefined ? undefined : reference),
    claims: (reference) => reference.startsWith('recipes/'),
    request: (name) => request(name, files[name]!),
    layoutImage: () => {
      throw new Error('no layout here');
    },
  };
}

function lowerText(text: string, more: Partial<BuildRequest> = {}): { graph: Graph; target: Target } {
  const graph = lower([request('app', text, more)], finder());
  return { graph, target: graph.targets[graph.requested[0]!]! };
}

function runs(graph: Graph): RunOp[] {
  return graph.ops.filter((op): op is RunOp => op.kind === 'run');
}

function copies(graph: Graph): CopyOp[] {
  return graph.ops.filter((op): op is CopyOp => op.kind === 'copy');
}

describe('the environment of a RUN', () => {
  const cases: readonly (readonly [string, string, Readonly<Record<string, string>>, readonly string[]])[] = [
    ['an ARG from its declaration on', 'ARG A=1\nRUN x', {}, ['A=1']],
    ['not before', 'RUN x\nARG A=1', {}, []],
    ['the command line wins over a default', 'ARG A=1\nRUN x', { A: '2' }, ['A=2']],
    ['an ENV of the same name wins over both', 'ARG A=1\nENV A=3\nRUN x', { A: '2' }, ['A=3']],
    ['an ENV before the ARG wins too', 'ENV A=3\nARG A=1\nRUN x', {}, ['A=3']],
    ['what nobody declared is not passed on', 'RUN x', { A: '2' }, []],
    ['an ARG without a value is absent', 'ARG A\nRUN x', {}, []],
    ['ENV sees what stood before its line', 'ENV a=1\nENV a=2 b=$a\nRUN x', {}, ['a=2', 'b=1']],
    ['proxies need no ARG', 'RUN x', { http_proxy: 'p' }, ['http_proxy=p']],
    ['platform args once declared', 'ARG TARGETARCH\nRUN x', {}, ['TARGETARCH=amd64']],
    ['SOURCE_DATE_EPOCH once declared', 'ARG SOURCE_DATE_EPOCH\nRUN x', {}, ['SOURCE_DATE_EPOCH=0']],
  ];
  test.each(cases)('%s', (_name, body, args, want) => {
    const { graph } = lowerText(`FROM scratch\n${body}\n`, { buildArgs: new Map(Object.entries(args)) });
    expect(runs(graph)[0]!.env).toEqual([PATH, ...want]);
  });

  test('a child stage inherits the ARGs of its parent stage', () => {
    const { graph } = lowerText('FROM scratch AS a\nARG A=1\nFROM a\nRUN x\n');
    expect(runs(graph)[0]!.env).toEqual([PATH, 'A=1']);
  });
  test('a global ARG is seen by FROM only, until it is declared again', () => {
    const { graph } = lowerText('ARG A=1\nARG B=a\nFROM scratch AS a\nFROM $B\nRUN x\nARG A\nRUN y\n');
    expect(runs(graph).map((run) => run.env.slice(1))).toEqual([[], ['A=1']]);
  });
  test('a build arg nobody declares is warned of', () => {
    const { graph } = lowerText('FROM scratch\n', { buildArgs: new Map([['NOPE', '1']]) });
    expect(graph.warnings.map((warning) => warning.message)).toEqual([
      'build arg NOPE is declared by no ARG and was not used',
    ]);
  });
});

describe('commands', () => {
  const cases: readonly (readonly [string, string, readonly string[]])[] = [
    ['shell form', 'RUN a b', ['/bin/sh', '-c', 'a b']],
    ['JSON form', 'RUN ["a", "b"]', ['a', 'b']],
    ['another shell', 'SHELL ["/bin/bash", "-eu", "-c"]\nRUN a', ['/bin/bash', '-eu', '-c', 'a']],
    ['brackets that are no JSON', 'RUN [ -d x ] || y', ['/bin/sh', '-c', '[ -d x ] || y']],
    ['a heredoc is one argument', 'RUN <<EOF\na\n$b\nEOF', ['/bin/sh', '-c', 'a\n$b\n']],
  ];
  test.each(cases)('%s', (_name, body, args) => {
    expect(runs(lowerText(`FROM scratch\n${body}\n`).graph)[0]!.args).toEqual(args);
  });

  test('a heredoc with an interpreter line is a script', () => {
    const run = runs(lowerText('FROM scratch\nRUN <<EOF\n#!/bin/x\ny\nEOF\n').graph)[0]!;
    expect([run.args, run.script]).toEqual([[], '#!/bin/x\ny\n']);
  });
});

describe('the config', () => {
  const cases: readonly (readonly [string, string, Readonly<Record<string, unknown>>])[] = [
    ['CMD in shell form', 'CMD a b', { Cmd: ['/bin/sh', '-c', 'a b'] }],
    ['ENTRYPOINT keeps a CMD of this stage', 'CMD ["a"]\nENTRYPOINT ["b"]', { Cmd: ['a'], Entrypoint: ['b'] }],
    ['labels', 'LABEL b=2 a=1', { Labels: { a: '1', b: '2' } }],
    ['ports', 'EXPOSE 80 53/udp', { ExposedPorts: { '53/udp': {}, '80/tcp': {} } }],
    ['USER', 'USER build', { User: 'build' }],
    ['WORKDIR is relative to the one before', 'WORKDIR /a\nWORKDIR b/../c', { WorkingDir: '/a/c' }],
    ['no health check', 'HEALTHCHECK NONE', { Healthcheck: { Test: ['NONE'] } }],
    ['triggers wait for a child', 'ONBUILD RUN x', { OnBuild: ['RUN x'] }],
    ['SHELL', 'SHELL ["s"]', { Shell: ['s'] }],
    ['volumes', 'VOLUME /a /b', { Volumes: { '/a': {}, '/b': {} } }],
    ['STOPSIGNAL', 'STOPSIGNAL SIGKILL', { StopSignal: 'SIGKILL' }],
  ];
  test.each(cases)('%s', (_name, body, want) => {
    expect(lowerText(`FROM scratch\n${body}\n`).target.config.config).toMatchObject(want);
  });

  test('an image inherits all of its parent but triggers, which fire first', () => {
    const files = {
      'recipes/a': 'FROM scratch\nENV X=1\nUSER u\nWORKDIR /w\nSHELL ["s"]\nCMD ["c"]\nONBUILD ENV Y=$X\n',
      'recipes/b': 'FROM recipes/a\nENTRYPOINT ["e"]\nRUN z\n',
    };
    const graph = lower([request('recipes/b', files['recipes/b'])], finder(files));
    const { config } = graph.targets[graph.requested[0]!]!.config;
    expect(config).toEqual({
      Env: [PATH, 'X=1', 'Y=1'],
      User: 'u',
      WorkingDir: '/w',
      Entrypoint: ['e'],
      Shell: ['s'],
    });
    expect(runs(graph)[0]!.args).toEqual(['s', 'z']);
  });

  test('history has an entry for each instruction, and as many with a layer as there are layers', () => {
    const { graph, target } = lowerText('FROM scratch\nENV A=1\nWORKDIR /\nWORKDIR /a\nCOPY x y\nRUN z\nCMD q\n');
    const layers = target.config.history!.filter((entry) => entry.empty_layer !== true);
    expect(target.config.history!.length).toBe(6);
    expect(layers.map((entry) => entry.created_by)).toEqual(['WORKDIR /a', 'COPY x y', 'RUN z']);
    expect(graph.ops.filter((op) => op.layered).length).toBe(layers.length);
  });
});

describe('stages', () => {
  test('each says what a RUN at its end would find, by name and number', () => {
    const text = 'FROM scratch AS one\nENV E=e\nARG A=a\nUSER 7\nWORKDIR /w\nSHELL ["/b", "-c"]\nFROM one\nARG Z=z\n';
    const { target } = lowerText(text);
    const one = { name: 'one', env: [PATH, 'E=e', 'A=a'], cwd: '/w', user: '7', shell: ['/b', '-c'] };
    expect(target.stages.get('one')).toMatchObject(one);
    expect(target.stages.get('0')).toBe(target.stages.get('one'));
    expect(target.stage).toMatchObject({ name: '1', env: [...one.env, 'Z=z'] });
    expect(target.stage).toBe(target.stages.get('1'));
  });

  test('targets of one name are told apart by folder, file and platform', () => {
    const text = 'FROM scratch\n';
    const identities = [
      lowerText(text),
      lowerText(text, { context: { name: '.', directory: '/other' } }),
      lowerText(text, { containerfile: parseContainerfile(text, 'Other') }),
      lowerText(text, { platform: { os: 'linux', architecture: 'arm64' } }),
    ].map(({ target }) => target.identity);
    expect(new Set(identities).size).toBe(4);
    expect(lowerText(text).target.identity).toBe(identities[0]);
  });

  test('what the target does not need is not lowered', () => {
    const { graph } = lowerText(
      'FROM scratch AS a\nRUN a\nFROM scratch AS b\nRUN b\nFROM scratch\nCOPY --from=a x y\n',
    );
    expect(runs(graph).map((run) => run.label.stage)).toEqual(['a']);
  });
  test('--target by name and by number', () => {
    const text = 'FROM scratch AS one\nRUN a\nFROM scratch AS two\nRUN b\n';
    for (const stage of ['one', '0', 'ONE']) {
      expect(runs(lowerText(text, { stage }).graph).map((run) => run.args.at(-1))).toEqual(['a']);
    }
  });
  test('an unknown target names those there are', () => {
    expect(() => lowerText('FROM scratch AS a\nFROM scratch\n', { stage: 'x' })).toThrow(/want a, 1, got x/);
  });
  test('COPY --from by number reads that stage', () => {
    const { graph } = lowerText('FROM scratch\nRUN a\nFROM scratch\nCOPY --from=0 x y\n');
    expect(copies(graph)[0]!.origin).toEqual({ type: 'op', op: runs(graph)[0]!.id });
  });
  test('a registry image is refused with the way out, at its line', () => {
    expect(() => lowerText('# x\nFROM debian:12\n')).toThrowError(
      expect.objectContaining({
        code: 'MACHINE',
        location: expect.objectContaining({ file: 'app/Containerfile', line: 2 }),
        message: expect.stringContaining('--build-context debian:12=oci:DIR'),
      }),
    );
  });
});

describe('destinations of COPY', () => {
  const cases: readonly (readonly [string, string, string])[] = [
    ['/a', '', '/a'],
    ['/a/', '', '/a/'],
    ['a', '/w', '/w/a'],
    ['.', '/w', '/w/'],
    ['./', '/w', '/w/'],
    ['a/.', '/w', '/w/a/'],
    ['../b', '/w/x', '/w/b'],
    ['.', '', '/'],
    ['/..', '', '/'],
  ];
  test.each(cases)('%s in "%s"', (dest, workdir, want) => {
    const { graph } = lowerText(`FROM scratch\n${workdir === '' ? '' : `WORKDIR ${workdir}\n`}COPY x ${dest}\n`);
    expect(copies(graph)[0]!.dest).toBe(want);
  });
  test('several sources need a directory', () => {
    expect(() => lowerText('FROM scratch\nCOPY a b c\n')).toThrow();
  });
});

describe('ADD', () => {
  test('a remote file needs its digest', () => {
    expect(() => lowerText('FROM scratch\nADD https://example.org/a.tar /a\n')).toThrow(/--checksum=sha256:/);
  });
  test('one with a digest is a remote, not a source', () => {
    const digest = `sha256:${'a'.repeat(64)}`;
    const { graph } = lowerText(`FROM scratch\nADD --checksum=${digest} https://example.org/a.tar /a\n`);
    expect(copies(graph)[0]).toMatchObject({ sources: [], remotes: [{ url: 'https://example.org/a.tar', digest }] });
  });
  test('git is refused', () => {
    expect(() => lowerText('FROM scratch\nADD https://example.org/a.git /a\n')).toThrow(/git/);
  });
});

describe('the tree', () => {
  test('a cycle names the way round', () => {
    const files = { 'recipes/a': 'FROM recipes/b\n', 'recipes/b': 'FROM scratch\nCOPY --from=recipes/a . /\n' };
    const recipe = { name: 'recipes/a' } as Recipe;
    expect(() => lower([request('recipes/a', files['recipes/a'], { recipe })], finder(files))).toThrowError(
      expect.objectContaining({
        code: 'CYCLE',
        message: expect.stringContaining('recipes/a -> recipes/b -> recipes/a'),
        location: expect.objectContaining({ file: 'recipes/b/Containerfile', line: 2 }),
      }),
    );
  });
  test('a build that is called as the recipe it is built from is no cycle', () => {
    const files = { 'recipes/a': 'FROM scratch\nCOPY a /\n' };
    const { targets, requested } = lower([request('recipes/a', 'FROM recipes/a\n')], finder(files));
    expect(targets).toHaveLength(2);
    expect(targets[requested[0]!]!.dependencies).toHaveLength(1);
  });
  test('a recipe that does not exist is told from an image of a registry', () => {
    expect(() => lower([request('app', 'FROM recipes/nope\n')], finder())).toThrowError(
      expect.objectContaining({ code: 'UNKNOWN_RECIPE', location: expect.objectContaining({ line: 1 }) }),
    );
  });
  test('a recipe two others need is one target', () => {
    const files = { a: 'FROM scratch\nRUN a\n', b: 'FROM a\nRUN b\n', c: 'FROM scratch\nCOPY --from=a . /\nRUN c\n' };
    const graph = lower([request('b', files.b), request('c', files.c)], finder(files));
    expect(planJson(graph)).toEqual({
      targets: [
        { name: 'a', deps: [], steps: 1 },
        { name: 'b', deps: ['a'], steps: 1 },
        { name: 'c', deps: ['a'], steps: 2 },
      ],
    });
    expect(graph.ops.filter((op) => op.kind === 'target-image').length).toBe(1);
  });
});
