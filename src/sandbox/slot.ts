// Owns: the place one running step needs outside its rootfs: its bundle directory, its /dev, its output pipes, its copies
// of /etc/hosts and /etc/resolv.conf. A slot serves one step at a time and is used again by the next, since making one
// costs more than a step. Knows nothing of runtimes.

import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import {
  chmodSync,
  closeSync,
  constants,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { Socket } from 'node:net';
import { join } from 'node:path';
import { BuildError } from '../errors.ts';
import { DEVICES, HOSTS_FILE } from './spec.ts';
import type { OutputSink } from './types.ts';

const DIRECTORIES: ReadonlyArray<readonly [name: string, mode: number]> = [
  ['pts', 0o755],
  ['shm', 0o1777],
];
const LINKS: ReadonlyArray<readonly [name: string, target: string]> = [
  ['fd', '/proc/self/fd'],
  ['ptmx', 'pts/ptmx'],
  ['stderr', '/proc/self/fd/2'],
  ['stdin', '/proc/self/fd/0'],
  ['stdout', '/proc/self/fd/1'],
];

export interface Slot {
  /** The bundle directory. */
  readonly directory: string;
  readonly devDirectory: string;
  readonly hostsFile: string;
  readonly resolvFile: string;
}

/**
 * Makes a slot in a new directory. The output pipes are named ones, since Node would give a step sockets, and `echo x > /dev/stderr` fails on a socket.
 * Throws BuildError MACHINE.
 */
export async function makeSlot(directory: string): Promise<Slot> {
  mkdirSync(directory, { mode: 0o711 });
  const devDirectory = join(directory, 'dev');
  mkdirSync(devDirectory);
  const script = [
    'mount -t tmpfs -o mode=755,nosuid,noexec,size=1m tmpfs "$1"/dev',
    // Everybody may write to them: a program under another user opens /dev/stdout by name.
    'mkfifo "$1"/out "$1"/err && chmod 666 "$1"/out "$1"/err',
  ].join(' && ');
  const { status, message } = await finish(
    spawn('sh', ['-c', script, 'sh', directory], { stdio: ['ignore', 'ignore', 'pipe'] }),
  );
  if (status !== 0) throw new BuildError('MACHINE', 'cannot prepare /dev for a step', { got: message });
  for (const name of DEVICES) writeFileSync(join(devDirectory, name), '');
  for (const [name, mode] of DIRECTORIES) {
    mkdirSync(join(devDirectory, name));
    // runc gives a tmpfs the mode of the directory below it, crun the mode it was asked for.
    chmodSync(join(devDirectory, name), mode);
  }
  for (const [name, target] of LINKS) symlinkSync(target, join(devDirectory, name));
  return {
    directory,
    devDirectory,
    hostsFile: join(directory, 'hosts'),
    resolvFile: join(directory, 'resolv.conf'),
  };
}

/** Waits beside the build: steps that start together make their slots together. */
function finish(child: ChildProcess): Promise<{ status: number | null; message: string }> {
  return new Promise((resolve) => {
    let message = '';
    child.stderr?.on('data', (chunk: Buffer) => {
      message += chunk.toString();
    });
    child.on('error', (error) => resolve({ status: null, message: error.message }));
    child.on('close', (status) => resolve({ status, message: message.trim() }));
  });
}

/** Gives the slot the contents a new step must find. */
export function fillSlot(slot: Slot, config: string, resolver: string): void {
  for (const name of ['pid', 'log']) rmSync(join(slot.directory, name), { force: true });
  writeFileSync(join(slot.directory, 'config.json'), config);
  for (const [file, text] of [
    [slot.hostsFile, HOSTS_FILE],
    [slot.resolvFile, resolver],
    [join(slot.directory, 'in'), ''],
  ] as const) {
    rmSync(file, { force: true });
    writeFileSync(file, text);
    chmodSync(file, 0o644);
  }
}

/** The mount point of a step's console, which crun wants to find. The slot is thrown away after such a step. */
export function addConsole(slot: Slot): void {
  writeFileSync(join(slot.devDirectory, 'console'), '');
}

/** False when the step changed its /dev: such a slot is thrown away. */
export function isSlotClean(slot: Slot): boolean {
  const expected = [...DEVICES, ...DIRECTORIES.map(([name]) => name), ...LINKS.map(([name]) => name)].sort();
  const found = readdirSync(slot.devDirectory).sort();
  if (found.length !== expected.length || found.some((name, index) => name !== expected[index])) return false;
  const path = (name: string): string => join(slot.devDirectory, name);
  if ((lstatSync(slot.devDirectory).mode & 0o7777) !== 0o755) return false;
  return (
    DEVICES.every((name) => lstatSync(path(name)).isFile() && lstatSync(path(name)).size === 0) &&
    DIRECTORIES.every(([name, mode]) => {
      const stat = lstatSync(path(name));
      return stat.isDirectory() && (stat.mode & 0o7777) === mode && readdirSync(path(name)).length === 0;
    }) &&
    LINKS.every(([name, target]) => lstatSync(path(name)).isSymbolicLink() && readlinkSync(path(name)) === target)
  );
}

/** Unmounts and deletes; nothing of the slot is running. */
export function removeSlot(slot: Slot): void {
  spawnSync('umount', ['-l', slot.devDirectory], { stdio: 'ignore' });
  rmSync(slot.directory, { recursive: true, force: true });
}

export interface OutputPipes {
  /**
   * Descriptors for the child; close them with `closeOwn` once it has been started. The input is an empty file: crun gives
   * its three descriptors to the step's user, and called by root that would be the machine's own /dev/null; a pipe
   * without a writer would let `cat /dev/stdin` wait for ever.
   */
  readonly input: number;
  readonly writers: readonly [number, number];
  closeOwn(): void;
  /** Resolves when no writer is left and every byte has reached the sink. */
  readonly drained: Promise<void>;
  /** Gives up on writers that do not go away. */
  destroy(): void;
}

/** Opens the slot's two pipes and reads them into the sink. */
export function openPipes(slot: Slot, output: OutputSink): OutputPipes {
  const ends = (['stdout', 'stderr'] as const).map((stream, index) => {
    const path = join(slot.directory, index === 0 ? 'out' : 'err');
    const reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    const writer = openSync(path, constants.O_WRONLY);
    const socket = new Socket({ fd: reader, readable: true, writable: false });
    socket.on('data', (chunk: Buffer) => output(stream, chunk));
    const drained = new Promise<void>((resolve) => {
      socket.on('error', () => socket.destroy());
      socket.on('close', () => resolve());
    });
    return { writer, socket, drained };
  });
  const [out, err] = [ends[0]!, ends[1]!];
  const input = openSync(join(slot.directory, 'in'), constants.O_RDONLY);
  return {
    input,
    writers: [out.writer, err.writer],
    closeOwn: () => {
      closeSync(input);
      closeSync(out.writer);
      closeSync(err.writer);
    },
    drained: Promise.all([out.drained, err.drained]).then(() => undefined),
    destroy: () => {
      out.socket.destroy();
      err.socket.destroy();
    },
  };
}
