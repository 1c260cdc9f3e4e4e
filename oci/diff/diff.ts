// Owns: the comparison of two subjects, whatever their forms, as a stream of findings that are weighed: what counts, what was
// asked to be ignored, and what is a note.

import { turn } from '../turn.ts';
import { rootfsOf } from './choose.ts';
import { createBudget } from './content.ts';
import type { DiffOptions, Finding, Findings, Found, Steps } from './finding.ts';
import { compareChildren } from './images.ts';
import { type Context, compareCompression } from './layers.ts';
import type { ImagesSubject, Subject, TarSubject } from './subject.ts';
import { createTally, type Tally } from './tally.ts';
import { diffTars } from './tar-diff.ts';
import { compareTrees } from './tree-diff.ts';

/**
 * Every difference, from the outside in; none for equal subjects. Everything is read to its end, and what is damaged throws an
 * OciError that names the blob, at the latest before the first finding inside it.
 */
export async function* diff(left: Subject, right: Subject, options: DiffOptions = {}): Findings {
  const context: Context = {
    budget: createBudget(options.maxContents ?? 1000),
    verify: options.verify !== false,
    sound: new Set(),
  };
  const weigh = weigher(options.ignore ?? []);
  for (const found of compareSubjects(left, right, context)) {
    options.signal?.throwIfAborted();
    if (found === undefined) await turn();
    else yield weigh(found);
  }
}

export interface DiffReport extends Tally {
  /** No finding of weight `difference`. */
  readonly isEqual: boolean;
  /** Differences and notes in order, the first of them. */
  readonly findings: readonly Finding[];
}

/** The comparison as one value, of at most `maxFindings` findings (100). Throws what diff throws. */
export async function compareWhole(
  left: Subject,
  right: Subject,
  options: DiffOptions & { readonly maxFindings?: number } = {},
): Promise<DiffReport> {
  const { maxFindings = 100 } = options;
  const findings: Finding[] = [];
  const tally = createTally(maxFindings);
  for await (const finding of diff(left, right, options)) if (tally.take(finding)) findings.push(finding);
  return { isEqual: tally.differences === 0, findings, ...tally.counts() };
}

function compareSubjects(left: Subject, right: Subject, context: Context): Steps {
  if (left.kind === 'images' && right.kind === 'images') return compareImageSets(left, right, context);
  if (left.kind === 'tar' && right.kind === 'tar') return compareTarFiles(left, right, context);
  return compareRootfs(left, right, context);
}

/** Of two forms, the rootfs is what both have. */
function* compareRootfs(left: Subject, right: Subject, context: Context): Steps {
  const ours = yield* rootfsOf(left, { digests: true });
  const theirs = yield* rootfsOf(right, { digests: true });
  yield* compareTrees(ours, theirs, context.budget);
}

function compareImageSets(left: ImagesSubject, right: ImagesSubject, context: Context): Steps {
  return compareChildren(left.children, right.children, context);
}

/** Two layers as files; equal tars may still be two different files. */
function* compareTarFiles(left: TarSubject, right: TarSubject, context: Context): Steps {
  let isTold = false;
  for (const found of diffTars(left, right, context.budget)) {
    isTold ||= found !== undefined && found.weight !== 'note';
    yield found;
  }
  if (isTold) return;
  const detail = yield* compareCompression(left, right);
  if (detail.offset !== undefined) yield { level: 'layer', ...detail };
}

/** Puts a weight to each finding. A pattern is a field's whole name, `*` standing for any characters. */
function weigher(patterns: readonly string[]): (found: Found) => Finding {
  const tests = patterns.map((pattern) => {
    const escaped = pattern.replace(/[.+?^${}()|[\]\\]/g, '\\$&').replace(/\*/g, '.*');
    return { pattern, regex: new RegExp(`^(?:${escaped})$`, 's') };
  });
  return (found) => {
    if (found.weight === 'note') return { ...found, weight: 'note' };
    const ignoring = tests.find(({ regex }) => regex.test(found.field ?? ''));
    return ignoring === undefined
      ? { ...found, weight: 'difference' }
      : { ...found, weight: 'ignored', ignoredBy: ignoring.pattern };
  };
}
