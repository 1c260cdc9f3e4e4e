import { describe, expect, test } from 'vitest';
import { type Provenance, parseStatement, provenanceStatement, STATEMENT_TYPE } from '../../oci/in-toto.ts';

const HEX = 'ab'.repeat(32);
const PROVENANCE: Provenance = {
  buildDefinition: {
    buildType: 'urn:example:1',
    externalParameters: { recipe: 'a' },
    resolvedDependencies: [
      { name: 'a', digest: { sha256: HEX }, annotations: { locations: ['x'] } },
      { uri: 'urn:x:y' },
    ],
  },
  runDetails: { builder: { id: 'urn:example:builder', version: { a: '1' } } },
};
const SOUND = provenanceStatement([{ name: 'a', digest: { sha256: HEX } }], PROVENANCE);
const bytes = (value: unknown): Uint8Array => Buffer.from(JSON.stringify(value));

test('a statement is read as it was written', () => {
  expect(parseStatement(bytes(SOUND))).toEqual(SOUND);
});
test('members nobody here knows are kept, and another predicate is not judged', () => {
  const other = { ...SOUND, predicateType: 'https://example.org/x', predicate: { free: [1, 'two'] } };
  expect(parseStatement(bytes(other))).toEqual(other);
});

describe('a statement is refused for', () => {
  const definition = (more: object) => ({
    ...SOUND,
    predicate: { ...PROVENANCE, buildDefinition: { ...PROVENANCE.buildDefinition, ...more } },
  });
  const cases: readonly (readonly [string, unknown, RegExp])[] = [
    ['no type', { ...SOUND, _type: undefined }, /statement\._type is missing/],
    ['an older type', { ...SOUND, _type: 'https://in-toto.io/Statement/v0.1' }, new RegExp(`want ${STATEMENT_TYPE}`)],
    ['no subject', { ...SOUND, subject: [] }, /statement\.subject.*at least one subject/],
    [
      'a subject without a digest',
      { ...SOUND, subject: [{ name: 'a', uri: 'urn:x:y' }] },
      /subject\[0\]\.digest is missing/,
    ],
    ['a digest in capitals', { ...SOUND, subject: [{ digest: { sha256: HEX.toUpperCase() } }] }, /lower-case hex/],
    ['a predicate type that is no URI', { ...SOUND, predicateType: 'slsa' }, /predicateType.*a URI/],
    ['provenance without a predicate', { ...SOUND, predicate: undefined }, /predicate is missing/],
    ['no build type', definition({ buildType: undefined }), /buildType is missing/],
    ['no external parameters', definition({ externalParameters: undefined }), /externalParameters is missing/],
    [
      'a dependency that names nothing',
      definition({ resolvedDependencies: [{ name: 'a' }] }),
      /resolvedDependencies\[0\]/,
    ],
    ['no builder', { ...SOUND, predicate: { ...PROVENANCE, runDetails: {} } }, /builder is missing/],
  ];
  test.each(cases)('%s', (_, statement, message) => {
    expect(() => parseStatement(bytes(statement))).toThrow(
      expect.objectContaining({ code: 'DOCUMENT_INVALID', message: expect.stringMatching(message) }),
    );
  });
});
