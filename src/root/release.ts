// Owns: InRelease, the clear-signed table of contents of a suite: whose signature counts, and what the text says.
// The text that is read is the text that was verified, never the file around it.

import type { Key } from 'openpgp';
import { type Digest, isDigest } from '../../oci/digest.ts';
import { BuildError } from '../errors.ts';
import type { DebianSpec } from './types.ts';

/** The fields of a Release file that are used here (Debian's repository format). */
export interface Release {
  readonly suite: string;
  readonly codename: string;
  /** '' when absent. */
  readonly version: string;
  readonly date: Date;
  readonly validUntil: Date | undefined;
  readonly architectures: readonly string[];
  readonly components: readonly string[];
  /** Path below `dists/<suite>/` to what it must be. */
  readonly files: ReadonlyMap<string, { readonly size: number; readonly digest: Digest }>;
}

/** It is large, and a build that finds everything in its cache verifies nothing. */
async function loadOpenpgp() {
  return await import('openpgp');
}

/**
 * Reads armored public keys and holds each to the fingerprint package.toml pins: one primary key a file, subkeys and all.
 * `armored` is in the order of `spec.keys`. Throws BuildError SIGNATURE.
 */
export async function readPinnedKeys(spec: DebianSpec, armored: readonly string[]): Promise<readonly Key[]> {
  const { readKeys } = await loadOpenpgp();
  const keys: Key[] = [];
  for (const [position, pinned] of spec.keys.entries()) {
    const found = await readKeys({ armoredKeys: armored[position] ?? '' }).catch((cause: unknown) => {
      throw new BuildError('SIGNATURE', `${pinned.file} is no armored OpenPGP key`, { location: spec.location, cause });
    });
    const fingerprints = found.map((key) => key.getFingerprint().toUpperCase());
    // A second armored block in the file would not even be read: nobody shall believe it was.
    const blocks = (armored[position] ?? '').split('-----BEGIN ').length - 1;
    if (blocks !== 1 || fingerprints.length !== 1 || fingerprints[0] !== pinned.fingerprint) {
      throw new BuildError('SIGNATURE', `${pinned.file} is not the key package.toml names`, {
        location: spec.location,
        want: pinned.fingerprint,
        got: blocks === 1 ? fingerprints.join(', ') || 'no key' : `${blocks} armored blocks`,
      });
    }
    keys.push(found[0]!);
  }
  return keys;
}

/**
 * Verifies InRelease and gives its text. A signature counts when a pinned key made it while that key was valid: a key
 * that has expired since still vouches for what it signed before. Two signatures by one key count once; signatures by
 * keys that are not pinned are passed over. Throws BuildError SIGNATURE when fewer than `spec.signatures` keys signed.
 */
export async function verifyInRelease(spec: DebianSpec, keys: readonly Key[], bytes: Uint8Array): Promise<string> {
  const cleartextMessage = Buffer.from(bytes).toString('utf8');
  const { readCleartextMessage, verify } = await loadOpenpgp();
  const message = await readCleartextMessage({ cleartextMessage }).catch((cause: unknown) => {
    throw new BuildError('SIGNATURE', 'InRelease is no clear-signed OpenPGP message', {
      location: spec.location,
      cause,
    });
  });
  const result = await verify({ message, verificationKeys: [...keys], format: 'utf8' });
  const signers = new Set<string>();
  const refusals: string[] = [];
  for (const signature of result.signatures) {
    const signer = signature.keyID.toHex().toUpperCase();
    try {
      await signature.verified;
    } catch (error) {
      refusals.push(`${signer}: ${error instanceof Error ? error.message : String(error)}`);
      continue;
    }
    const primary = keys.find((key) => key.getKeys(signature.keyID).length > 0);
    if (primary !== undefined) signers.add(primary.getFingerprint().toUpperCase());
  }
  if (signers.size < spec.signatures) {
    throw new BuildError('SIGNATURE', `InRelease of ${spec.suite} is not signed by enough of the pinned keys`, {
      location: spec.location,
      want: `${spec.signatures} of ${spec.keys.map((key) => key.fingerprint).join(', ')}`,
      got: [`${signers.size} (${[...signers].join(', ') || 'none'})`, ...refusals].join('; '),
    });
  }
  return result.data;
}

/** Reads the text of a Release file. Throws BuildError CHECK_FAILED when a needed field is missing or wrong. */
export function parseRelease(text: string): Release {
  const fields = new Map<string, string>();
  const tables = new Map<string, string[]>();
  let name = '';
  for (const line of text.split(/\r?\n/)) {
    if (/^[ \t]/.test(line)) {
      tables.get(name)?.push(line.trim());
      continue;
    }
    if (line === '') continue;
    const colon = line.indexOf(':');
    name = line.slice(0, colon);
    if (colon <= 0 || fields.has(name)) throw wrong('a line `Name: value`, each name once', line);
    fields.set(name, line.slice(colon + 1).trim());
    tables.set(name, []);
  }
  const need = (field: string) => fields.get(field) ?? fail(`a field ${field}`);
  const validUntil = fields.get('Valid-Until');
  return {
    suite: need('Suite'),
    codename: need('Codename'),
    version: fields.get('Version') ?? '',
    date: dateOf(need('Date')),
    validUntil: validUntil === undefined ? undefined : dateOf(validUntil),
    architectures: need('Architectures').split(/\s+/),
    components: need('Components').split(/\s+/),
    files: readTable(tables.get('SHA256') ?? fail('a table SHA256')),
  };
}

function readTable(lines: readonly string[]): Release['files'] {
  const files = new Map<string, { size: number; digest: Digest }>();
  for (const line of lines) {
    const [hex = '', size = '', path = '', ...more] = line.split(/\s+/);
    const digest = `sha256:${hex}`;
    if (!isDigest(digest) || !/^[0-9]{1,12}$/.test(size) || path === '' || more.length > 0) {
      throw wrong('a line `sha256 size path`', line);
    }
    if (files.has(path)) throw wrong('each path once', path);
    files.set(path, { size: Number(size), digest });
  }
  return files;
}

function dateOf(text: string): Date {
  const date = new Date(text);
  if (Number.isNaN(date.getTime()) || !/ (UTC|GMT|\+0000)$/.test(text)) throw wrong('a date in UTC', text);
  return date;
}

function fail(want: string): never {
  throw wrong(want, 'none');
}

function wrong(want: string, got: string): BuildError {
  return new BuildError('CHECK_FAILED', 'a Release file that cannot be read', { want, got });
}

/** Holds a Release to the suite asked for. Throws BuildError CHECK_FAILED: a signed file of another suite is no answer. */
export function checkRelease(spec: DebianSpec, release: Release): void {
  const differ = (what: string, want: string, got: string) =>
    new BuildError('CHECK_FAILED', `InRelease has another ${what}`, { location: spec.location, want, got });
  if (release.codename !== spec.suite) throw differ('codename', spec.suite, release.codename);
  if (!release.architectures.includes(spec.architecture)) {
    throw differ('set of architectures', spec.architecture, release.architectures.join(' '));
  }
  for (const component of spec.components) {
    if (!release.components.includes(component)) {
      throw differ('set of components', component, release.components.join(' '));
    }
  }
}
