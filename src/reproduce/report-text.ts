// Owns: a verdict as text, for a terminal or a log.

import { findingText } from '../../oci/diff/render-text.ts';
import { shownLine } from '../../oci/shown-text.ts';
import type { Comparison, Difference, FileDifference, ImageVerdict, StepPlace, Verdict } from './verdict.ts';

/** The whole report; every line ends in a newline. `isVerbose`: what each witness said, too. */
export function verdictText(verdict: Verdict, isVerbose: boolean): string {
  const { images, executed, hits, builds, problems, isReproduced } = verdict;
  const lines = images.flatMap((image) => imageLines(image, isVerbose));
  for (const problem of problems) lines.push(`problem: ${shownLine(problem)}`);
  const sound = images.filter((image) => outcomeOf(image) === 'reproduced').length;
  lines.push(`ops: ${executed} executed, ${hits} cache hits; builds: ${builds}`);
  const left = images.length - sound;
  lines.push(
    isReproduced
      ? `reproduced: ${sound} of ${images.length}`
      : `NOT reproduced: ${left} of ${images.length} are not as they should be`,
  );
  return lines.map((line) => `${line}\n`).join('');
}

/** One word for an image. */
export function outcomeOf({
  comparisons,
  difference,
  variations,
}: ImageVerdict): 'reproduced' | 'different' | 'leaking' | 'unknown' {
  if (difference !== undefined || comparisons.some(({ outcome }) => outcome !== 'same')) return 'different';
  if (variations.some(({ outcome }) => outcome === 'leaked')) return 'leaking';
  return variations.some(({ outcome }) => outcome === 'unknown') ? 'unknown' : 'reproduced';
}

function imageLines(image: ImageVerdict, isVerbose: boolean): string[] {
  const { name, platform, manifest, comparisons, variations, difference } = image;
  const lines = [`${name} ${platform} ${manifest} ${outcomeOf(image)}`];
  for (const comparison of comparisons) lines.push(`  ${comparisonText(comparison)}`);
  if (variations.length > 0) {
    const outcomes = ['survived', 'changed', 'leaked', 'not varied', 'unknown'] as const;
    const counts = outcomes.map((outcome) => {
      const names = variations.filter((one) => one.outcome === outcome).map((one) => one.name);
      return names.length === 0 ? undefined : `  ${outcome}: ${names.join(', ')}`;
    });
    lines.push(...counts.filter((line) => line !== undefined));
    const [first] = variations;
    // An image for which no step runs: one reason for all.
    const isOneReason = variations.every(
      ({ outcome, detail }) => outcome === first!.outcome && detail === first!.detail,
    );
    if (isOneReason && variations.length > 1)
      lines.push(`    every one: ${first!.outcome}: ${shownLine(first!.detail)}`);
    for (const { name: variation, kind, outcome, detail } of isOneReason && variations.length > 1 && !isVerbose
      ? []
      : variations) {
      if (!isVerbose && (outcome === 'survived' || outcome === 'unknown')) continue;
      lines.push(`    ${variation} (${kind}): ${outcome}: ${shownLine(detail)}`);
    }
  }
  return difference === undefined ? lines : [...lines, ...differenceLines(difference).map((line) => `  ${line}`)];
}

/** `same as out/hello`, `recipes/digests.txt:3: want sha256:…, got sha256:…`. */
export function comparisonText({ with: label, outcome, want, got, location }: Comparison): string {
  if (outcome === 'same') return `same as ${label}`;
  const place = location === undefined ? label : `${location.file}:${location.line}`;
  const how = outcome === 'compression' ? 'the same diffIDs, compressed in another way' : 'different';
  return `${place}: ${how}: want ${want}, got ${got}`;
}

export function stepText({ target, stage, step, text, location }: StepPlace): string {
  return `${location.file}:${location.line}: ${target}, stage ${stage}, step ${step}: ${shownLine(text)}`;
}

/** Headline, cause, place; inner lines are indented. */
export function differenceLines({ first, second, cause, place }: Difference): string[] {
  const lines = [
    `two builds differ: ${first} and ${second}`,
    `  cause: ${cause.variations.length === 0 ? cause.kind : cause.variations.join(', ')}: ${shownLine(cause.sentence)}`,
  ];
  if (place.type !== 'image' || place.step !== undefined) {
    if (place.step !== undefined) lines.push(`  step: ${stepText(place.step)}`);
  }
  if (place.type === 'failure') lines.push(...place.message.split('\n').map((line) => `  failure: ${shownLine(line)}`));
  if (place.type === 'image') lines.push(...place.details.map((detail) => `  ${detail}`));
  if (place.type === 'files') {
    for (const file of place.files) lines.push(...fileLines(file).map((line) => `  ${line}`));
    if (place.more > 0) lines.push(`  and ${place.more} more files`);
  }
  return lines;
}

/** One file: a line for each field, then what in its content. */
export function fileLines({ path, fields, inside }: FileDifference): string[] {
  const lines = fields.map(({ field, first, second }) => {
    if (field !== 'existence') return `file: ${path}: ${field}: ${first} and ${second}`;
    return `file: ${path}: only in the ${first === undefined ? 'second' : 'first'} build (a ${first ?? second})`;
  });
  for (const detail of inside) {
    const text = findingText({ ...detail, level: 'content', weight: 'difference', path });
    lines.push(
      ...text
        .trimEnd()
        .split('\n')
        .map((line) => `  ${line}`),
    );
  }
  return lines;
}
