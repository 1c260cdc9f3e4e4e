// Owns: what one step is, as the sandbox takes it. Knows nothing of Containerfiles, caches or layers.

/** A mount inside the step's rootfs, after the fixed ones (/proc, /dev, /etc/hosts …). */
export interface StepMount {
  readonly type: 'bind' | 'tmpfs';
  /** Absolute, inside the rootfs. Missing mount points are made by the caller, not by the runtime. */
  readonly target: string;
  /** bind: absolute host path. */
  readonly source?: string;
  readonly readonly: boolean;
  /** tmpfs: bytes. */
  readonly size?: number;
  /** tmpfs: permission bits; 1777 when absent, as the kernel has it. */
  readonly mode?: number;
}

export interface StepUser {
  readonly uid: number;
  readonly gid: number;
  readonly additionalGids: readonly number[];
}

export interface Step {
  /** Short, unique within the process: names the container. */
  readonly id: string;
  /** Which op of the graph it is, for whoever watches steps. */
  readonly op?: number;
  /** Absolute path of the mounted rootfs. */
  readonly rootfs: string;
  /** argv, at least one element. */
  readonly args: readonly string[];
  /** `NAME=value`, in order; the sandbox adds its fixed facts only where a name is missing. */
  readonly env: readonly string[];
  readonly cwd: string;
  readonly user: StepUser;
  readonly mounts: readonly StepMount[];
  /** none: a network namespace with loopback down-or-up as fixed by the sandbox. default and host: the caller's network. */
  readonly network: 'none' | 'default' | 'host';
  /** True for `ocibuild shell`: the caller's terminal is passed through. */
  readonly terminal?: boolean;
}

export interface StepResult {
  /** Exit status of the step's program, 128 + signal when it was killed. */
  readonly status: number;
  readonly milliseconds: number;
}

/** Where a step's output goes; called with whole chunks, in order. */
export type OutputSink = (stream: 'stdout' | 'stderr', chunk: Buffer) => void;

export interface Sandbox {
  /** `runc 1.1.5` as the runtime prints it; for the log, never for a key. */
  readonly runtime: string;
  /** False in single-id mode: only uid 0 exists in a step. */
  readonly hasIdRange: boolean;
  /**
   * A directory that every step can reach, for the mount points of overlays. A rootfs mounted elsewhere works too; where
   * the way to it is closed to a step (a store below /root), it is bound once more for each step, which costs some ms.
   */
  readonly mountDirectory: string;
  /**
   * Runs one step to its end. Rejects with BuildError MACHINE when the runtime itself fails, INTERRUPTED when the signal
   * fires (nothing of the step is running then); resolves with the step's own status otherwise, 126 and 127 included.
   */
  run(step: Step, output: OutputSink, signal: AbortSignal): Promise<StepResult>;
}
