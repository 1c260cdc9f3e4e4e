// Owns: running one step with runc or crun, inside the builder's namespace: bundle, process, output, end. What the step
// is told is spec.ts's; what it needs beside its rootfs is slot.ts's.
// Knows nothing of overlays, caches or Containerfiles.

import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, statfsSync, statSync } from 'node:fs';
import { constants as osConstants } from 'node:os';
import { dirname, join } from 'node:path';
import { BuildError } from '../errors.ts';
import { homeDirectory } from './home.ts';
import { holdsIds } from './id-map.ts';
import { addConsole, fillSlot, isSlotClean, makeSlot, openPipes, removeSlot, type Slot } from './slot.ts';
import { type MountedStep, NO_RESOLVER_FILE, type RuntimeSpec, type SpecFacts, specJson, stepSpec } from './spec.ts';
import { chooseRuntime, type RuntimeName } from './tools.ts';
import type { OutputSink, Sandbox, Step, StepResult } from './types.ts';
import { hasIdRange, hasProcessNamespace, insideNamespace, stepIdMaps } from './userns.ts';

const CGROUP_ROOT = '/sys/fs/cgroup';
const CGROUP2_MAGIC = 0x6367_7270;

/** crun refuses a cgroup v1 tree; runc refuses to see none. Set once /sys/fs/cgroup is hidden in this mount namespace. */
let areCgroupsHidden = false;

/**
 * Where things are put that a step must reach when the way to them is closed to it (a store below /root). Everybody's
 * to pass through, and empty: each process mounts its own memory there, in its own mount namespace.
 */
const REACHABLE_DIRECTORY = '/run/ocibuild';

/** Counts the containers of this process, so that no name is used twice. */
let counter = 0;

export interface SandboxOptions {
  /** Default: OCIBUILD_RUNTIME, else the first of crun and runc that is installed. */
  readonly runtime?: RuntimeName;
  /** An existing or new directory, this process's alone. What is put there lies in memory and goes with the process. */
  readonly stateDirectory: string;
  /** For `reproduce --vary` alone: what is told to steps otherwise than always. Results of it belong into no store. */
  readonly altered?: AlteredSteps;
}

export interface AlteredSteps {
  changeSpec(spec: RuntimeSpec, step: Step): RuntimeSpec;
  /** A program and its arguments that start the runtime; empty: it is started as it is. */
  readonly prefix: readonly string[];
}

/**
 * Makes the sandbox ready; inside the namespace only. Several may be open at once, with either runtime.
 * Throws BuildError MACHINE.
 */
export async function openSandbox(options: SandboxOptions): Promise<Sandbox> {
  if (!insideNamespace()) throw new Error('openSandbox was called outside the namespace');
  const { name, path } = chooseRuntime(options.runtime, process.env);
  const stateDirectory = canStepReach(options.stateDirectory) ? options.stateDirectory : REACHABLE_DIRECTORY;
  mkdirSync(stateDirectory, { recursive: true, mode: 0o755 });
  mount(['-t', 'tmpfs', '-o', 'mode=711,nosuid,nodev', 'tmpfs', stateDirectory], stateDirectory);
  if (name === 'crun' && !areCgroupsHidden && !isCgroup2()) {
    mount(['-t', 'tmpfs', '-o', 'mode=755', 'tmpfs', CGROUP_ROOT], CGROUP_ROOT);
    areCgroupsHidden = true;
  }
  return new RuntimeSandbox(name, path, stateDirectory, options.altered);
}

class RuntimeSandbox implements Sandbox {
  readonly hasIdRange: boolean;
  readonly mountDirectory: string;
  readonly #name: RuntimeName;
  readonly #path: string;
  readonly #stateDirectory: string;
  readonly #altered: AlteredSteps | undefined;
  readonly #hardLimits: ReadonlyMap<string, number>;
  readonly #idMaps = stepIdMaps();
  readonly #free: Slot[] = [];
  #slots = 0;

  constructor(name: RuntimeName, path: string, stateDirectory: string, altered: AlteredSteps | undefined) {
    this.#name = name;
    this.#path = path;
    this.#stateDirectory = stateDirectory;
    this.#altered = altered;
    this.#hardLimits = readHardLimits();
    this.hasIdRange = hasIdRange();
    this.mountDirectory = join(stateDirectory, 'mounts');
    mkdirSync(this.mountDirectory);
  }

  get runtime(): string {
    const version = spawnSync(this.#path, ['--version'], { encoding: 'utf8' });
    return version.stdout?.split('\n')[0]?.replace(' version ', ' ').trim() || this.#name;
  }

  async run(step: Step, output: OutputSink, signal: AbortSignal): Promise<StepResult> {
    if (signal.aborted) throw interrupted(signal);
    this.#check(step);
    const slot = this.#free.pop() ?? (await makeSlot(join(this.#stateDirectory, `slot-${++this.#slots}`)));
    const id = `${step.id.replace(/[^A-Za-z0-9_.+-]/g, '-').slice(0, 64) || 'step'}-${process.pid}-${++counter}`;
    const mounted: string[] = [];
    let isOver = false;
    try {
      // It may have fired while the slot was made, when nobody listened.
      if (signal.aborted) throw interrupted(signal);
      const prepared = this.#prepareMounts(step, slot, mounted);
      const facts: SpecFacts = {
        home: homeDirectory(step.rootfs, step.user.uid),
        devDirectory: slot.devDirectory,
        hostsFile: slot.hostsFile,
        resolvFile: slot.resolvFile,
        canMountProc: hasProcessNamespace(),
        idMaps: this.#idMaps,
        hardLimits: this.#hardLimits,
        architecture: process.arch,
        ...(step.terminal === true && process.stdout.isTTY
          ? { terminalSize: { width: process.stdout.columns, height: process.stdout.rows } }
          : {}),
      };
      const spec = stepSpec(prepared, facts);
      fillSlot(
        slot,
        specJson(this.#altered?.changeSpec(spec, step) ?? spec),
        step.network === 'none' ? NO_RESOLVER_FILE : callersResolver(),
      );
      if (step.terminal === true) addConsole(slot);
      const result = await this.#runContainer(id, step, slot, output, signal);
      isOver = true;
      return result;
    } finally {
      if (mounted.length > 0) spawnSync('umount', ['-l', ...mounted], { stdio: 'ignore' });
      rmSync(join(this.#stateDirectory, 'containers', id), { recursive: true, force: true });
      // After a failure of the runtime nobody knows what became of the slot.
      if (isOver && isSlotClean(slot)) this.#free.push(slot);
      else removeSlot(slot);
    }
  }

  #check(step: Step): void {
    const { uid, gid, additionalGids } = step.user;
    const { uids, gids } = this.#idMaps;
    if (!holdsIds(uids, uid, 1) || [gid, ...additionalGids].some((one) => !holdsIds(gids, one, 1))) {
      throw new BuildError('MACHINE', `a step cannot run as user ${uid}, group ${gid}: no such id exists here`, {
        hint: this.hasIdRange
          ? 'give the user 65536 ids in /etc/subuid and /etc/subgid'
          : 'this is single-id mode: install newuidmap and give the user a line in /etc/subuid and /etc/subgid',
      });
    }
  }

  /** Makes the mounts that the runtimes can't, or don't alike, and notes where, also when it throws half-way. */
  #prepareMounts(step: Step, slot: Slot, mounted: string[]): MountedStep {
    const add = (name: string, args: (directory: string) => string[]): string => {
      const directory = join(slot.directory, name);
      mkdirSync(directory, { recursive: true });
      mount(args(directory), directory);
      mounted.push(directory);
      return directory;
    };
    return {
      ...step,
      // A step's own user namespace has no power over directories of the host, so it cannot pass a closed one.
      rootfs: canStepReach(step.rootfs) ? step.rootfs : add('rootfs', (to) => ['--bind', step.rootfs, to]),
      mounts: step.mounts.map((one, index) => {
        if (one.type === 'bind') {
          if (one.source === undefined) throw new Error(`a bind mount on ${one.target} without a source`);
          return { ...one, source: one.source };
        }
        const size = one.size === undefined ? '' : `,size=${one.size}`;
        const options = `nosuid,nodev,mode=${(one.mode ?? 0o1777).toString(8)}${size}`;
        return { ...one, source: add(`tmpfs-${index}`, (to) => ['-t', 'tmpfs', '-o', options, 'tmpfs', to]) };
      }),
    };
  }

  async #runContainer(
    id: string,
    step: Step,
    slot: Slot,
    output: OutputSink,
    signal: AbortSignal,
  ): Promise<StepResult> {
    const isTerminal = step.terminal === true;
    const pipes = isTerminal ? undefined : openPipes(slot, output);
    const started = performance.now();
    const child = spawn(...this.#command(id, slot), {
      // Its own session, so that a terminal's signals reach the builder only.
      detached: !isTerminal,
      cwd: slot.directory,
      env: { PATH: process.env['PATH'] ?? '/usr/sbin:/usr/bin:/sbin:/bin' },
      stdio: pipes === undefined ? 'inherit' : [pipes.input, ...pipes.writers],
    });
    pipes?.closeOwn();
    let killing: Promise<void> | undefined;
    const ended = new Promise<number>((resolve, reject) => {
      child.on('error', reject);
      child.on('exit', (code, name) => resolve(code ?? 128 + (name === null ? 0 : osConstants.signals[name])));
    });
    const onAbort = (): void => {
      killing ??= this.#kill(id, slot, child, ended);
    };
    signal.addEventListener('abort', onAbort, { once: true });
    let status: number;
    try {
      status = await ended;
    } catch (error) {
      pipes?.destroy();
      throw new BuildError('MACHINE', `cannot start ${this.#path}`, { got: (error as Error).message, cause: error });
    } finally {
      signal.removeEventListener('abort', onAbort);
    }
    const milliseconds = performance.now() - started;
    await killing;
    if (pipes !== undefined) {
      // The container's processes are dead, so the pipes end by themselves.
      const patience = setTimeout(() => pipes.destroy(), 2000);
      await pipes.drained;
      clearTimeout(patience);
    }
    const complaint = readComplaint(join(slot.directory, 'log'));
    if (signal.aborted) {
      this.#delete(id);
      throw interrupted(signal);
    }
    if (status === 0 || complaint === undefined) return { status, milliseconds };
    const told = startFailure(complaint);
    if (told !== undefined) {
      output('stderr', Buffer.from(`ocibuild: cannot run ${step.args[0]}: ${told.reason}\n`));
      return { status: told.status, milliseconds };
    }
    this.#delete(id);
    throw new BuildError('MACHINE', `${this.#name} could not run a step`, { got: complaint });
  }

  #command(id: string, slot: Slot): [string, string[]] {
    const command = this.#runtimeCommand(id, slot);
    const [first, ...prefix] = this.#altered?.prefix ?? [];
    return first === undefined ? command : [first, [...prefix, command[0], ...command[1]]];
  }

  #runtimeCommand(id: string, slot: Slot): [string, string[]] {
    const global = ['--root', join(this.#stateDirectory, 'containers'), '--log', join(slot.directory, 'log')];
    const run = [
      ...['run', '--bundle', slot.directory, '--pid-file', join(slot.directory, 'pid')],
      // keyctl is denied to steps, and the caller's quota of key rings is small.
      '--no-new-keyring',
      id,
    ];
    if (this.#name === 'crun') {
      return [this.#path, [...global, '--log-format=json', '--cgroup-manager=disabled', ...run]];
    }
    const args = [...global, '--log-format', 'json', ...run];
    if (!areCgroupsHidden) return [this.#path, args];
    const script = `umount ${CGROUP_ROOT} && exec "$@"`;
    return ['unshare', ['--mount', 'sh', '-c', script, 'sh', this.#path, ...args]];
  }

  /** Ends the container: killing its first process ends its process namespace. Resolves when the runtime is gone too. */
  async #kill(id: string, slot: Slot, child: ChildProcess, ended: Promise<number>): Promise<void> {
    let isGone = false;
    const gone = ended.then(
      () => (isGone = true),
      () => (isGone = true),
    );
    const pidFile = join(slot.directory, 'pid');
    for (let tries = 0; !isGone && tries < 60; tries++) {
      const pid = readPid(pidFile);
      if (pid !== undefined) killQuietly(pid);
      await Promise.race([gone, new Promise((resolve) => setTimeout(resolve, 5))]);
    }
    if (isGone) return;
    // The runtime itself hangs.
    if (child.spawnargs.length > 0 && child.pid !== undefined) killQuietly(-child.pid);
    await gone;
    this.#delete(id);
  }

  #delete(id: string): void {
    const directory = join(this.#stateDirectory, 'containers');
    if (!existsSync(join(directory, id))) return;
    spawnSync(this.#path, ['--root', directory, 'delete', '--force', id], { stdio: 'ignore' });
  }
}

/** What the step's failure to start means in a shell's terms, or undefined when the runtime itself failed. */
function startFailure(complaint: string): { status: 126 | 127; reason: string } | undefined {
  // runc: `unable to start container process: exec: "x": …`; crun: `executable file …`, `open executable: …`,
  // `exec container process …`.
  if (!/exec: "|exec container process|executable file|exec \/|exec user process|open executable/.test(complaint))
    return undefined;
  if (/permission denied|operation not permitted|is a directory/i.test(complaint)) {
    return { status: 126, reason: 'it is not executable (permission denied)' };
  }
  if (/exec format error/i.test(complaint)) {
    return { status: 126, reason: 'it is no program of this machine (exec format error)' };
  }
  if (/not found|no such file/i.test(complaint)) {
    return { status: 127, reason: 'no such program, or its interpreter is missing' };
  }
  return undefined;
}

/** The error lines of a runtime's JSON log, joined; undefined when there are none. */
function readComplaint(file: string): string | undefined {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
  const messages: string[] = [];
  for (const line of text.split('\n')) {
    if (line === '') continue;
    try {
      const entry = JSON.parse(line) as { level?: string; msg?: string };
      if (entry.level === 'error' || entry.level === 'fatal') messages.push(entry.msg ?? line);
    } catch {
      messages.push(line);
    }
  }
  return messages.length === 0 ? undefined : [...new Set(messages)].join('; ');
}

function readPid(file: string): number | undefined {
  try {
    const pid = Number(readFileSync(file, 'latin1'));
    return pid > 1 ? pid : undefined;
  } catch {
    return undefined;
  }
}

function killQuietly(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // Already gone.
  }
}

function interrupted(signal: AbortSignal): BuildError {
  const reason: unknown = signal.reason;
  return reason instanceof BuildError && reason.code === 'INTERRUPTED'
    ? reason
    : new BuildError('INTERRUPTED', 'the step was stopped', { cause: reason });
}

/** RLIMIT_NAME to its hard limit, for those that are limited; from /proc/self/limits. */
export function readHardLimits(): Map<string, number> {
  const names: Readonly<Record<string, string>> = {
    'Max cpu time': 'RLIMIT_CPU',
    'Max file size': 'RLIMIT_FSIZE',
    'Max data size': 'RLIMIT_DATA',
    'Max stack size': 'RLIMIT_STACK',
    'Max core file size': 'RLIMIT_CORE',
    'Max resident set': 'RLIMIT_RSS',
    'Max processes': 'RLIMIT_NPROC',
    'Max open files': 'RLIMIT_NOFILE',
    'Max locked memory': 'RLIMIT_MEMLOCK',
    'Max address space': 'RLIMIT_AS',
    'Max file locks': 'RLIMIT_LOCKS',
    'Max pending signals': 'RLIMIT_SIGPENDING',
    'Max msgqueue size': 'RLIMIT_MSGQUEUE',
    'Max nice priority': 'RLIMIT_NICE',
    'Max realtime priority': 'RLIMIT_RTPRIO',
    'Max realtime timeout': 'RLIMIT_RTTIME',
  };
  const limits = new Map<string, number>();
  for (const line of readFileSync('/proc/self/limits', 'latin1').split('\n')) {
    const match = /^(Max [a-z ]+?)\s{2,}(\S+)\s+(\d+)/.exec(line);
    const name = match === null ? undefined : names[match[1]!];
    if (name !== undefined) limits.set(name, Number(match![3]));
  }
  return limits;
}

/** True on a machine whose cgroups are version 2 only. */
export function isCgroup2(): boolean {
  try {
    return statfsSync(CGROUP_ROOT).type === CGROUP2_MAGIC;
  } catch {
    return false;
  }
}

/** Whether ids below 65536 suffice to walk to a path: each directory on the way is theirs, or open to everybody. */
function canStepReach(path: string): boolean {
  const OVERFLOW_ID = 65_534;
  for (let directory = dirname(path); ; directory = dirname(directory)) {
    const stat = statSync(directory, { throwIfNoEntry: false });
    if (stat !== undefined && (stat.mode & 0o001) === 0 && !(stat.uid < OVERFLOW_ID && stat.gid < OVERFLOW_ID))
      return false;
    if (directory === dirname(directory)) return true;
  }
}

function callersResolver(): string {
  try {
    return readFileSync('/etc/resolv.conf', 'utf8');
  } catch {
    return '';
  }
}

function mount(args: readonly string[], target: string): void {
  const result = spawnSync('mount', args, { encoding: 'utf8', stdio: ['ignore', 'ignore', 'pipe'] });
  if (result.status === 0) return;
  throw new BuildError('MACHINE', `cannot mount on ${target}`, {
    got: result.error?.message ?? result.stderr.trim(),
    hint: 'see `ocibuild doctor`',
  });
}
