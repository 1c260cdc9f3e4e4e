// Owns: telling which directories under `<store>/work` belong to a living process. Processes may sit in different pid
// namespaces and not see one another, so each holds a fifo of its own open for reading: whoever can open it for writing
// knows that the reader lives. Where there is no mkfifo, the time of the mark is kept fresh instead.

import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import {
  closeSync,
  constants,
  openSync,
  readFileSync,
  readlinkSync,
  renameSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { bytesOf, type HostPath, hostText, isErrno, lstatRaw, makeDirectories, readdirRaw, under } from './raw-fs.ts';

/** How long a process of another pid namespace may be silent, in milliseconds. Beats come every 15 seconds. */
const SILENCE = 10 * 60_000;
const BEAT = 15_000;
const OWNER_NAME = /^\d+-[0-9a-f]{8}$/;

interface Mark {
  readonly boot: string;
  readonly namespace: string;
  readonly pid: number;
  /** Field 22 of /proc/PID/stat: two processes that got the same pid differ in it. */
  readonly start: string;
}

export interface Owner {
  /** `<pid>-<random>`: the name of this process's directory under `work`. */
  readonly name: string;
  /** Removes the mark; the directory must be gone or given up. */
  release(): void;
}

export function bootId(): string {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim();
  } catch {
    return 'unknown';
  }
}

/** Makes `<work>/<name>/` and marks it as this process's own. */
export function claimWork(work: HostPath): Owner {
  const name = `${process.pid}-${randomBytes(4).toString('hex')}`;
  const directory = under(work, name);
  makeDirectories(directory);
  const file = under(directory, 'owner');
  writeMark(file);
  let fifo = holdFifo(under(directory, 'alive'));
  const timer = setInterval(() => beat(file), BEAT);
  timer.unref();
  return {
    name,
    release() {
      clearInterval(timer);
      // Once: the number may be another file's by the next time.
      if (fifo !== undefined) closeSync(fifo);
      fifo = undefined;
      try {
        unlinkSync(bytesOf(file));
      } catch (error) {
        if (!isErrno(error, 'ENOENT')) throw error;
      }
    },
  };
}

/** The reading end, open until this process ends, however it ends. Node closes it in every program it starts. */
function holdFifo(path: HostPath): number | undefined {
  if (spawnSync('mkfifo', ['-m', '600', hostText(path)]).status !== 0) return undefined;
  return openSync(bytesOf(path), constants.O_RDONLY | constants.O_NONBLOCK);
}

/** Whether somebody holds the fifo; undefined when there is none. */
function isFifoHeld(path: HostPath): boolean | undefined {
  try {
    closeSync(openSync(bytesOf(path), constants.O_WRONLY | constants.O_NONBLOCK));
    return true;
  } catch (error) {
    return isErrno(error, 'ENXIO') ? false : undefined;
  }
}

function writeMark(file: HostPath): void {
  const mark: Mark = { boot: bootId(), namespace: pidNamespace(), pid: process.pid, start: startOf(process.pid) ?? '' };
  const aside = `${file}.new` as HostPath;
  writeFileSync(bytesOf(aside), JSON.stringify(mark));
  renameSync(bytesOf(aside), bytesOf(file));
}

function beat(file: HostPath): void {
  try {
    const now = new Date();
    utimesSync(bytesOf(file), now, now);
  } catch {
    // The directory was given up or the store deleted: nothing left to keep alive.
  }
}

/** Names under `work` whose process is dead, and of the living ones except `own`. */
export function sortOwners(work: HostPath, own: string | undefined): { dead: string[]; alive: string[] } {
  const dead: string[] = [];
  const alive: string[] = [];
  for (const entry of readdirRaw(work)) {
    if (!entry.isDirectory() || entry.name === own) continue;
    // Whatever has another name was never claimed: nobody will write its mark.
    const isAlive = OWNER_NAME.test(entry.name) && isOwnerAlive(under(work, entry.name));
    (isAlive ? alive : dead).push(entry.name);
  }
  return { dead, alive };
}

/** Whether the process that claimed a directory under `work` is alive; for a file without a mark, whether it is young. */
export function isOwnerAlive(directory: HostPath): boolean {
  const file = under(directory, 'owner');
  const stats = lstatRaw(file);
  // Without a mark: made this moment, or already released.
  const since = stats ?? lstatRaw(directory);
  const isFresh = since !== undefined && Date.now() - Number(since.mtimeNs / 1_000_000n) < SILENCE;
  if (stats === undefined)
    return isFresh && since !== undefined && Date.now() - Number(since.mtimeNs / 1_000_000n) < BEAT;
  const mark = readMark(file);
  if (mark === undefined) return isFresh;
  if (mark.boot !== bootId()) return false;
  if (mark.namespace === pidNamespace()) return startOf(mark.pid) === mark.start;
  return isFifoHeld(under(directory, 'alive')) ?? isFresh;
}

function readMark(file: HostPath): Mark | undefined {
  try {
    return JSON.parse(readFileSync(bytesOf(file), 'utf8')) as Mark;
  } catch {
    return undefined;
  }
}

function pidNamespace(): string {
  try {
    return readlinkSync('/proc/self/ns/pid');
  } catch {
    return 'unknown';
  }
}

function startOf(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
  } catch {
    return undefined;
  }
}

/** Creates a file that only one process can create. False when it is there already. */
export function createExclusive(file: HostPath): boolean {
  try {
    closeSync(openSync(bytesOf(file), 'wx'));
    return true;
  } catch (error) {
    if (isErrno(error, 'EEXIST')) return false;
    throw error;
  }
}
