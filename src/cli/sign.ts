// Owns: `ocibuild sign`: signatures of images, recipes, the policy and the release, where podman, skopeo and verify look.

import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { Claim } from '../../oci/signature/claim.ts';
import { fingerprintOf } from '../../oci/signature/key.ts';
import { requirePublish, type SignableImage } from '../build/signable.ts';
import { readDigests } from '../digests/digest-list.ts';
import { recipeDigest } from '../digests/recipe-digest.ts';
import { BuildError } from '../errors.ts';
import { showPath } from '../recipe/recipe.ts';
import type { Tree } from '../recipe/types.ts';
import { keepPolicy, policyClaim } from '../signing/policy-history.ts';
import { stateRelease } from '../signing/release.ts';
import { openGpgKey, openKeyFile, placeSignature, type SigningKey } from '../signing/signing-key.ts';
import { readTrust, TRUST_FILE } from '../signing/trust.ts';
import { contentOf } from '../signing/verify.ts';
import type { Flags } from './args.ts';
import type { Claims } from './claims.ts';
import type { Command, CommandContext } from './command.ts';
import { runOwn } from './own-command.ts';
import { namedRecipes, RECIPE_FLAGS, requireTree } from './trees.ts';

export const KEY_FLAGS: Flags = {
  key: { summary: 'sign with this key of gpg: its whole fingerprint', value: 'FPR' },
  'key-file': { summary: 'sign with the secret key in this file', value: 'FILE' },
  'passphrase-file': { summary: 'unlock the key file with the first line of this file', value: 'FILE' },
  signatures: { summary: 'where signatures go (signatures/ of the tree)', value: 'DIR' },
};

export const command: Command = {
  name: 'sign',
  summary: 'sign images that were built here from sources',
  usage: `RECIPE… | --all | --policy
Signs the image index and the manifest of each recipe, for the name [publish] of ocibuild.toml says. Only what this machine
made from sources, all of it, and what equals digests.txt is signed. --all signs the release as well: one text over all
digests, sources and the tree. Signing the same again with the same key adds nothing.
--recipe signs the recipes themselves, as their files are: a word on a change, not on an image. --policy signs trust.toml.`,
  flags: {
    ...RECIPE_FLAGS,
    ...KEY_FLAGS,
    recipe: { summary: 'sign the recipes, not their images' },
    policy: { summary: 'sign the policy of the tree: what its signers of before must do when it changes' },
  },
  needsNamespace: false,
  run: async (context) => {
    const { args } = context;
    const tree = requireTree(context);
    if (args.is('policy') && (args.operands.length > 0 || args.is('all') || args.is('recipe'))) {
      throw new BuildError('USAGE', '--policy is signed by itself');
    }
    const key = await openKey(context);
    await warnOfStranger(context, tree, key);
    if (args.is('policy')) return signPolicy(context, tree, key);
    const names = namedRecipes(context, tree);
    if (args.is('recipe')) {
      for (const name of names) {
        await place(
          context,
          tree,
          key,
          { kind: 'recipe', name, digest: recipeDigest(tree.recipe(name)) },
          `recipe ${name}`,
        );
      }
      return 0;
    }
    requirePublish(tree);
    const platform = args.text('platform');
    const words = [
      ...['claims', '--json', ...(args.is('all') ? ['--all'] : names)],
      ...(platform === undefined ? [] : ['--platform', platform]),
    ];
    const { status, stdout } = await runOwn(context, words, 'read');
    if (status !== 0) return status;
    const claims = JSON.parse(stdout) as Claims;
    await signImages(context, tree, key, claims.images);
    if (args.is('all')) await signRelease(context, tree, key, claims);
    return 0;
  },
};

/** A signature that the tree's own policy does not count may still be meant for somebody else's. */
export async function warnOfStranger({ stderr }: CommandContext, tree: Tree, key: SigningKey): Promise<void> {
  const file = join(tree.directory, TRUST_FILE);
  if (!existsSync(file)) return;
  const { quorum } = await readTrust(file);
  if (quorum.signers.some((signer) => fingerprintOf(signer.key) === key.fingerprint)) return;
  stderr.write(`warning: ${TRUST_FILE} does not name ${key.fingerprint}: what it signs does not count there\n`);
}

/** The key the command line names, with a word about one that will expire. Throws BuildError USAGE unless it names one. */
export async function openKey(context: CommandContext): Promise<SigningKey> {
  const key = await namedKey(context);
  const expires = await key.publicKey.getExpirationTime();
  if (expires instanceof Date) {
    const day = expires.toISOString().slice(0, 10);
    context.stderr.write(`warning: the key expires on ${day}: skopeo and podman then refuse all it ever signed\n`);
  }
  return key;
}

async function namedKey({ args, cwd, env }: CommandContext): Promise<SigningKey> {
  const file = args.text('key-file');
  const fingerprint = args.text('key');
  const passphrase = args.text('passphrase-file');
  if ((file === undefined) === (fingerprint === undefined)) {
    throw new BuildError('USAGE', file === undefined ? 'no key is named' : 'two keys are named', {
      want: '--key FPR or --key-file FILE',
      ...(file === undefined ? { hint: '`ocibuild keygen` makes one' } : {}),
    });
  }
  if (fingerprint !== undefined) {
    if (passphrase === undefined) return openGpgKey(fingerprint, env);
    throw new BuildError('USAGE', '--passphrase-file is for key files', {
      hint: 'gpg asks for its passphrases itself',
    });
  }
  return openKeyFile(resolve(cwd, file!), passphrase === undefined ? undefined : resolve(cwd, passphrase));
}

/** Manifests and image indexes. */
export async function signImages(
  context: CommandContext,
  tree: Tree,
  key: SigningKey,
  images: readonly SignableImage[],
): Promise<void> {
  for (const { recipe, platform, reference: name, manifest, index } of images) {
    await place(context, tree, key, { kind: 'image', name, digest: manifest }, `${recipe} ${platform} manifest`);
    await place(context, tree, key, { kind: 'image', name, digest: index }, `${recipe} index`);
  }
}

async function signRelease(context: CommandContext, tree: Tree, key: SigningKey, claims: Claims): Promise<void> {
  const release = stateRelease(signaturesOf(context, tree), contentOf(tree, readDigests(tree), claims));
  const claim: Claim = { kind: 'release', name: release.content.repository, digest: release.digest };
  await place(context, tree, key, claim, `release ${release.serial}`);
}

async function signPolicy(context: CommandContext, tree: Tree, key: SigningKey): Promise<number> {
  const policy = await readTrust(join(tree.directory, TRUST_FILE));
  for (const warning of policy.warnings) context.stderr.write(`warning: ${warning}\n`);
  keepPolicy(signaturesOf(context, tree), policy);
  await place(context, tree, key, policyClaim(policy), `policy ${policy.serial}`);
  return 0;
}

function signaturesOf({ args, cwd }: CommandContext, tree: Tree): string {
  const given = args.text('signatures');
  return given === undefined ? join(tree.directory, 'signatures') : resolve(cwd, given);
}

async function place(context: CommandContext, tree: Tree, key: SigningKey, claim: Claim, what: string): Promise<void> {
  const root = signaturesOf(context, tree);
  const { path, isNew, subkey } = await placeSignature(root, claim, key);
  if (subkey !== undefined && isNew) {
    context.stderr.write(`warning: the subkey ${subkey} signed: it counts here, and skopeo 1.9 refuses it\n`);
  }
  context.stdout.write(`${isNew ? 'signed' : 'signed before'} ${what} ${claim.digest} ${showPath(join(root, path))}\n`);
}
