// Owns: files of formats a comparison looks into, made byte by byte, for tests.

import { deflateRawSync } from 'node:zlib';

export interface ArMemberFields {
  readonly name: string;
  readonly data: Buffer;
  readonly mtime?: string;
  readonly uid?: string;
  readonly mode?: string;
}

/** GNU's form; names over 15 bytes go into the table. */
export function ar(members: readonly ArMemberFields[]): Buffer {
  const long = members.filter(({ name }) => name.length > 15);
  const table = Buffer.from(long.map(({ name }) => `${name}/\n`).join(''));
  const parts: Buffer[] = [Buffer.from('!<arch>\n')];
  const add = (name: string, data: Buffer, mtime = '0', uid = '0', mode = '100644'): void => {
    const text = [name.padEnd(16), mtime.padEnd(12), uid.padEnd(6), '0'.padEnd(6), mode.padEnd(8)].join('');
    parts.push(Buffer.from(`${text}${String(data.length).padEnd(10)}\`\n`), data, Buffer.alloc(data.length % 2, '\n'));
  };
  if (table.length > 0) add('//', table);
  let at = 0;
  for (const { name, data, mtime, uid, mode } of members) {
    if (name.length <= 15) add(`${name}/`, data, mtime, uid, mode);
    else {
      add(`/${at}`, data, mtime, uid, mode);
      at += name.length + 2;
    }
  }
  return Buffer.concat(parts);
}

export interface ElfParts {
  /** Name to content; `.text` holds the symbols. */
  readonly sections: Readonly<Record<string, string | Buffer>>;
  /** Offset and size in `.text`. */
  readonly symbols?: Readonly<Record<string, readonly [number, number]>>;
  readonly entry?: number;
}

/** A relocatable file, 64-bit, little-endian. */
export function elf({ sections, symbols = {}, entry = 0 }: ElfParts): Buffer {
  const strings: string[] = [''];
  const intern = (text: string): number => {
    const at = strings.join('\0').length + (strings.length > 1 ? 1 : 1);
    strings.push(text);
    return at;
  };
  const textIndex = Object.keys(sections).indexOf('.text') + 1;
  const symbolNames = Buffer.from(`\0${Object.keys(symbols).join('\0')}\0`);
  const table = Buffer.alloc(24 * (1 + Object.keys(symbols).length));
  for (const [i, [name, [offset, size]]] of Object.entries(symbols).entries()) {
    const at = 24 * (i + 1);
    table.writeUInt32LE(symbolNames.indexOf(`\0${name}\0`) + 1, at);
    table[at + 4] = 0x12;
    table.writeUInt16LE(textIndex, at + 6);
    table.writeBigUInt64LE(BigInt(offset), at + 8);
    table.writeBigUInt64LE(BigInt(size), at + 16);
  }
  const bodies: { name: number; type: number; flags: number; data: Buffer; link: number }[] = [];
  const count = Object.keys(sections).length;
  for (const [name, data] of Object.entries(sections)) {
    bodies.push({ name: intern(name), type: 1, flags: 6, data: Buffer.from(data), link: 0 });
  }
  bodies.push({ name: intern('.symtab'), type: 2, flags: 0, data: table, link: count + 2 });
  bodies.push({ name: intern('.strtab'), type: 3, flags: 0, data: symbolNames, link: 0 });
  const nameOfNames = intern('.shstrtab');
  bodies.push({ name: nameOfNames, type: 3, flags: 0, data: Buffer.from(`${strings.join('\0')}\0`), link: 0 });
  const header = Buffer.alloc(64);
  header.write('\x7fELF\x02\x01\x01', 'latin1');
  header.writeUInt16LE(1, 16);
  header.writeUInt16LE(62, 18);
  header.writeBigUInt64LE(BigInt(entry), 24);
  let at = 64;
  const table2 = Buffer.alloc(64 * (bodies.length + 1));
  for (const [i, body] of bodies.entries()) {
    const into = 64 * (i + 1);
    table2.writeUInt32LE(body.name, into);
    table2.writeUInt32LE(body.type, into + 4);
    table2.writeBigUInt64LE(BigInt(body.flags), into + 8);
    table2.writeBigUInt64LE(BigInt(at), into + 24);
    table2.writeBigUInt64LE(BigInt(body.data.length), into + 32);
    table2.writeUInt32LE(body.link, into + 40);
    at += body.data.length;
  }
  header.writeBigUInt64LE(BigInt(at), 40);
  header.writeUInt16LE(64, 52);
  header.writeUInt16LE(64, 58);
  header.writeUInt16LE(bodies.length + 1, 60);
  header.writeUInt16LE(bodies.length, 62);
  return Buffer.concat([header, ...bodies.map(({ data }) => data), table2]);
}

export interface ZipEntryFields {
  readonly name: string;
  readonly data: Buffer;
  /** DOS date and time in one number, date first. */
  readonly time?: number;
  readonly stored?: boolean;
  /** What the directory says the size is, where that is a lie. */
  readonly claimed?: number;
}

export function zip(entries: readonly ZipEntryFields[]): Buffer {
  const parts: Buffer[] = [];
  const directory: Buffer[] = [];
  let at = 0;
  for (const { name, data, time = 0x21_0000, stored = false, claimed = data.length } of entries) {
    const body = stored ? data : deflateRawSync(data);
    const crc = crc32(data);
    const common = Buffer.alloc(26);
    common.writeUInt16LE(20, 0);
    common.writeUInt16LE(stored ? 0 : 8, 4);
    common.writeUInt32LE(time, 6);
    common.writeUInt32LE(crc, 10);
    common.writeUInt32LE(body.length, 14);
    common.writeUInt32LE(claimed, 18);
    common.writeUInt16LE(name.length, 22);
    const tail = Buffer.alloc(14);
    tail.writeUInt32LE(at, 10);
    directory.push(Buffer.from('PK\x01\x02\x14\x00', 'latin1'), common, tail, Buffer.from(name));
    parts.push(Buffer.from('PK\x03\x04', 'latin1'), common, Buffer.from(name), body);
    at += 4 + common.length + name.length + body.length;
  }
  const size = directory.reduce((sum, part) => sum + part.length, 0);
  const end = Buffer.alloc(22);
  end.write('PK\x05\x06', 'latin1');
  end.writeUInt16LE(entries.length, 8);
  end.writeUInt16LE(entries.length, 10);
  end.writeUInt32LE(size, 12);
  end.writeUInt32LE(at, 16);
  return Buffer.concat([...parts, ...directory, end]);
}

function crc32(bytes: Buffer): number {
  let crc = ~0;
  for (const byte of bytes) {
    crc ^= byte;
    for (let i = 0; i < 8; i++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
  }
  return ~crc >>> 0;
}
