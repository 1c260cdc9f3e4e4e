// Owns: what a signature says: this digest is what this name means. Images say it in the simple-signing form that podman
// and skopeo read (containers-signature(5)); recipes, policies and releases in the same form under types of their own,
// so that one can never be taken for the other.

import { type Digest, isDigest } from '../digest.ts';
import { OciError } from '../errors.ts';
import type { Json } from '../json.ts';
import { parseStrictJson } from './strict-json.ts';

export type ClaimKind = 'image' | 'recipe' | 'policy' | 'release';

export interface Claim {
  readonly kind: ClaimKind;
  /** `registry.example/ns/name:tag` of an image, `recipes/NAME` of a recipe, the repository of a policy or a release. */
  readonly name: string;
  readonly digest: Digest;
}

const TYPES: Readonly<Record<ClaimKind, string>> = {
  image: 'atomic container signature',
  recipe: 'ocibuild recipe signature',
  policy: 'ocibuild policy signature',
  release: 'ocibuild release signature',
};

/** Member names, in the order they are written. */
const FORM = {
  image: { identity: 'docker-reference', subject: 'image', digest: 'docker-manifest-digest' },
  other: { identity: 'name', subject: 'subject', digest: 'digest' },
};

/** The text that is signed: no spaces, no newline. */
export function encodeClaim({ kind, name, digest }: Claim): Buffer {
  const form = kind === 'image' ? FORM.image : FORM.other;
  const critical = {
    identity: { [form.identity]: name },
    [form.subject]: { [form.digest]: digest },
    type: TYPES[kind],
  };
  return Buffer.from(JSON.stringify({ critical, optional: {} }), 'utf8');
}

/**
 * The text of a signature to what it claims. Members of `optional` are anybody's; an unknown member anywhere else could
 * mean a condition nobody here would keep, and is refused. Throws OciError SIGNATURE_INVALID.
 */
export function parseClaim(payload: Uint8Array): Claim {
  const top = members(parseStrictJson(payload), 'the signed text', ['critical', 'optional']);
  const critical = members(top['critical'], 'critical', ['identity', 'image', 'subject', 'type']);
  const { type } = critical;
  const kind = (Object.keys(TYPES) as ClaimKind[]).find((one) => TYPES[one] === type);
  if (kind === undefined) {
    throw new OciError('SIGNATURE_INVALID', 'a signature of another type', {
      want: TYPES.image,
      got: typeof type === 'string' ? type : (JSON.stringify(type) ?? 'none'),
    });
  }
  const optional = top['optional'];
  if (optional !== undefined && optional !== null) members(optional, 'optional', undefined);
  const form = kind === 'image' ? FORM.image : FORM.other;
  const strange = kind === 'image' ? 'subject' : 'image';
  if (critical[strange] !== undefined) throw unknownMember(strange, 'critical');
  const identity = members(critical['identity'], 'critical.identity', [form.identity]);
  const subject = members(critical[form.subject], `critical.${form.subject}`, [form.digest]);
  const name = identity[form.identity];
  const digest = subject[form.digest];
  if (typeof name !== 'string' || name === '') {
    throw new OciError('SIGNATURE_INVALID', `critical.identity.${form.identity} is no name`);
  }
  if (!isDigest(digest)) {
    throw new OciError('SIGNATURE_INVALID', `critical.${form.subject}.${form.digest} is no digest`, {
      want: 'sha256: and 64 lower-case hex digits',
      got: typeof digest === 'string' ? digest : (JSON.stringify(digest) ?? 'nothing'),
    });
  }
  return { kind, name, digest };
}

type Members = Readonly<Record<string, Json | undefined>>;

function members(value: Json | undefined, where: string, known: readonly string[] | undefined): Members {
  if (value === undefined || value === null || typeof value !== 'object' || Array.isArray(value)) {
    throw new OciError('SIGNATURE_INVALID', `${where} is no object`);
  }
  for (const name of Object.keys(value)) if (known?.includes(name) === false) throw unknownMember(name, where);
  return value as Members;
}

function unknownMember(name: string, where: string): OciError {
  return new OciError('SIGNATURE_INVALID', `unknown member ${JSON.stringify(name)} in ${where}`, {
    hint: 'it may be a condition that is not understood here, so the signature counts for nothing',
  });
}
