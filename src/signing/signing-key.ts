// Owns: the key that signs, from a file or from gpg, made alike; and writing a signature where it belongs, once.

import { readFileSync, statSync } from 'node:fs';
import { OciError } from '../../oci/errors.ts';
import { type Claim, encodeClaim } from '../../oci/signature/claim.ts';
import { type Judgement, judgeSignature } from '../../oci/signature/judge.ts';
import {
  clientFault,
  fingerprintOf,
  isRevoked,
  type Key,
  maySign,
  readPublicKey,
  signingFault,
} from '../../oci/signature/key.ts';
import { addSignature, listSignatures, signatureFolder } from '../../oci/signature/lookaside.ts';
import { readSecretKey, signClaim } from '../../oci/signature/secret-key.ts';
import { BuildError } from '../errors.ts';
import { showPath } from '../recipe/recipe.ts';
import { exportGpgKey, signWithGpg } from './gpg.ts';

export interface SigningKey {
  /** Of the primary key. */
  readonly fingerprint: string;
  readonly publicKey: Key;
  /** A signature file's bytes. */
  sign(claim: Claim): Promise<Uint8Array>;
}

/** A key in an armored file, as keygen writes it. Throws BuildError USAGE or SIGNATURE. */
export async function openKeyFile(file: string, passphraseFile: string | undefined): Promise<SigningKey> {
  const shown = showPath(file);
  const armored = readPrivate(file, '--key-file');
  const passphrase = passphraseFile === undefined ? undefined : readPassphrase(passphraseFile);
  const key = await readSecretKey(armored, passphrase).catch(rethrow(shown));
  await requireUsable(key.toPublic(), shown);
  return {
    fingerprint: fingerprintOf(key),
    publicKey: key.toPublic(),
    sign: (claim) => signClaim(claim, key, new Date()).catch(rethrow(shown)),
  };
}

/** A key gpg has. Throws BuildError USAGE, SIGNATURE or MACHINE. */
export async function openGpgKey(fingerprint: string, env: NodeJS.ProcessEnv): Promise<SigningKey> {
  const publicKey = await readPublicKey(await exportGpgKey(fingerprint, env), fingerprint).catch(rethrow(fingerprint));
  if (fingerprintOf(publicKey) !== fingerprint) {
    throw new BuildError('USAGE', '--key names a subkey', {
      want: `the primary key, ${fingerprintOf(publicKey)}`,
      got: fingerprint,
      hint: 'gpg picks the subkey that signs by itself',
    });
  }
  const unfit = clientFault(publicKey);
  if (unfit !== undefined) throw new BuildError('SIGNATURE', `${fingerprint}: ${unfit}`);
  if ((await isRevoked(publicKey, publicKey)) !== undefined) throw revoked(fingerprint);
  const canPrimary = await maySign(publicKey, new Date());
  return { fingerprint, publicKey, sign: (claim) => signWithGpg(fingerprint, canPrimary, encodeClaim(claim), env) };
}

/** The passphrase of a key: the file's first line. Throws BuildError USAGE. */
export function readPassphrase(file: string): string {
  const passphrase = readPrivate(file, '--passphrase-file').split(/\r?\n/, 1)[0]!;
  if (passphrase !== '') return passphrase;
  throw new BuildError('USAGE', '--passphrase-file: the first line is empty', { got: showPath(file) });
}

function readPrivate(file: string, flag: string): string {
  let mode: number;
  let text: string;
  try {
    mode = statSync(file).mode;
    text = readFileSync(file, 'utf8');
  } catch (cause) {
    throw new BuildError('USAGE', `${flag}: cannot read ${showPath(file)}`, {
      got: (cause as NodeJS.ErrnoException).code ?? String(cause),
      cause,
    });
  }
  // Pipes and devices, as in <(…), have no such mode.
  if ((mode & 0o170000) === 0o100000 && (mode & 0o077) !== 0) {
    throw new BuildError('USAGE', `${flag}: other users can reach ${showPath(file)}`, {
      want: 'mode 0600',
      got: `0${(mode & 0o777).toString(8)}`,
      hint: `chmod 600 ${showPath(file)}`,
    });
  }
  return text;
}

async function requireUsable(key: Key, what: string): Promise<void> {
  const unfit = clientFault(key);
  if (unfit !== undefined) throw new BuildError('SIGNATURE', `${what}: ${unfit}`);
  if ((await isRevoked(key, key)) !== undefined) throw revoked(what);
  const fault = await signingFault(key, key, new Date());
  if (fault !== undefined && key.getSubkeys().length === 0) throw new BuildError('SIGNATURE', `${what}: ${fault}`);
}

function revoked(what: string): BuildError {
  return new BuildError('SIGNATURE', `${what}: the key has been revoked`, { hint: 'nothing it signs would count' });
}

function rethrow(what: string) {
  return (error: unknown): never => {
    if (!(error instanceof OciError)) throw error;
    throw new BuildError('SIGNATURE', `${what}: ${error.message}`, { cause: error });
  };
}

export interface Placed {
  /** Below the lookaside's root. */
  readonly path: string;
  /** False where this key had signed the same before: then nothing was written. */
  readonly isNew: boolean;
  /** Of the subkey that signed, where it was not the primary key. */
  readonly subkey?: string;
}

/**
 * Signs a claim and puts the file where clients look for it. Nothing is written that verify would not count.
 * Throws BuildError SIGNATURE.
 */
export async function placeSignature(root: string, claim: Claim, key: SigningKey): Promise<Placed> {
  const folder = signatureFolder(claim);
  const judge = (bytes: Uint8Array) => judgeSignature(bytes, { keys: [key.publicKey], wanted: claim, now: new Date() });
  const subkeyOf = (judgement: Judgement): { subkey?: string } =>
    judgement.counts && judgement.signingFingerprint !== key.fingerprint
      ? { subkey: judgement.signingFingerprint }
      : {};
  for (const { path, bytes } of listSignatures(root, folder)) {
    const judgement = bytes === undefined ? undefined : await judge(bytes);
    if (judgement?.counts === true) return { path, isNew: false, ...subkeyOf(judgement) };
  }
  const bytes = await key.sign(claim);
  const judgement = await judge(bytes);
  if (!judgement.counts) {
    throw new BuildError('SIGNATURE', `${key.fingerprint}: what it signed would not count: ${judgement.message}`);
  }
  return { path: addSignature(root, folder, bytes), isNew: true, ...subkeyOf(judgement) };
}
