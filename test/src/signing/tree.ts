// Owns: a tree with a policy, digests and signatures, for tests: nothing is built, the images are made up. Keys are new.

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { type Digest, digestOf } from '../../../oci/digest.ts';
import type { ClaimKind } from '../../../oci/signature/claim.ts';
import { makeKey } from '../../../oci/signature/secret-key.ts';
import { formatDigests, readDigests } from '../../../src/digests/digest-list.ts';
import { openTree } from '../../../src/recipe/tree.ts';
import { keepPolicy, policyClaim } from '../../../src/signing/policy-history.ts';
import { type Release, stateRelease } from '../../../src/signing/release.ts';
import { openKeyFile, placeSignature, type SigningKey } from '../../../src/signing/signing-key.ts';
import { readTrust } from '../../../src/signing/trust.ts';
import { contentOf } from '../../../src/signing/verify.ts';

export const REPOSITORY = 'registry.example/ns';
const MADE = new Date('2024-01-01T00:00:00Z');

export interface Person extends SigningKey {
  readonly name: string;
  readonly armored: string;
  /** Absolute path of the secret key. */
  readonly file: string;
}

export interface Rules {
  readonly serial?: number;
  readonly quorum: number;
  readonly groups?: readonly string[];
  readonly repository?: string;
  /** What a signer's table says besides the fingerprint. */
  readonly more?: Readonly<Record<string, string>>;
}

export class SignedTree {
  readonly folder = mkdtempSync(join(tmpdir(), 'signed-tree-'));
  readonly directory = join(this.folder, 'tree');
  readonly signatures = join(this.directory, 'signatures');
  readonly state = join(this.folder, 'state.json');

  constructor(recipes: readonly string[]) {
    for (const name of recipes) this.write(`recipes/${name}/Containerfile`, `FROM scratch\nLABEL name=${name}\n`);
    this.write('ocibuild.toml', `[publish]\nrepository = "${REPOSITORY}"\ntag = "1"\n`);
    this.list(recipes);
  }

  write(path: string, text: string | Uint8Array): string {
    const file = join(this.directory, path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text);
    return file;
  }

  /** digests.txt, with a digest made up for each recipe. */
  list(recipes: readonly string[]): void {
    const line = (name: string) => {
      return { name: `recipes/${name}`, platform: 'linux/amd64', digest: this.manifest(name) };
    };
    this.write('recipes/digests.txt', formatDigests(recipes.map(line)));
  }

  manifest(name: string): Digest {
    return digestOf(`manifest of ${name}`);
  }

  async person(name: string): Promise<Person> {
    const made = await makeKey({ name, email: `${name}@example.org` }, undefined, MADE);
    const file = join(this.folder, `${name}.key`);
    writeFileSync(file, made.secret, { mode: 0o600 });
    return { ...(await openKeyFile(file, undefined)), name, armored: made.public, file };
  }

  /** Writes trust.toml and its keys; gives its path. */
  trust(people: readonly Person[], rules: Rules, folder = ''): string {
    const { serial = 1, quorum, groups = [], repository = REPOSITORY, more = {} } = rules;
    const tables = people.map(({ name, fingerprint, armored }) => {
      this.write(`${folder}keys/${name}.asc`, armored);
      return `[signers.${name}]\nfingerprint = "${fingerprint}"\n${more[name] ?? ''}\n`;
    });
    const head = `serial = ${serial}\nrepository = "${repository}"\nquorum = ${quorum}\ngroups = ${JSON.stringify(groups)}\n`;
    return this.write(`${folder}trust.toml`, head + tables.join(''));
  }

  sign(person: Person, digest: Digest, name = `${REPOSITORY}/hello:1`, kind: ClaimKind = 'image') {
    return placeSignature(this.signatures, { kind, name, digest }, person);
  }

  async signPolicy(...people: readonly Person[]): Promise<void> {
    const policy = await readTrust(join(this.directory, 'trust.toml'));
    keepPolicy(this.signatures, policy);
    for (const person of people) await placeSignature(this.signatures, policyClaim(policy), person);
  }

  async release(...people: readonly Person[]): Promise<Release & { readonly isNew: boolean }> {
    const tree = openTree(this.directory);
    const about = { referrers: [], sources: [] };
    const release = stateRelease(this.signatures, contentOf(tree, readDigests(tree), about));
    for (const person of people) await this.sign(person, release.digest, REPOSITORY, 'release');
    return release;
  }

  remove(): void {
    rmSync(this.folder, { recursive: true });
  }
}
