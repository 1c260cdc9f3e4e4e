// Owns: what a reproduction says: one verdict for each image, with its reasons, as plain data. Reports draw it.

import type { Detail } from '../../oci/diff/finding.ts';
import type { Digest } from '../../oci/digest.ts';
import type { SourceLocation } from '../errors.ts';

/** One image that was built again. */
export interface ImageVerdict {
  readonly name: string;
  readonly platform: string;
  /** Named on the command line; the others were needed for it. */
  readonly isRequested: boolean;
  readonly manifest: Digest;
  readonly index: Digest;
  readonly comparisons: readonly Comparison[];
  /** Empty without --vary. */
  readonly variations: readonly VariationVerdict[];
  /** Absent where the build is the same as what it was compared with. */
  readonly difference?: Difference;
}

/** The new build beside something that was there before. */
export interface Comparison {
  /** `recipes/digests.txt`, `out/busybox`, `the store`. */
  readonly with: string;
  /**
   * `compression`: the same files in the same layers, compressed in another way. `missing`: there is nothing to compare
   * with; that alone is no fault.
   */
  readonly outcome: 'same' | 'different' | 'compression' | 'missing';
  readonly want?: Digest;
  readonly got: Digest;
  /** Where the expected digest is written. */
  readonly location?: SourceLocation;
}

/**
 * `survived`: witnessed to differ, and the image is the same. `changed`: it makes another image. `not varied`: nobody can
 * say, and why. `leaked`: it reached the step although the sandbox is there to keep it out. `unknown`: the image differs
 * for another reason, which hides this one.
 */
export type VariationOutcome = 'survived' | 'changed' | 'not varied' | 'leaked' | 'unknown';

export interface VariationVerdict {
  readonly name: string;
  readonly kind: 'outside' | 'inside';
  readonly outcome: VariationOutcome;
  /** What the witnesses said, or why they said nothing: one line. */
  readonly detail: string;
}

/** Where two builds part, from the outside in. */
export interface Difference {
  /** What the two builds are called: `an ordinary build`, `a build with another hostname`. */
  readonly first: string;
  readonly second: string;
  readonly cause: Cause;
  readonly place: Place;
}

export interface Cause {
  /** Names of variations; empty where it differs by itself, and where the two builds are not ours to vary. */
  readonly variations: readonly string[];
  /**
   * `each`: any of them alone. `together`: only all of them at once. `itself`: two builds under equal conditions differ.
   * `earlier`: one of the builds was made before; what was different then is not known.
   */
  readonly kind: 'each' | 'together' | 'itself' | 'earlier';
  /** One sentence. */
  readonly sentence: string;
}

export type Place =
  /** A build came to no end. */
  | { readonly type: 'failure'; readonly step?: StepPlace; readonly message: string }
  /** Steps gave other files. */
  | {
      readonly type: 'files';
      readonly step: StepPlace;
      readonly files: readonly FileDifference[];
      readonly more: number;
    }
  /** No step differs; the image is written in another way, or only layers are there to compare. */
  | { readonly type: 'image'; readonly details: readonly string[]; readonly step?: StepPlace };

export interface StepPlace {
  readonly target: string;
  readonly stage: string;
  readonly step: number;
  readonly text: string;
  readonly location: SourceLocation;
}

export interface FileDifference {
  /** Relative to the rootfs, fit to be shown. */
  readonly path: string;
  /** `only in the first`, `only in the second`, or the fields that differ with both values. */
  readonly fields: readonly { readonly field: string; readonly first?: string; readonly second?: string }[];
  /** What in the content. */
  readonly inside: readonly Detail[];
}

export interface Verdict {
  readonly isReproduced: boolean;
  readonly images: readonly ImageVerdict[];
  /** Ops that were executed in the first build, and those that something answered that was there before. */
  readonly executed: number;
  readonly hits: number;
  /** Builds that were made. */
  readonly builds: number;
  /** Reasons why isReproduced is false that belong to no image. */
  readonly problems: readonly string[];
  /** Why each variation that the machine does not permit was left out; of those asked for. */
  readonly notPermitted: readonly { readonly name: string; readonly reason: string }[];
}
