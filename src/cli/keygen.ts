// Owns: `ocibuild keygen`: a key to sign with, in files.

import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { OciError } from '../../oci/errors.ts';
import { makeKey, parseOwner } from '../../oci/signature/secret-key.ts';
import { BuildError } from '../errors.ts';
import { writeNewFile } from '../signing/new-file.ts';
import { readPassphrase } from '../signing/signing-key.ts';
import type { Command } from './command.ts';

export const command: Command = {
  name: 'keygen',
  summary: 'make a key to sign with',
  usage:
    '--out FILE --name "NAME <MAIL>"\n' +
    'An Ed25519 key in the form gpg, podman and skopeo take. It does not expire: those clients reject whatever an\n' +
    'expired key signed. FILE holds the secret key, mode 0600; FILE.pub the public key, for others; FILE.revoke a\n' +
    'certificate that ends the key, to be kept elsewhere. No file is ever replaced.',
  flags: {
    out: { summary: 'where the secret key goes', value: 'FILE' },
    name: { summary: 'whose key it is', value: 'NAME <MAIL>' },
    'passphrase-file': { summary: 'lock the key with the first line of this file', value: 'FILE' },
  },
  operands: { min: 0, max: 0 },
  needsNamespace: false,
  run: async ({ args, cwd, stdout }) => {
    const out = args.text('out');
    const name = args.text('name');
    if (out === undefined || name === undefined) {
      throw new BuildError('USAGE', 'keygen needs --out and --name', { want: '--out FILE --name "NAME <MAIL>"' });
    }
    const owner = ownerOf(name);
    const passphraseFile = args.text('passphrase-file');
    const passphrase = passphraseFile === undefined ? undefined : readPassphrase(resolve(cwd, passphraseFile));
    const file = resolve(cwd, out);
    // Asked for all of them first: half a key would be a puzzle.
    for (const path of [file, `${file}.pub`, `${file}.revoke`]) {
      if (existsSync(path))
        throw new BuildError('USAGE', `${path} is there already`, { hint: 'no key is ever replaced' });
    }
    const made = await makeKey(owner, passphrase, new Date());
    writeNewFile(file, made.secret, 0o600);
    writeNewFile(`${file}.pub`, made.public, 0o644);
    writeNewFile(`${file}.revoke`, made.revocation, 0o600);
    stdout.write(`${made.fingerprint} ${out}\n`);
    return 0;
  },
};

function ownerOf(text: string): ReturnType<typeof parseOwner> {
  try {
    return parseOwner(text);
  } catch (error) {
    if (!(error instanceof OciError)) throw error;
    throw new BuildError('USAGE', `--name: ${error.message}`, { cause: error });
  }
}
