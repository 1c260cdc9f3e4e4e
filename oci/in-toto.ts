// Owns: the in-toto Statement, version 1, and the shape of its SLSA provenance predicate, version 1. Knows no recipe.
// Specs: in-toto attestation spec/v1/statement.md and resource_descriptor.md; slsa.dev/provenance/v1.

import {
  asObject,
  invalid,
  isFilledText,
  isListOf,
  isMapOf,
  isOneOf,
  type JsonObject,
  optional,
  parseDocument,
  required,
} from './document.ts';
import type { Json } from './json.ts';

export const STATEMENT_TYPE = 'https://in-toto.io/Statement/v1';
export const PROVENANCE_TYPE = 'https://slsa.dev/provenance/v1';
/** Of a Statement that no envelope wraps: the spec's `application/vnd.in-toto+json`. */
export const IN_TOTO_MEDIA_TYPE = 'application/vnd.in-toto+json';

/** Algorithm, `sha256`, to lower-case hex. */
export type DigestSet = Readonly<Record<string, string>>;

/** resource_descriptor.md; at least one of uri and digest. */
export interface ResourceDescriptor {
  readonly name?: string;
  readonly uri?: string;
  readonly digest?: DigestSet;
  readonly downloadLocation?: string;
  readonly mediaType?: string;
  readonly annotations?: JsonObject;
}

export interface Statement {
  readonly _type: typeof STATEMENT_TYPE;
  readonly subject: readonly ResourceDescriptor[];
  readonly predicateType: string;
  readonly predicate: JsonObject;
}

/** slsa.dev/provenance/v1, the members a build that may be repeated anywhere has something to say for. */
export interface Provenance {
  readonly buildDefinition: {
    readonly buildType: string;
    readonly externalParameters: JsonObject;
    readonly internalParameters?: JsonObject;
    readonly resolvedDependencies: readonly ResourceDescriptor[];
  };
  readonly runDetails: {
    readonly builder: { readonly id: string; readonly version: Readonly<Record<string, string>> };
  };
}

/** A Statement with a provenance predicate. */
export function provenanceStatement(subject: readonly ResourceDescriptor[], predicate: Provenance): Statement {
  return {
    _type: STATEMENT_TYPE,
    subject,
    predicateType: PROVENANCE_TYPE,
    predicate: predicate as unknown as JsonObject,
  };
}

/** Reads a Statement of any predicate; a provenance predicate is checked too. Throws OciError DOCUMENT_INVALID with the JSON path. */
export function parseStatement(bytes: Uint8Array): Statement {
  const document = parseDocument(bytes, 'statement');
  required(document, '_type', 'statement', isOneOf(STATEMENT_TYPE));
  required(document, 'subject', 'statement', (value, path) => {
    isListOf(isSubject)(value, path);
    if ((value as readonly Json[]).length === 0) throw invalid(path, 'at least one subject', value);
  });
  required(document, 'predicateType', 'statement', isUri);
  optional(document, 'predicate', 'statement', (value, path) => asObject(value, path));
  if (document['predicateType'] === PROVENANCE_TYPE) required(document, 'predicate', 'statement', isProvenance);
  return document as unknown as Statement;
}

function isUri(value: Json, path: string): void {
  isFilledText(value, path);
  if (!/^[A-Za-z][A-Za-z0-9+.-]*:\S+$/.test(value as string)) throw invalid(path, 'a URI', value);
}

function isDigestSet(value: Json, path: string): void {
  isMapOf((hex, at) => {
    if (typeof hex !== 'string' || !/^[0-9a-f]+$/.test(hex)) throw invalid(at, 'lower-case hex digits', hex);
  })(value, path);
  if (Object.keys(asObject(value, path)).length === 0) throw invalid(path, 'at least one digest', value);
}

/** A subject is what the statement is about, so it has a digest. */
function isSubject(value: Json, path: string): void {
  isResource(value, path);
  required(asObject(value, path), 'digest', path, isDigestSet);
}

function isResource(value: Json, path: string): void {
  const resource = asObject(value, path);
  optional(resource, 'name', path, isFilledText);
  optional(resource, 'uri', path, isUri);
  optional(resource, 'digest', path, isDigestSet);
  optional(resource, 'downloadLocation', path, isUri);
  optional(resource, 'mediaType', path, isFilledText);
  optional(resource, 'annotations', path, (each, at) => asObject(each, at));
  if (['uri', 'digest', 'content'].every((key) => resource[key] === undefined)) {
    throw invalid(path, 'a uri, a digest or content', value);
  }
}

function isProvenance(value: Json, path: string): void {
  const predicate = asObject(value, path);
  required(predicate, 'buildDefinition', path, (each, at) => {
    const definition = asObject(each, at);
    required(definition, 'buildType', at, isUri);
    required(definition, 'externalParameters', at, (one, where) => asObject(one, where));
    optional(definition, 'internalParameters', at, (one, where) => asObject(one, where));
    optional(definition, 'resolvedDependencies', at, isListOf(isResource));
  });
  required(predicate, 'runDetails', path, (each, at) => {
    const details = asObject(each, at);
    required(details, 'builder', at, (one, where) => {
      const builder = asObject(one, where);
      required(builder, 'id', where, isUri);
      optional(builder, 'version', where, isMapOf(isFilledText));
      optional(builder, 'builderDependencies', where, isListOf(isResource));
    });
    optional(details, 'metadata', at, (one, where) => asObject(one, where));
    optional(details, 'byproducts', at, isListOf(isResource));
  });
}
