import { describe, expect, test } from 'vitest';
import { isLicenseExpression, licenseField, type SpdxDocument, spdxDocument, spdxId } from '../../oci/spdx.ts';
import { spdxFaults } from './spdx-schema.ts';

describe('licence expressions', () => {
  test.each([
    'MIT',
    'GPL-2.0-only',
    'GPL-2.0',
    'Apache-2.0+',
    'MIT AND Apache-2.0',
    'LGPL-2.1-or-later OR (MIT AND BSD-3-Clause)',
    '((MIT))',
    '(MIT)AND(ISC)',
    'GPL-2.0-or-later WITH Bison-exception-2.2',
    'LicenseRef-own',
    'DocumentRef-a:LicenseRef-b',
  ])('%s', (text) => {
    expect(isLicenseExpression(text)).toBe(true);
    expect(licenseField(text)).toEqual({ expression: text });
  });
  test.each([
    'various',
    'mit',
    'GPLv2',
    'MIT Apache-2.0',
    'MIT AND',
    'OR MIT',
    '(MIT',
    'MIT)',
    '()',
    'MIT WITH',
    'MIT WITH MIT',
    'MIT and ISC',
    '+',
    'LicenseRef-',
    'LicenseRef-a b',
  ])('not %s', (text) => {
    expect(isLicenseExpression(text)).toBe(false);
    const { expression, extracted } = licenseField(text);
    expect(isLicenseExpression(expression)).toBe(true);
    expect(extracted).toMatchObject({ licenseId: expression, extractedText: text });
  });
  test.each(['', '  '])('nothing is no assertion', (text) => {
    expect(licenseField(text)).toEqual({ expression: 'NOASSERTION' });
  });
});

test('identifiers have only the characters they may have', () => {
  expect(spdxId('image', 'recipes/a_b+c')).toBe('SPDXRef-image-recipes-a-b-c');
});

const PACKAGE = {
  SPDXID: 'SPDXRef-a',
  name: 'a',
  downloadLocation: 'NOASSERTION',
  filesAnalyzed: false,
  licenseConcluded: 'NOASSERTION',
  licenseDeclared: 'MIT',
  copyrightText: 'NOASSERTION',
  primaryPackagePurpose: 'CONTAINER',
} as const;
const DESCRIBES = {
  spdxElementId: 'SPDXRef-DOCUMENT',
  relationshipType: 'DESCRIBES',
  relatedSpdxElement: 'SPDXRef-a',
} as const;
const content = (name: string) => ({
  name,
  creationInfo: { created: '1970-01-01T00:00:00Z', creators: ['Tool: ocibuild-1'] },
  packages: [PACKAGE],
  relationships: [DESCRIBES],
});

test('the namespace is that of the content', () => {
  expect(spdxDocument(content('a'))).toEqual(spdxDocument(content('a')));
  expect(spdxDocument(content('a')).documentNamespace).toMatch(/^urn:ocibuild:spdx:sha256:[0-9a-f]{64}$/);
  expect(spdxDocument(content('b')).documentNamespace).not.toBe(spdxDocument(content('a')).documentNamespace);
});

describe('the check of documents finds', () => {
  const sound = spdxDocument(content('a'));
  test('nothing in a sound one', () => expect(spdxFaults(sound)).toEqual([]));
  const faults: readonly (readonly [string, (document: SpdxDocument) => unknown, RegExp])[] = [
    ['a missing member', ({ name: _, ...rest }) => rest, /\$: no name/],
    ['a member too many', (document) => ({ ...document, extra: 1 }), /extra is not allowed/],
    ['another version', (document) => ({ ...document, spdxVersion: 'SPDX-2.2' }), /spdxVersion/],
    [
      'a namespace with a fragment',
      (document) => ({ ...document, documentNamespace: 'urn:x:y#z' }),
      /documentNamespace/,
    ],
    ['a clock', (document) => ({ ...document, creationInfo: { created: '2024', creators: ['Tool: a-1'] } }), /created/],
    [
      'an unnamed creator',
      (document) => ({ ...document, creationInfo: { ...document.creationInfo, creators: [] } }),
      /nobody/,
    ],
    ['an id twice', (document) => ({ ...document, packages: [PACKAGE, PACKAGE] }), /stands twice/],
    ['an id nobody has', (document) => ({ ...document, packages: [] }), /SPDXRef-a is nowhere/],
    [
      'a package nothing leads to',
      (document) => ({ ...document, packages: [PACKAGE, { ...PACKAGE, SPDXID: 'SPDXRef-b' }] }),
      /SPDXRef-b stands alone/,
    ],
    [
      'a licence that is none',
      (document) => ({ ...document, packages: [{ ...PACKAGE, licenseDeclared: 'GPLv2' }] }),
      /no expression/,
    ],
    [
      'a licence defined nowhere',
      (document) => ({ ...document, packages: [{ ...PACKAGE, licenseDeclared: 'LicenseRef-x' }] }),
      /defined nowhere/,
    ],
    [
      'a location that is none',
      (document) => ({ ...document, packages: [{ ...PACKAGE, downloadLocation: 'debian:pool/x' }] }),
      /downloadLocation/,
    ],
  ];
  test.each(faults)('%s', (_, damage, message) => {
    expect(spdxFaults(damage(sound))).toEqual(expect.arrayContaining([expect.stringMatching(message)]));
  });
});
