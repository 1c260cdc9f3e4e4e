// Owns: the places of a reproduction and the builds in them: a store on the disk, one in memory, their deletion, and how
// a building process is started in a world. Knows no variation, and does not look at results.

import { spawn, spawnSync } from 'node:child_process';
import { chownSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { BuildError } from '../errors.ts';
import type { Progress } from '../progress/progress.ts';
import { parseIdMap } from '../sandbox/id-map.ts';
import { enterNamespace, insideVariables } from '../sandbox/userns.ts';
import { Follower } from './follower.ts';
import type { Answer, Job } from './trace.ts';
import { type StoreKind, storeKindOf, type World } from './world.ts';

/** Compiled, it lies beside this file. */
const PROGRAM = fileURLToPath(new URL('./rebuild.js', import.meta.url));

export interface WorkshopOptions {
  /** Absolute; a directory that nobody else uses. Its file system is that of the first store. */
  readonly directory: string;
  /** The tree, absolute. */
  readonly tree: string;
  /** Folders with sources. */
  readonly distfiles: readonly string[];
  readonly platform: string;
  readonly offline: boolean;
  readonly jobs: number;
  readonly runtime: 'runc' | 'crun' | undefined;
  readonly driver: 'auto' | 'overlay' | 'copy';
  readonly env: NodeJS.ProcessEnv;
  readonly cwd: string;
  readonly signal: AbortSignal;
  /** Shows one build; closed when it ends. */
  readonly openProgress: () => Progress;
}

export interface BuildWish {
  readonly recipes: readonly string[];
  readonly world: World;
  /** See Job. */
  readonly again?: readonly string[];
  readonly times?: 1 | 2;
  /** Whether the witness looks at steps. */
  readonly isWitnessed: boolean;
  /** In a store that no other world builds in: all it holds was made in this one. */
  readonly isHostile?: boolean;
  /** Whether what it does is shown while it does it. */
  readonly isShown?: boolean;
}

export class Workshop {
  readonly #options: WorkshopOptions;
  #count = 0;
  #hasMemory = false;

  constructor(options: WorkshopOptions) {
    this.#options = options;
  }

  /** Absolute path of a store; it may not exist yet. `isHostile`: see BuildWish. */
  store(kind: StoreKind, isHostile = false): string {
    const place = kind.startsWith('memory') ? 'memory' : 'disk';
    const name = kind.endsWith('-ids') ? 'store-ids' : 'store';
    return join(this.#options.directory, place, isHostile ? `${name}-hostile` : name);
  }

  /** Builds that were begun. */
  get builds(): number {
    return this.#count;
  }

  /** Bytes the first store takes, as du counts them. */
  diskBytes(): number {
    const counted = spawnSync('du', ['-sk', join(this.#options.directory, 'disk')], { encoding: 'utf8' });
    return Number.parseInt(counted.stdout ?? '', 10) * 1024 || 0;
  }

  /** Builds in a process of its own. Throws BuildError INTERRUPTED, MACHINE when the process gives no answer. */
  async build(wish: BuildWish): Promise<Answer> {
    const { directory, signal } = this.#options;
    signal.throwIfAborted();
    const { world } = wish;
    const kind = storeKindOf(world);
    if (kind.startsWith('memory')) this.#mountMemory();
    const own = join(directory, `build-${++this.#count}`);
    mkdirSync(own);
    const store = this.store(kind, wish.isHostile);
    mkdirSync(store, { recursive: true });
    if (world.hasOtherIds === true) for (const path of [own, store]) giveToOtherIds(path);
    const elsewhere = join(own, 'a-folder-of-another-name', 'and-one-below-it');
    const moved = { store: join(elsewhere, 'kept'), tree: join(elsewhere, 'checkout') };
    const isElsewhere = world.isElsewhere === true;
    const job: Job = {
      tree: isElsewhere ? moved.tree : this.#options.tree,
      store: isElsewhere ? moved.store : store,
      cwd: this.#options.cwd,
      distfiles: this.#options.distfiles,
      recipes: wish.recipes,
      platform: this.#options.platform,
      again: wish.again,
      times: wish.times ?? 1,
      offline: this.#options.offline,
      jobs: this.#options.jobs,
      runtime: this.#options.runtime,
      driver: this.#options.driver,
      world,
      isWitnessed: wish.isWitnessed,
      answer: join(own, 'answer.json'),
      ...(wish.isShown === true ? { events: join(own, 'events') } : {}),
    };
    if (isElsewhere) for (const path of Object.values(moved)) mkdirSync(path, { recursive: true });
    const file = join(own, 'job.json');
    writeFileSync(file, JSON.stringify(job));
    const binds = isElsewhere ? [[store, moved.store] as const, [this.#options.tree, moved.tree] as const] : [];
    const follower = job.events === undefined ? undefined : new Follower(job.events, this.#options.openProgress());
    const { status, complaint } = await this.#start(outsideCommand(world, binds, file), world).finally(() =>
      follower?.close(),
    );
    signal.throwIfAborted();
    if (!existsSync(job.answer)) {
      // A signal goes to all of us at once, and the child's end may be heard of first.
      await new Promise((done) => setTimeout(done, 300));
      signal.throwIfAborted();
      throw new BuildError('MACHINE', 'a build ended without an answer', {
        got: `exit status ${status}${complaint === '' ? '' : `; ${complaint}`}`,
        hint: 'leave the variation out with --skip NAME, or look at `ocibuild doctor`',
      });
    }
    const answer = JSON.parse(readFileSync(job.answer, 'utf8')) as Answer;
    rmSync(own, { recursive: true, force: true });
    return answer;
  }

  /** Deletes everything, ids of others included. Nothing may be building. */
  close(): void {
    if (this.#hasMemory) spawnSync('umount', ['-l', join(this.#options.directory, 'memory')], { stdio: 'ignore' });
    this.#hasMemory = false;
    for (const name of ['disk', 'memory'])
      rmSync(join(this.#options.directory, name), { recursive: true, force: true });
  }

  #mountMemory(): void {
    if (this.#hasMemory) return;
    const directory = join(this.#options.directory, 'memory');
    mkdirSync(directory, { recursive: true });
    // In our mount namespace: however we end, it is gone.
    const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'mode=755', 'tmpfs', directory], { encoding: 'utf8' });
    if (mounted.status !== 0) {
      throw new BuildError('MACHINE', 'cannot mount a tmpfs for the second store', {
        got: mounted.stderr?.trim() ?? mounted.error?.message ?? '',
        hint: 'leave it out: --skip file-order',
      });
    }
    this.#hasMemory = true;
  }

  async #start(command: readonly string[], world: World): Promise<{ status: number; complaint: string }> {
    const env = { ...this.#options.env, ...world.environment };
    const { signal } = this.#options;
    if (world.hasOtherIds === true) {
      // A namespace in this one: root's has the ids for it. It passes signals on by itself.
      const status = await enterNamespace({ command: command.slice(0, 1), argv: command.slice(1), env });
      return { status, complaint: '' };
    }
    const child = spawn(command[0]!, command.slice(1), {
      env: { ...env, ...insideVariables() },
      cwd: this.#options.cwd,
      // 5 is a pipe that ends with us.
      stdio: ['ignore', 'ignore', 'pipe', 'ignore', 'ignore', 'pipe'],
    });
    let complaint = '';
    child.stderr!.on('data', (chunk: Buffer) => {
      complaint = (complaint + chunk.toString()).slice(-4000);
    });
    const stop = (): boolean => child.kill('SIGTERM');
    signal.addEventListener('abort', stop, { once: true });
    try {
      const status = await new Promise<number>((resolve, reject) => {
        child.on('error', reject);
        child.on('close', (code) => resolve(code ?? 128));
      });
      return { status, complaint: complaint.trim() };
    } finally {
      signal.removeEventListener('abort', stop);
    }
  }
}

/** What the builder's root is called here when it has other ids: see enterNamespace, which takes the same. */
function giveToOtherIds(path: string): void {
  const map = parseIdMap(readFileSync('/proc/self/uid_map', 'latin1'));
  const base = map.find((extent) => extent.inside === 0)!.outside;
  chownSync(path, base, base);
}

/** The command line that builds, started so that it finds the world's outside. */
function outsideCommand(world: World, binds: readonly (readonly [string, string])[], jobFile: string): string[] {
  const command = [process.execPath, ...process.execArgv, PROGRAM, jobFile];
  const lines: string[] = [];
  const words: string[] = [];
  const word = (text: string): string => {
    words.push(text);
    return `"\${${words.length}}"`;
  };
  if (world.hostname !== undefined) lines.push(`hostname ${word(world.hostname)}`);
  for (const [from, to] of binds) lines.push(`mount --rbind ${word(from)} ${word(to)}`);
  if (world.umask !== undefined) lines.push(`umask ${world.umask.toString(8)}`);
  const prefix = world.processors === undefined ? [] : ['taskset', '-c', world.processors];
  const script = ['set -e', ...lines, `shift ${words.length}`, 'exec "$@"'].join('\n');
  // What a build mounts is gone when it ends.
  const namespaces = ['--mount', ...(world.hostname === undefined ? [] : ['--uts'])];
  return ['unshare', ...namespaces, 'sh', '-c', script, 'sh', ...words, ...prefix, ...command];
}
