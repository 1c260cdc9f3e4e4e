// A program: the part of `ocibuild doctor` that runs inside the namespace. Tries, in the directory its argument names,
// what a build will do, and writes what came of it to `result.json` there. Knows no remedies.

import { spawnSync } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ID_COUNT } from './id-map.ts';
import { openSandbox } from './runtime.ts';
import { writeSkeleton } from './skeleton.ts';
import { findProgram, RUNTIMES, type RuntimeName } from './tools.ts';
import { hasIdRange, hasProcessNamespace, stepIdMaps } from './userns.ts';

export interface TrialResult {
  readonly hasIdRange: boolean;
  /** True when ids 0 to 65535 all exist. */
  readonly hasAllIds: boolean;
  readonly hasProcessNamespace: boolean;
  /** What mounting an overlay said; undefined: it worked. */
  readonly overlay?: string;
  /** For each installed runtime, what running a step said; undefined: it worked. */
  readonly runtimes: ReadonlyArray<{ readonly name: RuntimeName; readonly version?: string; readonly error?: string }>;
}

const directory = process.argv[2]!;
const rootfs = join(directory, 'rootfs');
mkdirSync(rootfs);
writeSkeleton(rootfs);
const { uids, gids } = stepIdMaps();
const count = (map: typeof uids): number => map.reduce((sum, extent) => sum + extent.count, 0);
const result: TrialResult = {
  hasIdRange: hasIdRange(),
  hasAllIds: count(uids) === ID_COUNT && count(gids) === ID_COUNT,
  hasProcessNamespace: hasProcessNamespace(),
  ...tryOverlay(),
  runtimes: await tryRuntimes(),
};
rmSync(rootfs, { recursive: true, force: true });
writeFileSync(join(directory, 'result.json'), JSON.stringify(result));
process.exit(0);

function tryOverlay(): { overlay?: string } {
  const names = ['upper', 'work', 'merged'].map((name) => join(directory, name));
  const [upper, work, merged] = names;
  for (const name of names) mkdirSync(name);
  const options = `userxattr,volatile,lowerdir=${rootfs},upperdir=${upper},workdir=${work}`;
  const mounted = spawnSync('mount', ['-t', 'overlay', '-o', options, 'overlay', merged!], { encoding: 'utf8' });
  let said = mounted.status === 0 ? undefined : (mounted.error?.message ?? mounted.stderr.trim());
  if (said === undefined) {
    try {
      // Deleting and making again is what fails first on a file system that can't hold an upper directory.
      rmSync(join(merged!, 'etc'), { recursive: true });
      mkdirSync(join(merged!, 'etc'));
      writeFileSync(join(merged!, 'etc/hosts'), '');
    } catch (error) {
      said = (error as Error).message;
    }
    spawnSync('umount', [merged!]);
  }
  for (const name of names) rmSync(name, { recursive: true, force: true });
  return said === undefined ? {} : { overlay: said };
}

/** A program that does not exist: when the answer is 127, everything but the program worked. */
async function tryRuntimes(): Promise<TrialResult['runtimes']> {
  const tried: Array<TrialResult['runtimes'][number]> = [];
  for (const name of RUNTIMES) {
    if (findProgram(name) === undefined) continue;
    try {
      const sandbox = await openSandbox({ runtime: name, stateDirectory: join(directory, name) });
      const { status } = await sandbox.run(
        {
          id: 'doctor',
          rootfs,
          args: ['/no-such-program'],
          env: [],
          cwd: '/',
          user: { uid: 0, gid: 0, additionalGids: [] },
          mounts: [],
          network: 'none',
        },
        () => undefined,
        AbortSignal.timeout(20_000),
      );
      tried.push({
        name,
        version: sandbox.runtime,
        ...(status === 127 ? {} : { error: `a step without a program ended with status ${status}` }),
      });
    } catch (error) {
      tried.push({ name, error: (error as Error).message });
    }
  }
  return tried;
}
