import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { digestOf, hexOf } from '../../../oci/digest.ts';
import { encodeClaim, parseClaim } from '../../../oci/signature/claim.ts';
import { addSignature, listSignatures, pathsOfDigest, signatureFolder } from '../../../oci/signature/lookaside.ts';

const DIGEST = digestOf('x');
const HEX = hexOf(DIGEST);
let root: string;
beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), 'lookaside-'));
});
afterAll(() => rmSync(root, { recursive: true }));

describe('where signatures lie', () => {
  test.each([
    ['image', 'registry.example/ns/name:tag', `ns/name@sha256=${HEX}`],
    ['image', 'registry.example:5000/name:tag', `name@sha256=${HEX}`],
    ['image', 'localhost/a/b/c:1', `a/b/c@sha256=${HEX}`],
    ['recipe', 'recipes/hello', `_recipe/recipes/hello@sha256=${HEX}`],
    ['policy', 'registry.example/ns', `_policy@sha256=${HEX}`],
    ['release', 'registry.example/ns', `_release@sha256=${HEX}`],
  ] as const)('%s %s', (kind, name, want) => {
    expect(signatureFolder({ kind, name, digest: DIGEST })).toBe(want);
  });
  test.each(['../../etc/x:1', 'a//b:1', 'registry.example/A:1'])('%s is no name', (name) => {
    expect(() => signatureFolder({ kind: 'image', name, digest: DIGEST })).toThrow(/image reference/);
  });
});

describe('signature-N', () => {
  test('from 1, without a gap, none replaced', () => {
    const folder = `ns/a@sha256=${HEX}`;
    expect(addSignature(root, folder, Buffer.from('one'))).toBe(`${folder}/signature-1`);
    expect(addSignature(root, folder, Buffer.from('two'))).toBe(`${folder}/signature-2`);
    expect(readdirSync(join(root, folder))).toEqual(['signature-1', 'signature-2']);
    expect(listSignatures(root, folder).map(({ bytes }) => Buffer.from(bytes!).toString())).toEqual(['one', 'two']);
    rmSync(join(root, folder, 'signature-1'));
    expect(addSignature(root, folder, Buffer.from('three'))).toBe(`${folder}/signature-1`);
    expect(readFileSync(join(root, folder, 'signature-2'), 'utf8')).toBe('two');
  });
  test('what clients never read is named', () => {
    const folder = `ns/strays@sha256=${HEX}`;
    mkdirSync(join(root, folder), { recursive: true });
    for (const name of [
      'signature-1',
      'signature-3',
      'signature-10',
      'signature-02',
      'SIGNATURE-2',
      'signature-2.asc',
      'x',
    ]) {
      writeFileSync(join(root, folder, name), name);
    }
    const listed = listSignatures(root, folder).map(({ path, problem }) => [
      path.slice(folder.length + 1),
      problem ?? '',
    ]);
    expect(listed).toEqual([
      ['signature-1', ''],
      ['signature-3', 'clients never read it: there is no signature-2'],
      ['signature-10', 'clients never read it: there is no signature-2'],
      ...['SIGNATURE-2', 'signature-02', 'signature-2.asc', 'x'].map((name) => [
        name,
        'clients never read it: not named signature-N',
      ]),
    ]);
  });
  test('what is no file is not read', () => {
    const folder = `ns/odd@sha256=${HEX}`;
    mkdirSync(join(root, folder, 'signature-1'), { recursive: true });
    symlinkSync('/etc/hostname', join(root, folder, 'signature-2'));
    writeFileSync(join(root, folder, 'signature-3'), Buffer.alloc(100_000));
    expect(listSignatures(root, folder).map(({ problem, bytes }) => [problem, bytes])).toEqual([
      ['not a regular file', undefined],
      ['not a regular file', undefined],
      ['too large for a signature: 100000 bytes', undefined],
    ]);
  });
  test('no folder, no signatures', () => {
    expect(listSignatures(root, 'none@sha256=00')).toEqual([]);
    expect(existsSync(join(root, 'none@sha256=00'))).toBe(false);
  });
  test('whose digest is where', () => {
    addSignature(root, `_recipe/recipes/x@sha256=${HEX}`, Buffer.from('r'));
    addSignature(root, `ns/other@sha256=${hexOf(digestOf('y'))}`, Buffer.from('o'));
    expect(pathsOfDigest(root, DIGEST)).toEqual(['ns/a', 'ns/odd', 'ns/strays']);
    expect(pathsOfDigest(join(root, 'nowhere'), DIGEST)).toEqual([]);
  });
});

describe('claims', () => {
  test('an image’s text is byte for byte what skopeo writes without optional members', () => {
    const text = encodeClaim({ kind: 'image', name: 'registry.example/a:1', digest: DIGEST }).toString();
    expect(text).toBe(
      `{"critical":{"identity":{"docker-reference":"registry.example/a:1"},"image":{"docker-manifest-digest":"${DIGEST}"},"type":"atomic container signature"},"optional":{}}`,
    );
  });
  test.each(['image', 'recipe', 'policy', 'release'] as const)('%s comes back', (kind) => {
    const claim = { kind, name: 'registry.example/a:1', digest: DIGEST };
    expect(parseClaim(encodeClaim(claim))).toEqual(claim);
  });
  test('a recipe’s members in an image’s claim are no claim', () => {
    const text = encodeClaim({ kind: 'recipe', name: 'recipes/a', digest: DIGEST }).toString();
    const mixed = text.replace('ocibuild recipe signature', 'atomic container signature');
    expect(() => parseClaim(Buffer.from(mixed))).toThrow(/unknown member "subject" in critical/);
  });
});
