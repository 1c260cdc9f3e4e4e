// Owns: a Debian archive made for a test: packages as tar in ar, a Packages file as xz, an InRelease signed with keys of
// our own. Nothing of it is written to disk. The xz and ar writers are the tests' own, and as plain as can be.

import { crc32, gzipSync } from 'node:zlib';
import { createCleartextMessage, generateKey, type PrivateKey, sign } from 'openpgp';
import { pack } from 'tar-stream';
import { type Digest, digestOf } from '../../../oci/digest.ts';
import { parseDebianSpec } from '../../../src/root/spec.ts';
import type { DebianSpec, LockIo, RootSource } from '../../../src/root/types.ts';

export interface TestKey {
  readonly secret: PrivateKey;
  readonly armored: string;
  readonly fingerprint: string;
}

export const SIGNED = new Date('2024-05-01T12:00:00Z');

/** A key made at the start of 2024; `days` is how long it is valid, for ever when 0. */
export async function makeKey(name: string, days = 0): Promise<TestKey> {
  const made = await generateKey({
    type: 'ecc',
    curve: 'ed25519Legacy',
    userIDs: [{ name }],
    date: new Date('2024-01-01T00:00:00Z'),
    keyExpirationTime: days * 86400,
    format: 'object',
  });
  return {
    secret: made.privateKey,
    armored: made.publicKey.armor(),
    fingerprint: made.publicKey.getFingerprint().toUpperCase(),
  };
}

export async function clearsign(text: string, keys: readonly TestKey[], date = SIGNED): Promise<Buffer> {
  const message = await createCleartextMessage({ text });
  return Buffer.from(await sign({ message, signingKeys: keys.map((key) => key.secret), date }), 'utf8');
}

export interface Member {
  readonly name: string;
  readonly type?: 'file' | 'directory' | 'symlink' | 'link' | 'fifo';
  readonly link?: string;
  readonly content?: string;
  readonly mode?: number;
}

/** A tar archive by tar-stream, an implementation that is not ours. */
export async function makeTar(members: readonly Member[]): Promise<Buffer> {
  const archive = pack();
  for (const member of members) {
    const type = member.type ?? 'file';
    const mode = member.mode ?? (type === 'directory' ? 0o755 : 0o644);
    const linkname = member.link === undefined ? {} : { linkname: member.link };
    archive.entry({ name: member.name, type, mode, mtime: new Date(0), ...linkname }, member.content ?? '');
  }
  archive.finalize();
  const parts: Buffer[] = [];
  for await (const part of archive) parts.push(part as Buffer);
  return Buffer.concat(parts);
}

export function makeAr(members: readonly (readonly [string, Buffer])[]): Buffer {
  const parts: Buffer[] = [Buffer.from('!<arch>\n')];
  for (const [name, body] of members) {
    const header = `${name.padEnd(16)}${'0'.padEnd(12)}${'0'.padEnd(6)}${'0'.padEnd(6)}${'100644'.padEnd(8)}`;
    parts.push(Buffer.from(`${header}${String(body.length).padEnd(10)}\`\n`), body);
    if (body.length % 2 === 1) parts.push(Buffer.from('\n'));
  }
  return Buffer.concat(parts);
}

export async function makeDeb(members: readonly Member[]): Promise<Buffer> {
  return makeAr([
    ['debian-binary', Buffer.from('2.0\n')],
    ['control.tar.gz', gzipSync(await makeTar([{ name: './control', content: 'Package: x\n' }]))],
    ['data.tar.gz', gzipSync(await makeTar(members))],
  ]);
}

/** The xz format with every chunk stored: LZMA2 control bytes 1 (first) and 2, no check. */
export function makeXz(plain: Buffer): Buffer {
  const withCrc = (body: Buffer): Buffer => {
    const crc = Buffer.alloc(4);
    crc.writeUInt32LE(crc32(body));
    return Buffer.concat([body, crc]);
  };
  const flags = Buffer.from([0, 0]);
  const header = Buffer.concat([Buffer.from('fd377a585a00', 'hex'), withCrc(flags)]);
  // Header size 2 * 4 + 4, one filter: LZMA2 (0x21), one property byte: a dictionary of 1 MiB.
  const blockHeader = withCrc(Buffer.from([2, 0, 0x21, 1, 16, 0, 0, 0]));
  const chunks: Buffer[] = [];
  for (let at = 0; at < plain.length; at += 65536) {
    const chunk = plain.subarray(at, at + 65536);
    chunks.push(Buffer.from([at === 0 ? 1 : 2, (chunk.length - 1) >> 8, (chunk.length - 1) & 255]), chunk);
  }
  const data = Buffer.concat([...chunks, Buffer.from([0])]);
  const index = withCrc(padded(Buffer.concat([Buffer.from([0, 1]), varint(12 + data.length), varint(plain.length)])));
  const backward = Buffer.alloc(4);
  backward.writeUInt32LE(index.length / 4 - 1);
  const footer = withCrc(Buffer.concat([backward, flags]));
  return Buffer.concat([
    ...[header, blockHeader, padded(data), index],
    ...[footer.subarray(6), footer.subarray(0, 6), Buffer.from('YZ')],
  ]);
}

function padded(bytes: Buffer): Buffer {
  return Buffer.concat([bytes, Buffer.alloc((4 - (bytes.length % 4)) % 4)]);
}

function varint(value: number): Buffer {
  const bytes: number[] = [];
  for (; value > 127; value = Math.floor(value / 128)) bytes.push((value % 128) | 128);
  return Buffer.from([...bytes, value]);
}

export interface TestPackage {
  readonly name: string;
  readonly version?: string;
  readonly fields?: Readonly<Record<string, string>>;
  readonly members?: readonly Member[];
}

export interface TestArchive {
  /** By path below the archive's root. */
  readonly files: Map<string, Buffer>;
  readonly releaseText: string;
}

/** `tamper` changes the Packages text before it is packed, or the Release text before it is signed. */
export async function makeArchive(
  packages: readonly TestPackage[],
  signers: readonly TestKey[],
  tamper: { packages?: (text: string) => string; release?: (text: string) => string } = {},
): Promise<TestArchive> {
  const files = new Map<string, Buffer>();
  const stanzas: string[] = [];
  for (const item of packages) {
    const version = item.version ?? '1.0-1';
    const deb = await makeDeb(item.members ?? [{ name: `./usr/share/${item.name}`, content: item.name }]);
    const file = `pool/main/${item.name[0]}/${item.name}/${item.name}_${version.replace(/^\d+:/, '')}_amd64.deb`;
    files.set(file, deb);
    const fields = {
      Package: item.name,
      Version: version,
      Architecture: 'amd64',
      ...item.fields,
      Filename: file,
      Size: String(deb.length),
      SHA256: digestOf(deb).slice(7),
    };
    stanzas.push(
      Object.entries(fields)
        .map(([name, value]) => `${name}: ${value}\n`)
        .join(''),
    );
  }
  const list = makeXz(Buffer.from((tamper.packages ?? ((text) => text))(stanzas.join('\n'))));
  files.set('dists/test/main/binary-amd64/Packages.xz', list);
  const releaseText = (tamper.release ?? ((text) => text))(
    [
      ...['Origin: Test', 'Suite: stable', 'Version: 1.2', 'Codename: test', 'Date: Wed, 01 May 2024 10:00:00 UTC'],
      ...['Architectures: all amd64', 'Components: main extra', 'SHA256:'],
      ` ${digestOf(list).slice(7)} ${list.length} main/binary-amd64/Packages.xz`,
      '',
    ].join('\n'),
  );
  files.set('dists/test/InRelease', await clearsign(releaseText, signers));
  return { files, releaseText };
}

export function makeSpec(keys: readonly TestKey[], more: Readonly<Record<string, unknown>> = {}): DebianSpec {
  return parseDebianSpec(
    {
      suite: 'test',
      components: ['main'],
      architecture: 'amd64',
      packages: ['app'],
      keys: Object.fromEntries(keys.map((key, index) => [`keys/${index}.asc`, key.fingerprint])),
      ...more,
    },
    () => ({ file: 'bootstrap/test/package.toml', line: 7 }),
  );
}

export interface TestStore extends LockIo {
  readonly blobs: Map<Digest, Buffer>;
  /** Every file asked for, in order. */
  readonly asked: string[];
}

/** A store that fetches from the archive. It hands bytes out in small portions of one reused buffer, as a real one may. */
export function makeStore(archive: TestArchive, now = SIGNED): TestStore {
  const blobs = new Map<Digest, Buffer>();
  const asked: string[] = [];
  return {
    blobs,
    asked,
    now: () => now.getTime(),
    async fetchUnpinned(file, mirrors) {
      asked.push(...mirrors);
      const bytes = archive.files.get(file);
      if (bytes === undefined) throw new Error(`no ${file}`);
      blobs.set(digestOf(bytes), bytes);
      return bytes;
    },
    async fetchPinned(sources: readonly RootSource[]) {
      for (const source of sources) {
        asked.push(source.mirrors[0]!);
        const found = [...archive.files.values()].find((bytes) => digestOf(bytes) === source.digest);
        if (found === undefined) throw new Error(`no ${source.file} of ${source.digest}`);
        blobs.set(source.digest, found);
      }
    },
    bytesOf: (digest) => portions(blobs.get(digest), digest),
  };
}

function* portions(bytes: Buffer | undefined, digest: Digest): Generator<Uint8Array> {
  if (bytes === undefined) throw new Error(`not in the store: ${digest}`);
  const buffer = Buffer.alloc(97);
  for (let at = 0; at < bytes.length; at += buffer.length) {
    const length = bytes.copy(buffer, 0, at, at + buffer.length);
    yield buffer.subarray(0, length);
  }
}

/** Runs to the end and gives the error's `code`, or 'no error'. */
export async function codeOf(run: () => unknown): Promise<string> {
  try {
    await run();
  } catch (error) {
    return (error as { code?: string }).code ?? String(error);
  }
  return 'no error';
}
