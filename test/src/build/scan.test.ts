// What is no text in a source: told by first bytes, in archives, in compressed files, in archives in archives.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { pack } from 'tar-stream';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { digestOf } from '../../../oci/digest.ts';
import { kindOf, scanSource } from '../../../src/build/scan.ts';

const ELF = Buffer.from('\x7fELF and more', 'latin1');
let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'scan-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

async function tarOf(files: Readonly<Record<string, Buffer | string>>): Promise<Buffer> {
  const archive = pack();
  for (const [name, content] of Object.entries(files)) archive.entry({ name }, content);
  archive.finalize();
  const chunks: Buffer[] = [];
  for await (const chunk of archive) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

function found(bytes: Buffer): string[] {
  const path = join(folder, 'source');
  writeFileSync(path, bytes);
  return [...scanSource(path)].map(({ path: inside, kind, size }) => `${inside} ${kind} ${size}`);
}

const pe = (at: number): Buffer => {
  const bytes = Buffer.alloc(256);
  bytes.write('MZ');
  bytes.writeUInt32LE(at, 60);
  bytes.write('PE', 128);
  return bytes;
};
const KINDS: readonly (readonly [name: string, head: Buffer, kind: string | undefined])[] = [
  ['a', ELF, 'ELF'],
  ['a.a', Buffer.from('!<arch>\nmember'), 'ar'],
  ['empty.a', Buffer.from('!<arch>\n'), undefined],
  ['a.wasm', Buffer.from([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0]), 'WebAssembly'],
  ['A.class', Buffer.from([0xca, 0xfe, 0xba, 0xbe, 0, 0, 0, 52]), 'Java class'],
  ['a.pyc', Buffer.from([0xcb, 0x0d, 0x0d, 0x0a, 0]), 'Python bytecode'],
  ['a.txt', Buffer.from([0xcb, 0x0d, 0x0d, 0x0a, 0]), undefined],
  ['a.exe', pe(128), 'PE'],
  ['a.exe', pe(100), undefined],
  ['MZ.txt', Buffer.from('MZ is how a program of DOS begins'), undefined],
  ['a.bc', Buffer.from([0x42, 0x43, 0xc0, 0xde]), 'LLVM bitcode'],
  ['a.jar', Buffer.from([0x50, 0x4b, 3, 4, 0]), 'zip'],
  ['a.o', Buffer.from([0xcf, 0xfa, 0xed, 0xfe]), 'Mach-O'],
  ['configure', Buffer.from('#!/bin/sh\n'), undefined],
  ['empty', Buffer.alloc(0), undefined],
];
test.each(KINDS)('%s %j is %s', (name, head, kind) => expect(kindOf(head, name)).toBe(kind));

describe('a source', () => {
  test('that is one file', () => expect(found(ELF)).toEqual([' ELF 13']));
  test('of text alone has nothing', async () => {
    expect(found(await tarOf({ 'a/b.c': 'int x;', 'a/empty': '' }))).toEqual([]);
    expect(found(Buffer.from('text'))).toEqual([]);
    expect(found(Buffer.alloc(0))).toEqual([]);
  });
  test('is looked into, however deep', async () => {
    const inner = await tarOf({ 'x/lib.o': ELF, 'x/text': 'text', 'x/more.gz': gzipSync(ELF) });
    const outer = gzipSync(await tarOf({ 'top/a.c': 'int x;', 'top/inner.tar.gz': gzipSync(inner), 'top/run': ELF }));
    expect(found(outer)).toEqual([
      'top/inner.tar.gz/x/lib.o ELF 13',
      'top/inner.tar.gz/x/more.gz ELF 13',
      'top/run ELF 13',
    ]);
  });
  test('gives the digest of what it holds', () => {
    writeFileSync(join(folder, 'one'), gzipSync(ELF));
    expect([...scanSource(join(folder, 'one'))].map(({ digest }) => digest)).toEqual([digestOf(ELF)]);
  });
  test('with a broken archive in it says so, and goes on behind it', async () => {
    const broken = gzipSync(Buffer.alloc(5000, 'abc')).subarray(0, 30);
    const tar = await tarOf({ 'a/broken.gz': broken, 'a/run': ELF });
    expect(found(tar)).toEqual(['a/broken.gz unreadable archive 30', 'a/run ELF 13']);
  });
  test('that is broken itself is an error', () => {
    writeFileSync(join(folder, 'cut'), gzipSync(Buffer.alloc(5000, 'abc')).subarray(0, 30));
    expect(() => [...scanSource(join(folder, 'cut'))]).toThrow();
  });
});
