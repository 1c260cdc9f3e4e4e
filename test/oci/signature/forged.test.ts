// A table of forged signature files: each is refused, and says why in words of its own.

import { deflateRawSync, deflateSync } from 'node:zlib';
import fc from 'fast-check';
import { createCleartextMessage, createMessage, enums, type PrivateKey, revokeKey, sign as signAny } from 'openpgp';
import { beforeAll, describe, expect, test } from 'vitest';
import { digestOf } from '../../../oci/digest.ts';
import { type Judgement, judgeSignature, type Refusal, type Wanted } from '../../../oci/signature/judge.ts';
import type { Key } from '../../../oci/signature/key.ts';
import { readPackets, TAG } from '../../../oci/signature/packet.ts';
import {
  certifyAnew,
  DIGEST,
  MADE,
  makeKey,
  NAME,
  NOW,
  packet,
  partsOf,
  revokeAnyhow,
  SIGNED,
  signAnyhow,
  signText,
  text,
} from './forge.ts';

const WANTED: Wanted = { kind: 'image', name: NAME, digest: DIGEST };
const MINUTE = 60_000;

let ann: PrivateKey;
let rsa: PrivateKey;
let sound: Buffer;
beforeAll(async () => {
  rsa = await makeKey('rsa', { type: 'rsa', rsaBits: 2048 });
  ann = await makeKey('ann');
  sound = await signText(text(), ann);
});

const judge = (bytes: Uint8Array, keys: readonly Key[] = [ann.toPublic()], wanted = WANTED): Promise<Judgement> =>
  judgeSignature(bytes, { keys, wanted, now: NOW });

const changed = (bytes: Uint8Array, change: (copy: Buffer) => void): Buffer => {
  const copy = Buffer.from(bytes);
  change(copy);
  return copy;
};
const compressed = (algorithm: number, bytes: Uint8Array): Buffer =>
  packet(TAG.compressed, Buffer.from([algorithm]), bytes);

describe('what counts', () => {
  const rows: readonly (readonly [string, () => Promise<Judgement>])[] = [
    ['the plain form', () => judge(sound)],
    ['compressed with ZIP', () => judge(compressed(1, deflateRawSync(sound)))],
    ['compressed with ZLIB', () => judge(compressed(2, deflateSync(sound)))],
    ['compressed data that is not', () => judge(compressed(0, sound))],
    ['in partial lengths, as gpg writes from a pipe', () => judge(inPartialLengths(sound))],
    ['an old header without a length', () => judge(Buffer.concat([Buffer.from([0xa3, 1]), deflateRawSync(sound)]))],
    [
      'members of optional, other order, blanks',
      async () => {
        const payload = `{ "optional": {"creator": "x", "timestamp": 1},\n "critical": ${text().slice(12, -15)} }`;
        return judge(await signText(payload, ann));
      },
    ],
    ['optional null', async () => judge(await signText(text().replace('"optional":{}', '"optional":null'), ann))],
    [
      'any tag, where any is good',
      () => judge(sound, undefined, { ...WANTED, name: 'registry.example/ns/hello', match: 'repository' }),
    ],
    [
      'a key that expired after it signed',
      async () => {
        const key = await makeKey('late', { keyExpirationTime: (SIGNED.getTime() - MADE.getTime()) / 1000 + 60 });
        return judge(await signText(text(), key), [key.toPublic()]);
      },
    ],
    ['RSA of 2048 bits', async () => judge(await signText(text(), rsa), [rsa.toPublic()])],
    ...(['nistP256', 'nistP384', 'nistP521'] as const).map(
      (curve) =>
        [
          curve,
          async () => {
            const key = await makeKey('ecdsa', { type: 'ecc', curve });
            return judge(await signText(text(), key), [key.toPublic()]);
          },
        ] as const,
    ),
    [
      'a subkey that signs',
      async () => {
        const key = await makeKey('sub', { subkeys: [{ sign: true }] });
        const judged = await judge(await signText(text(), key), [key.toPublic()]);
        expect(judged).toMatchObject({ fingerprint: key.getFingerprint().toUpperCase() });
        expect(judged).toMatchObject({ signingFingerprint: key.subkeys[0]!.getFingerprint().toUpperCase() });
        return judged;
      },
    ],
  ];
  test.each(rows)('%s', async (_, make) => {
    expect(await make()).toMatchObject({ counts: true, claim: { kind: 'image', digest: DIGEST, name: NAME } });
  });
});

/** The literal in two parts, of 1 byte and the rest: gpg's are of 512 and more, the format allows any power of two. */
function inPartialLengths(file: Buffer): Buffer {
  const [onePass, literal, signature] = readPackets(file);
  const { body } = literal!;
  const rest = body.subarray(1);
  const length = Buffer.from([255, 0, 0, rest.length >> 8, rest.length & 255]);
  const parts = Buffer.concat([Buffer.from([0xc0 | 11, 224]), body.subarray(0, 1), length, rest]);
  return Buffer.concat([packet(4, onePass!.body), parts, packet(2, signature!.body)]);
}

type Row = readonly [name: string, refusal: Refusal, message: RegExp, make: () => Promise<Judgement>];

const signed = async (payload: string | Uint8Array): Promise<Judgement> => judge(await signText(payload, ann));
const by = async (key: PrivateKey, options?: Parameters<typeof signText>[2]): Promise<Judgement> =>
  judge(await signText(text(), key, options), [key.toPublic()]);
const assembled = (...parts: readonly Uint8Array[]): Promise<Judgement> => judge(Buffer.concat(parts));

const FILES: readonly Row[] = [
  ['empty', 'FORM', /^the file is empty$/, () => judge(Buffer.alloc(0))],
  ['text', 'FORM', /bytes that are no OpenPGP packet, at offset 0/, () => judge(Buffer.from('{}'))],
  ['too large', 'FORM', /too large for a signature/, () => judge(Buffer.alloc(70_000, 0xcb))],
  ['truncated by a byte', 'FORM', /the file is cut short/, () => judge(sound.subarray(0, -1))],
  ['truncated to its first packet', 'FORM', /not the packets of a signed message/, () => judge(partsOf(sound).onePass)],
  ['armored', 'FORM', /an ASCII-armored file/, async () => judge(Buffer.from(await armored()))],
  ['clear-signed', 'FORM', /a clear-signed text/, async () => judge(Buffer.from(await clearsigned()))],
  ['detached', 'FORM', /a detached signature/, () => judge(partsOf(sound).signature)],
  [
    'the old order, signature first',
    'FORM',
    /not the packets of a signed message: .* got signature, literal data$/,
    () => assembled(partsOf(sound).signature, partsOf(sound).literal),
  ],
  [
    'two literals',
    'FORM',
    /^2 literals in one message/,
    () => assembled(partsOf(sound).onePass, partsOf(sound).literal, partsOf(sound).literal, partsOf(sound).signature),
  ],
  [
    'a second signature, by a key nobody knows',
    'FORM',
    /^several signatures in one file/,
    async () => judge(await signText(text(), [ann, await makeKey('mallory')])),
  ],
  [
    'a second signature behind the first',
    'FORM',
    /^several signatures in one file/,
    () => assembled(sound, partsOf(sound).signature),
  ],
  ['bytes appended', 'FORM', /something was appended/, () => assembled(sound, Buffer.from('more'))],
  [
    'a packet appended',
    'FORM',
    /not the packets of a signed message/,
    () => assembled(sound, packet(13, Buffer.from('u'))),
  ],
  ['a key appended', 'FORM', /got one-pass .*public key/, () => assembled(sound, ann.toPublic().write())],
  ['a secret key appended', 'FORM', /a secret key/, () => assembled(sound, ann.write())],
  ['encrypted', 'FORM', /an encrypted message/, () => assembled(packet(18, Buffer.alloc(20)))],
  [
    'compressed in compressed',
    'FORM',
    /compressed data inside compressed data/,
    () => judge(compressed(1, deflateRawSync(compressed(1, deflateRawSync(sound))))),
  ],
  [
    'a bomb',
    'FORM',
    /compressed data that grows too large/,
    () => judge(compressed(1, deflateRawSync(Buffer.alloc(1 << 24)))),
  ],
  [
    'bytes behind the compressed data',
    'FORM',
    /bytes behind the compressed data/,
    () => judge(compressed(1, Buffer.concat([deflateRawSync(sound), Buffer.from('more')]))),
  ],
  ['damaged compressed data', 'FORM', /compressed data that is damaged/, () => judge(compressed(2, Buffer.from('x')))],
  ['bzip2', 'FORM', /compressed in an unusual way: .* got BZIP2/, () => judge(compressed(3, sound))],
  [
    'compressed data among others',
    'FORM',
    /a detached signature: .* got compressed data, signature$/,
    () => assembled(compressed(1, deflateRawSync(sound)), partsOf(sound).signature),
  ],
  [
    'a literal that is text',
    'FORM',
    /literal data that is not binary/,
    () =>
      assembled(
        partsOf(sound).onePass,
        changed(partsOf(sound).literal, (copy) => (copy[6] = 0x74)),
        partsOf(sound).signature,
      ),
  ],
  [
    'a one-pass packet for another hash',
    'FORM',
    /announces another signature/,
    () => judge(changed(sound, (copy) => (copy[4] = enums.hash.sha256))),
  ],
  [
    'a signature over text',
    'FORM',
    /a signature of type 1: want 0/,
    async () => {
      const { onePass, literal, signature } = partsOf(sound);
      const typed = (copy: Buffer, at: number) => changed(copy, (bytes) => (bytes[at] = 1));
      return assembled(typed(onePass, 7), literal, typed(signature, 7));
    },
  ],
];

const TEXTS: readonly Row[] = [
  ['no JSON', 'TEXT', /the signed text is no JSON/, () => signed('hello')],
  ['nothing', 'TEXT', /the signed text is no JSON/, () => signed('')],
  ['a list', 'TEXT', /the signed text is no object/, () => signed('[]')],
  ['bytes that are not UTF-8', 'TEXT', /not UTF-8/, () => signed(Buffer.from([0x22, 0xff, 0x22]))],
  ['a NUL behind it', 'TEXT', /something behind the JSON/, () => signed(`${text()}\0`)],
  ['a NUL in the name', 'TEXT', /a NUL character/, () => signed(text({ name: 'registry.example/ns/hello:1\\u0000x' }))],
  ['a raw NUL in the name', 'TEXT', /no string where one belongs|no JSON/, () => signed(text({ name: 'a\0b' }))],
  ['JSON behind it', 'TEXT', /something behind the JSON/, () => signed(`${text()}{}`)],
  [
    'a digest twice',
    'TEXT',
    /the member "docker-manifest-digest" twice/,
    () => signed(text().replace('"image":{', `"image":{"docker-manifest-digest":"${digestOf('other')}",`)),
  ],
  [
    'a member twice, once escaped',
    'TEXT',
    /the member "type" twice/,
    () => signed(text().replace('"type":', '"\\u0074ype":"x","type":')),
  ],
  [
    'critical twice',
    'TEXT',
    /the member "critical" twice/,
    () => signed(text().replace('{"critical"', '{"critical":{},"critical"')),
  ],
  [
    'an unknown member of critical',
    'TEXT',
    /unknown member "until" in critical/,
    () => signed(text().replace('"type"', '"until":1,"type"')),
  ],
  [
    'an unknown member of image',
    'TEXT',
    /unknown member "also" in critical.image/,
    () => signed(text().replace('"image":{', '"image":{"also":1,')),
  ],
  [
    'an unknown member at the top',
    'TEXT',
    /unknown member "x" in the signed text/,
    () => signed(text().replace('{"critical"', '{"x":1,"critical"')),
  ],
  [
    '__proto__',
    'TEXT',
    /unknown member "__proto__" in critical/,
    () => signed(text().replace('"type"', '"__proto__":{},"type"')),
  ],
  [
    'optional that is text',
    'TEXT',
    /optional is no object/,
    () => signed(text().replace('"optional":{}', '"optional":"x"')),
  ],
  ['no critical', 'TEXT', /critical is no object/, () => signed('{"optional":{}}')],
  ['no name', 'TEXT', /docker-reference is no name/, () => signed(text().replace(/"docker-reference":"[^"]*"/, ''))],
  [
    'another type',
    'TEXT',
    /a signature of another type: .* got atomic container$/,
    () => signed(text({ type: 'atomic container' })),
  ],
  [
    'the type in capitals',
    'TEXT',
    /a signature of another type/,
    () => signed(text({ type: 'Atomic container signature' })),
  ],
  [
    'a digest in capitals',
    'TEXT',
    /is no digest: want .*lower-case/,
    () => signed(text({ digest: DIGEST.toUpperCase() })),
  ],
  ['a digest cut short', 'TEXT', /is no digest/, () => signed(text({ digest: DIGEST.slice(0, -1) }))],
  ['a sha512 digest', 'TEXT', /is no digest/, () => signed(text({ digest: `sha512:${'0'.repeat(128)}` }))],
  ['deep JSON', 'TEXT', /too many levels/, () => signed('['.repeat(10_000))],
];

const CLAIMS: readonly Row[] = [
  [
    'another digest',
    'OTHER_DIGEST',
    /signed for another digest: want sha256:.*, got sha256:/,
    () => signed(text({ digest: digestOf('other') })),
  ],
  [
    'the image index in place of the manifest',
    'OTHER_DIGEST',
    /signed for another digest/,
    async () => judge(sound, undefined, { ...WANTED, digest: digestOf('the index') }),
  ],
  [
    'another repository',
    'OTHER_NAME',
    /signed for another name: .*evil/,
    () => signed(text({ name: 'registry.example/ns/evil:1' })),
  ],
  ['another tag', 'OTHER_NAME', /signed for another name/, () => signed(text({ name: 'registry.example/ns/hello:2' }))],
  [
    'another registry',
    'OTHER_NAME',
    /signed for another name/,
    () => signed(text({ name: 'registry.example.org/ns/hello:1' })),
  ],
  ['the name in capitals', 'OTHER_NAME', /lower case/, () => signed(text({ name: 'registry.example/ns/Hello:1' }))],
  ['no tag', 'OTHER_NAME', /a name without a tag/, () => signed(text({ name: 'registry.example/ns/hello' }))],
  [
    'a digest in the name',
    'OTHER_NAME',
    /a name without a tag/,
    () => signed(text({ name: `registry.example/ns/hello:1@${DIGEST}` })),
  ],
  [
    'another repository that begins the same',
    'OTHER_NAME',
    /signed for another name/,
    async () =>
      judge(await signText(text({ name: 'registry.example/ns/hello2:1' }), ann), undefined, {
        ...WANTED,
        name: 'registry.example/ns/hello',
        match: 'repository',
      }),
  ],
  [
    'an image where a release is wanted',
    'OTHER_KIND',
    /signed as image: want release/,
    () => judge(sound, undefined, { kind: 'release', name: NAME, digest: DIGEST }),
  ],
];

const KEYS: readonly Row[] = [
  [
    'a key nobody named',
    'UNKNOWN_KEY',
    /signed by a key nobody named: [0-9A-F]{40}$/,
    async () => judge(await signText(text(), await makeKey('mallory'))),
  ],
  ['no keys at all', 'UNKNOWN_KEY', /signed by a key nobody named/, () => judge(sound, [])],
  [
    'an issuer that is somebody else',
    'BAD_SIGNATURE',
    /not made by the key it names/,
    async () => {
      // Mallory signs, and writes ann's key id and fingerprint into the packet instead of her own.
      const mallory = await makeKey('mallory');
      const [ids, fingerprints] = [mallory, ann].reduce<[Buffer[], Buffer[]]>(
        ([a, b], key) => {
          const fingerprint = Buffer.from(key.getFingerprint(), 'hex');
          return [
            [...a, fingerprint.subarray(12)],
            [...b, fingerprint],
          ];
        },
        [[], []],
      );
      const forged = await signText(text(), mallory);
      for (const [from, to] of [[fingerprints[0]!, fingerprints[1]!] as const, [ids[0]!, ids[1]!] as const]) {
        for (let at = forged.indexOf(from); at >= 0; at = forged.indexOf(from)) to.copy(forged, at);
      }
      return judge(forged);
    },
  ],
  [
    'two issuers, one of them unhashed',
    'BAD_SIGNATURE',
    /it names two issuers: key id EEEEEEEEEEEEEEEE and fingerprint/,
    async () =>
      judge(await signAnyhow(ann, { unhashed: [{ type: 16, critical: false, body: Buffer.alloc(8, 0xee) }] })),
  ],
  [
    'a signed text that was changed',
    'BAD_SIGNATURE',
    /not made by the key it names/,
    // A blank for a tab: to a reader of JSON the same, to a signature not.
    async () => {
      const spaced = await signText(text().replace(':{}', ': {}'), ann);
      return judge(changed(spaced, (copy) => copy.write('\t', copy.indexOf(': {}') + 1)));
    },
  ],
  [
    'a signature with a flipped bit',
    'BAD_SIGNATURE',
    /not made by the key it names/,
    () => judge(changed(sound, (copy) => (copy[copy.length - 1]! ^= 1))),
  ],
  [
    'another text under the same signature',
    'BAD_SIGNATURE',
    /not made by the key it names: Signed digest did not match/,
    async () => {
      const other = partsOf(await signText(text({ digest: digestOf('other') }), ann));
      return assembled(partsOf(sound).onePass, partsOf(sound).literal, other.signature);
    },
  ],
  [
    'SHA-1',
    'WEAK_HASH',
    /made with SHA1, which can be forged/,
    async () => judge(await signAnyhow(rsa, { hash: enums.hash.sha1 }), [rsa.toPublic()]),
  ],
  ['from the future', 'FUTURE', /made in the future/, () => by(ann, { date: new Date(NOW.getTime() + MINUTE) })],
  [
    'a signature that expired',
    'SIGNATURE_EXPIRED',
    /the signature itself expired/,
    async () => judge(await signAnyhow(ann, { fields: { signatureExpirationTime: 60 } })),
  ],
  [
    'an unknown critical subpacket',
    'BAD_SIGNATURE',
    /critical/i,
    async () => judge(await signAnyhow(ann, { subpackets: Buffer.from([2, 0x80 | 100, 1]) })),
  ],
  [
    'an unknown critical notation',
    'BAD_SIGNATURE',
    /critical notation: a@example.org/i,
    async () => judge(await signAnyhow(ann, { fields: { rawNotations: [NOTATION] } })),
  ],
  [
    'RSA of 1024 bits',
    'CLIENT_KEY',
    /an RSA key of 1024 bits, want 2048/,
    async () => by(await makeKey('short', { type: 'rsa', rsaBits: 1024 as never })),
  ],
  [
    'a version 6 key',
    'CLIENT_KEY',
    /a signature of version 6/,
    async () => by(await makeKey('v6', { type: 'curve25519', config: { v6Keys: true } })),
  ],
  [
    'a curve25519 key',
    'CLIENT_KEY',
    /new ed25519 kind .*ocibuild keygen/,
    async () => by(await makeKey('new', { type: 'curve25519' })),
  ],
  [
    'a key that had expired when it signed',
    'KEY_STATE',
    /had expired when it signed, on 2024-06-01/,
    async () => {
      const key = await makeKey('early', { keyExpirationTime: 86_400 });
      return judge(await signAnyhow(key), [key.toPublic()]);
    },
  ],
  [
    'a key newer than its signature',
    'KEY_STATE',
    /newer than the signature/,
    async () => judge(await signAnyhow(ann, { date: new Date(MADE.getTime() - MINUTE) })),
  ],
  [
    'a revoked key',
    'REVOKED',
    /^the key has been revoked$/,
    async () => {
      const { publicKey } = await revokeKey({ key: ann, format: 'object', date: NOW });
      return judge(sound, [publicKey]);
    },
  ],
  [
    'a key revoked later, as superseded',
    'REVOKED',
    /^the key has been revoked$/,
    async () => {
      const flag = enums.reasonForRevocation.keySuperseded;
      const { publicKey } = await revokeKey({
        key: ann,
        reasonForRevocation: { flag, string: '' },
        format: 'object',
        date: NOW,
      });
      return judge(sound, [publicKey]);
    },
  ],
  [
    'a key revoked with SHA-1, which is too weak for anything else',
    'REVOKED',
    /^the key has been revoked$/,
    async () => {
      const key = await makeKey('weak', { type: 'rsa', rsaBits: 2048 });
      const file = await signText(text(), key);
      expect(await judge(file, [key.toPublic()])).toMatchObject({ counts: true });
      return judge(file, [(await revokeAnyhow(key, { hash: enums.hash.sha1, date: NOW })).toPublic()]);
    },
  ],
  [
    'a revoked subkey',
    'REVOKED',
    /^the subkey has been revoked$/,
    async () => {
      const key = await makeKey('sub', { subkeys: [{ sign: true }] });
      const file = await signText(text(), key);
      key.subkeys[0] = await key.subkeys[0]!.revoke(key.keyPacket as never, undefined, NOW);
      return judge(file, [key.toPublic()]);
    },
  ],
  [
    'a subkey that never agreed',
    'KEY_STATE',
    /no cross-certification/,
    async () => {
      const key = await makeKey('sub', { subkeys: [{ sign: true }] });
      const file = await signText(text(), key);
      for (const binding of key.subkeys[0]!.bindingSignatures) {
        (binding as unknown as { embeddedSignature: unknown }).embeddedSignature = null;
      }
      return judge(file, [key.toPublic()]);
    },
  ],
  [
    'a subkey taken from another key',
    'KEY_STATE',
    /the key could not sign/,
    async () => {
      const [own, other] = [await makeKey('own'), await makeKey('other', { subkeys: [{ sign: true }] })];
      const file = await signText(text(), other);
      const stolen = own.toPublic();
      stolen.subkeys.push(other.toPublic().subkeys[0]!);
      return judge(file, [stolen]);
    },
  ],
  [
    'a key that vouches for itself with SHA-1',
    'KEY_STATE',
    /vouches for itself with SHA-1 only/,
    async () => {
      const key = await certifyAnew(await makeKey('weak', { type: 'rsa', rsaBits: 2048 }), { hash: enums.hash.sha1 });
      return judge(await signAnyhow(key), [key.toPublic()]);
    },
  ],
  [
    'a key that may only certify',
    'KEY_STATE',
    /the key could not sign/,
    async () => {
      const fields = { keyFlags: [enums.keyFlags.certifyKeys] };
      const key = await certifyAnew(await makeKey('certifier'), { fields });
      return judge(await signAnyhow(key), [key.toPublic()]);
    },
  ],
];

const NOTATION = { name: 'a@example.org', value: Buffer.from('x'), humanReadable: true, critical: true };

async function armored(): Promise<string> {
  const message = await createMessage({ binary: Buffer.from(text()) });
  return await signAny({ message, signingKeys: ann, date: SIGNED });
}

async function clearsigned(): Promise<string> {
  return await signAny({ message: await createCleartextMessage({ text: text() }), signingKeys: ann, date: SIGNED });
}

describe.each([
  ['the file', FILES],
  ['the signed text', TEXTS],
  ['what it claims', CLAIMS],
  ['the key', KEYS],
])('refused for %s', (_, rows) => {
  test.each(rows)('%s: %s', async (_name, refusal, message, make) => {
    const judgement = await make();
    expect(judgement).toMatchObject({ counts: false, refusal, message: expect.stringMatching(message) });
  });
});

test('the table is a table', () => {
  const all = [...FILES, ...TEXTS, ...CLAIMS, ...KEYS];
  expect(all.length).toBeGreaterThan(60);
  expect(new Set(all.map(([name]) => name)).size).toBe(all.length);
});

test('no byte of the signed text, and none of the signature, can be changed unnoticed', async () => {
  const start = sound.indexOf(text());
  expect(start).toBeGreaterThan(0);
  const offsets = [...Array(text().length).keys()].map((at) => start + at);
  // The two scalars of Ed25519, each 32 bytes behind its length.
  for (let fromEnd = 1; fromEnd <= 64; fromEnd++) offsets.push(sound.length - fromEnd);
  for (const at of offsets) {
    const judgement = await judge(changed(sound, (copy) => (copy[at]! ^= 0x20)));
    expect(judgement.counts, `offset ${at}`).toBe(false);
  }
});

test('whatever lies in a file, it is judged and not tripped over', async () => {
  const bytes = fc.uint8Array({ maxLength: 300 });
  await fc.assert(
    fc.asyncProperty(bytes, async (any) => {
      expect((await judge(any)).counts).toBe(false);
    }),
    { numRuns: 200 },
  );
  const spliced = fc.tuple(fc.nat(sound.length), fc.nat(20), fc.uint8Array({ maxLength: 20 }));
  await fc.assert(
    fc.asyncProperty(spliced, async ([at, gone, put]) => {
      const judgement = await judge(Buffer.concat([sound.subarray(0, at), put, sound.subarray(at + gone)]));
      // What it still says, if it counts, is what was signed.
      if (judgement.counts) expect(judgement.claim).toEqual({ kind: 'image', name: NAME, digest: DIGEST });
    }),
    { numRuns: 300 },
  );
});
