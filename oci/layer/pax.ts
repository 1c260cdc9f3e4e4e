// Owns: pax records (POSIX pax, "pax Extended Header"): `LENGTH KEY=VALUE\n`. Text is bytes, one char a byte.

import { OciError } from '../errors.ts';

/** One record. LENGTH counts itself. */
export function formatRecord(key: string, value: string): string {
  const rest = ` ${key}=${value}\n`;
  let length = rest.length + String(rest.length).length;
  if (rest.length + String(length).length !== length) length = rest.length + String(length).length;
  return `${length}${rest}`;
}

/** The records of one extended header, in the order they stand: sparse maps of old GNU tars repeat keys. Throws OciError TAR_INVALID. */
export function parseRecords(data: Buffer, offset: number): [key: string, value: string][] {
  const records: [string, string][] = [];
  let at = 0;
  while (at < data.length) {
    const space = data.indexOf(0x20, at);
    const digits = space < 0 || space - at > 9 ? '' : data.toString('latin1', at, space);
    const end = /^[0-9]+$/.test(digits) ? at + Number(digits) : 0;
    const equals = space < 0 ? -1 : data.indexOf(0x3d, space);
    if (end <= at || end > data.length || data[end - 1] !== 0x0a || equals <= space + 1 || equals >= end) {
      // Some writers count their padding as data.
      if (records.length > 0 && data.subarray(at).every((byte) => byte === 0)) break;
      throw new OciError('TAR_INVALID', `pax header at byte ${offset}: damaged record at its byte ${at}`, {
        want: 'LENGTH KEY=VALUE and a newline',
      });
    }
    records.push([data.toString('latin1', space + 1, equals), data.toString('latin1', equals + 1, end - 1)]);
    at = end;
  }
  return records;
}
