// Owns: trust.toml, a policy: who may sign, and how many must. docs/signing.md describes the format for people.
//
//   serial = 1                              raised with every change; a consumer never goes back
//   repository = "registry.example/ns"      the names these signers vouch for
//   quorum = 2                              distinct primary keys
//   groups = ["core", "distro"]             optional: each must be represented
//   [signers.alice]
//   fingerprint = "40 upper-case hex digits"
//   key = "keys/alice.asc"                  armored, beside this file; this is the default
//   groups = ["core"]
//
// A policy's digest is that of a bundle: canonical JSON of format, text and keys, so that other keys are another policy.

import path from 'node:path';
import { type Digest, digestOf } from '../../oci/digest.ts';
import { OciError } from '../../oci/errors.ts';
import { canonicalJson } from '../../oci/json.ts';
import { formatReference, parseReference } from '../../oci/reference.ts';
import { clientFault, fingerprintFault, fingerprintOf, isRevoked, readPublicKey } from '../../oci/signature/key.ts';
import type { Quorum, Signer } from '../../oci/signature/quorum.ts';
import { BuildError } from '../errors.ts';
import { didYouMean } from '../recipe/near-miss.ts';
import { readTextIfThere, showPath } from '../recipe/recipe.ts';
import { Document, show } from '../recipe/toml-document.ts';

export const TRUST_FILE = 'trust.toml';
const BUNDLE_FORMAT = 1;
const TOP_KEYS = ['serial', 'repository', 'quorum', 'groups', 'signers'];
const SIGNER_KEYS = ['fingerprint', 'key', 'groups'];

export interface TrustPolicy {
  /** As errors call it. */
  readonly file: string;
  readonly serial: number;
  /** Without a tag. */
  readonly repository: string;
  readonly quorum: Quorum;
  /** Policy and keys as one text, and what a signature of the policy is over. */
  readonly bundle: string;
  readonly digest: Digest;
  /** Of signers whose signatures can never count as things stand. */
  readonly warnings: readonly string[];
}

/** Reads trust.toml and the keys beside it. Throws BuildError RECIPE with file and line. */
export async function readTrust(file: string): Promise<TrustPolicy> {
  const folder = path.dirname(path.resolve(file));
  return parseTrust(readPolicy(file), showPath(path.resolve(file)), (key) => readTextIfThere(path.join(folder, key)));
}

/** A bundle to the policy in it. Throws BuildError RECIPE. */
export async function parseTrustBundle(bundle: string, file: string): Promise<TrustPolicy> {
  let read: { format?: unknown; policy?: unknown; keys?: unknown } | null;
  try {
    read = JSON.parse(bundle) as typeof read;
  } catch (cause) {
    throw new BuildError('RECIPE', `${file} is no policy`, { got: (cause as Error).message, cause });
  }
  const { format, policy, keys } = read ?? {};
  if (format !== BUNDLE_FORMAT || typeof policy !== 'string' || typeof keys !== 'object' || keys === null) {
    throw new BuildError('RECIPE', `${file} is no policy of format ${BUNDLE_FORMAT}`);
  }
  const parsed = await parseTrust(policy, file, (key) => {
    const armored = Object.hasOwn(keys, key) ? (keys as Record<string, unknown>)[key] : undefined;
    return typeof armored === 'string' ? armored : undefined;
  });
  if (parsed.bundle !== bundle) throw new BuildError('RECIPE', `${file} is not written as policies are`);
  return parsed;
}

function readPolicy(file: string): string {
  const text = readTextIfThere(file);
  if (text !== undefined) return text;
  throw new BuildError('RECIPE', 'there is no policy', {
    want: showPath(file),
    hint: 'write one, or name one with --policy FILE; docs/signing.md says how',
  });
}

/** `readKey` gives a key's text by its path, undefined where there is none. */
async function parseTrust(
  text: string,
  file: string,
  readKey: (path: string) => string | undefined,
): Promise<TrustPolicy> {
  const document = new Document(text, file);
  checkKeys(document, [], document.root, TOP_KEYS);
  const serial = document.integer('serial') ?? document.fail([], 'no serial', { want: 'serial = 1' });
  const repository = readRepository(document);
  const groups = document.strings('groups');
  const table = document.table('signers') ?? document.fail([], 'no signers', { want: 'tables [signers.NAME]' });
  const keys: Record<string, string> = {};
  const signers: Signer[] = [];
  const warnings: string[] = [];
  for (const name of Object.keys(table)) {
    const at = ['signers', name];
    if (!/^[A-Za-z0-9][A-Za-z0-9._@+-]*$/.test(name)) {
      document.fail(at, 'not a name for a signer', { want: 'letters, digits and . _ @ + -', got: show(name) });
    }
    checkKeys(document, at, document.table(...at)!, SIGNER_KEYS);
    const keyPath = readKeyPath(document, at, name);
    const armored = readKey(keyPath) ?? document.fail(at, `there is no key ${keyPath}`, { want: `the key of ${name}` });
    keys[keyPath] = armored;
    const signer = await readSigner(document, at, name, armored, groups);
    const twin = signers.find((one) => fingerprintOf(one.key) === fingerprintOf(signer.key));
    if (twin !== undefined) document.fail(at, `the key of ${name} is ${twin.name}'s`, { want: 'one key a signer' });
    signers.push(signer);
    const warning = await faultOf(signer);
    if (warning !== undefined) warnings.push(`${file}: nothing ${name} signs counts: ${warning}`);
  }
  const count = document.integer('quorum') ?? document.fail([], 'no quorum', { want: 'quorum = 2' });
  if (count < 1 || count > signers.length) {
    document.fail(['quorum'], 'this quorum can never be met, or always is', {
      want: `1 to ${signers.length}, as there are signers`,
      got: `${count}`,
    });
  }
  for (const group of groups) {
    if (signers.some((signer) => signer.groups.includes(group))) continue;
    document.fail(['groups'], `nobody represents the group ${show(group)}`, { hint: 'groups = [...] of a signer' });
  }
  const bundle = canonicalJson({ format: BUNDLE_FORMAT, policy: text, keys });
  const quorum = { signers, count, groups };
  return { file, serial, repository, quorum, bundle, digest: digestOf(bundle), warnings };
}

function checkKeys(document: Document, at: string[], table: Record<string, unknown>, known: readonly string[]): void {
  for (const key of Object.keys(table)) {
    if (known.includes(key)) continue;
    document.fail([...at, key], `unknown key ${show(key)}`, {
      hint: didYouMean(key, known) ?? `known are ${known.join(', ')}`,
    });
  }
}

function readRepository(document: Document): string {
  const want = 'repository = "registry.example/ns"';
  const text = document.string('repository') ?? document.fail([], 'no repository', { want });
  try {
    const { registry, repository, tag, digest } = parseReference(text);
    // "host" and "host:5000" parse as a name without a registry: every image then lies right below the registry.
    const isRegistry = /^[a-z0-9.-]+\.[a-z0-9.-]+$|^localhost$/.test(text);
    if (isRegistry) return text;
    if (registry !== undefined && tag === undefined && digest === undefined) {
      return formatReference({ registry, repository });
    }
  } catch (error) {
    if (!(error instanceof OciError)) throw error;
  }
  return document.fail(['repository'], 'not a registry and a repository', { want, got: show(text) });
}

function readKeyPath(document: Document, at: readonly string[], name: string): string {
  const given = document.string(...at, 'key');
  const key = given ?? `keys/${name}.asc`;
  const isInside = key !== '' && !path.posix.isAbsolute(key) && !key.split('/').includes('..') && !key.includes('\0');
  if (!isInside)
    document.fail([...at, 'key'], 'a key lies beside the policy', { want: 'a path below it', got: show(key) });
  return key;
}

async function readSigner(
  document: Document,
  at: readonly string[],
  name: string,
  armored: string,
  groups: readonly string[],
): Promise<Signer> {
  const pinned = document.string(...at, 'fingerprint');
  if (pinned === undefined) return document.fail([...at], `no fingerprint of ${name}'s key`);
  const fault = fingerprintFault(pinned);
  if (fault !== undefined) {
    document.fail([...at, 'fingerprint'], fault, {
      want: "the primary key's, 40 upper-case hex digits",
      got: show(pinned),
    });
  }
  const key = await readPublicKey(armored, `the key of ${name}`).catch((error: unknown) => {
    if (!(error instanceof OciError)) throw error;
    throw new BuildError('RECIPE', error.message, { location: document.at(...at), cause: error });
  });
  if (fingerprintOf(key) !== pinned) {
    const isSubkey = key.getSubkeys().some((one) => fingerprintOf(one) === pinned);
    document.fail([...at, 'fingerprint'], `not the fingerprint of ${name}'s key`, {
      want: pinned,
      got: fingerprintOf(key),
      ...(isSubkey ? { hint: 'that is a subkey: name the primary key' } : {}),
    });
  }
  const own = document.strings(...at, 'groups');
  for (const [index, group] of own.entries()) {
    if (groups.includes(group)) continue;
    document.fail([...at, 'groups', index], `the policy has no group ${show(group)}`, {
      hint: didYouMean(group, groups) ?? 'list it in groups at the top',
    });
  }
  return { name, key, groups: own };
}

async function faultOf({ key }: Signer): Promise<string | undefined> {
  return clientFault(key) ?? ((await isRevoked(key, key)) === undefined ? undefined : 'the key has been revoked');
}
