// Archives as others make them, and as attackers do. Headers are put together by hand: the writer cannot make these.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { OciError } from '../../../oci/errors.ts';
import { formatRecord } from '../../../oci/layer/pax.ts';
import { type ReadOptions, readTar, readTarSync } from '../../../oci/layer/reader.ts';
import { entry, file, tarOf } from './build.ts';

interface Block {
  name?: string;
  mode?: string;
  uid?: string;
  gid?: string;
  size?: string;
  mtime?: string;
  type?: string;
  link?: string;
  magic?: string;
  major?: string;
  minor?: string;
  prefix?: string;
  tail?: (block: Buffer) => void;
  data?: Buffer | string;
}

const octal = (value: number, width = 8) => value.toString(8).padStart(width - 1, '0');

/** GNU's base 256 of a number. */
function base256(value: bigint, width: number): string {
  const bytes = Buffer.alloc(width);
  for (let i = width - 1, rest = value; i > 0; i--, rest >>= 8n) bytes[i] = Number(rest & 0xffn);
  bytes[0] = value < 0n ? 0xff : 0x80;
  return bytes.toString('latin1');
}

/** One member: header, data, padding. */
function member(fields: Block): Buffer {
  const data = Buffer.from(fields.data ?? '');
  const block = Buffer.alloc(512);
  const put = (at: number, text: string) => block.write(text, at, 'latin1');
  put(0, fields.name ?? 'file');
  put(100, fields.mode ?? octal(0o644));
  put(108, fields.uid ?? octal(0));
  put(116, fields.gid ?? octal(0));
  put(124, fields.size ?? octal(data.length, 12));
  put(136, fields.mtime ?? octal(0, 12));
  put(156, fields.type ?? '0');
  put(157, fields.link ?? '');
  put(257, fields.magic ?? 'ustar\x0000');
  put(329, fields.major ?? '');
  put(337, fields.minor ?? '');
  put(345, fields.prefix ?? '');
  fields.tail?.(block);
  block.fill(' ', 148, 156);
  put(
    148,
    `${octal(
      block.reduce((sum, byte) => sum + byte),
      7,
    )}\0 `,
  );
  return Buffer.concat([block, data, Buffer.alloc((512 - (data.length % 512)) % 512)]);
}

const END = Buffer.alloc(1024);
const archive = (...members: Block[]) => Buffer.concat([...members.map(member), END]);
const pax = (...records: [string, string][]): Block => ({
  name: 'PaxHeaders/x',
  type: 'x',
  data: Buffer.from(records.map(([key, value]) => formatRecord(key, value)).join(''), 'latin1'),
});

function list(bytes: Buffer, options: ReadOptions = {}, portion = bytes.length + 1) {
  return [...readTarSync(portions(bytes, portion), options)].map(({ entry: found }) => found);
}

/** Cuts bytes, and spoils each portion when the next is asked for, as a decoder's buffer would be. */
function* portions(bytes: Buffer, size: number): Generator<Buffer> {
  for (let at = 0; at < bytes.length; at += size) {
    const copy = Buffer.from(bytes.subarray(at, at + size));
    yield copy;
    copy.fill(0xaa);
  }
}

function read(bytes: Buffer, options: ReadOptions = {}, portion = bytes.length + 1) {
  const found: Record<string, string> = {};
  for (const { entry: one, content } of readTarSync(portions(bytes, portion), options)) {
    found[one.path] = Buffer.concat(Array.from(content, (part) => Buffer.from(part))).toString('latin1');
  }
  return found;
}

const codeOf = (make: () => unknown): string => {
  try {
    make();
  } catch (error) {
    return error instanceof OciError ? error.code : `not ours: ${error}`;
  }
  return 'nothing thrown';
};

describe('dialects', () => {
  const cases: [string, Block[], object][] = [
    [
      'v7: no magic, a slash makes a directory',
      [{ name: 'dir/', type: '\0', magic: '', mode: '  755 \0' }],
      { path: 'dir', type: 'directory', mode: 0o755 },
    ],
    ['v7 file', [{ type: '\0', magic: '', data: 'abc' }], { path: 'file', type: 'file', size: 3 }],
    ['numbers with spaces around them', [{ uid: '   14 \0', gid: ' 7\0' }], { owner: { uid: 12, gid: 7 } }],
    ['empty numbers are 0', [{ uid: '', gid: '', mtime: '' }], { owner: { uid: 0, gid: 0 }, mtime: 0 }],
    ['ustar prefix', [{ name: 'b/c', prefix: 'x/a' }], { path: 'x/a/b/c' }],
    ['a name of 100 bytes has no NUL', [{ name: 'n'.repeat(100) }], { path: 'n'.repeat(100) }],
    [
      'star keeps times behind a shorter prefix',
      [
        {
          name: 'b',
          prefix: 'a',
          tail: (b) => {
            b.write('00000000001 ', 476);
            b.write('tar\0', 508, 'latin1');
          },
        },
      ],
      { path: 'a/b' },
    ],
    ['contiguous files are files', [{ type: '7', data: 'x' }], { type: 'file', size: 1 }],
    [
      'GNU long name',
      [
        { name: '././@LongLink', type: 'L', magic: 'ustar  \0', data: `${'l/'.repeat(150)}n\0` },
        { magic: 'ustar  \0' },
      ],
      { path: `${'l/'.repeat(150)}n` },
    ],
    [
      'GNU long link name',
      [
        { name: '././@LongLink', type: 'K', magic: 'ustar  \0', data: `${'t'.repeat(300)}\0` },
        { magic: 'ustar  \0', type: '2', link: 'ttt' },
      ],
      { target: 't'.repeat(300), mode: 0o777 },
    ],
    [
      'GNU base 256 owner',
      [{ magic: 'ustar  \0', uid: base256(3_000_000n, 8) }],
      { owner: { uid: 3_000_000, gid: 0 } },
    ],
    ['GNU base 256 time before 1970', [{ magic: 'ustar  \0', mtime: base256(-5n, 12) }], { mtime: -5 }],
    [
      'pax path, owner, time with a fraction',
      [pax(['path', 'p\xe9'], ['uid', '70000'], ['mtime', '12.9']), {}],
      { path: 'p\xe9', owner: { uid: 70000, gid: 0 }, mtime: 12 },
    ],
    ['a pax time before 1970 is rounded down', [pax(['mtime', '-1.5']), {}], { mtime: -2 }],
    ['pax link name', [pax(['linkpath', 'there']), { type: '2', link: 'here' }], { target: 'there' }],
    ['global pax records', [{ ...pax(['uid', '5'], ['comment', 'c']), type: 'g' }, {}], { owner: { uid: 5, gid: 0 } }],
    [
      'local records count before global ones',
      [{ ...pax(['uid', '5']), type: 'g' }, pax(['uid', '6']), {}],
      { owner: { uid: 6, gid: 0 } },
    ],
    [
      'an xattr with any bytes',
      [pax(['SCHILY.xattr.security.capability', '\x01\0\n=\xff']), {}],
      { xattrs: new Map([['security.capability', Buffer.from('\x01\0\n=\xff', 'latin1')]]) },
    ],
    [
      'hard link',
      [{ name: 'a' }, { name: 'b', type: '1', link: './a', size: octal(9, 12) }],
      { path: 'b', type: 'hardlink', target: 'a', size: 0 },
    ],
    [
      'character device',
      [{ type: '3', major: octal(5), minor: octal(1) }],
      { type: 'char', device: { major: 5, minor: 1 } },
    ],
    [
      'block device',
      [{ type: '4', major: octal(8), minor: octal(0) }],
      { type: 'block', device: { major: 8, minor: 0 } },
    ],
    ['fifo', [{ type: '6' }], { type: 'fifo' }],
    ['whiteout', [{ name: 'd/.wh.gone' }], { type: 'whiteout', path: 'd/gone', mode: 0 }],
    ['opaque directory', [{ name: 'd/.wh..wh..opq' }], { type: 'opaque', path: 'd' }],
    ['opaque root', [{ name: '.wh..wh..opq' }], { type: 'opaque', path: '' }],
    ['leading ./ and /, doubled slashes', [{ name: './/a/./b//c' }, { name: '/etc//passwd' }], { path: 'etc/passwd' }],
    ['a volume label is skipped', [{ name: 'f' }, { name: 'label', type: 'V', magic: 'ustar  \0' }], { path: 'f' }],
    ['the root itself is skipped', [{ name: 'f' }, { name: './', type: '5' }], { path: 'f' }],
    ["AUFS's own files are skipped", [{ name: 'f' }, { name: '.wh..wh.plnk', type: '5' }], { path: 'f' }],
    ['a checksum of signed bytes', [{ name: '\xe9\xe9', tail: () => {} }], { path: '\xe9\xe9' }],
  ];
  test.each(cases)('%s', (_, members, expected) => {
    const bytes = archive(...members);
    const found = list(bytes).at(-1);
    expect(found).toMatchObject(expected);
    for (const size of [1, 511, 512, 700]) expect(list(bytes, {}, size).at(-1)).toEqual(found);
  });

  test('a signed checksum is accepted', () => {
    const bytes = archive({ name: '\xe9\xff' });
    const signed = bytes
      .subarray(0, 512)
      .reduce((sum, byte, i) => sum + (i >= 148 && i < 156 ? 0x20 : (byte << 24) >> 24), 0);
    bytes.write(`${octal(signed, 7)}\0 `, 148, 'latin1');
    expect(list(bytes)[0]?.path).toBe('\xe9\xff');
  });

  test('without whiteouts, .wh. names are plain files', () => {
    expect(list(archive({ name: '.wh.a' }), { whiteouts: false })[0]).toMatchObject({ path: '.wh.a', type: 'file' });
  });
});

describe('sparse files are expanded', () => {
  const whole = `${'\0'.repeat(5)}ab${'\0'.repeat(1000)}cd${'\0'.repeat(3)}`;
  const oldGnu = (block: Buffer) => {
    for (const [i, number] of [5, 2, 1007, 2].entries()) block.write(octal(number, 12), 386 + 12 * i, 'latin1');
    block.write(octal(1012, 12), 483, 'latin1');
  };
  const map = '2\n5\n2\n1007\n2\n';
  const cases: [string, Block[]][] = [
    ['old GNU', [{ name: 's', type: 'S', magic: 'ustar  \0', tail: oldGnu, data: 'abcd' }]],
    [
      'pax 0.0',
      [
        pax(
          ['GNU.sparse.size', '1012'],
          ['GNU.sparse.numblocks', '2'],
          ['GNU.sparse.offset', '5'],
          ['GNU.sparse.numbytes', '2'],
          ['GNU.sparse.offset', '1007'],
          ['GNU.sparse.numbytes', '2'],
        ),
        { name: 's', data: 'abcd' },
      ],
    ],
    [
      'pax 0.1',
      [
        pax(['GNU.sparse.size', '1012'], ['GNU.sparse.map', '5,2,1007,2'], ['GNU.sparse.name', 's']),
        { name: 'x', data: 'abcd' },
      ],
    ],
    [
      'pax 1.0',
      [
        pax(
          ['GNU.sparse.major', '1'],
          ['GNU.sparse.minor', '0'],
          ['GNU.sparse.realsize', '1012'],
          ['GNU.sparse.name', 's'],
        ),
        { name: 'x', data: `${map.padEnd(512, '\0')}abcd` },
      ],
    ],
  ];
  test.each(cases)('%s', (_, members) => {
    const bytes = archive(...members, { name: 'next', data: 'n' });
    for (const portion of [1, 513, 9999]) expect(read(bytes, {}, portion)).toEqual({ s: whole, next: 'n' });
    expect(list(bytes)[0]).toMatchObject({ path: 's', size: 1012 });
  });

  test('an old GNU map over two blocks', () => {
    const more = Buffer.alloc(512);
    for (const [i, number] of [40, 1, 50, 1].entries()) more.write(octal(number, 12), 12 * i, 'latin1');
    const head = member({
      name: 's',
      type: 'S',
      magic: 'ustar  \0',
      size: octal(6, 12),
      tail(block) {
        for (const [i, number] of [0, 1, 10, 1, 20, 1, 30, 1].entries())
          block.write(octal(number, 12), 386 + 12 * i, 'latin1');
        block[482] = 1;
        block.write(octal(52, 12), 483, 'latin1');
      },
    });
    const bytes = Buffer.concat([head, more, Buffer.from('abcdef'.padEnd(512, '\0')), END]);
    const hole = '\0'.repeat(9);
    expect(read(bytes)).toEqual({ s: `a${hole}b${hole}c${hole}d${hole}e${hole}f\0` });
  });
});

describe('malicious and damaged archives', () => {
  const bomb: ReadOptions = { maxBytes: 10_000, maxEntries: 3 };
  const cases: [string, string, Buffer, ReadOptions?][] = [
    ['a path with ..', 'TAR_UNSAFE', archive({ name: 'a/../../etc/passwd' })],
    ['a path that is ..', 'TAR_UNSAFE', archive({ name: '..', type: '5' })],
    ['.. behind /', 'TAR_UNSAFE', archive({ name: '/../x' })],
    ['.. in a pax path', 'TAR_UNSAFE', archive(pax(['path', '../x']), {})],
    ['.. in a GNU long name', 'TAR_UNSAFE', archive({ type: 'L', data: '../x\0' }, {})],
    ['.. in a sparse name', 'TAR_UNSAFE', archive(pax(['GNU.sparse.size', '0'], ['GNU.sparse.name', '../x']), {})],
    ['a hard link out of the root', 'TAR_UNSAFE', archive({ type: '1', link: '../../etc/shadow' })],
    ['a whiteout of ..', 'TAR_UNSAFE', archive({ name: 'a/.wh...' })],
    ['a whiteout of .', 'TAR_INVALID', archive({ name: 'a/.wh..' })],
    ['a whiteout of nothing', 'TAR_INVALID', archive({ name: '.wh.' })],
    ['a whiteout that is a directory', 'TAR_INVALID', archive({ name: '.wh.x', type: '5' })],
    ['a file in place of the root', 'TAR_INVALID', archive({ name: './', data: 'x' })],
    ['a symlink in place of the root', 'TAR_INVALID', archive({ name: '.', type: '2', link: '/' })],
    ['a hard link to itself', 'TAR_INVALID', archive({ name: 'a', type: '1', link: './a' })],
    ['a symlink to nothing', 'TAR_INVALID', archive({ type: '2' })],
    ['a NUL in a pax path', 'TAR_INVALID', archive(pax(['path', 'a\0b']), {})],
    ['a global path', 'TAR_INVALID', archive({ ...pax(['path', 'x']), type: 'g' }, {})],
    ['a bomb by declared size', 'TAR_UNSAFE', archive({ size: octal(10_001, 12) }), bomb],
    ['a bomb by many small files', 'TAR_UNSAFE', archive({}, {}, {}, {}), bomb],
    [
      'a bomb by a sparse file',
      'TAR_UNSAFE',
      archive(pax(['GNU.sparse.size', '8000000000000000'], ['GNU.sparse.map', '']), {}),
      bomb,
    ],
    ['a bomb by trailing zeros', 'TAR_UNSAFE', Buffer.concat([archive({}), Buffer.alloc(20_000)]), bomb],
    ['an endless extended header', 'TAR_UNSAFE', archive({ type: 'x', size: octal(0o77777777, 12) })],
    ['a long name of a gigabyte', 'TAR_UNSAFE', archive({ type: 'L', size: octal(1 << 30, 12) })],
    ['a negative size', 'TAR_INVALID', archive({ size: base256(-512n, 12) })],
    ['a size over 2^53', 'TAR_INVALID', archive({ size: base256(1n << 60n, 12) })],
    ['a size of 2^64 in pax', 'TAR_INVALID', archive(pax(['size', '18446744073709551616']), {})],
    ['a negative pax size', 'TAR_INVALID', archive(pax(['size', '-1']), {})],
    ['a pax record longer than its header', 'TAR_INVALID', archive({ type: 'x', data: '99 path=a\n' }, {})],
    ['a pax record of length 0', 'TAR_INVALID', archive({ type: 'x', data: '0 path=a\n' }, {})],
    ['a pax record without newline', 'TAR_INVALID', archive({ type: 'x', data: '9 path=aa' }, {})],
    [
      'a sparse map out of order',
      'TAR_INVALID',
      archive(pax(['GNU.sparse.size', '10'], ['GNU.sparse.map', '5,2,1,2']), { data: 'abcd' }),
    ],
    [
      'a sparse map outside the file',
      'TAR_INVALID',
      archive(pax(['GNU.sparse.size', '10'], ['GNU.sparse.map', '9,4']), { data: 'abcd' }),
    ],
    [
      'a sparse map with other data',
      'TAR_INVALID',
      archive(pax(['GNU.sparse.size', '10'], ['GNU.sparse.map', '0,3']), { data: 'abcd' }),
    ],
    [
      'a sparse map without end',
      'TAR_INVALID',
      archive(pax(['GNU.sparse.major', '1'], ['GNU.sparse.minor', '0'], ['GNU.sparse.realsize', '10']), {
        data: '9\n1\n',
      }),
    ],
    ['letters in a number', 'TAR_INVALID', archive({ uid: '00x0000' })],
    [
      'a wrong checksum',
      'TAR_INVALID',
      (() => {
        const bytes = archive({});
        bytes[0] = 0x41;
        return bytes;
      })(),
    ],
    ['a type nobody knows', 'TAR_INVALID', archive({ type: '?' })],
    ['another volume', 'UNSUPPORTED', archive({ type: 'M', magic: 'ustar  \0' })],
    ['an incremental dump', 'UNSUPPORTED', archive({ type: 'D', magic: 'ustar  \0' })],
    ['something behind one zero block', 'TAR_INVALID', Buffer.concat([member({}), Buffer.alloc(512), member({}), END])],
    ['an extension without its member', 'TAR_INVALID', archive(pax(['path', 'x']))],
    ['no bytes at all', 'TAR_INVALID', Buffer.alloc(0)],
    ['no end marker', 'TAR_INVALID', member({ data: 'abc' })],
    ['cut in a header', 'TAR_INVALID', member({ data: 'abc' }).subarray(0, 300)],
    ['cut in a file', 'TAR_INVALID', member({ data: 'abc' }).subarray(0, 514)],
    ['cut in padding', 'TAR_INVALID', member({ data: 'abc' }).subarray(0, 700)],
    ['cut in a zero block', 'TAR_INVALID', archive({}).subarray(0, 1024 + 100)],
    ['compressed bytes', 'TAR_INVALID', Buffer.from('1f8b0800'.padEnd(2048, '5a'), 'hex')],
  ];
  test.each(cases)('%s', (_, code, bytes, options = {}) => {
    expect(codeOf(() => list(bytes, options))).toBe(code);
    expect(codeOf(() => list(bytes, options, 100))).toBe(code);
    expect(codeOf(() => read(bytes, options, 77))).toBe(code);
  });

  test('what limits allow is read', () => {
    expect(list(archive({ data: 'x' }, {}, {}), bomb)).toHaveLength(3);
  });
  test('a symlink out of the root is only read, its target unchanged', () => {
    expect(list(archive({ type: '2', link: '../../etc' }))[0]?.target).toBe('../../etc');
  });
  test('garbage behind the end is ignored', () => {
    expect(list(Buffer.concat([archive({}), Buffer.from('garbage')]))).toHaveLength(1);
  });
  test('a lone zero block at the end is an end', () => {
    expect(list(Buffer.concat([member({}), Buffer.alloc(512)]))).toHaveLength(1);
  });
  test('an end marker may be optional', () => {
    expect(list(member({ data: 'abc' }), { endMarker: 'optional' })).toHaveLength(1);
    expect(codeOf(() => list(member({ data: 'abc' }).subarray(0, 514), { endMarker: 'optional' }))).toBe('TAR_INVALID');
  });
});

test('content is gone once the next member is asked for', () => {
  const members = readTarSync([archive({ name: 'a', data: 'abc' }, { name: 'b' })]);
  const first = members.next().value!;
  members.next();
  expect(() => [...first.content]).toThrow(RangeError);
});

test('the rest of the stream is read, so that a check at its end takes place', () => {
  let isDrained = false;
  const chunks = function* () {
    yield archive({});
    yield Buffer.alloc(4096);
    isDrained = true;
  };
  expect([...readTarSync(chunks())]).toHaveLength(1);
  expect(isDrained).toBe(true);
});

test('a stream that is waited for gives the same', async () => {
  const bytes = archive(
    { name: 'a', data: 'x'.repeat(3000) },
    { name: 'skipped', data: 'y'.repeat(3000) },
    { name: 'c', data: 'z' },
  );
  async function* chunks() {
    for (const portion of portions(bytes, 333)) yield portion;
  }
  const found: [string, string][] = [];
  for await (const { entry: one, content } of readTar(chunks())) {
    let text = '';
    if (one.path !== 'skipped') for await (const part of content) text += Buffer.from(part).toString();
    found.push([one.path, text]);
  }
  expect(found).toEqual([
    ['a', 'x'.repeat(3000)],
    ['skipped', ''],
    ['c', 'z'],
  ]);
});

describe('whatever the bytes are, an error is ours', () => {
  const attempt = (bytes: Uint8Array, portion: number) => {
    try {
      for (const { content } of readTarSync(portions(Buffer.from(bytes), portion), {
        maxBytes: 1 << 20,
        maxEntries: 100,
      })) {
        for (const part of content) expect(part.length).toBeGreaterThan(0);
      }
    } catch (error) {
      expect(error).toBeInstanceOf(OciError);
    }
  };

  test('random bytes', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 3000 }), fc.integer({ min: 1, max: 700 }), attempt));
  });

  test('valid archives with changed bytes, checksums set right again', async () => {
    const samples = [
      await tarOf([
        entry('d', 'directory'),
        file('d/f', 'hello'),
        entry('d/h', 'hardlink', { target: 'd/f' }),
        entry('é', 'symlink', { target: 'x'.repeat(200) }),
      ]),
      archive(pax(['GNU.sparse.major', '1'], ['GNU.sparse.minor', '0'], ['GNU.sparse.realsize', '1012']), {
        data: `${'2\n5\n2\n1007\n2\n'.padEnd(512, '\0')}abcd`,
      }),
      archive(
        { type: 'L', data: 'long\0' },
        {
          type: 'S',
          magic: 'ustar  \0',
          tail: (block) => {
            block.write(octal(4, 12), 398);
            block.write(octal(9, 12), 483);
          },
          data: 'abcd',
        },
      ),
    ];
    const change = fc.record({ at: fc.nat(), value: fc.integer({ min: 0, max: 255 }) });
    fc.assert(
      fc.property(
        fc.constantFrom(...samples),
        fc.array(change, { minLength: 1, maxLength: 8 }),
        fc.integer({ min: 100, max: 5000 }),
        (sample, changes, portion) => {
          const bytes = Buffer.from(sample);
          for (const { at, value } of changes) bytes[at % bytes.length] = value;
          for (let at = 0; at < bytes.length; at += 512) {
            const block = bytes.subarray(at, at + 512);
            if (!/ustar/.test(block.toString('latin1', 257, 262))) continue;
            block.fill(' ', 148, 156);
            block.write(
              `${octal(
                block.reduce((sum, byte) => sum + byte),
                7,
              )}\0 `,
              148,
              'latin1',
            );
          }
          attempt(bytes, portion);
        },
      ),
      { numRuns: 1000 },
    );
  });
});
