// Owns: `ocibuild build`: any Containerfile and context, with the flags of docker and buildah.

import { existsSync, statSync } from 'node:fs';
import { basename, resolve } from 'node:path';
import { parsePlatform } from '../../oci/platform.ts';
import { createFinder, fileRequest } from '../build/requests.ts';
import { build } from '../build.ts';
import { BuildError } from '../errors.ts';
import type { NamedContext } from '../graph/request.ts';
import { parseOutput, requireWritable, writeOutput } from '../image/output.ts';
import { callerId } from '../sandbox/userns.ts';
import { compressionOf, IMAGE_FLAGS, SOLVE_FLAGS, servicesOf } from './build-flags.ts';
import { answerFromCache, type BuildWork, buildInside } from './cached.ts';
import type { Command, CommandContext } from './command.ts';
import { resultLine, solveSummary, unwrittenHint } from './results.ts';
import { secretsOf } from './secrets.ts';
import { optionalTree, recipeOptionsOf } from './trees.ts';

export const command: Command = {
  name: 'build',
  summary: 'build any Containerfile and context',
  usage: 'CONTEXT',
  flags: {
    file: { summary: 'the Containerfile (CONTEXT/Containerfile, CONTEXT/Dockerfile)', value: 'FILE', short: 'f' },
    tag: { summary: "the image's name", value: 'NAME', short: 't' },
    target: { summary: 'the stage to build (the last)', value: 'STAGE' },
    'build-arg': { summary: 'value of an ARG', value: 'NAME=VALUE', repeatable: true },
    'build-context': { summary: 'files or an image for FROM and --from', value: 'NAME=DIR|oci:DIR', repeatable: true },
    label: { summary: 'add a label', value: 'NAME=VALUE', repeatable: true },
    platform: { summary: 'OS/ARCH', value: 'PLATFORM' },
    output: {
      summary: 'where the result goes: oci:DIR, oci-archive:FILE, docker-archive:FILE, rootfs:DIR or tar:FILE',
      value: 'KIND:PATH',
      short: 'o',
      repeatable: true,
    },
    network: { summary: 'network of steps that name none', value: 'MODE', choices: ['none', 'default', 'host'] },
    secret: {
      summary: 'a file or variable for --mount=type=secret',
      value: 'id=ID,src=FILE|env=NAME',
      repeatable: true,
    },
    ssh: { summary: 'the agent for --mount=type=ssh', value: 'default[=SOCKET]' },
    'source-date-epoch': {
      summary: 'seconds since 1970 that times are cut down to (SOURCE_DATE_EPOCH, 0)',
      value: 'SECONDS',
    },
    ...IMAGE_FLAGS,
    ...SOLVE_FLAGS,
  },
  operands: { min: 1, max: 1 },
  needsNamespace: true,
  // A rootfs or an archive may hold files that only the namespace may read.
  answerFromCache: async (context) =>
    context.args.list('output').some((text) => !text.startsWith('oci:'))
      ? undefined
      : answerFromCache(context, buildFile(context)),
  run: (context) => buildInside(context, buildFile(context)),
};

function buildFile(context: CommandContext): BuildWork {
  return async (watch, isReadOnly, closeProgress) => {
    const { args, cwd } = context;
    const directory = resolve(cwd, args.operands[0]!);
    if (!existsSync(directory) || !statSync(directory).isDirectory()) {
      throw new BuildError('USAGE', 'the context is not a directory', { got: args.operands[0]! });
    }
    const outputs = args.list('output').map((text) => parseOutput(text, cwd));
    for (const output of outputs) requireWritable(output);
    const name = args.text('tag') ?? basename(directory);
    const file = args.text('file');
    const request = fileRequest({
      context: directory,
      file: file === undefined ? undefined : resolve(cwd, file),
      name,
      stage: args.text('target'),
      buildArgs: buildArgsOf(context),
      contexts: contextsOf(context),
      labels: pairsOf(args.list('label'), '--label'),
      platform: args.has('platform') ? parsePlatform(args.text('platform')!) : undefined,
      network: (args.text('network') as 'none' | 'default' | 'host' | undefined) ?? 'none',
      epoch: epochOf(context),
      cwd,
    });
    const started = performance.now();
    const services = servicesOf(context, watch, {
      secrets: secretsOf(args.list('secret'), context),
      sshSocket: sshSocketOf(context),
      isReadOnly,
      compression: compressionOf(context),
    });
    const finder = createFinder(optionalTree(context), recipeOptionsOf(context));
    const outcome = await build([request], finder, services);
    closeProgress();
    const made = outcome.built[0]!;
    const { target, image } = made;
    const { snapshot } = outcome.solution.results.get(target.op)!;
    const output = {
      indexDigest: image.indexDigest,
      manifestDigest: image.manifestDigest,
      reference: args.text('tag'),
      entries: () => services.snapshots.mergedEntries(snapshot),
      policy: target.policy,
    };
    for (const each of outputs) await writeOutput(services.layout, output, each, callerId());
    context.stdout.write(resultLine(outcome, made, performance.now() - started));
    context.stdout.write(solveSummary(outcome));
    if (outputs.length === 0) context.stdout.write(unwrittenHint());
    return 0;
  };
}

function pairsOf(texts: readonly string[], flag: string): ReadonlyMap<string, string> {
  const pairs = new Map<string, string>();
  for (const text of texts) {
    const equals = text.indexOf('=');
    if (equals < 1) throw new BuildError('USAGE', `not a value for ${flag}`, { want: 'NAME=VALUE', got: text });
    pairs.set(text.slice(0, equals), text.slice(equals + 1));
  }
  return pairs;
}

/** `NAME` alone takes the value of the caller's environment, as docker does; nothing when it has none. */
function buildArgsOf(context: CommandContext): ReadonlyMap<string, string> {
  const texts = context.args.list('build-arg').flatMap((text) => {
    if (text.includes('=')) return [text];
    const value = context.env[text];
    return value === undefined ? [] : [`${text}=${value}`];
  });
  return pairsOf(texts, '--build-arg');
}

function contextsOf(context: CommandContext): ReadonlyMap<string, NamedContext> {
  const contexts = new Map<string, NamedContext>();
  for (const [name, value] of pairsOf(context.args.list('build-context'), '--build-context')) {
    contexts.set(name, namedContext(context, name, value));
  }
  return contexts;
}

/** `oci:DIR`, `oci:DIR:TAG`, `oci:DIR@DIGEST` and BuildKit's `oci-layout://DIR`; anything else is a folder. */
function namedContext(context: CommandContext, name: string, value: string): NamedContext {
  const layout = /^(?:oci-layout:\/\/|oci:)(.+)$/.exec(value)?.[1];
  if (layout !== undefined) {
    const [, path, selector] = /^(.*?)(?:@(sha256:[0-9a-f]{64})|:([\w][\w.-]{0,127}))?$/.exec(layout) ?? [];
    const tag = /:([\w][\w.-]{0,127})$/.exec(layout)?.[1];
    return { type: 'layout', directory: resolve(context.cwd, path!), selector: selector ?? tag };
  }
  if (/^(docker-image|https?|git):/.test(value)) {
    throw new BuildError('MACHINE', `--build-context ${name}: registries and remote contexts cannot be read yet`, {
      got: value,
      hint: `hand it over as ${name}=oci:DIR or as a folder`,
    });
  }
  const directory = resolve(context.cwd, value);
  if (!existsSync(directory)) throw new BuildError('USAGE', `--build-context ${name}: no such folder`, { got: value });
  return { type: 'directory', context: { name, directory } };
}

function sshSocketOf(context: CommandContext): string | undefined {
  const text = context.args.text('ssh');
  if (text === undefined) return undefined;
  const socket = text.includes('=') ? text.slice(text.indexOf('=') + 1) : context.env['SSH_AUTH_SOCK'];
  if (socket === undefined || !existsSync(socket)) {
    throw new BuildError('USAGE', '--ssh: there is no agent', { hint: 'start ssh-agent, or give default=SOCKET' });
  }
  return resolve(context.cwd, socket);
}

/** Whole seconds, not later than now: a layer from the future is a mistake. */
function epochOf(context: CommandContext): number {
  const text = context.args.text('source-date-epoch') ?? context.env['SOURCE_DATE_EPOCH'] ?? '0';
  const now = Math.floor(Date.now() / 1000);
  if (!/^\d+$/.test(text) || Number(text) > now) {
    throw new BuildError('USAGE', 'not a source date epoch', {
      want: `whole seconds since 1970, up to now (${now})`,
      got: text,
    });
  }
  return Number(text);
}
