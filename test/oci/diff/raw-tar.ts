// Owns: archives written byte by byte, for tests: every field of a header can be set to any bytes.

import type { TarSubject } from '../../../oci/diff/subject.ts';
import { formatRecord } from '../../../oci/layer/pax.ts';

export interface RawFields {
  readonly name?: string;
  /** Each number field as the bytes that stand in it, without what fills the field. */
  readonly mode?: string;
  readonly uid?: string;
  readonly gid?: string;
  readonly size?: string;
  readonly mtime?: string;
  /** Of the sum; the usual form is six digits, NUL, space. */
  readonly checksum?: (sum: number) => string;
  readonly typeflag?: string;
  readonly linkname?: string;
  readonly magic?: string;
  readonly version?: string;
  readonly uname?: string;
  readonly gname?: string;
  readonly devmajor?: string;
  readonly devminor?: string;
  readonly prefix?: string;
  readonly unused?: string;
  readonly data?: string | Buffer;
  /** What fills the data's last block. */
  readonly padding?: string;
}

/** A header block alone. */
export function header(fields: RawFields): Buffer {
  const block = Buffer.alloc(512);
  const put = (text: string | undefined, at: number): void =>
    void (text !== undefined && block.write(text, at, 'latin1'));
  const size = Buffer.byteLength(fields.data ?? '');
  put(fields.name ?? 'a', 0);
  put(fields.mode ?? '0000644\0', 100);
  put(fields.uid ?? '0000000\0', 108);
  put(fields.gid ?? '0000000\0', 116);
  put(fields.size ?? `${size.toString(8).padStart(11, '0')}\0`, 124);
  put(fields.mtime ?? '00000000000\0', 136);
  put('        ', 148);
  put(fields.typeflag ?? '0', 156);
  put(fields.linkname, 157);
  put(fields.magic ?? 'ustar\0', 257);
  put(fields.version ?? '00', 263);
  put(fields.uname, 265);
  put(fields.gname, 297);
  put(fields.devmajor ?? '0000000\0', 329);
  put(fields.devminor ?? '0000000\0', 337);
  put(fields.prefix, 345);
  put(fields.unused, 500);
  const sum = block.reduce((total, byte) => total + byte, 0);
  const form = fields.checksum ?? ((value: number) => `${value.toString(8).padStart(6, '0')}\0 `);
  put(form(sum), 148);
  return block;
}

/** A header with its data, padded. */
export function member(fields: RawFields = {}): Buffer {
  const data = Buffer.from(fields.data ?? '');
  const padding = Buffer.alloc((512 - (data.length % 512)) % 512);
  padding.write(fields.padding ?? '', 'latin1');
  return Buffer.concat([header(fields), data, padding]);
}

/** A pax header of these records, before a member. */
export function pax(records: readonly (readonly [string, string])[], fields: RawFields = {}): Buffer {
  const data = Buffer.from(records.map(([key, value]) => formatRecord(key, value)).join(''), 'latin1');
  return member({ name: 'PaxHeaders.0/a', typeflag: 'x', ...fields, data });
}

export const END = Buffer.alloc(1024);

/** Members and the end marker. */
export function archive(...members: readonly Buffer[]): Buffer {
  return Buffer.concat([...members, END]);
}

/** An archive in memory as a subject, given in small portions. */
export function tarSubject(bytes: Buffer, name = 'tar', portion = 1000): TarSubject {
  function* open(): Generator<Uint8Array, void, void> {
    for (let at = 0; at < bytes.length; at += portion) yield bytes.subarray(at, at + portion);
  }
  return { kind: 'tar', name, open, openStored: open };
}
