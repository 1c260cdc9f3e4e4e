// Owns: the graph's nouns. An op is one unit of work with a content-based key; a target is an image to be made of ops.
// Knows nothing of stores, processes or clocks.

import type { ImageConfig } from '../../oci/config.ts';
import type { Descriptor } from '../../oci/descriptor.ts';
import type { Digest } from '../../oci/digest.ts';
import type { StampPolicy } from '../../oci/layer/entry.ts';
import type { Platform } from '../../oci/platform.ts';
import type { Heredoc } from '../containerfile/instruction.ts';
import type { SourceLocation } from '../errors.ts';
import type { OpId } from '../progress/event.ts';
import type { Recipe } from '../recipe/types.ts';

/** A folder of the host an instruction may read: a build context, or `--build-context NAME=DIR`. */
export interface ContextRef {
  /** `.` for the build context, otherwise the name given on the command line. */
  readonly name: string;
  /** Absolute host path. */
  readonly directory: string;
  /** A recipe's pinned sources appear in its context below `fetch/`. */
  readonly recipe?: Recipe;
  /** Text of the .dockerignore that counts for it. */
  readonly ignore?: string;
}

/** Where files come from. */
export type FileOrigin =
  | { readonly type: 'op'; readonly op: OpId }
  | { readonly type: 'context'; readonly context: ContextRef };

/** What an op is called in progress, logs and errors. */
export interface OpLabel {
  readonly target: string;
  readonly stage: string;
  /** From 1. */
  readonly step: number;
  readonly steps: number;
  readonly text: string;
  readonly location: SourceLocation;
}

interface OpBase {
  readonly id: OpId;
  readonly label: OpLabel;
  /** Its change becomes a layer of a target, so it must be one diff. */
  layered: boolean;
}

export interface ScratchOp extends OpBase {
  readonly kind: 'scratch';
}

/** The unpacked layers of another target's image. */
export interface TargetImageOp extends OpBase {
  readonly kind: 'target-image';
  /** Position in `Graph.targets`. */
  readonly target: number;
}

/** The unpacked layers of an image that lies in an OCI layout. */
export interface LayoutImageOp extends OpBase {
  readonly kind: 'layout-image';
  readonly directory: string;
  /** Digest of its manifest. */
  readonly manifest: Digest;
  readonly layers: readonly { readonly descriptor: Descriptor; readonly diffId: Digest }[];
}

/** A rootfs made from a signed distribution; see src/root. */
export interface RootOp extends OpBase {
  readonly kind: 'root';
  readonly recipe: Recipe;
}

export interface OpMount {
  readonly type: 'bind' | 'cache' | 'tmpfs' | 'secret' | 'ssh';
  readonly target: string;
  readonly source: string;
  readonly origin: FileOrigin | undefined;
  readonly readonly: boolean;
  readonly id: string;
  readonly sharing: 'shared' | 'private' | 'locked';
  readonly required: boolean;
  readonly mode: number | undefined;
  readonly uid: number;
  readonly gid: number;
  readonly size: number | undefined;
  readonly env: string | undefined;
}

export interface RunOp extends OpBase {
  readonly kind: 'run';
  readonly base: OpId;
  /** argv. */
  readonly args: readonly string[];
  /** Written to a file that becomes the last argument: a heredoc that starts with `#!`. */
  readonly script: string | undefined;
  /** `NAME=value` in order. */
  readonly env: readonly string[];
  /** Names in `env` that only pass a proxy on: not part of the key. */
  readonly unkeyedEnv: readonly string[];
  readonly cwd: string;
  /** As USER says: `name`, `uid`, `name:group`, …; '' is root. */
  readonly user: string;
  readonly mounts: readonly OpMount[];
  readonly network: 'none' | 'default' | 'host';
  /** The target's; see Target. */
  readonly identity: string;
  readonly shellCommand: string | undefined;
}

export interface CopyOp extends OpBase {
  readonly kind: 'copy';
  readonly base: OpId;
  readonly origin: FileOrigin;
  readonly sources: readonly string[];
  /** ADD only: remote files, each with the digest it must have. */
  readonly remotes: readonly { readonly url: string; readonly digest: Digest }[];
  readonly heredocs: readonly Pick<Heredoc, 'name' | 'content'>[];
  /** Absolute in the rootfs; a trailing slash says it is a directory. */
  readonly dest: string;
  readonly chown: string | undefined;
  readonly chmod: string | undefined;
  readonly exclude: readonly string[];
  readonly parents: boolean;
  readonly link: boolean;
  /** ADD: local archives are unpacked. */
  readonly unpack: boolean;
  /** ADD --unpack=true: remote ones too. */
  readonly unpackRemote: boolean;
  /** Extended attributes that ADD may leave out; any other is an error. Absent: all of them, with a warning. */
  readonly xattrs: readonly string[] | undefined;
  readonly add: boolean;
}

export interface WorkdirOp extends OpBase {
  readonly kind: 'workdir';
  readonly base: OpId;
  /** Absolute. */
  readonly path: string;
  readonly user: string;
}

export type Op = ScratchOp | TargetImageOp | LayoutImageOp | RootOp | RunOp | CopyOp | WorkdirOp;
export type LayerOp = RunOp | CopyOp | WorkdirOp;

/** Where a stage ends: its rootfs, and what a RUN that stood there would find. */
export interface StageEnd {
  readonly op: OpId;
  /** Its name, its number where it has none: what labels of its ops say. */
  readonly name: string;
  /** `NAME=value`: ENV, then ARGs that no ENV shadows. */
  readonly env: readonly string[];
  readonly cwd: string;
  /** As USER says; '' is root. */
  readonly user: string;
  /** SHELL; undefined where nobody set one. */
  readonly shell: readonly string[] | undefined;
}

/** One image to be made. */
export interface Target {
  /** `recipes/busybox`, or the -t name of `build`. */
  readonly name: string;
  /** Hexadecimal digits that tell it from every other target a store may see, equal names included: for file names. */
  readonly identity: string;
  readonly recipe: Recipe | undefined;
  readonly platform: Platform;
  /** The state whose rootfs is the image. */
  readonly op: OpId;
  /** Everything but rootfs.diff_ids, which the layers give. History entries stand for the ops that make layers, in order. */
  readonly config: ImageConfig;
  /** How the layers of this target are stamped. */
  readonly policy: StampPolicy;
  /** Positions in `Graph.targets` of the images it reads, sorted. */
  readonly dependencies: readonly number[];
  /**
   * Positions in `Graph.targets` of two or more that must have the same manifest; the target is the image they all are, and
   * its op, config and stages are the first one's. Absent for a target that is built.
   */
  readonly members?: readonly number[];
  /** The stage that is the image. */
  readonly stage: StageEnd;
  /** Every stage that was lowered, by name and by number, for `shell`. */
  readonly stages: ReadonlyMap<string, StageEnd>;
}

export interface Graph {
  /** Inputs stand before the ops that read them. */
  readonly ops: readonly Op[];
  /** Dependencies stand before the targets that need them. */
  readonly targets: readonly Target[];
  /** Positions in `targets` of what was asked for. */
  readonly requested: readonly number[];
  readonly warnings: readonly { readonly message: string; readonly location?: SourceLocation }[];
}

/** Ops whose result the op reads, without duplicates, in the order it names them. */
export function inputsOf(op: Op): readonly OpId[] {
  switch (op.kind) {
    case 'scratch':
    case 'target-image':
    case 'layout-image':
    case 'root':
      return [];
    case 'workdir':
      return [op.base];
    case 'copy':
      return op.origin.type === 'op' ? [...new Set([op.base, op.origin.op])] : [op.base];
    case 'run':
      return [
        ...new Set([op.base, ...op.mounts.flatMap((mount) => (mount.origin?.type === 'op' ? [mount.origin.op] : []))]),
      ];
  }
}

export function isLayerOp(op: Op): op is LayerOp {
  return op.kind === 'run' || op.kind === 'copy' || op.kind === 'workdir';
}
