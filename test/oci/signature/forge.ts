// Owns: keys and signature files for tests, made anew each time: sound ones, and every kind of forged one that needs hands.
// Nothing of it is written to disk.

import {
  type Config,
  createMessage,
  enums,
  generateKey,
  config as library,
  type PrivateKey,
  SignaturePacket,
  sign,
  type UserID,
} from 'openpgp';
import { type Digest, digestOf } from '../../../oci/digest.ts';
import { readPackets, writePacket } from '../../../oci/signature/packet.ts';

export const MADE = new Date('2024-01-01T00:00:00Z');
export const SIGNED = new Date('2024-06-01T00:00:00Z');
export const NOW = new Date('2024-07-01T00:00:00Z');
export const DIGEST: Digest = digestOf('the manifest');
export const NAME = 'registry.example/ns/hello:1';

export const text = (claimed: { name?: string; digest?: string; type?: string } = {}): string =>
  `{"critical":{"identity":{"docker-reference":"${claimed.name ?? NAME}"},` +
  `"image":{"docker-manifest-digest":"${claimed.digest ?? DIGEST}"},` +
  `"type":"${claimed.type ?? 'atomic container signature'}"},"optional":{}}`;

/** Lets everything pass that a sound program refuses to make. */
const ANYTHING: Config = {
  ...library,
  minRSABits: 512,
  rejectHashAlgorithms: new Set(),
  rejectMessageHashAlgorithms: new Set(),
  rejectPublicKeyAlgorithms: new Set(),
  nonDeterministicSignaturesViaNotation: false,
};

type KeyOptions = Partial<Parameters<typeof generateKey>[0]>;

/** An Ed25519 key made in MADE, or whatever the options say. */
export async function makeKey(name: string, options: KeyOptions = {}): Promise<PrivateKey> {
  const userID: UserID = { name, email: `${name}@example.org` };
  const kind = options.type === undefined ? { type: 'ecc' as const, curve: 'ed25519Legacy' as const } : {};
  const made = await generateKey({
    ...kind,
    subkeys: [],
    userIDs: userID,
    date: MADE,
    ...options,
    config: { ...ANYTHING, ...options.config },
    format: 'object',
  });
  return made.privateKey;
}

export interface SignOptions {
  readonly date?: Date;
  readonly config?: Partial<Config>;
}

/** A binary signed message, as the library makes it. */
export async function signText(
  payload: string | Uint8Array,
  keys: PrivateKey | PrivateKey[],
  options: SignOptions = {},
): Promise<Buffer> {
  const { date = SIGNED } = options;
  const message = await createMessage({ binary: Buffer.from(payload), date });
  const signed = await sign({
    message,
    signingKeys: keys,
    date,
    format: 'binary',
    config: { ...ANYTHING, preferredHashAlgorithm: enums.hash.sha512, ...options.config },
  });
  return Buffer.from(signed);
}

interface RawOptions {
  readonly date?: Date;
  readonly hash?: number;
  /** Set on the packet before it is signed. */
  readonly fields?: Partial<Record<keyof SignaturePacket, unknown>>;
  /** Hashed subpackets by hand, each with its length. */
  readonly subpackets?: Uint8Array;
  /** Added behind the signing: nobody's word. */
  readonly unhashed?: SignaturePacket['unhashedSubpackets'];
}

type AnyKey = Pick<PrivateKey, 'keyPacket'>;

async function signRaw(key: AnyKey, type: number, data: object, options: RawOptions, isDetached: boolean) {
  const raw = new SignaturePacket() as SignaturePacket & { writeHashedSubPackets(): Uint8Array };
  const { keyPacket } = key;
  const publicKeyAlgorithm = keyPacket.algorithm;
  const hashAlgorithm = options.hash ?? enums.hash.sha512;
  Object.assign(raw, { signatureType: type, publicKeyAlgorithm, hashAlgorithm, ...options.fields });
  const { subpackets } = options;
  if (subpackets !== undefined) {
    const write = raw.writeHashedSubPackets.bind(raw);
    raw.writeHashedSubPackets = () => {
      const all = Buffer.concat([write().subarray(2), subpackets]);
      return Buffer.concat([Buffer.from([all.length >> 8, all.length & 255]), all]);
    };
  }
  // The types leave out the settings.
  const make = raw.sign.bind(raw) as (...args: unknown[]) => Promise<void>;
  await make(keyPacket, data, options.date ?? SIGNED, isDetached, ANYTHING);
  return raw;
}

/** A signed message by the mathematics of a key alone, whatever its state: a thief asks nobody. */
export async function signAnyhow(key: AnyKey, options: RawOptions = {}, payload = text()): Promise<Buffer> {
  const message = await createMessage({ binary: Buffer.from(payload), date: SIGNED });
  const [literal] = message.packets;
  const raw = await signRaw(key, enums.signature.binary, literal as object, options, true);
  raw.unhashedSubpackets.push(...(options.unhashed ?? []));
  const id = Buffer.from(raw.issuerKeyID.toHex(), 'hex');
  const { hashAlgorithm, publicKeyAlgorithm } = raw;
  const onePass = packet(4, Buffer.from([3, 0, hashAlgorithm!, publicKeyAlgorithm!]), id, Buffer.from([1]));
  return Buffer.concat([onePass, Buffer.from(message.write() as Uint8Array), packet(2, raw.write())]);
}

/** Replaces what a key says of itself. */
export async function certifyAnew(key: PrivateKey, options: RawOptions): Promise<PrivateKey> {
  const user = key.users[0]!;
  const data = { userID: user.userID, key: key.keyPacket };
  const fields = { keyFlags: [enums.keyFlags.certifyKeys | enums.keyFlags.signData], ...options.fields };
  const again = { ...options, fields, date: options.date ?? MADE };
  user.selfCertifications = [await signRaw(key, enums.signature.certGeneric, data, again, false)];
  return key;
}

/** A public key with a revocation of its own making, by whatever hash. */
export async function revokeAnyhow(key: PrivateKey, options: RawOptions): Promise<PrivateKey> {
  const type = enums.signature.keyRevocation;
  key.revocationSignatures.push(await signRaw(key, type, { key: key.keyPacket }, options, false));
  return key;
}

export interface Parts {
  readonly onePass: Buffer;
  readonly literal: Buffer;
  readonly signature: Buffer;
}

/** The packets of a sound signature file, each with its header. */
export function partsOf(file: Uint8Array): Parts {
  const [onePass, literal, signature] = readPackets(file).map((packet) => writePacket(packet));
  return { onePass: onePass!, literal: literal!, signature: signature! };
}

/** A packet by hand. */
export function packet(tag: number, ...body: readonly Uint8Array[]): Buffer {
  return writePacket({ tag, body: Buffer.concat(body) });
}
