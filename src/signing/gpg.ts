// Owns: the gpg program: public keys out of it, and signatures made by it, so that secret keys stay with its agent or on a
// card. Keys are addressed by their whole fingerprint: gpg takes any part of a name for a user otherwise.

import { spawn } from 'node:child_process';
import { fingerprintFault } from '../../oci/signature/key.ts';
import { BuildError } from '../errors.ts';

/** The armored public key. Throws BuildError USAGE, SIGNATURE, or MACHINE where there is no gpg. */
export async function exportGpgKey(fingerprint: string, env: NodeJS.ProcessEnv): Promise<string> {
  const fault = fingerprintFault(fingerprint);
  if (fault !== undefined) {
    throw new BuildError('USAGE', `--key: ${fault}`, {
      want: 'the whole fingerprint of a primary key, 40 upper-case hex digits',
      got: fingerprint,
      hint: '`gpg --list-secret-keys --with-colons` prints it on the first line fpr:',
    });
  }
  const args = ['--batch', '--no-tty', '--armor', '--export-options', 'export-minimal', '--export', fingerprint];
  const { status, stdout, stderr } = await runGpg(args, new Uint8Array(), env);
  if (status === 0 && stdout.length > 0) return stdout.toString('utf8');
  throw new BuildError('SIGNATURE', 'gpg does not know this key', {
    want: fingerprint,
    got: lastLine(stderr),
    hint: '`gpg --list-secret-keys --fingerprint` lists those it has; GNUPGHOME says where it looks',
  });
}

/**
 * A binary signed message over bytes. `canPrimary`: the primary key may sign, so it is tried before the subkeys gpg prefers:
 * skopeo 1.9 does not take their word. Throws BuildError SIGNATURE with what gpg said, or MACHINE.
 */
export async function signWithGpg(
  fingerprint: string,
  canPrimary: boolean,
  bytes: Uint8Array,
  env: NodeJS.ProcessEnv,
): Promise<Uint8Array> {
  // gpg.conf may hold any of these the other way round.
  const form = ['--no-armor', '--no-textmode', '--compress-algo', 'none', '--digest-algo', 'SHA512'];
  let stderr = '';
  // The mark means this very key. Its secret part may be locked away, with a subkey at hand.
  for (const user of canPrimary ? [`${fingerprint}!`, fingerprint] : [fingerprint]) {
    const args = ['--batch', '--no-tty', '-u', user, ...form, '--sign', '-o', '-'];
    const ended = await runGpg(args, bytes, env);
    if (ended.status === 0 && ended.stdout.length > 0) return ended.stdout;
    stderr = ended.stderr;
  }
  throw new BuildError('SIGNATURE', `gpg did not sign with ${fingerprint}`, {
    got: lastLine(stderr),
    hint: 'the agent has to know the secret key, and a way to ask for its passphrase or card',
  });
}

function lastLine(text: string): string {
  return text.trim().split('\n').at(-1) || 'nothing';
}

interface Ended {
  readonly status: number | null;
  readonly stdout: Buffer;
  readonly stderr: string;
}

function runGpg(args: readonly string[], input: Uint8Array, env: NodeJS.ProcessEnv): Promise<Ended> {
  return new Promise((done, failed) => {
    // Its messages are shown to people who may have to search for them.
    const child = spawn('gpg', args, { env: { ...env, LC_ALL: 'C.UTF-8' }, stdio: ['pipe', 'pipe', 'pipe'] });
    const stdout: Buffer[] = [];
    let stderr = '';
    child.stdout.on('data', (part: Buffer) => stdout.push(part));
    child.stderr.setEncoding('utf8').on('data', (part: string) => {
      stderr += part;
    });
    child.once('error', (cause: NodeJS.ErrnoException) =>
      failed(
        new BuildError('MACHINE', 'gpg cannot be started', {
          got: cause.code ?? cause.message,
          hint: 'install gpg, or sign with --key-file',
          cause,
        }),
      ),
    );
    child.once('close', (status) => done({ status, stdout: Buffer.concat(stdout), stderr }));
    // gpg may end without reading: what it says then is the error.
    child.stdin.on('error', () => {});
    child.stdin.end(input);
  });
}
