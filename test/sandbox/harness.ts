// Owns: what the sandbox tests share: the driver compiled once, a static busybox, and the users to run as.

import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { chmodSync, chownSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { findProgram } from '../../src/sandbox/tools.ts';
import type { DriverJob, DriverResult } from './driver.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

export interface User {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
  /** Another user than the one that runs the tests: reached through setpriv, which becomes the program it starts. */
  readonly isOther: boolean;
}

/** The users the tests run as: whoever runs them, and for root an unprivileged one with ids of its own. */
export function testUsers(): User[] {
  const uid = process.getuid!();
  const self: User = { name: uid === 0 ? 'root' : `uid ${uid}`, uid, gid: process.getgid!(), isOther: false };
  if (uid !== 0) {
    console.log('sandbox tests: root is not covered, since the tests do not run as root');
    return [self];
  }
  const owners = readText('/etc/subuid')
    .split('\n')
    .map((line) => line.split(':')[0]!);
  for (const line of readText('/etc/passwd').split('\n')) {
    const [name, , id, group] = line.split(':');
    if (name === undefined || Number(id) === 0 || !owners.includes(name)) continue;
    if (findProgram('setpriv') === undefined) break;
    return [self, { name, uid: Number(id), gid: Number(group), isOther: true }];
  }
  console.log(
    'sandbox tests: no unprivileged user is covered: no user has a line in /etc/subuid, or setpriv is missing',
  );
  return [self];
}

/** Installed runtimes; says which is not covered. */
export function testRuntimes(): Array<'runc' | 'crun'> {
  return (['runc', 'crun'] as const).filter((name) => {
    if (findProgram(name) !== undefined) return true;
    console.log(`sandbox tests: ${name} is not covered: it is not installed`);
    return false;
  });
}

/** A busybox without an interpreter, or undefined: what a rootfs of one program needs. */
export function staticBusybox(): string | undefined {
  const path = findProgram('busybox');
  if (path !== undefined && isStatic(readFileSync(path))) return path;
  console.log('sandbox tests are skipped: there is no static busybox (Debian: busybox-static)');
  return undefined;
}

/** An ELF file with a program header of type PT_INTERP needs a loader. 64-bit little-endian only. */
function isStatic(elf: Buffer): boolean {
  const offset = Number(elf.readBigUInt64LE(32));
  const size = elf.readUInt16LE(54);
  const count = elf.readUInt16LE(56);
  for (let index = 0; index < count; index++) if (elf.readUInt32LE(offset + index * size) === 3) return false;
  return true;
}

/** Compiles the driver with what it imports into a directory everybody can read. Node 20 runs no TypeScript itself. */
export function compileDriver(): { script: string; remove: () => void } {
  const directory = mkdtempSync(join(tmpdir(), 'ocibuild-sandbox-test-'));
  execFileSync(
    process.execPath,
    [
      join(ROOT, 'node_modules/typescript/bin/tsc'),
      ...['test/sandbox/driver.ts', '--outDir', directory, '--rootDir', '.', '--noCheck', '--skipLibCheck'],
      ...['--module', 'nodenext', '--target', 'es2023', '--rewriteRelativeImportExtensions', '--types', 'node'],
    ],
    { cwd: ROOT },
  );
  writeFileSync(join(directory, 'package.json'), '{"type":"module"}');
  execFileSync('chmod', ['-R', 'a+rX', directory]);
  return {
    script: join(directory, 'test/sandbox/driver.js'),
    remove: () => rmSync(directory, { recursive: true, force: true }),
  };
}

/** A directory of that user's, closed to everybody else, as a home directory is. */
export function workDirectory(user: User): string {
  const directory = mkdtempSync(join(tmpdir(), 'ocibuild-sandbox-work-'));
  chmodSync(directory, 0o700);
  if (user.isOther) chownSync(directory, user.uid, user.gid);
  return directory;
}

export function driverCommand(script: string, user: User, job: DriverJob): [string, string[]] {
  const command = [process.execPath, script, JSON.stringify(job)];
  const become = ['--reuid', user.name, '--regid', String(user.gid), '--init-groups', '--', ...command];
  return user.isOther ? ['setpriv', become] : [command[0]!, command.slice(1)];
}

/** A server on this machine's loopback that greets whoever connects, in a process of its own: `runDriver` blocks. */
export async function startGreeter(greeting: string): Promise<{ port: number; stop: () => void }> {
  const code = `const server = require('net').createServer((socket) => socket.end(process.argv[1]));
    server.listen(0, '127.0.0.1', () => console.log(server.address().port));`;
  const child = spawn(process.execPath, ['-e', code, greeting], { stdio: ['ignore', 'pipe', 'inherit'] });
  const port = await new Promise<number>((resolve) => child.stdout.once('data', (data) => resolve(Number(data))));
  return { port, stop: () => child.kill() };
}

/** Runs a job to its end and gives its results, one for each runtime and step. */
export function runDriver(script: string, user: User, job: Omit<DriverJob, 'work'>): DriverResult[] {
  const work = workDirectory(user);
  try {
    const [program, args] = driverCommand(script, user, { ...job, work });
    const result = spawnSync(program, args, { encoding: 'utf8', cwd: '/', timeout: 100_000 });
    if (result.status !== 0) throw new Error(`driver: status ${result.status}: ${result.stderr}${result.stdout}`);
    return result.stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as DriverResult);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

/** Starts a job that will be stopped; `ready` resolves when its output holds the marker. */
export function startDriver(script: string, user: User, job: DriverJob, marker: string) {
  const [program, args] = driverCommand(script, user, job);
  const child = spawn(program, args, { cwd: '/', stdio: ['ignore', 'pipe', 'inherit'] });
  let text = '';
  const ready = new Promise<void>((resolve, reject) => {
    child.stdout.on('data', (chunk: Buffer) => {
      text += chunk.toString();
      if (text.includes(marker)) resolve();
    });
    child.on('exit', () => reject(new Error(`driver ended early: ${text}`)));
  });
  const ended = new Promise<number | NodeJS.Signals>((resolve) => {
    child.on('exit', (code, signal) => resolve(signal ?? code ?? -1));
  });
  return { child, ready, ended };
}

/** Pids of this machine whose command line holds the marker. */
export function processesWith(marker: string): number[] {
  const found = spawnSync('ps', ['-eo', 'pid=,args='], { encoding: 'utf8' }).stdout;
  return found
    .split('\n')
    .filter((line) => line.includes(marker))
    .map((line) => Number(line.trim().split(' ')[0]));
}

function readText(file: string): string {
  return existsSync(file) ? readFileSync(file, 'utf8') : '';
}
