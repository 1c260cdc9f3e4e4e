// Owns: what the engine's tests share: a lab, which is a user's folder with a store, and the command line run in it.
// Everything goes through the compiled program, as a user would call it.

import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  existsSync,
  lchownSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { staticBusybox, testUsers, type User, workDirectory } from './harness.ts';

export const busybox = staticBusybox();
/** Whoever runs the tests. */
export const self: User = { name: 'self', uid: process.getuid!(), gid: process.getgid!(), isOther: false };
export const isRoot = self.uid === 0;
/** For root: the unprivileged user the machine offers. */
export const otherUser = isRoot ? testUsers().find((user) => user.isOther) : undefined;

export function checkout(): string {
  const directory = process.env['OCIBUILD_TEST_CHECKOUT'];
  if (directory === undefined) throw new Error('engine-setup.ts has not run');
  return directory;
}

export interface Result {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Options {
  readonly store?: string;
  readonly cwd?: string;
  readonly env?: NodeJS.ProcessEnv;
  /** A program and its arguments that start the command: `taskset -c 0`. */
  readonly through?: readonly string[];
  /** Another checkout than the tests' own. */
  readonly program?: string;
}

/** A build's result: what it printed, taken apart. */
export interface BuildResult extends Result {
  readonly digest: string;
  readonly ran: number;
  readonly cached: number;
}

export type Files = Readonly<Record<string, string | Buffer>>;

export interface Recipe extends Files {
  readonly Containerfile: string;
}

const PASSWD = 'root:x:0:0:root:/root:/bin/sh\nuser:x:1000:1000::/home/user:/bin/sh\n';
const GROUP = 'root:x:0:\nuser:x:1000:\nextra:x:7:user\n';

/** A root file system of one program: what `FROM base` means in a lab. */
const BASE = `FROM scratch
COPY busybox /bin/busybox
RUN ["/bin/busybox", "--install", "-s", "/bin"]
COPY passwd group /etc/
RUN mkdir -m 1777 /tmp
RUN rmdir /linuxrc 2>/dev/null; true
`;

export class Lab {
  readonly user: User;
  readonly directory: string;
  readonly store: string;
  readonly #moreStores: string[] = [];
  #count = 0;
  #base: string | undefined;

  constructor(user: User = self) {
    this.user = user;
    this.directory = workDirectory(user);
    this.store = join(this.directory, 'store');
  }

  path(...parts: string[]): string {
    return join(this.directory, ...parts);
  }

  /** Writes files below the lab, owned by its user; names end in `/` for folders. Gives the folder. */
  write(folder: string, files: Files): string {
    for (const [name, content] of Object.entries(files)) {
      const path = this.path(folder, name);
      this.#makeFolder(name.endsWith('/') ? path : dirname(path));
      if (!name.endsWith('/')) writeFileSync(path, content);
      this.own(path);
    }
    return this.path(folder);
  }

  #makeFolder(path: string): void {
    const first = mkdirSync(path, { recursive: true });
    for (let at = path; first !== undefined && at.length >= first.length; at = dirname(at)) this.own(at);
  }

  own(path: string): void {
    if (this.user.isOther) lchownSync(path, this.user.uid, this.user.gid);
  }

  /** A folder of the lab that holds a recipe tree, each recipe with a package.toml when it gives none. */
  tree(name: string, recipes: Readonly<Record<string, Recipe>>): string {
    for (const [recipe, files] of Object.entries(recipes)) {
      const toml = `[package]\nname = "${recipe}"\nversion = "1"\ndescription = "for a test"\nlicense = "none"\n`;
      this.write(`${name}/recipes/${recipe}`, { 'package.toml': toml, ...files });
    }
    return this.path(name);
  }

  #command(args: readonly string[], options: Options): { program: string; args: string[]; env: NodeJS.ProcessEnv } {
    const main = join(options.program ?? checkout(), 'dist/src/main.js');
    return this.#become([...(options.through ?? []), process.execPath, main, ...args], options);
  }

  #become(command: readonly string[], options: Options): { program: string; args: string[]; env: NodeJS.ProcessEnv } {
    const { name, gid, isOther } = this.user;
    const become = isOther ? ['setpriv', '--reuid', name, '--regid', String(gid), '--init-groups', '--'] : [];
    const [program, ...args] = [...become, ...command];
    const env = {
      PATH: `${process.env['PATH']}:/usr/sbin:/sbin`,
      HOME: this.directory,
      OCIBUILD_STORE: options.store ?? this.store,
      ...options.env,
    };
    return { program: program!, args, env };
  }

  /** Runs a command line to its end. */
  run(args: readonly string[], options: Options = {}): Result {
    const command = this.#command(args, options);
    const { status, stdout, stderr, error } = spawnSync(command.program, command.args, {
      cwd: options.cwd ?? this.directory,
      env: command.env,
      encoding: 'utf8',
      input: '',
      timeout: 100_000,
      killSignal: 'SIGKILL',
      maxBuffer: 1 << 26,
    });
    if (error !== undefined) throw error;
    return { status, stdout, stderr };
  }

  /** Starts one, leaving it running. */
  start(args: readonly string[], options: Options = {}): Running {
    const command = this.#command(args, options);
    const child = spawn(command.program, command.args, {
      cwd: options.cwd ?? this.directory,
      env: command.env,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    return new Running(child);
  }

  /** Runs a program inside the engine's namespace, and gives what it printed. */
  inside(command: readonly string[]): string {
    const made = this.#become([process.execPath, join(checkout(), 'inside.mjs'), ...command], {});
    const { status, stdout, stderr } = spawnSync(made.program, made.args, {
      cwd: '/',
      env: made.env,
      encoding: 'utf8',
      maxBuffer: 1 << 26,
    });
    if (status !== 0) throw new Error(`${command.join(' ')}: status ${status}: ${stderr}`);
    return stdout;
  }

  /** An OCI layout of a small rootfs with busybox. Made in the lab's store, once. */
  base(): string {
    if (this.#base === undefined) {
      const folder = this.write('base-context', { Containerfile: BASE, passwd: PASSWD, group: GROUP });
      copyFileSync(busybox!, join(folder, 'busybox'));
      chmodSync(join(folder, 'busybox'), 0o755);
      this.own(join(folder, 'busybox'));
      const made = this.run(['build', '--output', `oci:${this.path('base')}`, folder]);
      if (made.status !== 0) throw new Error(`the base image: ${made.stderr}`);
      this.#base = this.path('base');
    }
    return this.#base;
  }

  /** A context folder with a Containerfile in it. */
  context(containerfile: string, files: Files = {}): string {
    return this.write(`context-${++this.#count}`, { Containerfile: containerfile, ...files });
  }

  /** `ocibuild build`, with `base` and `scratchpad` as named contexts. `context` is a folder, or a Containerfile's text. */
  build(context: string, args: readonly string[] = [], options: Options = {}): BuildResult {
    return parseBuild(this.run(this.buildArgs(context, args), options));
  }

  buildArgs(context: string, args: readonly string[] = []): string[] {
    const folder = context.includes('\n') ? this.context(context) : context;
    return ['build', '--build-context', `base=oci:${this.base()}`, ...args, folder];
  }

  /** `ocibuild run` in a tree. */
  runRecipes(tree: string, args: readonly string[], options: Options = {}): BuildResult {
    return parseBuild(this.run(['--tree', tree, 'run', ...args], options));
  }

  /** Another store, removed with the lab. */
  otherStore(path: string): string {
    this.#moreStores.push(path);
    return path;
  }

  /** Deletes everything, files of subordinate ids included. */
  remove(): void {
    this.inside(['rm', '-rf', this.store, ...this.#moreStores]);
    rmSync(this.directory, { recursive: true, force: true });
  }
}

export function parseBuild(result: Result): BuildResult {
  const steps = /^steps: (\d+) run, (\d+) cached$/m.exec(result.stdout);
  return {
    ...result,
    digest: /(sha256:[0-9a-f]{64})/.exec(result.stdout)?.[1] ?? '',
    ran: Number(steps?.[1] ?? Number.NaN),
    cached: Number(steps?.[2] ?? Number.NaN),
  };
}

/** A command that is running. */
export class Running {
  readonly child: ChildProcess;
  readonly ended: Promise<Result & { readonly signal: NodeJS.Signals | null }>;
  #stdout = '';
  #stderr = '';

  constructor(child: ChildProcess) {
    this.child = child;
    child.stdout!.on('data', (chunk: Buffer) => (this.#stdout += chunk.toString()));
    child.stderr!.on('data', (chunk: Buffer) => (this.#stderr += chunk.toString()));
    this.ended = new Promise((done) => {
      child.on('close', (status, signal) => done({ status, signal, stdout: this.#stdout, stderr: this.#stderr }));
    });
  }

  /** Resolves when its output holds the text; fails when it ends without. */
  async printed(text: string): Promise<void> {
    let isOver = false;
    void this.ended.then(() => (isOver = true));
    while (!`${this.#stdout}${this.#stderr}`.includes(text)) {
      if (isOver) throw new Error(`ended without printing ${text}: ${this.#stdout}${this.#stderr}`);
      await new Promise((done) => setTimeout(done, 20));
    }
  }
}

/** Files of an OCI layout's only image: blobs by digest, parsed. */
export function readImage(layout: string): {
  index: { digest: string };
  config: { config: Record<string, unknown>; rootfs: { diff_ids: string[] }; history: unknown[] };
  manifest: { layers: { digest: string; size: number }[] };
} {
  const json = (digest: string) =>
    JSON.parse(readFileSync(join(layout, 'blobs/sha256', digest.slice('sha256:'.length)), 'utf8'));
  const [index] = JSON.parse(readFileSync(join(layout, 'index.json'), 'utf8')).manifests;
  const manifest = json(json(index.digest).manifests[0].digest);
  return { index, manifest, config: json(manifest.config.digest) };
}

/** One line for each path of a host folder, in byte order: type, mode, size or target. */
export function listFolder(directory: string): string[] {
  if (!existsSync(directory)) return [];
  return (readdirSync(directory, { recursive: true }) as string[]).sort().map((name) => {
    const stats = lstatSync(join(directory, name));
    const type = stats.isDirectory() ? 'd' : stats.isSymbolicLink() ? 'l' : 'f';
    return `${type} ${(stats.mode & 0o7777).toString(8)} ${type === 'f' ? stats.size : '-'} ${name}`;
  });
}
