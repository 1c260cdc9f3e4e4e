// Owns: the verdict on one signature file: what it claims, whose it is, and whether it counts. Every way not to count has
// a code and a message. A quorum is counted elsewhere, over these verdicts.

import type { SignaturePacket } from 'openpgp';
import { OciError } from '../errors.ts';
import { parseReference } from '../reference.ts';
import { type Claim, parseClaim } from './claim.ts';
import { clientFault, fingerprintOf, isRevoked, type Key, type Subkey, signingFault } from './key.ts';
import { lenientConfig, loadOpenpgp, strictConfig } from './openpgp.ts';
import { openSignedMessage } from './signed-message.ts';

/** Why a signature file does not count. A closed union. */
export type Refusal =
  | 'FORM' // no binary signed message of the one shape
  | 'TEXT' // what is signed cannot be read strictly
  | 'OTHER_KIND' // a signature of an image where one of a release is wanted, and so on
  | 'OTHER_DIGEST'
  | 'OTHER_NAME'
  | 'WEAK_HASH'
  | 'FUTURE'
  | 'SIGNATURE_EXPIRED'
  | 'UNKNOWN_KEY'
  | 'BAD_SIGNATURE'
  | 'CLIENT_KEY' // a key that podman and skopeo refuse, short ones too
  | 'REVOKED'
  | 'KEY_STATE' // expired when it signed, not certified, not for signing
  | 'PLACE' // a file where no client looks for it
  | 'COPY';

export type Judgement =
  | {
      readonly counts: true;
      readonly claim: Claim;
      /** Of the primary key; what a quorum counts. */
      readonly fingerprint: string;
      /** Of the key that signed: the primary key's own, or a subkey's. */
      readonly signingFingerprint: string;
      /** As the signer says. */
      readonly created: Date;
    }
  | {
      readonly counts: false;
      readonly refusal: Refusal;
      readonly message: string;
      /** Of the primary key, where the signature names one that is known. Whether that key made it is another question. */
      readonly fingerprint?: string;
    };

/** What a signature is wanted for. */
export interface Wanted extends Claim {
  /** For images: `exact`, or any tag of the repository that `name` names without a tag. */
  readonly match?: 'exact' | 'repository';
}

export interface JudgeOptions {
  /** Public keys that may sign. */
  readonly keys: readonly Key[];
  readonly wanted: Wanted;
  readonly now: Date;
}

class Refused extends Error {
  readonly refusal: Refusal;
  readonly fingerprint: string | undefined;
  constructor(refusal: Refusal, message: string, fingerprint?: string) {
    super(message);
    this.refusal = refusal;
    this.fingerprint = fingerprint;
  }
}

/** Judges one signature file. Throws nothing that a file could cause. */
export async function judgeSignature(bytes: Uint8Array, options: JudgeOptions): Promise<Judgement> {
  try {
    return await judge(bytes, options);
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    const { refusal, message, fingerprint } = error;
    return { counts: false, refusal, message, ...(fingerprint === undefined ? {} : { fingerprint }) };
  }
}

async function judge(bytes: Uint8Array, { keys, wanted, now }: JudgeOptions): Promise<Judgement> {
  const { payload, signature: packetBytes } = asking('FORM', () => openSignedMessage(bytes));
  const claim = asking('TEXT', () => parseClaim(payload));
  checkClaim(claim, wanted);
  const signature = await readSignaturePacket(packetBytes);
  const created = await checkSignature(signature, now);
  const { primary, signing } = findSigner(signature, keys);
  const fingerprint = fingerprintOf(primary);
  const refuse = (refusal: Refusal, message: string): never => {
    throw new Refused(refusal, message, fingerprint);
  };
  await checkMath(signature, signing, payload).catch((error: unknown) =>
    refuse('BAD_SIGNATURE', `not made by the key it names: ${textOf(error)}`),
  );
  const unfit = clientFault(primary) ?? clientFault(signing);
  if (unfit !== undefined) refuse('CLIENT_KEY', unfit);
  const revoked = await isRevoked(primary, signing);
  if (revoked !== undefined) {
    refuse('REVOKED', revoked === 'primary' ? 'the key has been revoked' : 'the subkey has been revoked');
  }
  const fault = await signingFault(primary, signing, created);
  if (fault !== undefined) refuse('KEY_STATE', fault);
  // The library's own verdict on the whole, with all it checks besides.
  await checkWhole(packetBytes, primary, payload, now).catch((error: unknown) =>
    refuse('BAD_SIGNATURE', `refused: ${textOf(error)}`),
  );
  return { counts: true, claim, fingerprint, signingFingerprint: fingerprintOf(signing), created };
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function asking<T>(refusal: Refusal, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (error instanceof OciError) throw new Refused(refusal, error.message);
    throw error;
  }
}

/** Throws unless the claim is the one wanted. */
function checkClaim(claim: Claim, wanted: Wanted): void {
  if (claim.kind !== wanted.kind) {
    throw new Refused('OTHER_KIND', `signed as ${claim.kind}: want ${wanted.kind}, got ${claim.kind}`);
  }
  if (claim.digest !== wanted.digest) {
    throw new Refused('OTHER_DIGEST', `signed for another digest: want ${wanted.digest}, got ${claim.digest}`);
  }
  const differ = (got: string): Refused =>
    new Refused('OTHER_NAME', `signed for another name: want ${wanted.name}, got ${JSON.stringify(got)}`);
  if (claim.kind !== 'image') {
    if (claim.name !== wanted.name) throw differ(claim.name);
    return;
  }
  const got = asking('OTHER_NAME', () => parseReference(claim.name));
  if (got.tag === undefined || got.digest !== undefined) {
    throw new Refused('OTHER_NAME', `signed for a name without a tag, which clients refuse: got ${claim.name}`);
  }
  const compared = wanted.match === 'repository' ? claim.name.slice(0, -got.tag.length - 1) : claim.name;
  if (compared !== wanted.name) throw differ(claim.name);
}

async function readSignaturePacket(bytes: Uint8Array): Promise<SignaturePacket> {
  const { readSignature } = await loadOpenpgp();
  // The header is ours: one byte of tag, five of length.
  const version = bytes[6];
  if (version !== 4) {
    throw new Refused('CLIENT_KEY', `a signature of version ${version}, which clients refuse: want version 4`);
  }
  const read = await readSignature({ binarySignature: bytes }).catch((error: unknown) => {
    throw new Refused('FORM', `a signature packet that cannot be read: ${textOf(error)}`);
  });
  const packet = read.packets[0];
  if (packet === undefined || !('issuerKeyID' in packet)) {
    throw new Refused('FORM', 'a signature packet that cannot be read');
  }
  return packet;
}

/** What the signature says of itself; gives its time. */
async function checkSignature(signature: SignaturePacket, now: Date): Promise<Date> {
  const { enums } = await loadOpenpgp();
  if (signature.signatureType !== enums.signature.binary) {
    throw new Refused('FORM', `a signature of type ${signature.signatureType}: want 0, over binary data`);
  }
  const strict = await strictConfig();
  const hash = signature.hashAlgorithm as number;
  if ((strict.rejectMessageHashAlgorithms as ReadonlySet<number>).has(hash)) {
    const name = Object.entries(enums.hash).find(([, value]) => value === hash)?.[0] ?? `hash ${hash}`;
    throw new Refused('WEAK_HASH', `made with ${name.toUpperCase()}, which can be forged: want SHA-256 or better`);
  }
  const { created } = signature;
  if (created === null) throw new Refused('FORM', 'a signature without a time');
  if (created > now) {
    throw new Refused('FUTURE', `made in the future: on ${created.toISOString()}; one of two clocks is wrong`);
  }
  const expires = signature.getExpirationTime();
  if (expires !== null && expires !== Number.POSITIVE_INFINITY && expires <= now) {
    throw new Refused('SIGNATURE_EXPIRED', `the signature itself expired on ${(expires as Date).toISOString()}`);
  }
  return created;
}

function findSigner(signature: SignaturePacket, keys: readonly Key[]): { primary: Key; signing: Key | Subkey } {
  const keyId = signature.issuerKeyID.toHex().toUpperCase();
  const issuer = signature.issuerFingerprint;
  const named = issuer === null ? undefined : Buffer.from(issuer).toString('hex').toUpperCase();
  if (named !== undefined && !named.endsWith(keyId)) {
    throw new Refused('BAD_SIGNATURE', `it names two issuers: key id ${keyId} and fingerprint ${named}`);
  }
  for (const primary of keys) {
    for (const signing of primary.getKeys()) {
      const fingerprint = fingerprintOf(signing);
      if (named === undefined ? fingerprint.endsWith(keyId) : fingerprint === named) return { primary, signing };
    }
  }
  throw new Refused('UNKNOWN_KEY', `signed by a key nobody named: ${named ?? keyId}`);
}

/** The mathematics alone: no dates, no state of the key. */
async function checkMath(signature: SignaturePacket, signing: Key | Subkey, payload: Uint8Array): Promise<void> {
  const { createMessage, enums } = await loadOpenpgp();
  const message = await createMessage({ binary: payload });
  const [literal] = message.packets;
  const anyTime = null as unknown as Date;
  const { binary } = enums.signature;
  await signature.verify(signing.keyPacket, binary, literal as object, anyTime, true, await lenientConfig());
}

async function checkWhole(binarySignature: Uint8Array, primary: Key, payload: Uint8Array, now: Date): Promise<void> {
  const { createMessage, readSignature, verify } = await loadOpenpgp();
  await verify({
    message: await createMessage({ binary: payload }),
    signature: await readSignature({ binarySignature }),
    verificationKeys: [primary],
    expectSigned: true,
    format: 'binary',
    date: now,
    config: await strictConfig(),
  });
}
