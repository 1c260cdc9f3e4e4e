// Owns: what the published JSON schema of SPDX 2.3 (schemas/spdx-schema-2-3.json) demands of the parts we write, and what the
// spec demands beyond it: identifiers that are unique and lead somewhere, licence expressions, dates. Gives every fault.

import { isLicenseExpression } from '../../oci/spdx.ts';

type Shape = { readonly required: readonly string[]; readonly optional: readonly string[] };

const DOCUMENT: Shape = {
  required: ['SPDXID', 'creationInfo', 'dataLicense', 'name', 'spdxVersion'],
  optional: [
    ...[
      'annotations',
      'comment',
      'externalDocumentRefs',
      'hasExtractedLicensingInfos',
      'revieweds',
      'documentNamespace',
    ],
    ...['documentDescribes', 'packages', 'files', 'snippets', 'relationships'],
  ],
};
const CREATION: Shape = { required: ['created', 'creators'], optional: ['comment', 'licenseListVersion'] };
const PACKAGE: Shape = {
  required: ['SPDXID', 'downloadLocation', 'name'],
  optional: [
    ...['annotations', 'attributionTexts', 'builtDate', 'checksums', 'comment', 'copyrightText', 'description'],
    ...['externalRefs', 'filesAnalyzed', 'hasFiles', 'homepage', 'licenseComments', 'licenseConcluded'],
    ...['licenseDeclared', 'licenseInfoFromFiles', 'originator', 'packageFileName', 'packageVerificationCode'],
    ...['primaryPackagePurpose', 'releaseDate', 'sourceInfo', 'summary', 'supplier', 'validUntilDate', 'versionInfo'],
  ],
};
const CHECKSUM: Shape = { required: ['algorithm', 'checksumValue'], optional: [] };
const REFERENCE: Shape = {
  required: ['referenceCategory', 'referenceLocator', 'referenceType'],
  optional: ['comment'],
};
const RELATIONSHIP: Shape = {
  required: ['spdxElementId', 'relatedSpdxElement', 'relationshipType'],
  optional: ['comment'],
};
const EXTRACTED: Shape = {
  required: ['extractedText', 'licenseId'],
  optional: ['comment', 'crossRefs', 'name', 'seeAlsos'],
};
const PURPOSES = [
  ...[
    'OTHER',
    'INSTALL',
    'ARCHIVE',
    'FIRMWARE',
    'APPLICATION',
    'FRAMEWORK',
    'LIBRARY',
    'CONTAINER',
    'SOURCE',
    'DEVICE',
  ],
  ...['OPERATING_SYSTEM', 'FILE'],
];
/** Those of the schema that we have a use for. */
const RELATIONSHIPS = ['DESCRIBES', 'GENERATED_FROM', 'DESCENDANT_OF', 'CONTAINS', 'COPY_OF', 'BUILD_DEPENDENCY_OF'];

type Members = Readonly<Record<string, unknown>>;

/** Faults of a document, each with the JSON path; empty when there is none. */
export function spdxFaults(document: unknown): readonly string[] {
  const faults: string[] = [];
  const say = (path: string, fault: string): void => {
    faults.push(`${path}: ${fault}`);
  };
  const object = (value: unknown, path: string, shape: Shape): Members => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      say(path, 'no object');
      return {};
    }
    for (const key of shape.required) if (!(key in value)) say(path, `no ${key}`);
    const known = [...shape.required, ...shape.optional];
    for (const key of Object.keys(value)) if (!known.includes(key)) say(path, `${key} is not allowed`);
    return value as Members;
  };
  const list = (value: unknown, path: string): readonly unknown[] => {
    if (value === undefined) return [];
    if (Array.isArray(value)) return value;
    say(path, 'no list');
    return [];
  };
  const text = (value: unknown, path: string, form: RegExp): string => {
    if (typeof value !== 'string' || !form.test(value)) say(path, `${JSON.stringify(value)} is not ${form}`);
    return String(value);
  };
  const maybe = (members: Members, key: string, path: string, form: RegExp): void => {
    if (members[key] !== undefined) text(members[key], `${path}.${key}`, form);
  };

  const top = object(document, '$', DOCUMENT);
  text(top['spdxVersion'], '$.spdxVersion', /^SPDX-2\.3$/);
  text(top['dataLicense'], '$.dataLicense', /^CC0-1\.0$/);
  text(top['SPDXID'], '$.SPDXID', /^SPDXRef-DOCUMENT$/);
  text(top['name'], '$.name', /./);
  text(top['documentNamespace'], '$.documentNamespace', /^[a-z][a-z0-9+.-]*:[^\s#]+$/);
  const creation = object(top['creationInfo'], '$.creationInfo', CREATION);
  text(creation['created'], '$.creationInfo.created', /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
  const creators = list(creation['creators'], '$.creationInfo.creators');
  if (creators.length === 0) say('$.creationInfo.creators', 'nobody');
  for (const creator of creators)
    text(creator, '$.creationInfo.creators', /^(Tool: \S+-\S+|Person: .+|Organization: .+)$/);

  const extracted = new Set<string>();
  for (const [index, value] of list(top['hasExtractedLicensingInfos'], '$.hasExtractedLicensingInfos').entries()) {
    const path = `$.hasExtractedLicensingInfos[${index}]`;
    const members = object(value, path, EXTRACTED);
    extracted.add(text(members['licenseId'], `${path}.licenseId`, /^LicenseRef-[A-Za-z0-9.-]+$/));
    text(members['extractedText'], `${path}.extractedText`, /./s);
  }
  const license = (value: unknown, path: string): void => {
    if (value === undefined || value === 'NOASSERTION' || value === 'NONE') return;
    if (typeof value !== 'string' || !isLicenseExpression(value))
      say(path, `${JSON.stringify(value)} is no expression`);
    for (const [word] of String(value).matchAll(/LicenseRef-[A-Za-z0-9.-]+/g)) {
      if (!extracted.has(word)) say(path, `${word} is defined nowhere`);
    }
  };

  const ids = new Set(['SPDXRef-DOCUMENT']);
  for (const [index, value] of list(top['packages'], '$.packages').entries()) {
    const path = `$.packages[${index}]`;
    const members = object(value, path, PACKAGE);
    const id = text(members['SPDXID'], `${path}.SPDXID`, /^SPDXRef-[A-Za-z0-9.-]+$/);
    if (ids.has(id)) say(path, `${id} stands twice`);
    ids.add(id);
    text(members['name'], `${path}.name`, /^.+$/);
    text(members['downloadLocation'], `${path}.downloadLocation`, /^(NOASSERTION|NONE|https?:\/\/\S+|git\+\S+)$/);
    for (const key of ['versionInfo', 'packageFileName', 'sourceInfo', 'summary', 'copyrightText'])
      maybe(members, key, path, /./);
    maybe(members, 'homepage', path, /^https?:\/\/\S+$/);
    if (members['filesAnalyzed'] !== false) say(path, 'files were not analyzed');
    if (!PURPOSES.includes(members['primaryPackagePurpose'] as string)) say(path, 'no such purpose');
    for (const key of ['licenseConcluded', 'licenseDeclared']) license(members[key], `${path}.${key}`);
    for (const [at, checksum] of list(members['checksums'], `${path}.checksums`).entries()) {
      const where = `${path}.checksums[${at}]`;
      const { algorithm, checksumValue } = object(checksum, where, CHECKSUM);
      text(algorithm, where, /^SHA256$/);
      text(checksumValue, where, /^[0-9a-f]{64}$/);
    }
    for (const [at, reference] of list(members['externalRefs'], `${path}.externalRefs`).entries()) {
      const where = `${path}.externalRefs[${at}]`;
      const { referenceCategory, referenceLocator, referenceType } = object(reference, where, REFERENCE);
      text(referenceCategory, where, /^PACKAGE-MANAGER$/);
      text(referenceType, where, /^purl$/);
      text(referenceLocator, where, /^pkg:[a-z]+\/[A-Za-z0-9.%~+/-]+@[A-Za-z0-9.%~-]+\?arch=\w+$/);
    }
  }
  const related = new Set<string>();
  for (const [index, value] of list(top['relationships'], '$.relationships').entries()) {
    const path = `$.relationships[${index}]`;
    const members = object(value, path, RELATIONSHIP);
    if (!RELATIONSHIPS.includes(members['relationshipType'] as string)) say(path, 'no such relationship');
    for (const key of ['spdxElementId', 'relatedSpdxElement']) {
      const id = String(members[key]);
      if (!ids.has(id)) say(`${path}.${key}`, `${id} is nowhere`);
      related.add(id);
    }
  }
  for (const id of ids) if (!related.has(id)) say('$.relationships', `${id} stands alone`);
  return faults;
}
