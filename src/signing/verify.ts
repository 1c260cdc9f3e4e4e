// Owns: one look at a tree or an image through a policy: which policy, whether it may have changed, what was signed by whom,
// whether the release went back, and what is remembered of it.

import { realpathSync } from 'node:fs';
import { join } from 'node:path';
import { listSignatures, signatureFolder } from '../../oci/signature/lookaside.ts';
import { countSignatures, type Tally } from '../../oci/signature/quorum.ts';
import { type DigestList, readDigests } from '../digests/digest-list.ts';
import { treeDigest } from '../digests/recipe-digest.ts';
import { BuildError } from '../errors.ts';
import type { Tree } from '../recipe/types.ts';
import {
  type ConsumerState,
  readState,
  rememberRepository,
  requireForward,
  requireSameRepository,
  statePath,
  treeStatePath,
  writeState,
} from './consumer-state.ts';
import { requireSuccession } from './policy-history.ts';
import { type Release, type ReleaseContent, readReleases, releaseDifferences } from './release.ts';
import type { Subject } from './subjects.ts';
import { parseTrustBundle, readTrust, TRUST_FILE, type TrustPolicy } from './trust.ts';

export interface Verdict extends Subject {
  readonly tally: Tally;
}

export interface ReleaseVerdict {
  readonly release: Release;
  readonly tally: Tally;
  /** What of the tree is not as the release says. */
  readonly differences: readonly string[];
}

export interface Session {
  readonly policy: TrustPolicy;
  /** The policy lies in the tree it judges. */
  readonly isOwn: boolean;
  readonly state: ConsumerState;
  readonly statePath: string;
  /** Of a policy that lies in the tree it judges, where no state file was named. */
  readonly treeStatePath: string | undefined;
}

export interface SessionOptions {
  readonly tree: Tree | undefined;
  /** `--policy`, absolute. */
  readonly policyFile: string | undefined;
  readonly signatures: string;
  /** `--state`, absolute. */
  readonly stateFile: string | undefined;
  readonly env: NodeJS.ProcessEnv;
  readonly now: Date;
}

/** Reads the policy and holds it to what was seen before. Throws BuildError RECIPE, SIGNATURE, USAGE. */
export async function openSession(options: SessionOptions): Promise<Session> {
  const { tree, policyFile, signatures, stateFile, env, now } = options;
  const own = tree === undefined ? undefined : join(tree.directory, TRUST_FILE);
  const file = policyFile ?? own;
  if (file === undefined) {
    throw new BuildError('USAGE', 'there is no policy to verify with', {
      want: '--policy FILE, or a tree with trust.toml',
    });
  }
  const isOwn = own !== undefined && real(file) === real(own);
  const policy = await readTrust(file);
  const path = stateFile ?? statePath(policy.repository, env);
  const treeState = isOwn && stateFile === undefined ? treeStatePath(real(tree!.directory), env) : undefined;
  if (treeState !== undefined) requireSameRepository(treeState, policy.repository);
  const state = readState(path, policy.repository);
  if (isOwn && state.policy !== undefined) {
    const accepted = await parseTrustBundle(state.policy, 'the policy accepted before');
    await requireSuccession(signatures, accepted, policy, now);
  }
  return { policy, isOwn, state, statePath: path, treeStatePath: treeState };
}

function real(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path;
  }
}

/** Counts the signatures of every subject, in their order. */
export async function judgeSubjects(
  subjects: readonly Subject[],
  policy: TrustPolicy,
  signatures: string,
  now: Date,
): Promise<readonly Verdict[]> {
  const verdicts: Verdict[] = [];
  for (const subject of subjects) {
    // A name nobody signed under has no folder, and `(unknown)` is no name.
    const isNamed = !subject.wanted.name.endsWith('(unknown)');
    const files = isNamed ? listSignatures(signatures, signatureFolder(subject.wanted)) : [];
    verdicts.push({ ...subject, tally: await countSignatures(files, subject.wanted, policy.quorum, now) });
  }
  return verdicts;
}

/** What a release of the tree as it is would say. What only building tells, the caller has to know. */
export function contentOf(
  tree: Tree,
  list: DigestList | undefined,
  built: Pick<ReleaseContent, 'referrers' | 'sources'>,
): ReleaseContent {
  const { publish } = tree;
  if (publish === undefined || list === undefined) {
    throw new BuildError('CHECK_FAILED', 'a release needs a name and digests', {
      want: publish === undefined ? '[publish] in ocibuild.toml' : 'digests.txt, which `ocibuild digests` writes',
    });
  }
  return {
    repository: publish.repository,
    tag: publish.tag,
    images: list.format,
    tree: treeDigest(tree),
    digests: list.lines.map(({ name, platform, digest }) => ({ recipe: name, platform, digest })),
    referrers: built.referrers,
    sources: built.sources,
  };
}

/**
 * The newest release of a tree: who signed it, and whether the tree is what it says. Undefined where there never was one.
 * Throws BuildError SIGNATURE when it is older than one seen before, CHECK_FAILED when the chain is broken.
 */
export async function judgeRelease(
  tree: Tree,
  { policy, state }: Session,
  signatures: string,
  now: Date,
): Promise<ReleaseVerdict | undefined> {
  const releases = readReleases(signatures);
  requireForward(state, releases);
  const release = releases.at(-1);
  if (release === undefined) return undefined;
  const wanted = { kind: 'release', name: policy.repository, digest: release.digest } as const;
  const tally = await countSignatures(listSignatures(signatures, signatureFolder(wanted)), wanted, policy.quorum, now);
  // Documents and sources are known by building: who only looks takes the signers' word for them. What they follow from,
  // recipes with their pins and digests, is compared.
  const here = contentOf(tree, readDigests(tree), release.content);
  return { release, tally, differences: releaseDifferences(release.content, here) };
}

/** For who looks at a part of a tree only. Throws BuildError SIGNATURE when the tree's newest release is older than one seen. */
export function requireNoOlder({ state }: Session, signatures: string): void {
  requireForward(state, readReleases(signatures));
}

/** Remembers what held. */
export function remember(session: Session, release: Release | undefined): void {
  const { policy, isOwn, state } = session;
  const seen = release === undefined ? state.release : { serial: release.serial, digest: release.digest };
  const next: ConsumerState = {
    repository: policy.repository,
    ...(seen === undefined ? {} : { release: seen }),
    ...(isOwn ? { policy: policy.bundle } : state.policy === undefined ? {} : { policy: state.policy }),
  };
  if (JSON.stringify(next) !== JSON.stringify(state)) writeState(session.statePath, next);
  if (session.treeStatePath !== undefined) rememberRepository(session.treeStatePath, policy.repository);
}
