// Owns: one long-lived sh that runs mount(8), umount(8) and rm(1) for this process. A shell is small and forks quickly;
// node is neither, and would stand still for each of them. Knows nothing of overlays: it passes options on.
//
// Requests go down one named pipe, answers come up another; both are gone from the file system once they are open. The
// shell ends when this process does, since its input ends then.

import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { closeSync, openSync, readSync, unlinkSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { BuildError } from '../errors.ts';

/** An answer is written at once, `<number> <status> <what was said>` in one line, so that none is cut by another. */
const SCRIPT = `
answer() { status=$?; printf '%s %s %s\\n' "$number" "$status" "$(printf %.900s "$said" | tr '\\n' ' ')"; }
while read -r number verb target options; do
  case $verb in
    mount)
      if said=$(mount -n -t overlay overlay -o "$options" "$target" 2>&1)
      then echo "$number 0"
      else answer
      fi ;;
    umount)
      if said=$(umount -n "$target" 2>&1) || said=$(umount -n -l "$target" 2>&1)
      then echo "$number 0"
      else answer
      fi & ;;
    remove)
      if said=$(rm -rf -- $target $options 2>&1)
      then echo "$number 0"
      else answer
      fi & ;;
  esac
done`;

/** A request under way: what settle() takes. */
export type Request = number;

export class MountShell {
  readonly #child: ChildProcess;
  readonly #requests: number;
  readonly #answers: number;
  /** What was said, by request; undefined for a request that went well. */
  readonly #answered = new Map<Request, string | undefined>();
  readonly #buffer = Buffer.alloc(4096);
  #rest = '';
  #last: Request = 0;

  /** Names given later are relative to `directory`, the store. `scratch` is an existing directory. Throws BuildError MACHINE. */
  constructor(directory: string, scratch: string) {
    const paths = [join(scratch, 'requests'), join(scratch, 'answers')] as const;
    const made = spawnSync('mkfifo', paths, { encoding: 'utf8' });
    if (made.status !== 0) throw failed('mkfifo', made.error?.message ?? made.stderr.trim());
    // Opened both ways first: a pipe with one end waits for the other. The shell gets ends of one way each: a shell that
    // could write its own requests would never see the end of them.
    const both = paths.map((path) => openSync(path, 'r+'));
    this.#requests = openSync(paths[0], 'w');
    this.#answers = openSync(paths[1], 'r');
    const ofShell = [openSync(paths[0], 'r'), openSync(paths[1], 'w')] as const;
    for (const path of paths) unlinkSync(path);
    // A session of its own: signals meant for the build do not reach it, since what is mounted has to come down after.
    this.#child = spawn('sh', ['-fc', SCRIPT], {
      cwd: directory,
      // mount(8) from 2.39 on hands each option over separately, at most 256 bytes of it, unless told not to.
      env: { ...process.env, LIBMOUNT_FORCE_MOUNT2: 'always', LC_ALL: 'C' },
      stdio: [...ofShell, 'ignore'],
      detached: true,
    });
    this.#child.on('error', () => {});
    this.#child.unref();
    for (const end of [...both, ...ofShell]) closeSync(end);
  }

  /** Mounts an overlay before it returns. Gives what mount(8) said when it failed. */
  mount(target: string, options: string): string | undefined {
    return this.settle(this.#ask(`mount ${target} ${options}`));
  }

  /** Begins to unmount; what something still uses is detached, and goes when its last user does. */
  unmount(target: string): Request {
    return this.#ask(`umount ${target}`);
  }

  /** Begins to delete directories. */
  remove(targets: readonly string[]): Request {
    return this.#ask(`remove ${targets.join(' ')}`);
  }

  /** Waits for one request. Gives what the program said when it failed; ask once for each. */
  settle(request: Request): string | undefined {
    while (!this.#answered.has(request)) this.#read();
    const said = this.#answered.get(request);
    this.#answered.delete(request);
    return said;
  }

  /** Lets the shell end, once all it does is done. */
  close(): void {
    closeSync(this.#requests);
    closeSync(this.#answers);
  }

  #ask(words: string): Request {
    if (/[^\w ./:,=+@-]/.test(words)) throw new Error(`not for a shell: ${words}`);
    const request = ++this.#last;
    const line = Buffer.from(`${request} ${words}\n`, 'latin1');
    try {
      for (let at = 0; at < line.length; ) at += writeSync(this.#requests, line, at);
    } catch (error) {
      throw failed('sh', error instanceof Error ? error.message : String(error));
    }
    return request;
  }

  #read(): void {
    const count = readSync(this.#answers, this.#buffer);
    if (count === 0) throw failed('sh', 'it ended');
    const lines = (this.#rest + this.#buffer.toString('latin1', 0, count)).split('\n');
    this.#rest = lines.pop()!;
    for (const line of lines) {
      const [, request, status, said] = /^(\d+) (\d+) ?(.*)$/.exec(line) ?? [];
      if (request === undefined) throw failed('sh', line);
      this.#answered.set(Number(request), status === '0' ? undefined : said?.trim() || `exit status ${status}`);
    }
  }
}

function failed(program: string, got: string): BuildError {
  return new BuildError('MACHINE', `${program}, which mounts for this build, failed`, {
    got,
    hint: '`ocibuild doctor` says what this machine lacks',
  });
}
