// Owns: what this machine lets us vary. Reads files, starts `unshare` once; changes nothing.

import { spawnSync } from 'node:child_process';
import { readFileSync, statfsSync } from 'node:fs';
import { HOST_ROOT_INSIDE, holdsIds, ID_COUNT, parseIdMap } from '../sandbox/id-map.ts';
import { chooseRuntime, findProgram, type RuntimeName } from '../sandbox/tools.ts';
import { witnessProgram } from './witness.ts';

export interface Machine {
  /** Processors this process may use. */
  readonly processors: readonly number[];
  readonly jobs: number;
  readonly runtime: RuntimeName;
  /** The other one, where it is installed. */
  readonly otherRuntime: RuntimeName | undefined;
  /** Programs that are here, of those the variations use. */
  readonly programs: ReadonlySet<string>;
  /** The builder may take other ids of the machine. */
  readonly hasOtherIds: boolean;
  /** A step's namespace holds more ids than 0. */
  readonly hasIdRange: boolean;
  /** unshare(1) can make a time namespace, and the kernel lets it. */
  readonly hasTimeNamespace: boolean;
  /** Bytes that can be had without swapping. */
  readonly memory: number;
  readonly witness: boolean;
  /** Whether the directory of the first store is on a tmpfs itself. */
  readonly isDiskMemory: boolean;
}

const TMPFS_MAGIC = 0x0102_1994;
const PROGRAMS = ['hostname', 'mount', 'setarch', 'setpriv', 'taskset', 'unshare'];

/** Asked inside the namespace. `directory` exists: the first store's. Throws BuildError MACHINE without a runtime. */
export function surveyMachine(
  directory: string,
  jobs: number,
  wanted: RuntimeName | undefined,
  env: NodeJS.ProcessEnv,
): Machine {
  const runtime = chooseRuntime(wanted, env).name;
  const other: RuntimeName = runtime === 'crun' ? 'runc' : 'crun';
  const map = parseIdMap(readFileSync('/proc/self/uid_map', 'latin1'));
  return {
    processors: allowedProcessors(),
    jobs,
    runtime,
    otherRuntime: findProgram(other) === undefined ? undefined : other,
    programs: new Set(PROGRAMS.filter((name) => findProgram(name) !== undefined)),
    // Host root's namespace holds every id of the machine above its own.
    hasOtherIds: holdsIds(map, HOST_ROOT_INSIDE, ID_COUNT),
    hasIdRange: holdsIds(map, 0, 2),
    hasTimeNamespace:
      spawnSync('unshare', ['--time', '--boottime', '1000', '--fork', '--', 'true'], { stdio: 'ignore' }).status === 0,
    memory: availableMemory(),
    witness: witnessProgram(process.arch) !== undefined,
    isDiskMemory: statfsSync(directory).type === TMPFS_MAGIC,
  };
}

/** From the list in /proc/self/status: `0-3,8`. */
function allowedProcessors(): number[] {
  const list = /^Cpus_allowed_list:\s*(\S+)$/m.exec(readFileSync('/proc/self/status', 'latin1'))?.[1] ?? '0';
  return list.split(',').flatMap((part) => {
    const [first, last] = part.split('-').map(Number) as [number, number | undefined];
    return Array.from({ length: (last ?? first) - first + 1 }, (_, index) => first + index);
  });
}

function availableMemory(): number {
  const text = readFileSync('/proc/meminfo', 'latin1');
  return Number(/^MemAvailable:\s*(\d+) kB$/m.exec(text)?.[1] ?? 0) * 1024;
}
