// Owns: the file `meta.json` of a diff: what is known of it beyond its tree.

import type { RawPath } from '../../oci/raw-path.ts';

/** What is known of a diff beyond its tree. */
export interface DiffMeta {
  readonly entries: number;
  readonly bytes: number;
  readonly opaque: ReadonlySet<RawPath>;
  readonly hasWhiteouts: boolean;
  /** True when no overlay ever wrote to it: no directory of it hides anything, wherever it is stacked. */
  readonly isPlain: boolean;
}

/** Of the diff that changes nothing. */
export const NOTHING: DiffMeta = { entries: 0, bytes: 0, opaque: new Set(), hasWhiteouts: false, isPlain: true };

/** One line of JSON; byte paths are strings of chars 0..255. */
export function formatMeta(meta: DiffMeta): string {
  return `${JSON.stringify({ format: 1, ...meta, opaque: [...meta.opaque] })}\n`;
}

/** Undefined for a file that is damaged, or of another version. */
export function parseMeta(text: string): DiffMeta | undefined {
  let read: Partial<Record<keyof DiffMeta | 'format', unknown>>;
  try {
    read = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (read.format !== 1 || !Array.isArray(read.opaque)) return undefined;
  return {
    entries: Number(read.entries),
    bytes: Number(read.bytes),
    opaque: new Set(read.opaque as RawPath[]),
    hasWhiteouts: read.hasWhiteouts === true,
    isPlain: read.isPlain === true,
  };
}
