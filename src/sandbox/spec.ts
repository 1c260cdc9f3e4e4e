// Owns: the story every step is told, as one runtime-spec document. Pure: it reads no file, no clock and no environment.
// What it says is part of every result, so whoever changes a value here changes SANDBOX_VERSION too; a test holds a
// digest of the whole document and fails when that is forgotten.
// Knows nothing of how a runtime is started, nor of what the rootfs holds.

import { DEFAULT_PATH } from '../../oci/config.ts';
import type { IdExtent } from './id-map.ts';
import { DENIED_SYSCALLS } from './seccomp.ts';
import type { Step, StepMount } from './types.ts';

/** Goes into cache keys: a step run under another story may give another result. */
export const SANDBOX_VERSION = 'ocibuild-sandbox/1';

export const STEP_HOSTNAME = 'ocibuild';

/**
 * Variables added where the step's own environment does not name them, in this order, before the step's own. HOME is
 * added too: it depends on the user, and both runtimes would otherwise fill it in, each by its own rule.
 * LANG stays out of the way as soon as the image sets any part of the locale.
 */
export const FIXED_ENV: ReadonlyArray<readonly [name: string, value: string]> = [
  ['PATH', DEFAULT_PATH],
  ['LANG', 'C'],
  ['TZ', 'UTC'],
  ['SOURCE_DATE_EPOCH', '0'],
];

export const HOSTS_FILE = `127.0.0.1\tlocalhost ${STEP_HOSTNAME}\n::1\tlocalhost ip6-localhost ip6-loopback\n`;

/** /etc/resolv.conf of a step without a network: no server, and no long wait for one. */
export const NO_RESOLVER_FILE = '# this step has no network\noptions timeout:1 attempts:1\n';

/** BuildKit's default set. A program started by another user than 0 holds none of them: exec drops them. */
export const CAPABILITIES: readonly string[] = [
  'CAP_AUDIT_WRITE',
  'CAP_CHOWN',
  'CAP_DAC_OVERRIDE',
  'CAP_FOWNER',
  'CAP_FSETID',
  'CAP_KILL',
  'CAP_MKNOD',
  'CAP_NET_BIND_SERVICE',
  'CAP_NET_RAW',
  'CAP_SETFCAP',
  'CAP_SETGID',
  'CAP_SETPCAP',
  'CAP_SETUID',
  'CAP_SYS_CHROOT',
];

/** No limit: RLIM_INFINITY, 2^64 - 1, which JSON numbers cannot hold exactly; `specJson` writes it out. */
export const UNLIMITED = Number.POSITIVE_INFINITY;

/**
 * Every limit Linux has, so that none is inherited. nofile is what old programs can live with: some close or allocate
 * for every possible descriptor, and patch 2.5 breaks under a million. core is 0, since a core file would land in the
 * layer. nproc also stops a fork bomb; the kernel counts it over all processes of the caller.
 */
export const RESOURCE_LIMITS: ReadonlyArray<readonly [name: string, soft: number, hard: number]> = [
  ['RLIMIT_AS', UNLIMITED, UNLIMITED],
  ['RLIMIT_CORE', 0, 0],
  ['RLIMIT_CPU', UNLIMITED, UNLIMITED],
  ['RLIMIT_DATA', UNLIMITED, UNLIMITED],
  ['RLIMIT_FSIZE', UNLIMITED, UNLIMITED],
  ['RLIMIT_LOCKS', UNLIMITED, UNLIMITED],
  ['RLIMIT_MEMLOCK', 65_536, 65_536],
  ['RLIMIT_MSGQUEUE', 819_200, 819_200],
  ['RLIMIT_NICE', 0, 0],
  ['RLIMIT_NOFILE', 2048, 16_384],
  ['RLIMIT_NPROC', 16_384, 16_384],
  ['RLIMIT_RSS', UNLIMITED, UNLIMITED],
  ['RLIMIT_RTPRIO', 0, 0],
  ['RLIMIT_RTTIME', UNLIMITED, UNLIMITED],
  ['RLIMIT_SIGPENDING', 4096, 4096],
  ['RLIMIT_STACK', 8 * 1024 * 1024, UNLIMITED],
];

/** What /dev holds beside links, pts and shm: the caller's own nodes, bound, since a user namespace may not make any. */
export const DEVICES: readonly string[] = ['full', 'null', 'random', 'tty', 'urandom', 'zero'];

/** Read as empty: what they say differs from machine to machine, or from boot to boot, or is not the step's to know. */
export const MASKED_PATHS: readonly string[] = [
  '/proc/acpi',
  '/proc/asound',
  '/proc/cmdline',
  '/proc/config.gz',
  '/proc/diskstats',
  '/proc/interrupts',
  '/proc/kcore',
  '/proc/key-users',
  '/proc/keys',
  '/proc/latency_stats',
  '/proc/modules',
  '/proc/partitions',
  '/proc/sched_debug',
  '/proc/scsi',
  '/proc/sys/kernel/random/boot_id',
  '/proc/timer_list',
  '/proc/timer_stats',
  '/proc/version',
];

export const READONLY_PATHS: readonly string[] = [
  '/proc/bus',
  '/proc/fs',
  '/proc/irq',
  '/proc/sys',
  '/proc/sysrq-trigger',
];

/** A step whose tmpfs mounts have been made: `source` is where. */
export type MountedStep = Step & { readonly mounts: ReadonlyArray<StepMount & { readonly source: string }> };

/** What the machine and the rootfs add to a step. All paths are absolute host paths. */
export interface SpecFacts {
  /** Home directory of the step's user as the rootfs' /etc/passwd has it, `/` when it has none. */
  readonly home: string;
  /** A prepared /dev, for this step alone, with an empty file for each of DEVICES. */
  readonly devDirectory: string;
  readonly hostsFile: string;
  readonly resolvFile: string;
  /** False where a new /proc cannot be mounted: the step then sees the caller's, in a process namespace of its own. */
  readonly canMountProc: boolean;
  /** The maps of the step's own user namespace: ids 0 to 65535 (0 alone in single-id mode), and never the caller's. */
  readonly idMaps: { readonly uids: readonly IdExtent[]; readonly gids: readonly IdExtent[] };
  /** Hard limits of the calling process by name; only a privileged process could raise them. */
  readonly hardLimits: ReadonlyMap<string, number>;
  /** As `process.arch` says. */
  readonly architecture: string;
  /** Characters, for a step with a terminal. */
  readonly terminalSize?: { readonly width: number; readonly height: number };
}

/** The runtime-spec document of one step (OCI runtime-spec 1.0, config.md and config-linux.md). */
export function stepSpec(step: MountedStep, facts: SpecFacts): RuntimeSpec {
  return {
    ociVersion: '1.0.2',
    root: { path: step.rootfs, readonly: false },
    hostname: STEP_HOSTNAME,
    process: {
      terminal: step.terminal === true,
      ...(facts.terminalSize === undefined ? {} : { consoleSize: facts.terminalSize }),
      user: {
        uid: step.user.uid,
        gid: step.user.gid,
        umask: 0o022,
        ...(step.user.additionalGids.length === 0 ? {} : { additionalGids: step.user.additionalGids }),
      },
      args: step.args,
      env: stepEnvironment(step, facts.home),
      cwd: step.cwd,
      capabilities: { bounding: CAPABILITIES, effective: CAPABILITIES, permitted: CAPABILITIES },
      rlimits: RESOURCE_LIMITS.map(([type, soft, hard]) => {
        const ceiling = facts.hardLimits.get(type) ?? UNLIMITED;
        return { type, soft: Math.min(soft, ceiling), hard: Math.min(hard, ceiling) };
      }),
      // BuildKit's choice: programs that change their user through a setuid bit must work.
      noNewPrivileges: false,
    },
    mounts: [
      facts.canMountProc
        ? { destination: '/proc', type: 'proc', source: 'proc', options: ['nosuid', 'noexec', 'nodev'] }
        : { destination: '/proc', type: 'bind', source: '/proc', options: ['rbind', 'nosuid', 'noexec', 'nodev'] },
      { destination: '/dev', type: 'bind', source: facts.devDirectory, options: ['bind', 'nosuid', 'noexec'] },
      // One by one: crun 1.8 binds a tree without what is mounted in it when the step has a user namespace.
      ...DEVICES.map((name) => {
        return {
          destination: `/dev/${name}`,
          type: 'bind',
          source: `/dev/${name}`,
          options: ['bind', 'nosuid', 'noexec'],
        };
      }),
      {
        destination: '/dev/pts',
        type: 'devpts',
        source: 'devpts',
        // No gid=5: it does not exist in single-id mode, and the story is to be one.
        options: ['nosuid', 'noexec', 'newinstance', 'ptmxmode=0666', 'mode=0620'],
      },
      {
        destination: '/dev/shm',
        type: 'tmpfs',
        source: 'shm',
        options: ['nosuid', 'noexec', 'nodev', 'mode=1777', 'size=65536k'],
      },
      // Writable copies made for this step: as with docker, a step may append to them, and nobody sees it later.
      { destination: '/etc/hosts', type: 'bind', source: facts.hostsFile, options: ['bind', 'rw', 'nosuid', 'nodev'] },
      {
        destination: '/etc/resolv.conf',
        type: 'bind',
        source: facts.resolvFile,
        options: ['bind', 'rw', 'nosuid', 'nodev'],
      },
      ...step.mounts.map(extraMount),
    ],
    linux: {
      namespaces: [
        { type: 'pid' },
        { type: 'ipc' },
        { type: 'uts' },
        { type: 'mount' },
        // A network namespace holds one interface, lo, and it is up: test suites talk to themselves through it.
        ...(step.network === 'none' ? [{ type: 'network' }] : []),
        // So that /proc/self/cgroup does not tell where on the host the caller sits.
        { type: 'cgroup' },
        { type: 'user' },
      ],
      uidMappings: facts.idMaps.uids.map(specMapping),
      gidMappings: facts.idMaps.gids.map(specMapping),
      maskedPaths: MASKED_PATHS,
      readonlyPaths: READONLY_PATHS,
      seccomp: {
        defaultAction: 'SCMP_ACT_ALLOW',
        architectures: SECCOMP_ARCHITECTURES[facts.architecture] ?? [],
        syscalls: DENIED_SYSCALLS.map(({ names, errno, args }) => ({
          names,
          action: 'SCMP_ACT_ERRNO',
          errnoRet: errno,
          ...(args === undefined ? {} : { args }),
        })),
      },
    },
  };
}

/** `NAME=value`: the fixed facts the step does not name itself, HOME, then the step's own, unchanged and in order. */
export function stepEnvironment(step: Pick<Step, 'env' | 'terminal'>, home: string): string[] {
  const named = new Set(step.env.map((pair) => pair.split('=', 1)[0]));
  const hasLocale = [...named].some((name) => name === 'LANG' || name?.startsWith('LC_'));
  const added = [...FIXED_ENV, ['HOME', home] as const].filter(
    ([name]) => !named.has(name) && !(name === 'LANG' && hasLocale),
  );
  if (step.terminal === true && !named.has('TERM')) added.push(['TERM', 'xterm']);
  return [...added.map(([name, value]) => `${name}=${value}`), ...step.env];
}

/** As text for config.json. RLIM_INFINITY is written in full, which `JSON.stringify` could not do. */
export function specJson(spec: RuntimeSpec): string {
  // Limits are numbers under two fixed keys, so a string of the step can never be taken for one.
  const limits = spec.process.rlimits.map(
    ({ type, soft, hard }) => `{"type":"${type}","soft":${limitText(soft)},"hard":${limitText(hard)}}`,
  );
  const { rlimits: _, ...rest } = spec.process;
  const process = `${JSON.stringify(rest).slice(0, -1)},"rlimits":[${limits.join(',')}]}`;
  const { process: __, ...document } = spec;
  return `${JSON.stringify(document).slice(0, -1)},"process":${process}}`;
}

function limitText(limit: number): string {
  return limit === UNLIMITED ? '18446744073709551615' : String(limit);
}

/** Each native program's and its 32-bit sibling's system calls; libseccomp kills a process of an unlisted one. */
const SECCOMP_ARCHITECTURES: Readonly<Record<string, readonly string[]>> = {
  x64: ['SCMP_ARCH_X86_64', 'SCMP_ARCH_X86', 'SCMP_ARCH_X32'],
  arm64: ['SCMP_ARCH_AARCH64', 'SCMP_ARCH_ARM'],
};

function specMapping({ inside, outside, count }: IdExtent): SpecIdMapping {
  return { containerID: inside, hostID: outside, size: count };
}

function extraMount(mount: StepMount & { readonly source: string }): SpecMount {
  // A tmpfs is mounted beforehand and bound: runc gives one over an existing directory that directory's mode.
  const options = ['rbind', mount.readonly ? 'ro' : 'rw', 'nosuid', 'nodev'];
  return { destination: mount.target, type: 'bind', source: mount.source, options };
}

export interface SpecMount {
  readonly destination: string;
  readonly type: string;
  readonly source: string;
  readonly options: readonly string[];
}

/** The part of the runtime specification used here. */
export interface RuntimeSpec {
  readonly ociVersion: string;
  readonly root: { readonly path: string; readonly readonly: boolean };
  readonly hostname: string;
  readonly process: {
    readonly terminal: boolean;
    readonly consoleSize?: { readonly width: number; readonly height: number };
    readonly user: {
      readonly uid: number;
      readonly gid: number;
      readonly umask: number;
      readonly additionalGids?: readonly number[];
    };
    readonly args: readonly string[];
    readonly env: readonly string[];
    readonly cwd: string;
    readonly capabilities: Readonly<Record<string, readonly string[]>>;
    readonly rlimits: ReadonlyArray<{ readonly type: string; readonly soft: number; readonly hard: number }>;
    readonly noNewPrivileges: boolean;
  };
  readonly mounts: readonly SpecMount[];
  readonly linux: {
    readonly namespaces: ReadonlyArray<{ readonly type: string }>;
    readonly uidMappings: readonly SpecIdMapping[];
    readonly gidMappings: readonly SpecIdMapping[];
    readonly maskedPaths: readonly string[];
    readonly readonlyPaths: readonly string[];
    readonly seccomp: {
      readonly defaultAction: string;
      readonly architectures: readonly string[];
      readonly syscalls: ReadonlyArray<{
        readonly names: readonly string[];
        readonly action: string;
        readonly errnoRet: number;
        readonly args?: readonly SeccompArgument[];
      }>;
    };
  };
}

interface SpecIdMapping {
  readonly containerID: number;
  readonly hostID: number;
  readonly size: number;
}

/** `valueTwo` counts only for SCMP_CMP_MASKED_EQ: (argument & value) == valueTwo. */
export interface SeccompArgument {
  readonly index: number;
  readonly value: number;
  readonly valueTwo?: number;
  readonly op: string;
}
