// Owns: what a build tells its watchers. Renderers (tty, plain, json) take these and nothing else.

import type { SourceLocation } from '../errors.ts';

/** Identifies an op in events: stable within one run of the program. */
export type OpId = number;

export type BuildEvent =
  | { readonly type: 'plan'; readonly ops: number; readonly targets: readonly string[] }
  | {
      readonly type: 'op-start';
      readonly op: OpId;
      /** Recipe name, or the -t name of `build`. */
      readonly target: string;
      readonly stage: string;
      /** Position of the instruction in its stage, from 1, and how many there are. */
      readonly step: number;
      readonly steps: number;
      /** The instruction, one line. */
      readonly text: string;
      readonly location?: SourceLocation;
    }
  | { readonly type: 'op-output'; readonly op: OpId; readonly stream: 'stdout' | 'stderr'; readonly line: string }
  | {
      readonly type: 'op-end';
      readonly op: OpId;
      readonly outcome: 'done' | 'cached' | 'failed';
      readonly milliseconds: number;
    }
  | {
      readonly type: 'fetch';
      readonly file: string;
      readonly received: number;
      /** Absent when the server did not say. */
      readonly total?: number;
      readonly done: boolean;
      /** The place that had it, as errors show it; with `done` only. */
      readonly from?: string;
    }
  | { readonly type: 'warning'; readonly message: string; readonly location?: SourceLocation }
  | { readonly type: 'image'; readonly target: string; readonly indexDigest: string; readonly milliseconds: number };

/** Never throws; called synchronously, in order. */
export type Watcher = (event: BuildEvent) => void;
