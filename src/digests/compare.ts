// Owns: what is wrong between a list of expected digests and what was built, in words that name the next command.

import type { Digest } from '../../oci/digest.ts';
import { type DigestList, type ExpectedDigest, expectedOf, imageFormat } from './digest-list.ts';

/** What is known of one recipe on one platform. */
export type RecipeState = { readonly name: string; readonly platform: string } & (
  | { readonly outcome: 'built'; readonly digest: Digest }
  /** The store holds no result of the recipe as it is now: never built, changed since, or the build failed. */
  | { readonly outcome: 'not built' }
  /** It cannot be built as it is: its files are wrong. */
  | { readonly outcome: 'failed'; readonly reason: string }
);

export interface Finding {
  readonly kind: 'different' | 'not built' | 'failed' | 'unlisted' | 'unknown' | 'format';
  /** Absent for what is about the whole list. */
  readonly name?: string;
  readonly platform?: string;
  readonly want?: string;
  readonly got?: string;
  /** The command that shows why, or mends it. */
  readonly command: string;
}

/** What a list is compared with. */
export interface CompareScope {
  readonly states: readonly RecipeState[];
  /** Of lines nothing was asked about: true when the tree has such a recipe for such a platform. Absent: they are left alone. */
  readonly isKnown?: (line: ExpectedDigest) => boolean;
}

/** Every difference, in the order of names; empty when all that was asked about is as expected. */
export function compareDigests(list: DigestList | undefined, { states, isKnown }: CompareScope): readonly Finding[] {
  const findings: Finding[] = [];
  if (list !== undefined && list.format !== imageFormat()) {
    findings.push({
      kind: 'format',
      want: list.format,
      got: imageFormat(),
      command: 'ocibuild run --all && ocibuild digests',
    });
  }
  for (const state of states) {
    const want = expectedOf(list, state.name, state.platform)?.digest;
    const { name, platform } = state;
    const known = { name, platform, ...(want === undefined ? {} : { want }) };
    if (state.outcome === 'failed') {
      findings.push({ kind: 'failed', ...known, got: state.reason, command: `ocibuild lint ${name}` });
    } else if (state.outcome === 'not built') {
      findings.push({ kind: 'not built', ...known, command: `ocibuild run ${name}` });
    } else if (want === undefined) {
      findings.push({ kind: 'unlisted', ...known, got: state.digest, command: `ocibuild digests ${name}` });
    } else if (want !== state.digest) {
      findings.push({ kind: 'different', ...known, got: state.digest, command: `ocibuild reproduce ${name}` });
    }
  }
  for (const { name, platform, digest } of list?.lines ?? []) {
    if (isKnown === undefined || isKnown({ name, platform, digest })) continue;
    findings.push({ kind: 'unknown', name, platform, want: digest, command: 'ocibuild digests' });
  }
  return findings;
}

/** One line: the recipe, what is wrong, want, got, and the command that shows why. */
export function findingText({ kind, name, platform, want, got, command }: Finding): string {
  const who = name === undefined ? '' : `${name} ${platform}: `;
  const expected = want === undefined ? 'no line in the list' : `want ${want}`;
  switch (kind) {
    case 'format':
      return `the list was made for images of another format: want ${want}, got ${got}: ${command}`;
    case 'different':
    case 'unlisted':
      return `${who}${expected}, got ${got}: ${command}`;
    case 'not built':
      return `${who}${expected}, got nothing: not built here as its files are now, or the build failed: ${command}`;
    case 'failed':
      return `${who}${expected}, got an error: ${got}: ${command}`;
    case 'unknown':
      return `${who}${expected}, and the tree has no such recipe for this platform: ${command}`;
  }
}
