// Owns: the comparison of two subjects, whatever their forms, as a stream of findings that are weighed: what counts, what was
// asked to be ignored, and what is a note.

import { turn } from '../turn.ts';
import { createBudget } from './content.ts';
import type { DiffOptions, Finding, Findings, Found, Steps } from './finding.ts';
import { compareChildren } from './images.ts';
import { type Context, compareCompression } from './layers.ts';
import type { ImagesSubject, Subject, TarSubject } from './subject.ts';
import { diffTars } from './tar-diff.ts';

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
    if (found === undefined) await turn();
    else yield weigh(found);
  }
}

export interface DiffReport {
  /** No finding of weight `difference`. */
  readonly isEqual: boolean;
  /** In order, the first of them. */
  readonly findings: readonly Finding[];
  /** How many there are beyond those. */
  readonly leftOut: number;
  /** Field to how often it was ignored. */
  readonly ignored: Readonly<Record<string, number>>;
}

/** The comparison as one value, of at most `maxFindings` findings (100). Throws what diff throws. */
export async function compareWhole(
  left: Subject,
  right: Subject,
  options: DiffOptions & { readonly maxFindings?: number } = {},
): Promise<DiffReport> {
  const { maxFindings = 100 } = options;
  const findings: Finding[] = [];
  const ignored: Record<string, number> = {};
  let isEqual = true;
  let leftOut = 0;
  for await (const finding of diff(left, right, options)) {
    if (finding.weight === 'difference') isEqual = false;
    if (finding.weight === 'ignored') ignored[finding.field ?? ''] = (ignored[finding.field ?? ''] ?? 0) + 1;
    else if (findings.length < maxFindings) findings.push(finding);
    else leftOut++;
  }
  return { isEqual, findings, leftOut, ignored };
}

function compareSubjects(left: Subject, right: Subject, context: Context): Steps {
  if (left.kind === 'images' && right.kind === 'images') return compareImageSets(left, right, context);
  if (left.kind === 'tar' && right.kind === 'tar') return compareTarFiles(left, right, context);
  throw new RangeError('not comparable yet');
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
