// Owns: the namespaces the builder lives in: how the program starts itself again inside them, which ids exist there, and
// that nothing inside outlives it. Runs outside (enterNamespace) and inside (insideNamespace and what follows it).
// Knows nothing of steps and runtimes.
//
//   outer (the caller)          waits, passes signals on
//     sh, setpriv, unshare      user namespace made; map written by the outer one; parent-death signal set
//       inner (pid 1)           ns uid 0 with every capability of the namespace: mounts, chowns, builds

import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { Socket } from 'node:net';
import { constants, userInfo } from 'node:os';
import { BuildError } from '../errors.ts';
import {
  callerMap,
  formatIdMap,
  HOST_ROOT_BASE,
  HOST_ROOT_INSIDE,
  holdsIds,
  hostRootMap,
  ID_COUNT,
  type IdExtent,
  parseIdMap,
  parseSubordinateIds,
  type SubordinateRange,
  sameIdsMap,
  stepMap,
} from './id-map.ts';

/** The inner process reads its facts from here, once, and removes the variable. */
const VARIABLE = 'OCIBUILD_INSIDE';

/** How long the inner process may take to end in order after a signal. */
const GRACE_MILLISECONDS = 800;

interface InsideFacts {
  /** The caller's ids as the inner process sees them. */
  readonly uid: number;
  readonly gid: number;
  /** True when more ids than 0 exist. */
  readonly hasIdRange: boolean;
  /** False where a process namespace with its own /proc was refused. */
  readonly hasProcessNamespace: boolean;
}

let inside: InsideFacts | undefined;
takeFacts();

/** True in the inner process. */
export function insideNamespace(): boolean {
  return inside !== undefined;
}

/** The ids of whoever called ocibuild, as they are called in this namespace: what outputs are chowned to. */
export function callerId(): { uid: number; gid: number } {
  if (inside === undefined) return { uid: process.getuid!(), gid: process.getgid!() };
  return { uid: inside.uid, gid: inside.gid };
}

/** False in single-id mode: only uid 0 and gid 0 exist, and chown to another id is EINVAL. */
export function hasIdRange(): boolean {
  return inside?.hasIdRange ?? false;
}

/** False on a machine (inside a container, mostly) that lets us have no /proc of our own: a weaker sandbox. */
export function hasProcessNamespace(): boolean {
  return inside?.hasProcessNamespace ?? false;
}

/**
 * Variables with which another process of ours, started from here, knows that it is in this namespace. Its descriptor 5
 * must be a pipe that is open as long as this process lives. Throws outside the namespace.
 */
export function insideVariables(): Readonly<Record<string, string>> {
  if (inside === undefined) throw new Error('insideVariables was called outside the namespace');
  return { [VARIABLE]: JSON.stringify(inside) };
}

/** The maps of a step's own user namespace: the builder's ids below 65536, and not the caller's. */
export function stepIdMaps(): { uids: IdExtent[]; gids: IdExtent[] } {
  return {
    uids: stepMap(parseIdMap(readFileSync('/proc/self/uid_map', 'latin1'))),
    gids: stepMap(parseIdMap(readFileSync('/proc/self/gid_map', 'latin1'))),
  };
}

export interface EnterOptions {
  /** Arguments of this program, without node and the script. */
  readonly argv: readonly string[];
  readonly env: NodeJS.ProcessEnv;
  /** Ignore /etc/subuid: only id 0 exists inside. */
  readonly singleId?: boolean;
  /** What to start instead of this program; `argv` follows it. */
  readonly command?: readonly string[];
}

/**
 * Starts this program again inside a new user, mount and process namespace, with the caller's stdio, and waits for it.
 * Resolves with its exit status, 128 + signal when it was killed. SIGINT, SIGTERM and SIGHUP are passed on; what is not
 * gone 800 ms later is killed. When this process is killed, even by SIGKILL, everything inside is.
 * Throws BuildError MACHINE, with the remedy, where namespaces are not to be had.
 */
export async function enterNamespace(options: EnterOptions): Promise<number> {
  const plan = planIds(options);
  let attempt = await start(plan, options, true);
  if (attempt.child === undefined && attempt.phase === 'mounts') {
    const first = attempt.message;
    // No process namespace with its own /proc: share the caller's, and have the doctor say that it is weaker.
    attempt = await start(plan, options, false);
    if (attempt.child === undefined) throw refusal(attempt.phase, `${first}; ${attempt.message}`);
  }
  if (attempt.child === undefined) throw refusal(attempt.phase, attempt.message);
  return wait(attempt.child, attempt.ended, attempt.lifeline);
}

interface IdPlan {
  readonly uidMap: readonly IdExtent[];
  readonly gidMap: readonly IdExtent[];
  /** How the maps are written: `helper` is newuidmap and newgidmap. */
  readonly writer: 'direct' | 'helper' | 'single';
  readonly facts: Omit<InsideFacts, 'hasProcessNamespace'>;
}

type Phase = 'user namespace' | 'id map' | 'mounts';

type Attempt =
  | { readonly child: ChildProcess; readonly ended: Promise<number>; readonly lifeline: Socket }
  | { readonly child: undefined; readonly phase: Phase; readonly message: string };

/** Reads the machine's id files; decides which ids exist inside. */
function planIds(options: Pick<EnterOptions, 'singleId'>): IdPlan {
  const uid = process.geteuid!();
  const gid = process.getegid!();
  const parentUids = parseIdMap(readFileSync('/proc/self/uid_map', 'latin1'));
  const parentGids = parseIdMap(readFileSync('/proc/self/gid_map', 'latin1'));
  const single: IdPlan = {
    uidMap: [{ inside: 0, outside: uid, count: 1 }],
    gidMap: [{ inside: 0, outside: gid, count: 1 }],
    writer: 'single',
    facts: { uid: 0, gid: 0, hasIdRange: false },
  };
  if (options.singleId === true && uid !== 0) return single;
  const subuids = subordinateRanges('/etc/subuid', uid);
  const subgids = subordinateRanges('/etc/subgid', uid);
  if (uid === 0) {
    const uidBase = subuids.find(({ count }) => count >= ID_COUNT)?.start ?? HOST_ROOT_BASE;
    const gidBase = subgids.find(({ count }) => count >= ID_COUNT)?.start ?? HOST_ROOT_BASE;
    if (holdsIds(parentUids, uidBase, ID_COUNT) && holdsIds(parentGids, gidBase, ID_COUNT)) {
      const uidMap = hostRootMap(uidBase, parentUids);
      const gidMap = hostRootMap(gidBase, parentGids);
      if (options.singleId === true) {
        const one = { inside: 0, count: 1 };
        return {
          uidMap: [{ ...one, outside: uidBase }, ...uidMap.slice(1)],
          gidMap: [{ ...one, outside: gidBase }, ...gidMap.slice(1)],
          writer: 'direct',
          facts: { uid: HOST_ROOT_INSIDE, gid: HOST_ROOT_INSIDE, hasIdRange: false },
        };
      }
      return {
        uidMap,
        gidMap,
        writer: 'direct',
        facts: { uid: HOST_ROOT_INSIDE, gid: HOST_ROOT_INSIDE, hasIdRange: true },
      };
    }
    if (options.singleId === true) return single;
    // Root of a container, which is nobody special outside it.
    const uidMap = sameIdsMap(parentUids);
    const gidMap = sameIdsMap(parentGids);
    const isRange = holdsIds(uidMap, 0, 2) && holdsIds(gidMap, 0, 2);
    return { uidMap, gidMap, writer: 'direct', facts: { uid: 0, gid: 0, hasIdRange: isRange } };
  }
  if (subuids.length === 0 || subgids.length === 0) return single;
  return {
    uidMap: callerMap(uid, subuids, parentUids),
    gidMap: callerMap(gid, subgids, parentGids),
    writer: 'helper',
    facts: { uid: 0, gid: 0, hasIdRange: true },
  };
}

/** The caller's lines of /etc/subuid or /etc/subgid; both name the user, never the group. */
export function subordinateRanges(file: string, uid: number): SubordinateRange[] {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch {
    return [];
  }
  let name: string | undefined;
  try {
    name = userInfo().username;
  } catch {
    // No passwd entry: the file may still name the number.
  }
  return parseSubordinateIds(text, name, uid);
}

/**
 * One try. The chain of programs keeps one pid up to unshare's fork, which is what the id map is written for:
 * descriptor 3 brings the word to go on, 4 reports the phases reached, 5 stays open as long as the outer process lives,
 * 6 is the caller's stderr (2 is ours until everything is set up, to quote what went wrong).
 */
async function start(plan: IdPlan, options: EnterOptions, withProcesses: boolean): Promise<Attempt> {
  const facts: InsideFacts = { ...plan.facts, hasProcessNamespace: withProcesses };
  // Host root has another id inside than 0, so an exec would take its capabilities away unless they are kept, and the
  // ids are then set by hand. Others become 0 by the map itself, and exec gives them everything.
  const isHostRoot = plan.facts.uid !== 0;
  const become = isHostRoot ? '--reuid 0 --regid 0 --clear-groups' : '';
  const namespaces = withProcesses ? '--mount --pid --fork --kill-child --mount-proc' : '--mount --fork --kill-child';
  // mount(8) is setuid root, and where host root has an id inside, that bit would take our capabilities from it. So the
  // two programs are bound over themselves without the bit, in our mount namespace only.
  const plain = isHostRoot
    ? 'setpriv --no-new-privs -- sh -c "mount --bind -o nosuid $(command -v mount) $(command -v mount) && ' +
      'mount --bind -o nosuid $(command -v umount) $(command -v umount)" && '
    : '';
  const inner = `${plain}echo inside >&4 && exec 2>&6 6>&- 4>&- && exec "$@"`;
  const script =
    `echo user >&4; read -r _ <&3; exec 3<&-; ` +
    `exec setpriv ${become} --pdeathsig KILL unshare ${namespaces} -- sh -c '${inner}' sh "$@"`;
  const command = options.command ?? [process.execPath, ...process.execArgv, process.argv[1]!];
  const child = spawn(
    'unshare',
    [...(isHostRoot ? ['--keep-caps'] : []), '--user', 'sh', '-c', script, 'sh', ...command, ...options.argv],
    {
      // A session of its own: Ctrl-C reaches the outer process alone, which passes it on once.
      detached: true,
      env: { ...options.env, [VARIABLE]: JSON.stringify(facts) },
      stdio: ['inherit', 'inherit', 'pipe', 'pipe', 'pipe', 'pipe', 2],
    },
  );
  const ended = new Promise<number>((resolve, reject) => {
    child.on('error', reject);
    child.on('exit', (code, signal) => resolve(code ?? 128 + (signal === null ? 0 : constants.signals[signal])));
  });
  ended.catch(() => undefined);
  let complaint = '';
  child.stderr!.on('data', (chunk: Buffer) => {
    complaint += chunk.toString();
  });
  const [, , , go, reports, lifeline] = child.stdio as unknown as Socket[];
  for (const stream of [go, reports, lifeline]) stream!.on('error', () => undefined);
  const phases = phaseReader(reports!);
  const failed = async (phase: Phase): Promise<Attempt> => {
    try {
      const status = await ended;
      return { child: undefined, phase, message: complaint.trim().replaceAll('\n', '; ') || `exit status ${status}` };
    } catch (error) {
      return { child: undefined, phase, message: (error as Error).message };
    }
  };
  if ((await phases()) !== 'user') return failed('user namespace');
  try {
    await writeMaps(child.pid!, plan);
  } catch (error) {
    child.kill('SIGKILL');
    await ended;
    return { child: undefined, phase: 'id map', message: (error as Error).message };
  }
  go!.end('go\n');
  if ((await phases()) !== 'inside') return failed('mounts');
  reports!.destroy();
  child.stderr!.destroy();
  return { child, ended, lifeline: lifeline! };
}

/** Gives the next line of the stream each time it is called, undefined once the stream has ended. */
function phaseReader(stream: Socket): () => Promise<string | undefined> {
  const lines: string[] = [];
  let isOver = false;
  let wake: (() => void) | undefined;
  let rest = '';
  stream.on('data', (chunk: Buffer) => {
    const parts = (rest + chunk.toString()).split('\n');
    rest = parts.pop()!;
    lines.push(...parts);
    wake?.();
  });
  stream.on('close', () => {
    isOver = true;
    wake?.();
  });
  return async () => {
    while (lines.length === 0 && !isOver) await new Promise<void>((resolve) => (wake = resolve));
    return lines.shift();
  };
}

async function writeMaps(pid: number, plan: IdPlan): Promise<void> {
  if (plan.writer === 'helper') {
    await Promise.all([runHelper('newuidmap', pid, plan.uidMap), runHelper('newgidmap', pid, plan.gidMap)]);
    return;
  }
  // Without privilege over the parent's groups the kernel demands that setgroups be given up first.
  if (plan.writer === 'single') writeFileSync(`/proc/${pid}/setgroups`, 'deny');
  writeFileSync(`/proc/${pid}/uid_map`, formatIdMap(plan.uidMap));
  writeFileSync(`/proc/${pid}/gid_map`, formatIdMap(plan.gidMap));
}

async function runHelper(name: string, pid: number, map: readonly IdExtent[]): Promise<void> {
  const child = spawn(name, [String(pid), ...formatIdMap(map).trim().split(/\s+/)], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let complaint = '';
  child.stderr.on('data', (chunk: Buffer) => {
    complaint += chunk.toString();
  });
  const status = await new Promise<number>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => resolve(code ?? 1));
  });
  if (status !== 0) throw new Error(complaint.trim() || `${name} ended with status ${status}`);
}

/** Passes signals on to the whole group inside and waits for the end. */
async function wait(child: ChildProcess, ended: Promise<number>, lifeline: Socket): Promise<number> {
  let timer: NodeJS.Timeout | undefined;
  let asked: NodeJS.Signals | undefined;
  const send = (signal: NodeJS.Signals): void => {
    try {
      process.kill(-child.pid!, signal);
    } catch {
      // Already gone.
    }
  };
  const stop = (signal: NodeJS.Signals): void => {
    asked = signal;
    // unshare holds back INT and TERM while its child lives, and would die of HUP.
    send(signal === 'SIGHUP' ? 'SIGTERM' : signal);
    timer ??= setTimeout(() => send('SIGKILL'), GRACE_MILLISECONDS);
  };
  const resize = (): void => send('SIGWINCH');
  const stopping: NodeJS.Signals[] = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT'];
  for (const signal of stopping) process.on(signal, stop);
  process.on('SIGWINCH', resize);
  try {
    const status = await ended;
    const isKilled = status === 128 + constants.signals.SIGKILL;
    return asked !== undefined && isKilled ? 128 + constants.signals[asked] : status;
  } finally {
    clearTimeout(timer);
    for (const signal of stopping) process.off(signal, stop);
    process.off('SIGWINCH', resize);
    lifeline.destroy();
  }
}

function refusal(phase: Phase, message: string): BuildError {
  const hints: Record<Phase, string> = {
    'user namespace':
      'allow them: sysctl user.max_user_namespaces=15000 (and kernel.unprivileged_userns_clone=1 where it exists); ' +
      'in a container, start it with seccomp=unconfined; `ocibuild doctor` says more',
    'id map':
      'install newuidmap (package uidmap or shadow-utils) and give the user a line in /etc/subuid and /etc/subgid',
    mounts:
      'on Ubuntu: sysctl kernel.apparmor_restrict_unprivileged_userns=0; in a container, start it with ' +
      'seccomp=unconfined and apparmor=unconfined; `ocibuild doctor` says more',
  };
  return new BuildError('MACHINE', `cannot start inside a user namespace (${phase})`, {
    got: message,
    hint: hints[phase],
  });
}

/** Inner side: takes the facts out of the environment and watches for the outer process's death. */
function takeFacts(): void {
  const text = process.env[VARIABLE];
  if (text === undefined) return;
  delete process.env[VARIABLE];
  inside = JSON.parse(text) as InsideFacts;
  // The parent-death signal covers all but a moment at the start; this covers that moment too. pid 1 cannot kill itself
  // with a signal, so it exits, and the kernel kills the rest of the namespace.
  const lifeline = new Socket({ fd: 5, readable: true, writable: false });
  lifeline.on('error', () => undefined);
  lifeline.on('close', () => process.exit(128 + constants.signals.SIGKILL));
  lifeline.resume();
  lifeline.unref();
}
