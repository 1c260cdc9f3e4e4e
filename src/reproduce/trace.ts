// Owns: what a build in some world is asked to do and what it leaves behind, as documents that go from process to process.

import type { Digest } from '../../oci/digest.ts';
import type { SourceLocation } from '../errors.ts';
import type { Op } from '../graph/op.ts';
import type { DiffId } from '../snapshot/types.ts';
import type { InsideFacts } from './witness.ts';
import type { World } from './world.ts';

export interface Job {
  /** Absolute paths, as the building process sees them. */
  readonly tree: string;
  readonly store: string;
  readonly cwd: string;
  readonly distfiles: readonly string[];
  readonly recipes: readonly string[];
  /** As `--platform` has it. */
  readonly platform: string;
  /** Names of targets whose ops are all executed, whatever the store holds; undefined: everything's. */
  readonly again: readonly string[] | undefined;
  /** 2: the same twice, side by side, so that both see the same second. */
  readonly times: 1 | 2;
  readonly offline: boolean;
  readonly jobs: number;
  readonly runtime: 'runc' | 'crun' | undefined;
  readonly driver: 'auto' | 'overlay' | 'copy';
  readonly world: World;
  /** Whether steps are looked at by the witness. */
  readonly isWitnessed: boolean;
  /** A file to which events are appended, absolute; absent: nobody watches. */
  readonly events?: string;
  /** Where the Answer is written, absolute. */
  readonly answer: string;
}

/** What the building process finds around it. */
export interface OutsideFacts {
  readonly umask: string;
  readonly hostname: string;
  readonly timezone: string;
  readonly locale: string;
  readonly environment: readonly string[];
  readonly paths: string;
  readonly idMap: string;
  readonly runtime: string;
  readonly jobs: string;
}

export interface TracedTarget {
  readonly name: string;
  /** The recipe to be named so that it is built: its own name, but for an origin of an agreement. */
  readonly recipe: string;
  readonly index: Digest;
  readonly manifest: Digest;
  readonly config: Digest;
  /** Bottom first. */
  readonly diffIds: readonly Digest[];
  readonly platform: string;
  /** Names. */
  readonly dependencies: readonly string[];
}

export interface TracedOp {
  /** The same for the same op of any build, whatever else is built with it. */
  readonly key: string;
  readonly kind: Op['kind'];
  readonly target: string;
  readonly stage: string;
  readonly step: number;
  readonly text: string;
  readonly location: SourceLocation;
  /** The stack it gave, bottom first. */
  readonly diffs: readonly DiffId[];
  /** Its own change, where it made one, and the stack below. */
  readonly diff: DiffId | undefined;
  readonly below: readonly DiffId[];
  /** Times of its files up to this second are part of its layer. */
  readonly epoch: number;
}

export interface Witnessed {
  /** Of the op. */
  readonly key: string;
  readonly facts: InsideFacts | undefined;
  /** When the step itself began and ended, in milliseconds since 1970. */
  readonly from: number;
  readonly to: number;
}

/** A build that came to its end. */
export interface Trace {
  readonly targets: readonly TracedTarget[];
  readonly ops: readonly TracedOp[];
  readonly witnessed: readonly Witnessed[];
  readonly outside: OutsideFacts;
  readonly executed: number;
  /** Ops answered by something that was in the store before. */
  readonly hits: number;
}

export interface Failure {
  readonly code: string;
  readonly message: string;
  readonly location: SourceLocation | undefined;
  /** Target whose op failed, where it was one. */
  readonly target: string | undefined;
  readonly stage: string | undefined;
  readonly step: number | undefined;
  readonly text: string | undefined;
}

/** What was witnessed before a build failed counts: a second attempt finds those steps done. */
export type Answer =
  | { readonly traces: readonly Trace[] }
  | { readonly failure: Failure; readonly witnessed: readonly Witnessed[] };
