// Owns: which outside programs the sandbox starts, and where they are. Knows neither how to start nor to install them.

import { accessSync, constants, readlinkSync, statSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { BuildError } from '../errors.ts';

export type RuntimeName = 'runc' | 'crun';

/** In order of preference: crun takes half of runc's time. */
export const RUNTIMES: readonly RuntimeName[] = ['crun', 'runc'];

/** Looks a program up in PATH. */
export function findProgram(name: string, path: string | undefined = process.env['PATH']): string | undefined {
  // An ordinary user's PATH often lacks the directories where runtimes are installed.
  for (const directory of [...(path ?? '').split(delimiter), '/usr/local/sbin', '/usr/sbin', '/sbin']) {
    if (!directory.startsWith('/')) continue;
    const candidate = join(directory, name);
    try {
      accessSync(candidate, constants.X_OK);
      if (statSync(candidate).isDirectory()) continue;
      return candidate;
    } catch {
      // Not in this one.
    }
  }
  return undefined;
}

/** Which runtime is meant and where it is. Throws BuildError USAGE for a wrong OCIBUILD_RUNTIME, MACHINE when none is there. */
export function chooseRuntime(
  wanted: RuntimeName | undefined,
  env: NodeJS.ProcessEnv,
): { name: RuntimeName; path: string } {
  const asked = wanted ?? env['OCIBUILD_RUNTIME'];
  if (asked !== undefined && asked !== '' && !RUNTIMES.includes(asked as RuntimeName)) {
    throw new BuildError('USAGE', 'OCIBUILD_RUNTIME names no runtime', { want: 'runc or crun', got: asked });
  }
  const names = asked === undefined || asked === '' ? RUNTIMES : [asked as RuntimeName];
  for (const name of names) {
    const path = findProgram(name, env['PATH']);
    if (path !== undefined) return { name, path };
  }
  throw new BuildError('MACHINE', `no container runtime: ${names.join(' or ')} is not installed`, {
    hint: 'install crun or runc with the system package manager; `ocibuild doctor` prints the line',
  });
}

/** What the namespace is made with. busybox has programs of these names which lack the options used here. */
export const NAMESPACE_PROGRAMS: readonly string[] = ['unshare', 'setpriv', 'mount', 'umount'];

/** A full program of that name, not busybox's. */
export function findFullProgram(name: string, path?: string): string | undefined {
  const found = findProgram(name, path);
  if (found === undefined) return undefined;
  try {
    return readlinkSync(found).endsWith('busybox') ? undefined : found;
  } catch {
    return found; // no link: a program of its own
  }
}
