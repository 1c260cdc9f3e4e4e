// Owns: what `ocibuild doctor` finds out about this machine, each finding with the one line that mends it. Things are
// tried, not guessed from versions: Ubuntu's AppArmor rule, for one, lets a namespace be made and then be of no use.
// Changes nothing on the machine. Knows nothing of how findings are printed.

import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { BuildError } from '../errors.ts';
import { missingNeeds, remedyLine } from './provision.ts';
import { isCgroup2, readHardLimits } from './runtime.ts';
import { RESOURCE_LIMITS, UNLIMITED } from './spec.ts';
import { findProgram, RUNTIMES } from './tools.ts';
import type { TrialResult } from './trial.ts';
import { enterNamespace, subordinateRanges } from './userns.ts';

export interface Finding {
  readonly name: string;
  /** False: something cannot be done, or not as it should be, on this machine. */
  readonly ok: boolean;
  readonly detail: string;
  /** One line to run or to do; only where `ok` is false. */
  readonly remedy?: string;
}

export interface ProbeOptions {
  /** Absolute. Default: where the command line puts the store when nothing is said. */
  readonly storeDirectory?: string;
  readonly env?: NodeJS.ProcessEnv;
}

/** Everything a build needs of the machine, in the order in which it needs it. Never throws for what it finds. */
export async function probeMachine(options: ProbeOptions = {}): Promise<readonly Finding[]> {
  const env = options.env ?? process.env;
  const findings: Finding[] = [probeNode(process.versions.node)];
  const container = surroundingContainer();
  if (container !== undefined) findings.push(container);
  findings.push(...probePrograms(env), probeIds());
  const store = options.storeDirectory ?? defaultStore(env);
  findings.push(...(await tryNamespace(store, env)));
  findings.push(probeCgroups(), probeLimits(), probeDomain(), probeDebianArchive(env));
  return findings;
}

export function probeNode(version: string): Finding {
  const [major, minor] = version.split('.').map(Number);
  const ok = major! > 20 || (major === 20 && minor! >= 19);
  return {
    name: 'node',
    ok,
    detail: version,
    ...(ok ? {} : { remedy: 'install Node 20.19 or newer' }),
  };
}

function probePrograms(env: NodeJS.ProcessEnv): Finding[] {
  const missing = missingNeeds(env);
  const line = (need: (typeof missing)[number]): string =>
    remedyLine([need], env) ?? 'install it; no package manager known to ocibuild was found';
  const runtimes = RUNTIMES.filter((name) => findProgram(name, env['PATH']) !== undefined);
  const runtimeNeed = missing.find((need) => need === 'runc' || need === 'crun');
  return [
    {
      name: 'container runtime',
      ok: runtimeNeed === undefined,
      detail: runtimes.length === 0 ? 'neither crun nor runc is installed' : runtimes.join(', '),
      ...(runtimeNeed === undefined ? {} : { remedy: line(runtimeNeed) }),
    },
    {
      name: 'util-linux',
      ok: !missing.includes('namespace'),
      detail: missing.includes('namespace')
        ? 'unshare, setpriv, mount or umount is missing'
        : 'unshare, setpriv, mount',
      ...(missing.includes('namespace') ? { remedy: line('namespace') } : {}),
    },
    ...(findProgram('flock', env['PATH']) !== undefined
      ? []
      : [
          {
            name: 'flock',
            ok: false,
            detail: 'not installed: no cache mounts with sharing=locked or private',
            remedy: 'install util-linux, or busybox with its links',
          },
        ]),
    ...(missing.includes('idmap')
      ? [{ name: 'newuidmap', ok: false, detail: 'newuidmap or newgidmap is missing', remedy: line('idmap') }]
      : []),
  ];
}

function probeIds(): Finding {
  const name = 'subordinate ids';
  const uid = process.geteuid!();
  if (uid === 0) return { name, ok: true, detail: 'root needs none' };
  const counts = ['/etc/subuid', '/etc/subgid'].map((file) =>
    subordinateRanges(file, uid).reduce((sum, range) => sum + range.count, 0),
  );
  const least = Math.min(...counts);
  if (least >= 65_535) return { name, ok: true, detail: `${least}` };
  const who = callerName();
  return {
    name,
    ok: false,
    detail:
      least === 0
        ? 'none: single-id mode, in which a USER other than 0 and a chown to one fail'
        : `${least}: ids above that do not exist in a step`,
    remedy: `sudo usermod --add-subuids 100000-165535 --add-subgids 100000-165535 ${who}`,
  };
}

function callerName(): string {
  return process.env['USER'] ?? process.env['LOGNAME'] ?? String(process.geteuid!());
}

/** Goes inside and does what a build does, on the file system of the store. */
async function tryNamespace(store: string, env: NodeJS.ProcessEnv): Promise<Finding[]> {
  let base = store;
  while (!existsSync(base)) base = dirname(base);
  let directory: string;
  try {
    directory = mkdtempSync(join(base, '.ocibuild-doctor-'));
  } catch (error) {
    const remedy = 'name a directory you may write to: --store DIR or OCIBUILD_STORE';
    return [{ name: 'store', ok: false, detail: `${store}: ${(error as Error).message}`, remedy }];
  }
  try {
    const trial = new URL(import.meta.url.endsWith('.ts') ? './trial.ts' : './trial.js', import.meta.url);
    const command = [process.execPath, ...process.execArgv, fileURLToPath(trial)];
    const status = await enterNamespace({ command, argv: [directory], env });
    const file = join(directory, 'result.json');
    if (status !== 0 || !existsSync(file)) throw new BuildError('MACHINE', `the trial ended with status ${status}`);
    return trialFindings(JSON.parse(readFileSync(file, 'utf8')) as TrialResult, store);
  } catch (error) {
    if (!(error instanceof BuildError)) throw error;
    return [{ name: 'user namespace', ok: false, detail: error.message, remedy: namespaceRemedy() }];
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

/** What the trial's results mean. */
export function trialFindings(result: TrialResult, store: string): Finding[] {
  const ids = result.hasAllIds ? '65536 ids' : result.hasIdRange ? 'fewer than 65536 ids' : 'one id';
  return [
    { name: 'user namespace', ok: true, detail: `works, ${ids}` },
    {
      name: 'process namespace',
      ok: result.hasProcessNamespace,
      detail: result.hasProcessNamespace
        ? 'works, with a /proc of its own'
        : 'refused: steps see the processes outside',
      ...(result.hasProcessNamespace
        ? {}
        : {
            remedy: 'start the container around it with --security-opt unmask=ALL (podman) or systempaths=unconfined',
          }),
    },
    {
      name: 'overlay',
      ok: result.overlay === undefined,
      detail: result.overlay === undefined ? `works in ${store}` : `${store}: ${result.overlay}`,
      ...(result.overlay === undefined
        ? {}
        : { remedy: 'Linux 5.11 or newer, and a store that is not on an overlay itself (a volume, --store DIR)' }),
    },
    ...result.runtimes.map(({ name, version, error }) => ({
      name: `a step with ${name}`,
      ok: error === undefined,
      detail: error ?? `works, ${version}`,
      ...(error === undefined
        ? {}
        : { remedy: `use the other runtime: OCIBUILD_RUNTIME=${name === 'crun' ? 'runc' : 'crun'}` }),
    })),
  ];
}

/** The switch that is off, as far as /proc/sys tells. */
function namespaceRemedy(): string {
  if (readSetting('user/max_user_namespaces') === '0') return 'sudo sysctl user.max_user_namespaces=15000';
  if (readSetting('kernel/unprivileged_userns_clone') === '0') return 'sudo sysctl kernel.unprivileged_userns_clone=1';
  if (readSetting('kernel/apparmor_restrict_unprivileged_userns') === '1') {
    return 'sudo sysctl kernel.apparmor_restrict_unprivileged_userns=0';
  }
  if (hasSeccompFilter()) return 'start the container around it with --security-opt seccomp=unconfined';
  return 'ask whoever runs this machine to allow user namespaces';
}

function readSetting(path: string): string | undefined {
  try {
    return readFileSync(join('/proc/sys', path), 'latin1').trim();
  } catch {
    return undefined;
  }
}

function hasSeccompFilter(): boolean {
  return /^Seccomp:\s+2$/m.test(readFileSync('/proc/self/status', 'latin1'));
}

function surroundingContainer(): Finding | undefined {
  const kind = existsSync('/.dockerenv') ? 'docker' : existsSync('/run/.containerenv') ? 'podman' : undefined;
  if (kind === undefined) return undefined;
  const filter = hasSeccompFilter() ? ', with a seccomp filter' : '';
  return { name: 'container', ok: true, detail: `inside ${kind}${filter}` };
}

function probeCgroups(): Finding {
  const detail = isCgroup2() ? 'version 2' : existsSync('/sys/fs/cgroup') ? 'version 1, or both' : 'none';
  return { name: 'cgroups', ok: true, detail: `${detail}; steps have no limits of memory or processors` };
}

/** Limits that the caller's own hard limits push below what every step is to have. */
export function probeLimits(hard: ReadonlyMap<string, number> = readHardLimits()): Finding {
  const low = RESOURCE_LIMITS.filter(([name, , wanted]) => (hard.get(name) ?? UNLIMITED) < wanted);
  if (low.length === 0) return { name: 'limits', ok: true, detail: 'as every step is to have them' };
  const shown = low.map(([name, , wanted]) => `${name} ${hard.get(name)}, want ${wanted}`).join('; ');
  return {
    name: 'limits',
    ok: false,
    detail: `below what steps have elsewhere: ${shown}`,
    remedy: 'raise the hard limits in /etc/security/limits.conf and log in again',
  };
}

/** The only part of a step's uts namespace that a runtime of 2023 cannot set: it is the caller's. */
function probeDomain(): Finding {
  const domain = readSetting('kernel/domainname') ?? '(none)';
  const ok = domain === '(none)' || domain === '';
  return {
    name: 'NIS domain name',
    ok,
    detail: ok ? 'none' : `${domain}: a step can see it`,
    ...(ok ? {} : { remedy: "sudo sysctl kernel.domainname='(none)'" }),
  };
}

function probeDebianArchive(env: NodeJS.ProcessEnv): Finding {
  const name = 'Debian archive';
  if ((env['OCIBUILD_DEBIAN_MIRROR'] ?? '') !== '') return { name, ok: true, detail: 'set by OCIBUILD_DEBIAN_MIRROR' };
  const parts = existsSync('/etc/apt/sources.list.d') ? readdirSync('/etc/apt/sources.list.d') : [];
  const files = ['/etc/apt/sources.list', ...parts.map((part) => join('/etc/apt/sources.list.d', part))];
  const ok = files.some((file) => existsSync(file) && /^\s*(deb\s|URIs:)/m.test(readFileSync(file, 'utf8')));
  return {
    name,
    ok,
    detail: ok ? "as apt's configuration says" : 'apt names none here: `debian:` sources cannot be fetched',
    ...(ok ? {} : { remedy: 'export OCIBUILD_DEBIAN_MIRROR=URL of a Debian archive' }),
  };
}

function defaultStore(env: NodeJS.ProcessEnv): string {
  return env['OCIBUILD_STORE'] ?? join(env['XDG_DATA_HOME'] ?? join(homedir(), '.local/share'), 'ocibuild');
}
