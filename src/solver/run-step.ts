// Owns: how a RUN becomes a step of the sandbox: its user, its mounts and their mount points, its log, its failure.

import { chmodSync, copyFileSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Digest } from '../../oci/digest.ts';
import { rawPath, rawToBuffer } from '../../oci/raw-path.ts';
import { BuildError } from '../errors.ts';
import { runKey } from '../graph/cache-key.ts';
import type { OpMount, RunOp } from '../graph/op.ts';
import { SANDBOX_VERSION } from '../sandbox/spec.ts';
import type { Sandbox, StepMount } from '../sandbox/types.ts';
import { copySelection } from '../snapshot/copy.ts';
import { hostText } from '../snapshot/raw-fs.ts';
import type { Workspace } from '../snapshot/store.ts';
import type { MountPoint, Snapshot } from '../snapshot/types.ts';
import { giveOwner, StepCaches } from './cache-mount.ts';
import type { CopyStep, CopyWork } from './copy-step.ts';
import { type FailedStep, failedStepKey, forgetFailedStep, rememberFailedStep } from './failed-step.ts';
import { StepLog } from './log.ts';
import type { Results, Services } from './services.ts';
import { NamedLocks } from './slots.ts';
import { resolveUser, stepUser } from './user.ts';

const SCRIPT_PATH = '/dev/pipes/script';
const WHOLE = { exclude: [], parents: false } as const;

/** What a step needs beside its rootfs; undone when it ends. */
interface Prepared {
  readonly mounts: StepMount[];
  readonly env: string[];
  readonly undo: (() => void | Promise<void>)[];
}

/** What preparing a mount may need. */
interface Surroundings {
  readonly results: Results;
  /** Absent where the step mounts none. */
  readonly caches: StepCaches | undefined;
  readonly sandbox: Sandbox;
}

export class RunStep {
  readonly #services: Services;
  readonly #signal: AbortSignal;
  readonly #files: CopyStep;
  readonly #locks = new NamedLocks();
  #count = 0;

  constructor(services: Services, signal: AbortSignal, files: CopyStep) {
    this.#services = services;
    this.#signal = signal;
    this.#files = files;
  }

  /** `epoch`: see layerEpoch. */
  work(op: RunOp, results: Results, epoch: number): CopyWork {
    const base = results.get(op.base)!.snapshot;
    const contents = op.mounts.map((mount) => this.#contentOf(mount, results, epoch));
    const locked = op.mounts
      .filter((mount) => mount.type === 'cache' && mount.sharing === 'locked')
      .map((mount) => mount.id);
    return {
      key: runKey(op, base.id, contents, SANDBOX_VERSION),
      base,
      execute: (workspace) => this.#locks.hold(locked, () => this.#run(op, workspace, base, results)),
    };
  }

  /** What a bind mount shows; undefined for mounts whose content is not part of the build. */
  #contentOf(mount: OpMount, results: Results, epoch: number): Digest | undefined {
    if (mount.origin === undefined) return undefined;
    if (mount.origin.type === 'op' && mount.source === '/') return results.get(mount.origin.op)!.snapshot.id;
    return this.#files.digest(mount.origin, [mount.source], WHOLE, 'keep', results, epoch);
  }

  async #run(op: RunOp, workspace: Workspace, base: Snapshot, results: Results): Promise<void> {
    const { snapshots, store, watch } = this.#services;
    const sandbox = await this.#services.sandbox();
    const view = snapshots.view(base);
    const user = resolveUser(view, op.user, op.label.location);
    if (!sandbox.hasIdRange && (user.uid !== 0 || user.gid !== 0)) {
      throw new BuildError('MACHINE', `USER ${op.user} needs another id than 0, and this machine gives us only one`, {
        location: op.label.location,
        hint: 'give the calling user a range in /etc/subuid and /etc/subgid, with newuidmap installed',
      });
    }
    const id = `${process.pid}-${this.#count++}`;
    const log = new StepLog(
      store,
      `${op.label.target}-${op.label.stage}-${op.label.step}-${op.identity}`,
      op.id,
      watch,
    );
    const prepared: Prepared = { mounts: [], env: [], undo: [] };
    let status: number;
    try {
      const caches = await this.#caches(op, prepared);
      for (const mount of op.mounts) await this.#prepare(op, mount, prepared, { results, caches, sandbox });
      if (op.script !== undefined) this.#prepareScript(op.script, sandbox, prepared);
      const rootfs = snapshots.mount(workspace, prepared.mounts.flatMap(mountPoint));
      prepared.undo.push(() => snapshots.unmount(workspace));
      const step = {
        id,
        op: op.id,
        rootfs,
        args: op.script === undefined ? op.args : [SCRIPT_PATH],
        env: [...op.env, ...prepared.env],
        cwd: op.cwd,
        user: stepUser(user, sandbox.hasIdRange),
        mounts: prepared.mounts,
        network: op.network,
      };
      status = (await sandbox.run(step, log.write, this.#signal)).status;
    } finally {
      log.close();
      for (const undo of prepared.undo.reverse()) await undo();
    }
    if (log.failure !== undefined) throw log.failure;
    if (status !== 0) throw this.#failure(op, workspace, status, log, sandbox);
    forgetFailedStep(store, op.identity, op.label.stage);
  }

  /** The error of a step that ended badly; its rootfs is kept, for `ocibuild shell`. */
  #failure(op: RunOp, workspace: Workspace, status: number, log: StepLog, sandbox: Sandbox): BuildError {
    const { label } = op;
    const shell = this.#keepFailed(op, workspace);
    const lines = log.tail().map((line) => `    ${line}`);
    const network = op.network === 'none' ? '\n  (steps have no network; RUN --network=default opens it for one)' : '';
    const ids = sandbox.hasIdRange
      ? ''
      : '\n  (this is single-id mode: no user or group but 0 exists; a range in /etc/subuid and /etc/subgid gives more)';
    const output = lines.length === 0 ? '\n  it printed nothing' : `\n  its last output:\n${lines.join('\n')}`;
    return new BuildError(
      'STEP_FAILED',
      `${firstLine(label.text)}: exit status ${status}${output}\n  the whole log: ${log.path}${shell}${network}${ids}`,
      { location: label.location },
    );
  }

  /**
   * Keeps what a failed step left. Gives the line that says how to look at it, or why one cannot: that it could not be kept
   * must not hide the step's own failure.
   */
  #keepFailed(op: RunOp, workspace: Workspace): string {
    const { snapshots, store } = this.#services;
    try {
      const { snapshot } = snapshots.commit(workspace);
      const record: FailedStep = {
        key: failedStepKey(op, workspace.base.id),
        base: workspace.base.id,
        diffs: snapshot.diffs,
        env: op.env,
        cwd: op.cwd,
        user: op.user,
        text: op.label.text,
      };
      rememberFailedStep(store, op.identity, op.label.stage, record);
    } catch (error) {
      if (error instanceof BuildError) return `\n  (what it left cannot be looked at: ${error.message})`;
      throw error;
    }
    return op.shellCommand === undefined ? '' : `\n  look inside with: ${op.shellCommand} --stage ${op.label.stage}`;
  }

  async #caches(op: RunOp, prepared: Prepared): Promise<StepCaches | undefined> {
    const mounts = op.mounts.filter((mount) => mount.type === 'cache');
    if (mounts.length === 0) return undefined;
    if (mounts.some((mount) => mount.origin !== undefined)) {
      throw new BuildError('PARSE', '--mount=type=cache,from= is not offered', {
        location: op.label.location,
        hint: 'copy the files in the step itself',
      });
    }
    const { store, watch } = this.#services;
    const aside = this.#scratchDirectory(prepared);
    const caches = await StepCaches.open(op, { store, aside, signal: this.#signal, watch });
    prepared.undo.push(() => caches.release());
    return caches;
  }

  async #prepare(op: RunOp, mount: OpMount, prepared: Prepared, at: Surroundings): Promise<void> {
    switch (mount.type) {
      case 'tmpfs':
        prepared.mounts.push({
          type: 'tmpfs',
          target: mount.target,
          readonly: false,
          ...(mount.size === undefined ? {} : { size: mount.size }),
          ...(mount.mode === undefined ? {} : { mode: mount.mode }),
        });
        return;
      case 'cache':
        prepared.mounts.push({
          type: 'bind',
          target: mount.target,
          source: at.caches!.folder(mount),
          readonly: mount.readonly,
        });
        return;
      case 'bind':
        prepared.mounts.push({
          type: 'bind',
          target: mount.target,
          source: await this.#bindSource(mount, prepared, at.results),
          readonly: mount.readonly,
        });
        return;
      case 'secret':
        this.#secret(op, mount, at.sandbox, prepared);
        return;
      case 'ssh':
        this.#agent(op, mount, prepared);
    }
  }

  #scratchDirectory(prepared: Prepared): string {
    const { store, snapshots } = this.#services;
    // Beside the workspaces: whoever finds this process dead finds these to be left over too.
    const directory = mkdtempSync(join(store, 'work', snapshots.ownerName, 'step-'));
    prepared.undo.push(() => rmSync(directory, { recursive: true, force: true }));
    return directory;
  }

  /** In memory that no other process sees: however we end, what is put there is gone. */
  #privateDirectory(sandbox: Sandbox, prepared: Prepared): string {
    const directory = mkdtempSync(join(sandbox.mountDirectory, 'files-'));
    prepared.undo.push(() => rmSync(directory, { recursive: true, force: true }));
    chmodSync(directory, 0o755);
    return directory;
  }

  #prepareScript(script: string, sandbox: Sandbox, prepared: Prepared): void {
    const path = join(this.#privateDirectory(sandbox, prepared), 'script');
    writeFileSync(path, script);
    chmodSync(path, 0o755);
    prepared.mounts.push({ type: 'bind', target: SCRIPT_PATH, source: path, readonly: true });
  }

  /** A host path that shows the files of a bind mount. What a step writes there is thrown away. */
  async #bindSource(mount: OpMount, prepared: Prepared, results: Results): Promise<string> {
    const { snapshots } = this.#services;
    const origin = mount.origin!;
    if (origin.type === 'op') {
      const { snapshot } = results.get(origin.op)!;
      const path = snapshots.view(snapshot).resolve(rawPath(mount.source.replace(/^\/+|\/+$/g, '')), true);
      const workspace = snapshots.begin(snapshot);
      prepared.undo.push(() => snapshots.discard(workspace));
      const merged = snapshots.mount(workspace);
      prepared.undo.push(() => snapshots.unmount(workspace));
      return path === '' ? merged : `${merged}/${rawToBuffer(path).toString('utf8')}`;
    }
    const selection = this.#files.select(origin, [mount.source], WHOLE, results);
    await this.#files.fetchSelected(origin, selection);
    const ready = this.#files.select(origin, [mount.source], WHOLE, results);
    const workspace = snapshots.begin(snapshots.scratch());
    prepared.undo.push(() => snapshots.discard(workspace));
    const isFile = ready.items.length === 1 && ready.view.lstat(ready.items[0]!.source)?.type === 'file';
    const target = { time: 0, parents: false, link: false, replaceOwner: 'root' as const };
    copySelection(snapshots, workspace, ready, { dest: isFile ? '/file' : '/files/', ...target });
    return join(hostText(workspace.upper), isFile ? 'file' : 'files');
  }

  #secret(op: RunOp, mount: OpMount, sandbox: Sandbox, prepared: Prepared): void {
    const secret = this.#services.secrets.get(mount.id);
    if (secret === undefined) {
      if (!mount.required) return;
      throw new BuildError('USAGE', `the step needs the secret ${mount.id}`, {
        location: op.label.location,
        hint: `pass --secret id=${mount.id},src=FILE`,
      });
    }
    if (mount.env !== undefined) prepared.env.push(`${mount.env}=${readFileSync(secret.path, 'utf8')}`);
    if (mount.env !== undefined && mount.target === `/run/secrets/${mount.id}`) return;
    const copy = join(this.#privateDirectory(sandbox, prepared), 'secret');
    copyFileSync(secret.path, copy);
    giveOwner(copy, mount, op);
    chmodSync(copy, mount.mode ?? 0o400);
    prepared.mounts.push({ type: 'bind', target: mount.target, source: copy, readonly: true });
  }

  #agent(op: RunOp, mount: OpMount, prepared: Prepared): void {
    const { sshSocket } = this.#services;
    if (sshSocket !== undefined) {
      prepared.mounts.push({ type: 'bind', target: mount.target, source: sshSocket, readonly: false });
    } else if (mount.required) {
      throw new BuildError('USAGE', 'the step needs an ssh agent', {
        location: op.label.location,
        hint: 'pass --ssh default',
      });
    }
  }
}

/** What must stand in the rootfs for a mount; /dev and /proc are the sandbox's own. */
function mountPoint(mount: StepMount): MountPoint[] {
  if (/^\/(dev|proc)\//.test(mount.target)) return [];
  const isDirectory = mount.type === 'tmpfs' || existsSync(`${mount.source}/.`);
  return [{ path: mount.target, type: isDirectory ? 'directory' : 'file' }];
}

function firstLine(text: string): string {
  const line = text.split('\n', 1)[0]!;
  return line.length < text.length ? `${line} …` : line;
}
