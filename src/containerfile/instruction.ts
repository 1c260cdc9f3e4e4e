// Owns: the shape of a parsed Containerfile. Nothing here reads text or files; strings are unexpanded unless a comment
// says otherwise.

import type { SourceLocation } from '../errors.ts';

export interface Span extends SourceLocation {
  /** The last line of the instruction, heredocs included; counts from 1. */
  readonly lastLine: number;
}

export interface Heredoc {
  /** The delimiter without quotes. */
  readonly name: string;
  /** The body, every line with its newline; leading tabs already removed under `<<-`. */
  readonly content: string;
  /** False when the delimiter was quoted: the body is then never expanded. */
  readonly expand: boolean;
  readonly stripTabs: boolean;
  /** File descriptor written before `<<`, 0 when none. */
  readonly fd: number;
}

export interface KeyValue {
  readonly key: string;
  readonly value: string;
}

export interface Mount {
  readonly type: 'bind' | 'cache' | 'tmpfs' | 'secret' | 'ssh';
  readonly target?: string;
  readonly source?: string;
  readonly from?: string;
  readonly readonly?: boolean;
  readonly id?: string;
  readonly sharing?: 'shared' | 'private' | 'locked';
  readonly required?: boolean;
  readonly mode?: number;
  readonly uid?: number;
  readonly gid?: number;
  /** Bytes, tmpfs only. */
  readonly size?: number;
  /** secret only: the environment variable that carries it. */
  readonly env?: string;
}

/** JSON (exec) form or shell form, as RUN, CMD, ENTRYPOINT, SHELL and HEALTHCHECK know it. */
export interface CommandLine {
  readonly form: 'json' | 'shell';
  /** json: the argv. shell: one element, the text as it goes to the shell (continuations joined, heredocs apart). */
  readonly args: readonly string[];
}

interface Base {
  readonly at: Span;
  /** The instruction as it stands in history and in error messages: continuations joined, heredoc bodies apart. */
  readonly text: string;
  /** Flags as written, in order, for `ocibuild parse`. */
  readonly flags: readonly { readonly name: string; readonly value: string | undefined }[];
  readonly heredocs: readonly Heredoc[];
}

export interface FromInstruction extends Base {
  readonly keyword: 'FROM';
  readonly image: string;
  readonly platform?: string;
  /** Stage name, lower-cased. */
  readonly as?: string;
}

export interface ArgInstruction extends Base {
  readonly keyword: 'ARG';
  readonly args: readonly { readonly key: string; readonly value: string | undefined }[];
}

export interface EnvInstruction extends Base {
  readonly keyword: 'ENV';
  readonly pairs: readonly KeyValue[];
}

export interface LabelInstruction extends Base {
  readonly keyword: 'LABEL';
  readonly pairs: readonly KeyValue[];
}

export interface RunInstruction extends Base {
  readonly keyword: 'RUN';
  readonly command: CommandLine;
  readonly mounts: readonly Mount[];
  readonly network: 'none' | 'default' | 'host' | undefined;
  readonly security: 'sandbox' | 'insecure' | undefined;
  /** Flag values with variables in them are expanded by expandInstruction, which fills `mounts` again. */
  readonly mountTexts: readonly string[];
  /**
   * Set when the whole argument is one heredoc whose body starts with `#!`: the body (also in `command`), which is not given to the
   * shell but written to an executable file named like the delimiter, and that file is run.
   */
  readonly script?: string;
}

/** COPY and ADD. Heredoc sources stand in `heredocs`, in order, besides `sources`. */
export interface CopyInstruction extends Base {
  readonly keyword: 'COPY' | 'ADD';
  readonly sources: readonly string[];
  readonly dest: string;
  /** COPY only. */
  readonly from?: string;
  readonly chown?: string;
  readonly chmod?: string;
  readonly link: boolean;
  readonly parents: boolean;
  readonly exclude: readonly string[];
  /** ADD only. */
  readonly checksum?: string;
  readonly keepGitDir?: boolean;
  readonly unpack?: boolean;
}

export interface WorkdirInstruction extends Base {
  readonly keyword: 'WORKDIR';
  readonly path: string;
}

export interface UserInstruction extends Base {
  readonly keyword: 'USER';
  readonly user: string;
}

export interface CommandInstruction extends Base {
  readonly keyword: 'CMD' | 'ENTRYPOINT' | 'SHELL';
  readonly command: CommandLine;
}

export interface ExposeInstruction extends Base {
  readonly keyword: 'EXPOSE';
  /** As written; `8000-8002/udp` is expanded into single ports by `exposedPorts`. */
  readonly ports: readonly string[];
}

export interface VolumeInstruction extends Base {
  readonly keyword: 'VOLUME';
  readonly paths: readonly string[];
}

export interface StopsignalInstruction extends Base {
  readonly keyword: 'STOPSIGNAL';
  readonly signal: string;
}

export interface HealthcheckInstruction extends Base {
  readonly keyword: 'HEALTHCHECK';
  /** Absent for HEALTHCHECK NONE. */
  readonly command?: CommandLine;
  /** Nanoseconds, as the image config has them; absent when not given. */
  readonly interval?: number;
  readonly timeout?: number;
  readonly startPeriod?: number;
  readonly startInterval?: number;
  readonly retries?: number;
}

export interface OnbuildInstruction extends Base {
  readonly keyword: 'ONBUILD';
  /** The trigger's text, to be parsed again by parseTrigger when a child fires it. */
  readonly trigger: string;
}

export interface MaintainerInstruction extends Base {
  readonly keyword: 'MAINTAINER';
  readonly name: string;
}

export type StageInstruction =
  | ArgInstruction
  | EnvInstruction
  | LabelInstruction
  | RunInstruction
  | CopyInstruction
  | WorkdirInstruction
  | UserInstruction
  | CommandInstruction
  | ExposeInstruction
  | VolumeInstruction
  | StopsignalInstruction
  | HealthcheckInstruction
  | OnbuildInstruction
  | MaintainerInstruction;

export type Instruction = FromInstruction | StageInstruction;

export interface Stage {
  /** Position in the file, from 0. */
  readonly index: number;
  /** Lower-cased name of `AS`, absent when none. */
  readonly name?: string;
  readonly from: FromInstruction;
  readonly instructions: readonly StageInstruction[];
}

export interface ParseWarning {
  readonly at: SourceLocation;
  readonly message: string;
}

export interface Containerfile {
  readonly file: string;
  readonly directives: { readonly syntax?: string; readonly escape: '\\' | '`'; readonly check?: string };
  /** ARGs before the first FROM. */
  readonly globalArgs: readonly ArgInstruction[];
  readonly stages: readonly Stage[];
  readonly warnings: readonly ParseWarning[];
}
