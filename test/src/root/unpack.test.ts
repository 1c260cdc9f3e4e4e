import { gzipSync } from 'node:zlib';
import { extract } from 'tar-stream';
import { describe, expect, test } from 'vitest';
import { createCompressor } from '../../../oci/codec/load.ts';
import { digestOf } from '../../../oci/digest.ts';
import { readAr } from '../../../src/root/ar.ts';
import { readDebData } from '../../../src/root/deb.ts';
import { mergeUsr } from '../../../src/root/merge-usr.ts';
import type { DebianLock, DebianSpec } from '../../../src/root/types.ts';
import { unpackRoot } from '../../../src/root/unpack.ts';
import { codeOf, type Member, makeAr, makeDeb, makeKey, makeSpec, makeTar, makeXz } from './fixture.ts';

function* inPortions(bytes: Uint8Array, size: number): Generator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

function gather(portions: Iterable<Uint8Array>): Buffer {
  return Buffer.concat([...portions].map((part) => Buffer.from(part)));
}

/** What tar-stream reads: `type name[ -> link] mode: content`. */
async function listTar(tar: Buffer): Promise<string[]> {
  const lines: string[] = [];
  const reader = extract();
  reader.end(tar);
  for await (const entry of reader) {
    const parts: Buffer[] = [];
    for await (const part of entry) parts.push(part as Buffer);
    const { type, name, linkname, mode } = entry.header;
    const link = linkname === undefined || linkname === null ? '' : ` -> ${linkname}`;
    lines.push(`${type} ${name}${link} ${(mode ?? 0).toString(8)}: ${Buffer.concat(parts).toString()}`);
  }
  return lines;
}

describe('readAr', () => {
  const archive = makeAr([
    ['odd', Buffer.from('abc')],
    ['empty', Buffer.alloc(0)],
    ['even', Buffer.from('defg')],
  ]);

  test.each([1, 7, 60, 1000])('reads members in portions of %i', (size) => {
    const read = [...readAr(inPortions(archive, size), 'x')].map((member) => member.name);
    expect(read).toEqual(['odd', 'empty', 'even']);
    const bodies: string[] = [];
    for (const member of readAr(inPortions(archive, size), 'x')) bodies.push(gather(member.body).toString());
    expect(bodies).toEqual(['abc', '', 'defg']);
  });

  test('refuses every cut that leaves something out', async () => {
    const lengths = Array.from({ length: archive.length }, (_, length) => length);
    const accepted: number[] = [];
    for (const length of lengths) {
      const code = await codeOf(() => [...readAr([archive.subarray(0, length)], 'x')]);
      if (code === 'no error') accepted.push(length);
      else expect(code).toBe('CHECK_FAILED');
    }
    // After the magic, after each member, and between odd bytes and their padding.
    expect(accepted).toEqual([8, 71, 72, 132]);
  });

  test.each([
    ['another magic', Buffer.concat([Buffer.from('!<thin>\n'), archive.subarray(8)])],
    ['a header without its end', Buffer.from(archive.toString('latin1').replace('`\n', '`x'), 'latin1')],
    [
      'a size that is no number',
      Buffer.from(archive.toString('latin1').replace('3         `', '-3        `'), 'latin1'),
    ],
    ['a size past the end', Buffer.from(archive.toString('latin1').replace('4         `', '999999999 `'), 'latin1')],
    ['a table of names', makeAr([['//', Buffer.from('long/\n')]])],
  ])('refuses %s', async (_name, bytes) => {
    expect(bytes.equals(archive)).toBe(false);
    expect(await codeOf(() => [...readAr([bytes], 'x')])).toBe('CHECK_FAILED');
  });
});

describe('readDebData', async () => {
  const tar = await makeTar([{ name: './a', content: 'x'.repeat(3000) }]);
  const zstd: Buffer[] = [];
  const compressor = await createCompressor('zstd', (part) => zstd.push(Buffer.from(part)), { workers: 0 });
  await compressor.write(tar);
  await compressor.finish();
  const format = ['debian-binary', Buffer.from('2.0\n')] as const;
  const control = ['control.tar.xz', makeXz(Buffer.from('never read'))] as const;

  test.each([
    ['data.tar', tar],
    ['data.tar.gz', gzipSync(tar)],
    ['data.tar.xz', makeXz(tar)],
    ['data.tar.zst', Buffer.concat(zstd)],
  ])('gives the plain tar of %s', (name, body) => {
    const deb = makeAr([format, ['_extra', Buffer.from('?')], control, [name, body], ['after', Buffer.from('!')]]);
    expect(gather(readDebData(inPortions(deb, 100), 'x')).equals(tar)).toBe(true);
  });

  test.each([
    ['no data', makeAr([format, control]), 'want data.tar, got the end of the file'],
    ['data before control', makeAr([format, ['data.tar', tar]]), 'want control.tar, got data.tar'],
    ['no format', makeAr([control, ['data.tar', tar]]), 'want debian-binary, got control.tar.xz'],
    ['another format', makeAr([['debian-binary', Buffer.from('3.0\n')], control, ['data.tar', tar]]), 'want format 2'],
    ['an unknown compression', makeAr([format, control, ['data.tar.lzma', tar]]), 'got data.tar.lzma'],
    ['nothing', Buffer.alloc(0), 'cut short'],
  ])('refuses %s', (_name, deb, message) => {
    expect(() => gather(readDebData([deb], 'x'))).toThrow(message);
  });

  test('notices damage and a cut in compressed data', async () => {
    const body = gzipSync(tar);
    body[body.length - 6]! ^= 1;
    for (const bytes of [body, gzipSync(tar).subarray(0, -9)]) {
      const deb = makeAr([format, control, ['data.tar.gz', bytes]]);
      expect(await codeOf(() => gather(readDebData([deb], 'x')))).toBe('CODEC_FAILED');
    }
  });
});

describe('mergeUsr', () => {
  const long = 'd/'.repeat(60);
  async function merged(members: readonly Member[]): Promise<string[]> {
    return listTar(gather(mergeUsr(inPortions(await makeTar(members), 333), 'pkg', () => {})));
  }

  test.each([
    ['the root itself is left out', [{ name: './', type: 'directory' }], []],
    ['programs move', [{ name: './bin/sh', type: 'symlink', link: 'dash' }], ['symlink usr/bin/sh -> dash 644: ']],
    [
      'so do directories',
      [
        { name: './lib/', type: 'directory' },
        { name: 'sbin/', type: 'directory', mode: 0o700 },
      ],
      ['directory usr/lib/ 755: ', 'directory usr/sbin/ 700: '],
    ],
    [
      'and what hard links point at',
      [
        { name: './bin/a', content: '1' },
        { name: './usr/x', type: 'link', link: './bin/a' },
      ],
      ['file usr/bin/a 644: 1', 'link usr/x -> usr/bin/a 644: '],
    ],
    ['symlink targets stay', [{ name: 'usr/y', type: 'symlink', link: '/bin/a' }], ['symlink usr/y -> /bin/a 644: ']],
    [
      'look-alikes stay',
      [{ name: 'binary/a' }, { name: 'usr/bin/b' }, { name: 'lib32/c' }],
      ['file binary/a 644: ', 'file usr/bin/b 644: ', 'file lib32/c 644: '],
    ],
    ['the links themselves are left out', [{ name: './bin', type: 'symlink', link: 'usr/bin' }], []],
    [
      'modes and content stay',
      [{ name: 'bin/su', content: 'z'.repeat(1000), mode: 0o4755 }],
      [`file usr/bin/su 4755: ${'z'.repeat(1000)}`],
    ],
    ['pipes too', [{ name: 'lib/p', type: 'fifo' }], ['fifo usr/lib/p 644: ']],
  ] as const)('%s', async (_name, members, want) => {
    expect(await merged(members)).toEqual(want);
  });

  test.each([
    ['a path outside', [{ name: '../etc/x' }]],
    ['a path outside, further in', [{ name: 'usr/../../x' }]],
    ['an absolute path', [{ name: '/etc/x' }]],
    ['a hard link to the outside', [{ name: 'x', type: 'link', link: '../../etc/shadow' }]],
    ['a file in the place of a link', [{ name: './bin', content: '' }]],
    ['another link in its place', [{ name: './lib', type: 'symlink', link: '/tmp' }]],
  ] as const)('refuses %s', async (_name, members) => {
    expect(await codeOf(() => merged(members))).toBe('CHECK_FAILED');
  });

  test.each([`bin/${long}name`, `usr/${long}name`])('long names: %s', async (name) => {
    const tar = gnuLong(name, `${long}target`);
    const place = name.startsWith('bin/') ? `usr/${name}` : name;
    expect(await listTar(gather(mergeUsr([tar], 'pkg', () => {})))).toEqual([
      `symlink ${place} -> ${long}target 644: `,
    ]);
  });

  test('refuses a damaged header, a cut and a pax header', async () => {
    const tar = await makeTar([{ name: 'a', content: 'text' }]);
    const damaged = Buffer.from(tar);
    damaged[0]! ^= 1;
    const pax = await makeTar([{ name: 'é', content: '' }]);
    for (const bytes of [damaged, tar.subarray(0, 700), tar.subarray(0, 1024), pax, Buffer.alloc(0)]) {
      expect(await codeOf(() => gather(mergeUsr([bytes], 'pkg', () => {})))).toBe('CHECK_FAILED');
    }
  });
});

/** A symlink with GNU records for name and target, as dpkg-deb writes them. */
function gnuLong(name: string, link: string): Buffer {
  const header = (short: string, type: string, size: number, target: string): Buffer => {
    const block = Buffer.alloc(512);
    block.write(short.slice(0, 100), 0);
    block.write(
      `0000644\0${'0000000\0'.repeat(2)}${size.toString(8).padStart(11, '0')}\0${'0'.repeat(11)}\0        ${type}`,
      100,
    );
    block.write(target.slice(0, 100), 157);
    block.write('ustar  \0', 257);
    const sum = block.reduce((total, byte) => total + byte, 0);
    block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
    return block;
  };
  const text = (value: string): Buffer =>
    Buffer.concat([Buffer.from(`${value}\0`), Buffer.alloc(511 - (value.length % 512))]);
  const records = [
    ['K', link],
    ['L', name],
  ].map(([type, value]) => Buffer.concat([header('././@LongLink', type!, value!.length + 1, ''), text(value!)]));
  return Buffer.concat([...records, header(name, '2', 0, link), Buffer.alloc(1024)]);
}

describe('unpackRoot', async () => {
  const key = await makeKey('archive');
  const spec = makeSpec([key], {
    directories: { 'var/empty': '0700' },
    files: { 'etc/passwd': 'root:x:0:0\n' },
    links: { 'usr/bin/awk': 'mawk' },
  });
  async function root(
    packages: Readonly<Record<string, readonly Member[]>>,
    from: DebianSpec = spec,
  ): Promise<string[][]> {
    const debs = await Promise.all(Object.values(packages).map((members) => makeDeb(members)));
    const lock: DebianLock = {
      ...{ suite: 'test', version: '1', date: '1970-01-01T00:01:40Z', architecture: 'amd64', indexes: [] },
      inRelease: { file: 'dists/test/InRelease', size: 0, digest: digestOf('') },
      packages: Object.keys(packages).map((name, at) => ({
        ...{ name, version: '1', file: `pool/${name}.deb`, size: debs[at]!.length },
        digest: digestOf(debs[at]!),
      })),
    };
    const lists: string[][] = [];
    for (const { name, tar } of unpackRoot(from, lock, (digest) => [debs.find((deb) => digestOf(deb) === digest)!])) {
      lists.push([name, ...(await listTar(gather(tar)))]);
    }
    return lists;
  }

  test('links first, packages in order, extras last', async () => {
    const lists = await root({
      bash: [{ name: './bin/bash', content: 'b' }],
      dash: [{ name: './bin/', type: 'directory' }],
    });
    expect(lists).toEqual([
      [
        'merged /usr',
        'directory usr/ 755: ',
        ...['bin', 'lib', 'lib64', 'sbin'].flatMap((name) => [
          `directory usr/${name}/ 755: `,
          `symlink ${name} -> usr/${name} 777: `,
        ]),
      ],
      ['bash 1', 'file usr/bin/bash 644: b'],
      ['dash 1', 'directory usr/bin/ 755: '],
      [
        'extras',
        'directory var/empty/ 700: ',
        'file etc/passwd 644: root:x:0:0\n',
        'symlink usr/bin/awk -> mawk 777: ',
      ],
    ]);
  });

  test.each([
    ['two packages with one file', { a: [{ name: './usr/x' }], b: [{ name: 'usr/x' }] }, 'two packages bring /usr/x'],
    [
      'two that meet in the merged /usr',
      { a: [{ name: './bin/x' }], b: [{ name: 'usr/bin/x' }] },
      'two packages bring /usr/bin/x',
    ],
    ['an extra that a package brings', { a: [{ name: './etc/passwd' }] }, '[root] makes /etc/passwd, which a brings'],
  ])('refuses %s', async (_name, packages, message) => {
    await expect(root(packages)).rejects.toThrow(message);
  });
});
