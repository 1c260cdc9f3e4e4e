// A program: builds recipes in one world, inside the namespace it is started in, and writes down what came of it.
// Its only argument is the file of a Job. Exit status 0 when the answer was written, whatever it says.

import { type ChildProcess, spawn } from 'node:child_process';
import { chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { OciError } from '../../oci/errors.ts';
import { parsePlatform } from '../../oci/platform.ts';
import { createFinder, recipeRequest } from '../build/requests.ts';
import { type OpenServices, openServices } from '../build/services.ts';
import { build } from '../build.ts';
import { BuildError } from '../errors.ts';
import { lower } from '../graph/lower.ts';
import type { BuildEvent } from '../progress/event.ts';
import { openTree } from '../recipe/tree.ts';
import { openSandbox } from '../sandbox/runtime.ts';
import type { Sandbox, Step } from '../sandbox/types.ts';
import { writeFileWhole } from '../solver/actions.ts';
import { describeBuild, keysOf } from './describe-build.ts';
import { appendEvents } from './follower.ts';
import type { Answer, Failure, Job, OutsideFacts, Trace, Witnessed } from './trace.ts';
import { readWitness, witnessProgram } from './witness.ts';
import { changeSpec, runtimePrefix, type World } from './world.ts';

/** Where the witness lies in a step's rootfs: below /dev, which is the sandbox's own and in no layer. */
const WITNESS_PATH = '/dev/pipes/witness';

const job = JSON.parse(readFileSync(process.argv[2]!, 'utf8')) as Job;
const stop = new AbortController();
for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(name, () => stop.abort(new BuildError('INTERRUPTED', `stopped by ${name}`)));
}
/** Processes that do nothing but want a processor. They end with this one. */
function keepBusy(count: number): ChildProcess[] {
  return Array.from({ length: count }, () =>
    spawn('setpriv', ['--pdeathsig', 'KILL', 'sh', '-c', 'while :; do :; done'], { stdio: 'ignore' }),
  );
}

async function rebuild(): Promise<Trace[]> {
  const open: OpenSandbox[] = [];
  // One after the other: a process may open a store twice, but each opening claims a directory of its own.
  const builds = Array.from({ length: job.times }, () => once(open));
  const settled = await Promise.allSettled(builds);
  for (const one of settled) if (one.status === 'rejected') throw one.reason;
  return settled.map((one) => (one as PromiseFulfilledResult<Trace>).value);
}

type OpenSandbox = Promise<Sandbox>;

/** Carries what failed, and where, to the answer. */
class BuildFailed extends Error {
  readonly failure: Failure;
  readonly witnessed: readonly Witnessed[];
  constructor(failure: Failure, witnessed: readonly Witnessed[]) {
    super(failure.message);
    this.failure = failure;
    this.witnessed = witnessed;
  }
}

function failureOf(error: BuildError | OciError, at: Extract<BuildEvent, { type: 'op-start' }> | undefined): Failure {
  return {
    code: error.code,
    message: error.message,
    location: error instanceof BuildError ? error.location : undefined,
    target: at?.target,
    stage: at?.stage,
    step: at?.step,
    text: at?.text,
  };
}

async function once(sandboxes: OpenSandbox[]): Promise<Trace> {
  const tree = openTree(job.tree);
  const options = { platform: parsePlatform(job.platform), cwd: job.cwd };
  const requests = job.recipes.map((name) => recipeRequest(tree.recipe(name), options));
  const finder = createFinder(tree, options);
  const keys = keysOf(lower(requests, finder));
  const witnessed: Witnessed[] = [];
  const started = new Map<number, Extract<BuildEvent, { type: 'op-start' }>>();
  let failed: number | undefined;
  let executed = 0;
  let hits = 0;
  const show = job.events === undefined ? undefined : appendEvents(job.events);
  const watch = (event: BuildEvent): void => {
    show?.(event);
    if (event.type === 'op-start') started.set(event.op, event);
    if (event.type !== 'op-end') return;
    if (event.outcome === 'failed') failed ??= event.op;
    if (event.outcome === 'done') executed++;
    if (event.outcome === 'cached') hits++;
  };
  const plain = openServices({
    store: job.store,
    jobs: job.world.jobs ?? job.jobs,
    offline: job.offline,
    distfiles: job.distfiles,
    noCache: true,
    secrets: new Map(),
    sshSocket: undefined,
    runtime: job.world.runtime ?? job.runtime,
    driver: job.driver,
    isReadOnly: false,
    env: process.env,
    signal: stop.signal,
    watch,
  });
  const services: OpenServices = {
    ...plain,
    noCache: job.again === undefined ? true : (target) => job.again!.includes(target),
    sandbox: () => {
      // One for the process: its state lies in memory that is mounted once.
      sandboxes[0] ??= openSandbox({
        ...((job.world.runtime ?? job.runtime) === undefined ? {} : { runtime: (job.world.runtime ?? job.runtime)! }),
        stateDirectory: join(job.store, 'state'),
        altered: { changeSpec: (spec, step) => changeSpec(spec, step, job.world), prefix: runtimePrefix(job.world) },
      });
      return sandboxes[0].then((sandbox) => (job.isWitnessed ? watched(sandbox, keys, witnessed) : sandbox));
    },
  };
  try {
    const outcome = await build(requests, finder, services);
    const { targets, ops } = describeBuild(outcome.graph, outcome.solution, services.layout);
    const runtime = await runtimeOf(sandboxes[0]);
    return { targets, ops, witnessed, outside: outsideFacts(runtime, job.world), executed, hits };
  } catch (error) {
    if (!(error instanceof BuildError || error instanceof OciError) || failed === undefined) throw error;
    throw new BuildFailed(failureOf(error, started.get(failed)), witnessed);
  }
}

async function runtimeOf(sandbox: OpenSandbox | undefined): Promise<string> {
  return sandbox === undefined ? 'none' : (await sandbox).runtime;
}

/** A sandbox that has the witness look at every step's world first, in the same rootfs, under the same story. */
function watched(sandbox: Sandbox, keys: readonly string[], witnessed: Witnessed[]): Sandbox {
  const program = witnessProgram(process.arch);
  const file = join(sandbox.mountDirectory, 'witness');
  // Once for the process: a program that runs cannot be written.
  if (program !== undefined && !existsSync(file)) {
    writeFileSync(file, program);
    chmodSync(file, 0o755);
  }
  return {
    runtime: sandbox.runtime,
    hasIdRange: sandbox.hasIdRange,
    mountDirectory: sandbox.mountDirectory,
    run: async (step, output, signal) => {
      const facts = program === undefined ? undefined : await look(sandbox, step, file, signal);
      const from = Date.now();
      const result = await sandbox.run(step, output, signal);
      if (step.op !== undefined) witnessed.push({ key: keys[step.op]!, facts, from, to: Date.now() });
      return result;
    },
  };
}

async function look(sandbox: Sandbox, step: Step, file: string, signal: AbortSignal): Promise<Witnessed['facts']> {
  const parts: Buffer[] = [];
  const mount = { type: 'bind', target: WITNESS_PATH, source: file, readonly: true } as const;
  const { status } = await sandbox.run(
    { ...step, id: `witness-${step.id}`, args: [WITNESS_PATH], mounts: [...step.mounts, mount] },
    (stream, chunk) => {
      if (stream === 'stdout') parts.push(chunk);
    },
    signal,
  );
  return status === 0 ? readWitness(Buffer.concat(parts)) : undefined;
}

function outsideFacts(runtime: string, world: World): OutsideFacts {
  const { env } = process;
  return {
    umask: process.umask().toString(8).padStart(4, '0'),
    hostname: hostname(),
    timezone: `${env['TZ'] ?? ''} ${new Date(0).getTimezoneOffset()}`,
    locale: ['LANG', 'LC_ALL', 'LC_COLLATE', 'LANGUAGE'].map((name) => `${name}=${env[name] ?? ''}`).join(' '),
    environment: ['HOME', 'USER', 'LOGNAME', 'CFLAGS', 'MAKEFLAGS', 'SOURCE_DATE_EPOCH'].map(
      (name) => `${name}=${env[name] ?? ''}`,
    ),
    paths: `${job.store} ${job.tree}`,
    idMap: readFileSync('/proc/self/uid_map', 'latin1'),
    runtime,
    jobs: String(world.jobs ?? job.jobs),
  };
}

const busy = keepBusy(job.world.load ?? 0);
let answer: Answer;
try {
  answer = { traces: await rebuild() };
} catch (error) {
  if (error instanceof BuildFailed) answer = { failure: error.failure, witnessed: error.witnessed };
  else if (error instanceof BuildError || error instanceof OciError)
    answer = { failure: failureOf(error, undefined), witnessed: [] };
  else throw error;
} finally {
  for (const child of busy) child.kill('SIGKILL');
}
writeFileWhole(job.answer, JSON.stringify(answer));
process.exit(0);
