// Owns: the one error type of the format half. Knows nothing of files the user wrote; src/errors.ts does.

/** Every way the bytes of an image can be wrong. A closed union: callers may switch over it. */
export type OciErrorCode =
  | 'DIGEST_INVALID' // text that is not `sha256:` and 64 lower-case hex digits
  | 'DIGEST_MISMATCH' // bytes do not have the digest they are stored or named under
  | 'BLOB_UNKNOWN' // a layout has no such blob
  | 'LAYOUT_INVALID' // a directory that is no OCI layout, or one that is damaged
  | 'DOCUMENT_INVALID' // a config, manifest or image index that breaks the image-spec
  | 'REFERENCE_INVALID'
  | 'PLATFORM_INVALID'
  | 'TAR_INVALID' // an archive that cannot be read
  | 'TAR_UNSAFE' // an archive that tries to leave its root or to exhaust the disk
  | 'ENTRY_UNREPRESENTABLE' // a file a layer cannot carry (a name starting with `.wh.`, an xattr nobody asked for)
  | 'CODEC_FAILED' // compressed bytes that are damaged or cut short
  | 'SIGNATURE_INVALID' // a signature file, or a key, that is not what it should be
  | 'UNSUPPORTED';

export interface ErrorDetail {
  /** What was wanted, as the standard or the user states it. */
  readonly want?: string;
  readonly got?: string;
  /** What to do next, one sentence. */
  readonly hint?: string;
  readonly cause?: unknown;
}

/** Thrown by everything under `oci/`. `message` already holds want and got. */
export class OciError extends Error {
  readonly code: OciErrorCode;
  readonly detail: ErrorDetail;
  constructor(code: OciErrorCode, message: string, detail: ErrorDetail = {}) {
    super(describe(message, detail), detail.cause === undefined ? undefined : { cause: detail.cause });
    this.name = 'OciError';
    this.code = code;
    this.detail = detail;
  }
}

/** `message: want W, got G; hint`, leaving out what is not known. */
export function describe(message: string, detail: ErrorDetail): string {
  const sides = [
    detail.want === undefined ? '' : `want ${detail.want}`,
    detail.got === undefined ? '' : `got ${detail.got}`,
  ].filter((side) => side !== '');
  const compared = sides.length === 0 ? message : `${message}: ${sides.join(', ')}`;
  return detail.hint === undefined ? compared : `${compared}; ${detail.hint}`;
}
