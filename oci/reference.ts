// Owns: image references, `[registry/]repository[:tag][@digest]`, by the grammar of distribution's reference package.
//
//   reference  = [registry "/"] repository [":" tag] ["@" digest]
//   registry   = host [":" port], host = names joined by "." | "[" IPv6 "]"
//   repository = component {"/" component}, component = alphanumeric {("." | "_" | "__" | "-"…) alphanumeric}
//   tag        = [A-Za-z0-9_] and up to 127 of [A-Za-z0-9_.-]
//
// The first component is a registry when it has a `.`, a `:` or a capital letter, or is `localhost`.

import { type Digest, isDigest } from './digest.ts';
import { OciError } from './errors.ts';

export interface Reference {
  /** `docker.io` is not filled in: absent means that nobody said. */
  readonly registry?: string;
  readonly repository: string;
  readonly tag?: string;
  readonly digest?: Digest;
}

const HOST_NAME = '(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])';
const REGISTRY = new RegExp(`^(?:${HOST_NAME}(?:\\.${HOST_NAME})*|\\[[a-fA-F0-9:]+\\])(?::[0-9]+)?$`);
const COMPONENT = '[a-z0-9]+(?:(?:\\.|_|__|-+)[a-z0-9]+)*';
const REPOSITORY = new RegExp(`^${COMPONENT}(?:/${COMPONENT})*$`);
const TAG = /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$/;
const MAX_NAME = 255;

/** Text to Reference. Throws OciError REFERENCE_INVALID. */
export function parseReference(text: string): Reference {
  const at = text.indexOf('@');
  const named = at < 0 ? text : text.slice(0, at);
  const digest = at < 0 ? undefined : text.slice(at + 1);
  if (digest !== undefined && !isDigest(digest)) {
    throw wrong(text, 'sha256: and 64 lower-case hex digits after @', digest);
  }
  // A colon after the last slash starts the tag; one before it belongs to the registry's port.
  const colon = named.lastIndexOf(':');
  const hasTag = colon > named.lastIndexOf('/');
  const name = hasTag ? named.slice(0, colon) : named;
  const tag = hasTag ? named.slice(colon + 1) : undefined;
  if (tag !== undefined && !TAG.test(tag)) throw wrong(text, 'a tag of 1 to 128 letters, digits, _ . -', tag);

  const slash = name.indexOf('/');
  const first = slash < 0 ? '' : name.slice(0, slash);
  const isRegistry = /[.:A-Z]/.test(first) || first === 'localhost';
  const repository = isRegistry ? name.slice(slash + 1) : name;
  if (isRegistry && !REGISTRY.test(first)) throw wrong(text, 'a host name and perhaps a port', first);
  if (!REPOSITORY.test(repository)) {
    const hint = repository !== repository.toLowerCase() ? 'image names are lower case' : undefined;
    throw wrong(text, 'a name of lower-case letters, digits and . _ - between them', repository, hint);
  }
  if (name.length > MAX_NAME) throw wrong(text, `at most ${MAX_NAME} characters`, String(name.length));
  return {
    ...(isRegistry ? { registry: first } : {}),
    repository,
    ...(tag === undefined ? {} : { tag }),
    ...(digest === undefined ? {} : { digest }),
  };
}

export function formatReference(reference: Reference): string {
  const { registry, repository, tag, digest } = reference;
  return [
    registry === undefined ? '' : `${registry}/`,
    repository,
    tag === undefined ? '' : `:${tag}`,
    digest === undefined ? '' : `@${digest}`,
  ].join('');
}

function wrong(text: string, want: string, got: string, hint?: string): OciError {
  return new OciError('REFERENCE_INVALID', `image reference ${JSON.stringify(text)}`, {
    want,
    got: JSON.stringify(got),
    ...(hint === undefined ? {} : { hint }),
  });
}
