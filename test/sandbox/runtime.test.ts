// Real steps, under every installed runtime, as every user the machine offers.

import { spawnSync } from 'node:child_process';
import { rmSync, statSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DEVICES } from '../../src/sandbox/spec.ts';
import { findProgram } from '../../src/sandbox/tools.ts';
import type { DriverResult, DriverStep } from './driver.ts';
import {
  compileDriver,
  driverCommand,
  processesWith,
  runDriver,
  startDriver,
  startGreeter,
  staticBusybox,
  testRuntimes,
  testUsers,
  workDirectory,
} from './harness.ts';

const busybox = staticBusybox();
const runtimes = testRuntimes();
const users = testUsers();

const shell = (script: string, more: Partial<DriverStep> = {}): DriverStep => ({
  args: ['/bin/sh', '-c', script],
  ...more,
});
const user1000 = { uid: 1000, gid: 1000, additionalGids: [7] };

/** Everything a step can see that the sandbox is to make the same everywhere. */
const STORY = shell(
  'id; hostname; umask; ulimit -Sa; ulimit -Ha; env; pwd; ps -o pid,args | grep -c "^ *1 "; ' +
    'cat /etc/hosts /etc/resolv.conf /proc/self/uid_map /proc/self/gid_map /proc/self/setgroups; ' +
    'stat -c "%A %u:%g %t:%T %n" /dev /dev/* / /etc /etc/hosts /etc/resolv.conf /proc /sys; ls /dev/pts /dev/shm /sys; ' +
    'grep -E "^(Cap|NoNewPrivs|Seccomp:)" /proc/self/status; ifconfig -a | grep -E "Link|inet"; cat /proc/version /proc/cmdline',
);

const deviceLine = (name: string): string => {
  const { mode, uid, gid, rdev } = statSync(`/dev/${name}`);
  return `${name} ${mode} ${uid}:${gid} ${rdev}`;
};

describe.skipIf(busybox === undefined || runtimes.length === 0)('a step', () => {
  let driver: ReturnType<typeof compileDriver>;
  let greeter: { port: number; stop: () => void };

  beforeAll(async () => {
    driver = compileDriver();
    greeter = await startGreeter('from outside\n');
  });
  afterAll(() => {
    driver.remove();
    greeter.stop();
  });

  /** Results of the steps under each runtime, in the order of `runtimes`. */
  const run = (user: (typeof users)[number], steps: readonly DriverStep[], singleId = false): DriverResult[][] => {
    const results = runDriver(driver.script, user, { busybox: busybox!, runtimes, steps, singleId });
    expect(results).toHaveLength(runtimes.length * steps.length);
    return runtimes.map((_, index) => results.slice(index * steps.length, (index + 1) * steps.length));
  };

  it('is told the same story under every runtime and by every user', () => {
    const told = users.flatMap((user) => run(user, [STORY, { ...STORY, user: user1000 }]));
    for (const results of told) {
      expect(results.map(({ status, stderr }) => ({ status, stderr }))).toEqual([
        { status: 0, stderr: '' },
        { status: 0, stderr: '' },
      ]);
      expect(results.map(({ stdout }) => stdout)).toEqual(told[0]!.map(({ stdout }) => stdout));
    }
    const [asRoot, asUser] = told[0]!.map(({ stdout }) => stdout);
    for (const line of [
      'HOME=/root',
      'ocibuild',
      '0022',
      'HOME=/root',
      'TZ=UTC',
      'LANG=C',
      'SOURCE_DATE_EPOCH=0',
      'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
      'CapEff:\t00000000a80425fb',
      'CapInh:\t0000000000000000',
      'drwxrwxrwt 0:0 0:0 /dev/shm',
      'crw-rw-rw- 65534:65534 1:3 /dev/null',
    ]) {
      expect(asRoot!.split('\n')).toContain(line);
    }
    expect(asRoot).toMatch(/open files +\(-n\) 2048\n[\s\S]*open files +\(-n\) 16384\n/);
    expect(asRoot).toContain('         0          0          1\n         1          1      65535\n');
    expect(asUser).toMatch(/^uid=1000(\(user\))? gid=1000 groups=7\n/);
    expect(asUser).toContain('HOME=/home/user\n');
    expect(asUser).toContain('CapEff:\t0000000000000000\n');
    expect(asUser).toContain('CapBnd:\t00000000a80425fb\n');
  });

  describe.each(users)('called by $name', (user) => {
    // crun gives a step's descriptors to the step's user.
    it('changes no device of the machine', () => {
      const before = DEVICES.map((name) => deviceLine(name));
      run(user, [{ args: ['/bin/true'], user: user1000 }, shell('chown 5:6 /dev/null; chmod 600 /dev/zero; exit 0')]);
      expect(DEVICES.map((name) => deviceLine(name))).toEqual(before);
    });

    const ends: ReadonlyArray<[what: string, step: DriverStep, status: number, stderr: RegExp]> = [
      ['true', { args: ['/bin/true'] }, 0, /^$/],
      ['false, by PATH', { args: ['false'] }, 1, /^$/],
      ['its own status', shell('exit 42'), 42, /^$/],
      ['not executable', { args: ['/etc/passwd'] }, 126, /ocibuild: cannot run \/etc\/passwd: it is not executable/],
      ['a directory', { args: ['/etc'] }, 126, /ocibuild: cannot run \/etc: it is not executable/],
      ['missing', { args: ['/bin/missing'] }, 127, /ocibuild: cannot run \/bin\/missing: no such program/],
      ['missing in PATH', { args: ['missing'] }, 127, /ocibuild: cannot run missing: no such program/],
      ['missing for the shell', shell('missing'), 127, /missing: not found/],
      ['killed', shell("sh -c 'kill -9 $$'; exit $?"), 137, /./],
      [
        'a runtime word for an error',
        shell('echo exec: permission denied >&2; exit 1'),
        1,
        /^exec: permission denied\n$/,
      ],
    ];
    it('ends with the status its program ends with', () => {
      for (const results of run(
        user,
        ends.map(([, step]) => step),
      )) {
        results.forEach((result, index) => {
          const [what, , status, stderr] = ends[index]!;
          expect({ what, status: result.status }).toEqual({ what, status });
          expect(result.stderr).toMatch(stderr);
        });
      }
    });

    it('leaves nothing in the upper directory but what it wrote, under the ids it gave', () => {
      const steps = [
        { args: ['/bin/true'] },
        shell('echo x >>/etc/hosts; echo y >>/etc/resolv.conf; echo z >/dev/shm/z; cat /etc/hosts >/dev/null'),
        shell('touch /a; chown 5:6 /a; chmod 4711 /a; mkdir /sub; chown 65534:65535 /sub'),
        { args: ['/bin/touch', '/tmp/mine'], user: user1000 },
      ];
      for (const results of run(user, steps)) {
        expect(results.map(({ status }) => status)).toEqual([0, 0, 0, 0]);
        expect(results.map(({ upper }) => upper)).toEqual([
          [],
          [],
          ['a 5:6 4711', 'sub 65534:65535 755'],
          ['tmp 0:0 1777', 'tmp/mine 1000:1000 644'],
        ]);
      }
    });

    it('finds nothing an earlier step left in /dev, /dev/shm or /etc/hosts', () => {
      const steps = [
        shell('touch /dev/mine /dev/shm/mine; ln -s /x /dev/link; chmod 700 /dev; echo mine >>/etc/hosts'),
        shell('ls /dev /dev/shm; stat -c %a /dev; cat /etc/hosts'),
      ];
      for (const results of run(user, steps)) {
        expect(results.map(({ status, stderr }) => ({ status, stderr }))).toEqual([
          { status: 0, stderr: '' },
          { status: 0, stderr: '' },
        ]);
        expect(results[1]!.stdout).not.toMatch(/mine|link/);
        expect(results[1]!.stdout).toContain('\n755\n');
      }
    });

    it('has pipes that open by name, an empty stdin, and its output whole', () => {
      const steps = [
        shell('echo out >/dev/stdout; echo err >/dev/stderr; cat; cat /dev/stdin; echo "stdin $?"', { user: user1000 }),
        shell('i=0; while [ $i -lt 20000 ]; do echo $i; i=$((i+1)); done'),
      ];
      for (const [small, large] of run(user, steps)) {
        expect(small).toMatchObject({ status: 0, stdout: 'out\nstdin 0\n', stderr: 'err\n' });
        expect(large!.stdout).toBe(Array.from({ length: 20_000 }, (_, index) => `${index}\n`).join(''));
      }
    });

    it('changes its user through a setuid program, and downwards', () => {
      const steps = [shell('/setuid/su root -c id', { user: user1000 }), shell('su user -c id')];
      for (const [up, down] of run(user, steps)) {
        expect(up).toMatchObject({ status: 0, stdout: expect.stringMatching(/^uid=0\b/) });
        expect(down).toMatchObject({ status: 0, stdout: expect.stringMatching(/^uid=1000\b/) });
      }
    });

    it('reaches nobody without a network, and itself', () => {
      const talk = `nc -w 2 127.0.0.1 ${greeter.port} </dev/null`;
      const steps = [
        shell(talk),
        shell('(echo inside | nc -l -p 4000) & sleep 0.3; nc 127.0.0.1 4000 </dev/null'),
        shell(talk, { network: 'host' }),
        shell(talk, { network: 'default' }),
      ];
      for (const [none, itself, host, open] of run(user, steps)) {
        expect(none!.status).not.toBe(0);
        expect(none!.stdout).toBe('');
        expect(itself!.stdout).toBe('inside\n');
        expect(host).toMatchObject({ status: 0, stdout: 'from outside\n' });
        expect(open).toMatchObject({ status: 0, stdout: 'from outside\n' });
      }
    });

    it('cannot become anybody outside, nor look or reach there', () => {
      const forbidden = [
        'chown 65536 /tmp',
        'chown 0:65536 /tmp',
        'mount -t tmpfs t /tmp',
        'umount /proc',
        'unshare -U true',
        'unshare -m true',
        'mknod /tmp/disk b 8 0',
        'dmesg',
        'echo x >/proc/sys/kernel/hostname',
        'echo x >/proc/sysrq-trigger',
        'hostname other',
        'ls /proc/1/root/home',
      ];
      const steps = forbidden.map((line) => shell(`${line} 2>/dev/null && exit 0; exit 9`));
      for (const results of run(user, steps)) {
        expect(results.map(({ status }, index) => [forbidden[index], status])).toEqual(
          forbidden.map((line) => [line, 9]),
        );
      }
    });

    it('sees mounts of its own', () => {
      const steps = [
        shell('stat -c "%a" /tmp; echo x >/tmp/x && mount | grep " /tmp "', {
          mounts: [{ type: 'tmpfs', target: '/tmp', readonly: false, size: 65_536, mode: 0o700 }],
        }),
        shell('ls /tmp/hostname && echo x >/tmp/new', {
          mounts: [{ type: 'bind', target: '/tmp', source: '/etc', readonly: true }],
        }),
      ];
      for (const [memory, bound] of run(user, steps)) {
        expect(memory).toMatchObject({ status: 0, upper: [] });
        expect(memory!.stdout).toMatch(/^700\n.*size=64k/);
        expect(bound).toMatchObject({ status: 1, stdout: '/tmp/hostname\n', upper: [] });
        expect(bound!.stderr).toMatch(/Read-only file system/);
      }
    });

    it('is gone within a second of an abort, with everything it started', () => {
      const steps = [
        shell("trap '' TERM INT; (sleep 300 &) ; sleep 300 & sleep 300", { abortAfter: 400 }),
        shell('sleep 300', { abortAfter: 1 }),
        { args: ['/bin/true'] },
      ];
      for (const results of run(user, steps)) {
        for (const result of results.slice(0, 2)) {
          expect(result).toMatchObject({ code: 'INTERRUPTED', left: [] });
          expect(result.sinceAbort).toBeLessThan(1000);
        }
        expect(results[2]).toMatchObject({ status: 0, left: [] });
      }
    });

    it.each(['SIGINT', 'SIGTERM', 'SIGKILL'] as const)(
      'leaves no process behind when the caller gets %s',
      async (signal) => {
        for (const runtime of runtimes) {
          const marker = `marker${process.pid}${Math.random().toString(36).slice(2)}`;
          const work = workDirectory(user);
          const job = {
            work,
            busybox: busybox!,
            runtimes: [runtime],
            live: true,
            steps: [shell(`echo up-${marker.slice(6)}; (sleep 300; echo ${marker}) & sleep 301; echo ${marker}`)],
          };
          const { child, ready, ended } = startDriver(driver.script, user, job, `up-${marker.slice(6)}`);
          await ready;
          expect(processesWith(marker).length).toBeGreaterThan(2);
          const started = performance.now();
          child.kill(signal);
          const end = await ended;
          expect(end).toBe(signal === 'SIGKILL' ? 'SIGKILL' : signal === 'SIGINT' ? 130 : 143);
          while (processesWith(marker).length > 0 && performance.now() - started < 5000) {
            await new Promise((resolve) => setTimeout(resolve, 20));
          }
          expect(processesWith(marker)).toEqual([]);
          // Nothing the step wrote has another owner than the caller's own id or, for root, one that root may delete. Overlay
          // leaves a directory that is closed to its owner.
          spawnSync('chmod', ['-R', 'u+rwX', work]);
          rmSync(work, { recursive: true, force: true });
        }
      },
    );

    it('in single-id mode has one id, and says so', () => {
      const steps = [
        shell('cat /proc/self/uid_map; chown 5 /etc; chown 0:0 /etc && echo kept; su user -c true'),
        { args: ['/bin/true'], user: user1000 },
      ];
      for (const [one, other] of run(user, steps, true)) {
        expect(one!.stdout).toBe('         0          0          1\nkept\n');
        expect(one!.stderr).toMatch(/chown: .*Invalid argument/);
        expect(one!.status).not.toBe(0);
        expect(other).toMatchObject({ code: 'MACHINE', message: expect.stringContaining('single-id mode') });
      }
    });

    it('has the caller\u2019s terminal when it asks for one', ({ skip }) => {
      // script(1) makes a terminal for the driver.
      if (findProgram('script') === undefined) return skip('script(1) is missing');
      for (const runtime of runtimes) {
        const work = workDirectory(user);
        const step = shell('test -t 0 && test -t 1 && test -t 2 && echo is-a-"$TERM"; exit 5', { terminal: true });
        const [program, args] = driverCommand(driver.script, user, {
          work,
          busybox: busybox!,
          runtimes: [runtime],
          steps: [step],
        });
        const line = [program, ...args].map((word) => `'${word.replaceAll("'", "'\\''")}'`).join(' ');
        const { stdout } = spawnSync('script', ['-qec', line, '/dev/null'], { encoding: 'utf8', timeout: 30_000 });
        rmSync(work, { recursive: true, force: true });
        expect(stdout).toMatch(/is-a-xterm\r?\n/);
        expect(stdout).toContain('"status":5');
      }
    });

    it('belongs to its caller', () => {
      const [results] = run(user, [{ args: ['/bin/true'] }]);
      const id = user.uid === 0 ? 65_536 : 0;
      expect(results![0]!.caller).toEqual({ uid: id, gid: id });
    });
  });
});
