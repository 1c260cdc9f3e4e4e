// Owns: an Alpine repository made for a test: packages and an index in gzip members, signed with RSA keys of our own.
// Nothing of it is written to disk.

import { createHash, createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { fingerprintOf } from '../../../../src/root/alpine/signature.ts';
import { parseAlpineSpec } from '../../../../src/root/spec.ts';
import type { AlpineSpec, LockIo } from '../../../../src/root/types.ts';
import { type Member, makeStore, makeTar, type TestStore } from '../fixture.ts';

export interface RsaKey {
  readonly secret: KeyObject;
  readonly pem: string;
  readonly fingerprint: string;
}

export function makeRsaKey(bits = 2048): RsaKey {
  const { privateKey } = generateKeyPairSync('rsa', {
    modulusLength: bits,
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  });
  const open = createPublicKey(privateKey);
  return {
    secret: createPrivateKey(privateKey),
    pem: open.export({ type: 'spki', format: 'pem' }) as string,
    fingerprint: fingerprintOf(open),
  };
}

/** As abuild-tar --cut does: without the blocks that end an archive. */
async function cutTar(members: readonly Member[]): Promise<Buffer> {
  return (await makeTar(members)).subarray(0, -1024);
}

export interface Signer {
  readonly key: RsaKey;
  readonly hash?: 'sha1' | 'sha256';
}

async function signaturesOf(signers: readonly Signer[], body: Buffer): Promise<Buffer> {
  const parts: Buffer[] = [];
  for (const [at, { key, hash = 'sha256' }] of signers.entries()) {
    const name = `.SIGN.${hash === 'sha1' ? 'RSA' : 'RSA256'}.test-${at}.rsa.pub`;
    const content = sign(hash, body, key.secret).toString('latin1');
    parts.push(await cutTar([{ name, content }]));
  }
  // A signature is bytes, and what makeTar takes is text: put back what UTF-8 made of them.
  return gzipSync(Buffer.concat(parts.map(asBytes)));
}

/** One member whose content went through UTF-8, as bytes again. */
function asBytes(tar: Buffer): Buffer {
  const size = Number.parseInt(tar.toString('latin1', 124, 135), 8);
  const bytes = Buffer.from(tar.subarray(512, 512 + size).toString('utf8'), 'latin1');
  const header = Buffer.from(tar.subarray(0, 512));
  header.write(bytes.length.toString(8).padStart(11, '0'), 124, 'latin1');
  header.fill(0x20, 148, 156);
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  return Buffer.concat([header, bytes, Buffer.alloc((512 - (bytes.length % 512)) % 512)]);
}

export interface TestApk {
  readonly name: string;
  readonly version?: string;
  /** Letters of the index stanza besides C, P, V, A, S and t. */
  readonly fields?: Readonly<Record<string, string>>;
  readonly members?: readonly Member[];
}

export interface TestRepository {
  readonly files: Map<string, Buffer>;
}

/** `tamper` changes the index text before it is signed, or a package's data after. */
export async function makeRepository(
  packages: readonly TestApk[],
  signers: readonly Signer[],
  tamper: {
    index?: (text: string) => string;
    data?: (name: string, data: Buffer) => Buffer;
    info?: (text: string) => string;
  } = {},
): Promise<TestRepository> {
  const files = new Map<string, Buffer>();
  const stanzas: string[] = [];
  for (const item of packages) {
    const version = item.version ?? '1.0-r0';
    const data = gzipSync(await makeTar(item.members ?? [{ name: `usr/share/${item.name}`, content: item.name }]));
    const hash = createHash('sha256').update(data).digest('hex');
    const info = (tamper.info ?? ((text) => text))(`pkgname = ${item.name}\npkgver = ${version}\ndatahash = ${hash}\n`);
    const control = gzipSync(
      await cutTar([
        { name: '.PKGINFO', content: info },
        { name: '.post-install', content: 'exit 1\n' },
      ]),
    );
    const kept = (tamper.data ?? ((_, bytes) => bytes))(item.name, data);
    const apk = Buffer.concat([await signaturesOf(signers, control), control, kept]);
    files.set(`v3.22/main/x86_64/${item.name}-${version}.apk`, apk);
    const fields = {
      C: `Q1${createHash('sha1').update(control).digest('base64')}`,
      P: item.name,
      V: version,
      A: 'x86_64',
      S: String(apk.length),
      t: '1714557600',
      ...item.fields,
    };
    stanzas.push(
      Object.entries(fields)
        .map(([letter, value]) => `${letter}:${value}\n`)
        .join(''),
    );
  }
  const text = (tamper.index ?? ((plain) => plain))(stanzas.join('\n'));
  const body = gzipSync(
    await makeTar([
      { name: 'DESCRIPTION', content: 'v3.22.1' },
      { name: 'APKINDEX', content: text },
    ]),
  );
  files.set('v3.22/main/x86_64/APKINDEX.tar.gz', Buffer.concat([await signaturesOf(signers, body), body]));
  return { files };
}

export function makeAlpineSpec(keys: readonly RsaKey[], more: Readonly<Record<string, unknown>> = {}): AlpineSpec {
  return parseAlpineSpec(
    {
      branch: 'v3.22',
      repositories: ['main'],
      architecture: 'x86_64',
      packages: ['app'],
      keys: Object.fromEntries(keys.map((key, index) => [`keys/${index}.rsa.pub`, key.fingerprint])),
      ...more,
    },
    () => ({ file: 'bootstrap/test/package.toml', line: 7 }),
  );
}

export function storeOf(repository: TestRepository): TestStore & LockIo {
  return makeStore({ files: repository.files, releaseText: '' });
}
