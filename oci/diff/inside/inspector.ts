// Owns: what an inspector is: it knows one format of file, and says what differs inside two of them.

import type { Bytes } from '../bytes.ts';
import type { Detail, InnerPlace } from '../finding.ts';

/** What an inspector is given to go further in. */
export interface Inside {
  /** Everything that differs in two parts; the same as for two whole files. */
  compare(left: Bytes, right: Bytes): Generator<undefined, Detail[], void>;
  /** Everything two tars inside the files say differently. */
  compareTars(
    left: () => Iterable<Uint8Array>,
    right: () => Iterable<Uint8Array>,
  ): Generator<undefined, Detail[], void>;
  /** Counts what is unpacked; false when no more may be. */
  mayUnpack(bytes: number): boolean;
}

/**
 * Details of two contents of its format that are not equal; none where there is nothing it can say. Damage is no fault of a
 * file: an inspector may throw OciError or RangeError, and the bytes are compared instead.
 */
export type Inspector = (left: Bytes, right: Bytes, inside: Inside) => Generator<undefined, Detail[], void>;

/** Details as seen from around the place they lie in. */
export function inPlace(place: InnerPlace, details: readonly Detail[]): Detail[] {
  return details.map((detail) => ({ ...detail, inner: [place, ...detail.inner] }));
}

/** Things of two sides with the same name, the first with the first; a name without a partner has one side only. */
export function pairByName<T extends { readonly name: string }>(
  left: readonly T[],
  right: readonly T[],
): (readonly [T | undefined, T | undefined])[] {
  const keyed = (side: readonly T[]): Map<string, T> => {
    const seen = new Map<string, number>();
    return new Map(
      side.map((one) => {
        const count = (seen.get(one.name) ?? 0) + 1;
        seen.set(one.name, count);
        return [`${one.name}\0${count}`, one];
      }),
    );
  };
  const [ours, theirs] = [keyed(left), keyed(right)];
  return [...new Set([...ours.keys(), ...theirs.keys()])].map((key) => [ours.get(key), theirs.get(key)]);
}
