// Owns: the SPDX 2.3 document as JSON: its nouns, identifiers, and what its licence fields may hold. Knows no recipe.
// Spec: spdx.github.io/spdx-spec/v2.3; the published schema (schemas/spdx-schema-2-3.json) allows no other members.

import { digestOf, hexOf } from './digest.ts';
import { canonicalJson, type Json } from './json.ts';
import { SPDX_EXCEPTIONS, SPDX_LICENSES } from './spdx-licenses.ts';

export const SPDX_MEDIA_TYPE = 'application/spdx+json';
export const NO_ASSERTION = 'NOASSERTION';

export type PackagePurpose = 'CONTAINER' | 'OPERATING_SYSTEM' | 'SOURCE' | 'INSTALL' | 'FILE';

export interface SpdxPackage {
  readonly SPDXID: string;
  readonly name: string;
  readonly versionInfo?: string;
  readonly packageFileName?: string;
  /** A URL, or NOASSERTION. */
  readonly downloadLocation: string;
  readonly homepage?: string;
  readonly filesAnalyzed: false;
  readonly checksums?: readonly { readonly algorithm: 'SHA256'; readonly checksumValue: string }[];
  readonly sourceInfo?: string;
  readonly licenseConcluded: string;
  readonly licenseDeclared: string;
  readonly copyrightText: string;
  readonly summary?: string;
  readonly primaryPackagePurpose: PackagePurpose;
  readonly externalRefs?: readonly {
    readonly referenceCategory: 'PACKAGE-MANAGER';
    readonly referenceType: 'purl';
    readonly referenceLocator: string;
  }[];
}

export type RelationshipType =
  | 'DESCRIBES'
  | 'GENERATED_FROM'
  | 'DESCENDANT_OF'
  | 'CONTAINS'
  | 'COPY_OF'
  | 'BUILD_DEPENDENCY_OF';

export interface SpdxRelationship {
  readonly spdxElementId: string;
  readonly relationshipType: RelationshipType;
  readonly relatedSpdxElement: string;
}

export interface ExtractedLicense {
  readonly licenseId: string;
  readonly extractedText: string;
  readonly name: string;
}

export interface SpdxDocument {
  readonly spdxVersion: 'SPDX-2.3';
  readonly dataLicense: 'CC0-1.0';
  readonly SPDXID: 'SPDXRef-DOCUMENT';
  readonly name: string;
  readonly documentNamespace: string;
  readonly creationInfo: { readonly created: string; readonly creators: readonly string[] };
  readonly packages: readonly SpdxPackage[];
  readonly relationships: readonly SpdxRelationship[];
  readonly hasExtractedLicensingInfos?: readonly ExtractedLicense[];
}

export const DOCUMENT_ID = 'SPDXRef-DOCUMENT';

/** What a document says, before it has a name of its own. */
export type SpdxContent = Omit<SpdxDocument, 'spdxVersion' | 'dataLicense' | 'SPDXID' | 'documentNamespace'>;

/** The document's namespace is a name made of its content: the same content has the same, any other has another. */
export function spdxDocument(content: SpdxContent): SpdxDocument {
  const rest = { spdxVersion: 'SPDX-2.3', dataLicense: 'CC0-1.0', SPDXID: DOCUMENT_ID, ...content } as const;
  const hex = hexOf(digestOf(canonicalJson(rest as unknown as Json)));
  return { ...rest, documentNamespace: `urn:ocibuild:spdx:sha256:${hex}` };
}

/**
 * `SPDXRef-` and letters, digits, `.` and `-`, which is all that an identifier may have. Any other character becomes
 * `-`, so whoever needs them distinct gives words that stay so.
 */
export function spdxId(...words: readonly string[]): string {
  return `SPDXRef-${words.join('-').replace(/[^A-Za-z0-9.-]/g, '-')}`;
}

/**
 * A licence field: the expression where it is one (SPDX 2.3, Annex D, ids of the licence list), NOASSERTION for no text,
 * and otherwise a LicenseRef made of the text, which the document has to define.
 */
export function licenseField(text: string): { readonly expression: string; readonly extracted?: ExtractedLicense } {
  if (text.trim() === '') return { expression: NO_ASSERTION };
  if (isLicenseExpression(text)) return { expression: text };
  const licenseId = `LicenseRef-${hexOf(digestOf(text)).slice(0, 16)}`;
  return { expression: licenseId, extracted: { licenseId, extractedText: text, name: text } };
}

/**
 * Annex D of SPDX 2.3:
 *   expression = term { ("AND" | "OR") term }
 *   term       = "(" expression ")" | licence [ "WITH" exception ]
 *   licence    = id [ "+" ] | [ "DocumentRef-…:" ] "LicenseRef-…"
 */
export function isLicenseExpression(text: string): boolean {
  const tokens = text.match(/[()]|[^\s()]+/g) ?? [];
  let at = 0;
  const take = (word: string): boolean => tokens[at] === word && ++at > 0;
  const isTerm = (): boolean => {
    if (take('(')) return isExpression() && take(')');
    const licence = tokens[at++];
    if (licence === undefined || !isLicence(licence)) return false;
    return !take('WITH') || SPDX_EXCEPTIONS.has(tokens[at++] ?? '');
  };
  const isExpression = (): boolean => {
    do {
      if (!isTerm()) return false;
    } while (take('AND') || take('OR'));
    return true;
  };
  return isExpression() && at === tokens.length;
}

function isLicence(word: string): boolean {
  if (/^(DocumentRef-[A-Za-z0-9.-]+:)?LicenseRef-[A-Za-z0-9.-]+$/.test(word)) return true;
  return SPDX_LICENSES.has(word) || (word.endsWith('+') && SPDX_LICENSES.has(word.slice(0, -1)));
}
