// Owns: getting the outside programs the sandbox needs onto the machine: through the system's package manager when that
// may be done without asking, otherwise by saying which line does it. Knows nothing of namespaces and steps.

import { spawnSync } from 'node:child_process';
import { BuildError } from '../errors.ts';
import { findFullProgram, findProgram, NAMESPACE_PROGRAMS, RUNTIMES, type RuntimeName } from './tools.ts';
import { subordinateRanges } from './userns.ts';

type Need = 'runc' | 'crun' | 'idmap' | 'namespace';

interface PackageManager {
  readonly program: string;
  /** What makes its lists usable, for a machine that never fetched them. */
  readonly refresh?: readonly string[];
  readonly install: readonly string[];
  readonly packages: Readonly<Record<Need, readonly string[]>>;
}

/** In the order in which they are looked for. */
export const PACKAGE_MANAGERS: readonly PackageManager[] = [
  {
    program: 'apt-get',
    refresh: ['update'],
    install: ['install', '-y', '--no-install-recommends'],
    packages: { runc: ['runc'], crun: ['crun'], idmap: ['uidmap'], namespace: ['util-linux', 'mount'] },
  },
  {
    program: 'dnf',
    install: ['install', '-y'],
    packages: { runc: ['runc'], crun: ['crun'], idmap: ['shadow-utils'], namespace: ['util-linux'] },
  },
  {
    program: 'apk',
    refresh: ['update'],
    install: ['add'],
    packages: {
      runc: ['runc'],
      crun: ['crun'],
      idmap: ['shadow-subids'],
      namespace: ['util-linux-misc', 'setpriv', 'mount', 'umount'],
    },
  },
  {
    program: 'pacman',
    refresh: ['-Sy'],
    install: ['-S', '--noconfirm', '--needed'],
    packages: { runc: ['runc'], crun: ['crun'], idmap: ['shadow'], namespace: ['util-linux'] },
  },
  {
    program: 'zypper',
    install: ['--non-interactive', 'install'],
    packages: { runc: ['runc'], crun: ['crun'], idmap: ['shadow'], namespace: ['util-linux'] },
  },
];

export interface ProvisionOptions {
  readonly env: NodeJS.ProcessEnv;
  /** Where the package manager's lines go. */
  readonly stderr: { write(text: string): unknown };
}

/**
 * Sees to it that the programs are there. Quick when they are. Installs as root or through `sudo -n`.
 * Throws BuildError MACHINE with the one line to run.
 */
export async function ensureTools(options: ProvisionOptions): Promise<void> {
  const { env } = options;
  const missing = missingNeeds(env);
  if (missing.length === 0) return;
  const manager = PACKAGE_MANAGERS.find(({ program }) => findProgram(program, env['PATH']) !== undefined);
  const programs = missing.flatMap((need) => NEEDED_PROGRAMS[need]).join(', ');
  if (manager === undefined) {
    throw new BuildError('MACHINE', `missing programs: ${programs}`, {
      hint: 'install them; no package manager known to ocibuild was found',
    });
  }
  const line = installLine(manager, missing, process.geteuid!() === 0);
  const prefix = process.geteuid!() === 0 ? [] : passwordlessSudo(env);
  if (prefix === undefined) throw new BuildError('MACHINE', `missing programs: ${programs}`, { hint: `run: ${line}` });
  options.stderr.write(`ocibuild: installing what is missing: ${line}\n`);
  const packages = missing.flatMap((need) => manager.packages[need]);
  const install = (): string | undefined => call([...prefix, manager.program, ...manager.install, ...packages], env);
  let complaint = install();
  if (complaint !== undefined && manager.refresh !== undefined) {
    complaint = call([...prefix, manager.program, ...manager.refresh], env) ?? install();
  }
  const left = missingNeeds(env);
  if (left.length === 0) return;
  throw new BuildError('MACHINE', `could not install ${programs}`, {
    ...(complaint === undefined ? {} : { got: complaint }),
    hint: `run: ${line}`,
  });
}

/** The line that installs them, for doctor and for errors; undefined where no known package manager is. */
export function remedyLine(needs: readonly Need[], env: NodeJS.ProcessEnv): string | undefined {
  const manager = PACKAGE_MANAGERS.find(({ program }) => findProgram(program, env['PATH']) !== undefined);
  return manager === undefined ? undefined : installLine(manager, needs, process.geteuid!() === 0);
}

const NEEDED_PROGRAMS: Readonly<Record<Need, readonly string[]>> = {
  runc: ['runc'],
  crun: ['crun'],
  idmap: ['newuidmap', 'newgidmap'],
  namespace: NAMESPACE_PROGRAMS,
};

/** What is missing on this machine, for this user. */
export function missingNeeds(env: NodeJS.ProcessEnv): Need[] {
  const path = env['PATH'];
  const needs: Need[] = [];
  const asked = env['OCIBUILD_RUNTIME'];
  const runtimes = RUNTIMES.filter((name) => asked === undefined || asked === '' || name === asked);
  const found = runtimes.some((name) => findProgram(name, path) !== undefined);
  if (!found && runtimes.length > 0) needs.push(runtimes[0] as RuntimeName);
  if (NAMESPACE_PROGRAMS.some((name) => findFullProgram(name, path) === undefined)) needs.push('namespace');
  // Without ids of his own in both files a user has no use for newuidmap: single-id mode it is then.
  const uid = process.geteuid!();
  const hasIds = ['/etc/subuid', '/etc/subgid'].every((file) => subordinateRanges(file, uid).length > 0);
  const hasHelpers = NEEDED_PROGRAMS.idmap.every((name) => findProgram(name, path) !== undefined);
  if (uid !== 0 && hasIds && !hasHelpers) needs.push('idmap');
  return needs;
}

function installLine(manager: PackageManager, needs: readonly Need[], isRoot: boolean): string {
  const packages = needs.flatMap((need) => manager.packages[need]);
  return [...(isRoot ? [] : ['sudo']), manager.program, ...manager.install, ...packages].join(' ');
}

function passwordlessSudo(env: NodeJS.ProcessEnv): string[] | undefined {
  const sudo = findProgram('sudo', env['PATH']);
  if (sudo === undefined) return undefined;
  return spawnSync(sudo, ['-n', 'true'], { stdio: 'ignore' }).status === 0 ? [sudo, '-n'] : undefined;
}

/** Undefined when it worked, otherwise its last words. Its output goes to stderr: stdout is for results. */
function call(command: readonly string[], env: NodeJS.ProcessEnv): string | undefined {
  const result = spawnSync(command[0]!, command.slice(1), {
    env: { ...env, DEBIAN_FRONTEND: 'noninteractive' },
    stdio: ['ignore', 2, 'pipe'],
    encoding: 'utf8',
  });
  if (result.status === 0) return undefined;
  return result.error?.message ?? (result.stderr.trim().split('\n').slice(-3).join('; ') || `status ${result.status}`);
}
