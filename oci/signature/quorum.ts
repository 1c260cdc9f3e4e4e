// Owns: counting signers. A quorum is of distinct primary keys: two subkeys of one key, a second signature by it, a copy of
// a file add nothing. policy.json of podman and skopeo can demand all of n keys, never k of n; this can.

import { type Judgement, type JudgeOptions, judgeSignature, type Refusal, type Wanted } from './judge.ts';
import { fingerprintOf, type Key } from './key.ts';
import type { SignatureFile } from './lookaside.ts';

/** Somebody whose signature counts. */
export interface Signer {
  readonly name: string;
  readonly key: Key;
  /** Groups this signer represents. */
  readonly groups: readonly string[];
}

/** Who has to sign. */
export interface Quorum {
  readonly signers: readonly Signer[];
  /** How many different signers, at least 1. */
  readonly count: number;
  /** Each of these must be represented by a signer who signed. */
  readonly groups: readonly string[];
}

/** One signature file in the table of who signed what. */
export interface Ballot {
  readonly path: string;
  readonly signer?: Signer;
  /** Of the primary key, where one is known. */
  readonly fingerprint?: string;
  /** `counts`: this file won a signer. `again`: that signer had been counted. `refused`: it counts for nothing. */
  readonly state: 'counts' | 'again' | 'refused';
  readonly refusal?: Refusal;
  /** Why it does not count; '' when it does. */
  readonly message: string;
}

export interface Tally {
  readonly isMet: boolean;
  readonly wanted: Wanted;
  readonly ballots: readonly Ballot[];
  /** Those who count, in the order their signatures lie. */
  readonly signers: readonly Signer[];
  /** Groups nobody who counts represents. */
  readonly missingGroups: readonly string[];
  /** How many signers are wanted. */
  readonly count: number;
}

/** Judges every file and counts. `files` are in the order they lie. */
export async function countSignatures(
  files: readonly SignatureFile[],
  wanted: Wanted,
  quorum: Quorum,
  now: Date,
): Promise<Tally> {
  const options: JudgeOptions = { keys: quorum.signers.map(({ key }) => key), wanted, now };
  const byFingerprint = new Map(quorum.signers.map((signer) => [fingerprintOf(signer.key), signer] as const));
  const counted = new Map<string, string>();
  const seen = new Map<string, string>();
  const ballots: Ballot[] = [];
  for (const { path, bytes, problem } of files) {
    if (bytes === undefined) {
      ballots.push({ path, state: 'refused', refusal: 'PLACE', message: problem ?? 'it cannot be read' });
      continue;
    }
    const content = Buffer.from(bytes).toString('latin1');
    const original = seen.get(content);
    if (original !== undefined) {
      ballots.push({ path, state: 'refused', refusal: 'COPY', message: `a copy of ${lastName(original)}` });
      continue;
    }
    seen.set(content, path);
    const ballot = ballotOf(path, await judgeSignature(bytes, options), byFingerprint, counted);
    ballots.push(ballot);
  }
  const signers = [...counted.keys()].map((fingerprint) => byFingerprint.get(fingerprint)!);
  const missingGroups = quorum.groups.filter((group) => !signers.some((signer) => signer.groups.includes(group)));
  const isMet = signers.length >= quorum.count && missingGroups.length === 0;
  return { isMet, wanted, ballots, signers, missingGroups, count: quorum.count };
}

function ballotOf(
  path: string,
  judgement: Judgement,
  byFingerprint: ReadonlyMap<string, Signer>,
  counted: Map<string, string>,
): Ballot {
  const { fingerprint } = judgement;
  const signer = fingerprint === undefined ? undefined : byFingerprint.get(fingerprint);
  const who = {
    ...(fingerprint === undefined ? {} : { fingerprint }),
    ...(signer === undefined ? {} : { signer }),
  };
  if (!judgement.counts) {
    return { path, ...who, state: 'refused', refusal: judgement.refusal, message: judgement.message };
  }
  const before = counted.get(judgement.fingerprint);
  if (before !== undefined) {
    const isSubkey = judgement.signingFingerprint !== judgement.fingerprint;
    const message = `the key that signed ${lastName(before)} already${isSubkey ? ', by a subkey' : ''}: counted once`;
    return { path, ...who, state: 'again', message };
  }
  counted.set(judgement.fingerprint, path);
  return { path, ...who, state: 'counts', message: '' };
}

function lastName(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}
