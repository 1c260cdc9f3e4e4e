// Owns: what every benchmark needs: running a command to its end and saying what it took, medians, the machine's floors.

import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { closeSync, openSync, readSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, loadavg, release } from 'node:os';

// rusage of children: processor time and the largest resident set (VmHWM) of any process that was waited for.
const WRAPPER = `
import json, os, resource, subprocess, sys, time
started = time.monotonic()
done = subprocess.run(sys.argv[2:], stdout=open(sys.argv[1], 'wb'), stderr=subprocess.STDOUT)
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(json.dumps({'status': done.returncode, 'wall': time.monotonic() - started,
                  'cpu': used.ru_utime + used.ru_stime, 'memory': used.ru_maxrss * 1024}))
`;

export function fail(message) {
  process.stderr.write(`bench: ${message}\n`);
  process.exit(1);
}

export function isThere(program) {
  return spawnSync('sh', ['-c', 'command -v "$1"', 'sh', program], { stdio: 'ignore' }).status === 0;
}

export function output(argv, options = {}) {
  const done = spawnSync(argv[0], argv.slice(1), { encoding: 'utf8', maxBuffer: 1 << 26, ...options });
  if (done.status !== 0) fail(`${argv.join(' ')}: ${done.stderr ?? done.error}`);
  return done.stdout.trim();
}

/** Seconds of wall clock and of processor time, and the bytes of its largest process. A failure ends the program. */
export function measure(argv, { cwd, env = {}, log }) {
  const done = spawnSync('python3', ['-c', WRAPPER, log, ...argv], {
    cwd,
    env: { ...process.env, ...env },
    encoding: 'utf8',
  });
  if (done.status !== 0) fail(`python3: ${done.stderr}`);
  const took = JSON.parse(done.stdout);
  if (took.status !== 0) fail(`${argv.join(' ')} ended with ${took.status}: see ${log}`);
  return took;
}

export function median(numbers) {
  const sorted = [...numbers].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** MB a second that this machine reads from the page cache, hashes and copies, on one thread: no layer is made faster. */
export function floors(file) {
  const size = 512 << 20;
  const bytes = Buffer.alloc(4 << 20, 'floor');
  const rate = (work) => {
    const seconds = [1, 2, 3].map(() => {
      const started = process.cpuUsage();
      work();
      const { user, system } = process.cpuUsage(started);
      return (user + system) / 1e6;
    });
    return Math.round(size / 1e6 / median(seconds));
  };
  writeFileSync(file, Buffer.alloc(size, 'floor'));
  const into = Buffer.alloc(bytes.length);
  const read = rate(() => {
    const fd = openSync(file, 'r');
    while (readSync(fd, into, 0, into.length, null) > 0);
    closeSync(fd);
  });
  rmSync(file);
  const sha256 = rate(() => {
    const hash = createHash('sha256');
    for (let at = 0; at < size; at += bytes.length) hash.update(bytes);
    hash.digest();
  });
  const memcpy = rate(() => {
    for (let at = 0; at < size; at += bytes.length) bytes.copy(into);
  });
  return { read, sha256, memcpy };
}

export function machine() {
  const load = loadavg()
    .map((each) => each.toFixed(1))
    .join(' ');
  const who = process.getuid() === 0 ? 'root' : 'unprivileged';
  return `${cpus().length} x ${cpus()[0]?.model}, Linux ${release()}, Node ${process.version}, ${who}, load ${load}`;
}
