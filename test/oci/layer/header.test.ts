import { describe, expect, test } from 'vitest';
import { encodeHeader, type HeaderFields, parseHeader, splitName, TYPE_FLAG } from '../../../oci/layer/header.ts';
import { formatRecord, parseRecords } from '../../../oci/layer/pax.ts';

const BASE: HeaderFields = {
  name: 'etc/passwd',
  linkName: '',
  typeFlag: TYPE_FLAG.file,
  mode: 0o644,
  uid: 0,
  gid: 0,
  size: 0,
  mtime: 0,
  major: 0,
  minor: 0,
};

/** Every run of bytes that is not NUL, with its place in the block. */
function runs(blocks: Buffer): string[] {
  const found = [...blocks.toString('latin1').matchAll(/[^\0]+/g)].map((match) => {
    const block = Math.floor(match.index / 512);
    return `${block}:${match.index % 512} ${match[0]}`;
  });
  // The checksum stands in a test of its own.
  return found.filter((run) => !/^\d:148 /.test(run));
}

describe('golden header bytes', () => {
  const N = 'n'.repeat(101);
  const utf8 = (text: string) => Buffer.from(text).toString('latin1');
  const cases: [string, Partial<HeaderFields>, string[]][] = [
    [
      'a file',
      { size: 1234, mtime: 1_700_000_000 },
      [
        '0:0 etc/passwd',
        '0:100 0000644',
        '0:108 0000000',
        '0:116 0000000',
        '0:124 00000002322',
        '0:136 14524770400',
        '0:155  0',
        '0:257 ustar',
        '0:263 00',
        '0:329 0000000',
        '0:337 0000000',
      ],
    ],
    [
      'a directory with the sticky bit',
      { name: 'tmp/', typeFlag: TYPE_FLAG.directory, mode: 0o1777 },
      [
        '0:0 tmp/',
        '0:100 0001777',
        '0:108 0000000',
        '0:116 0000000',
        '0:124 00000000000',
        '0:136 00000000000',
        '0:155  5',
        '0:257 ustar',
        '0:263 00',
        '0:329 0000000',
        '0:337 0000000',
      ],
    ],
    [
      'a symlink',
      { name: 'bin', linkName: 'usr/bin', typeFlag: TYPE_FLAG.symlink, mode: 0o777 },
      [
        '0:0 bin',
        '0:100 0000777',
        '0:108 0000000',
        '0:116 0000000',
        '0:124 00000000000',
        '0:136 00000000000',
        '0:155  2usr/bin',
        '0:257 ustar',
        '0:263 00',
        '0:329 0000000',
        '0:337 0000000',
      ],
    ],
    [
      'a device',
      { name: 'disk', typeFlag: TYPE_FLAG.block, major: 259, minor: 70000 },
      [
        '0:0 disk',
        '0:100 0000644',
        '0:108 0000000',
        '0:116 0000000',
        '0:124 00000000000',
        '0:136 00000000000',
        '0:155  4',
        '0:257 ustar',
        '0:263 00',
        '0:329 0000403',
        '0:337 0210560',
      ],
    ],
    [
      'a name of 100 bytes fills its field',
      { name: 'n'.repeat(100) },
      [
        `0:0 ${'n'.repeat(100)}0000644`,
        '0:108 0000000',
        '0:116 0000000',
        '0:124 00000000000',
        '0:136 00000000000',
        '0:155  0',
        '0:257 ustar',
        '0:263 00',
        '0:329 0000000',
        '0:337 0000000',
      ],
    ],
    [
      'a name that splits goes into the prefix',
      { name: `a/${N.slice(1)}` },
      [
        `0:0 ${'n'.repeat(100)}0000644`,
        '0:108 0000000',
        '0:116 0000000',
        '0:124 00000000000',
        '0:136 00000000000',
        '0:155  0',
        '0:257 ustar',
        '0:263 00',
        '0:329 0000000',
        '0:337 0000000',
        '0:345 a',
      ],
    ],
    [
      'a name of 101 bytes gets a pax header named after it',
      { name: `d/${N}` },
      [
        `0:0 d/PaxHeaders.0/${'n'.repeat(85)}0000000`,
        '0:108 0000000',
        '0:116 0000000',
        '0:124 00000000161',
        '0:136 00000000000',
        '0:155  x',
        '0:257 ustar',
        '0:263 00',
        `1:0 113 path=d/${N}\n`,
        `2:0 d/${'n'.repeat(98)}0000644`,
        '2:108 0000000',
        '2:116 0000000',
        '2:124 00000000000',
        '2:136 00000000000',
        '2:155  0',
        '2:257 ustar',
        '2:263 00',
        '2:329 0000000',
        '2:337 0000000',
      ],
    ],
    [
      'a long directory',
      { name: `${N}/`, typeFlag: TYPE_FLAG.directory, mode: 0o755 },
      [
        `0:0 ${'n'.repeat(100)}0000000`,
        '0:108 0000000',
        '0:116 0000000',
        '0:124 00000000160',
        '0:136 00000000000',
        '0:155  x',
        '0:257 ustar',
        '0:263 00',
        `1:0 112 path=${N}/\n`,
        `2:0 ${'n'.repeat(100)}0000755`,
        '2:108 0000000',
        '2:116 0000000',
        '2:124 00000000000',
        '2:136 00000000000',
        '2:155  5',
        '2:257 ustar',
        '2:263 00',
        '2:329 0000000',
        '2:337 0000000',
      ],
    ],
    [
      'a name that is not ASCII: raw bytes in the record, the rest in the field',
      { name: utf8('d/é') },
      [
        '0:0 d/PaxHeaders.0',
        '0:100 0000000',
        '0:108 0000000',
        '0:116 0000000',
        '0:124 00000000015',
        '0:136 00000000000',
        '0:155  x',
        '0:257 ustar',
        '0:263 00',
        `1:0 13 path=${utf8('d/é')}\n`,
        '2:0 d/',
        '2:100 0000644',
        '2:108 0000000',
        '2:116 0000000',
        '2:124 00000000000',
        '2:136 00000000000',
        '2:155  0',
        '2:257 ustar',
        '2:263 00',
        '2:329 0000000',
        '2:337 0000000',
      ],
    ],
    [
      'a long link name',
      { name: 'l', linkName: 't'.repeat(300), typeFlag: TYPE_FLAG.symlink, mode: 0o777 },
      [
        '0:0 PaxHeaders.0/l',
        '0:100 0000000',
        '0:108 0000000',
        '0:116 0000000',
        '0:124 00000000472',
        '0:136 00000000000',
        '0:155  x',
        '0:257 ustar',
        '0:263 00',
        `1:0 314 linkpath=${'t'.repeat(300)}\n`,
        '2:0 l',
        '2:100 0000777',
        '2:108 0000000',
        '2:116 0000000',
        '2:124 00000000000',
        '2:136 00000000000',
        `2:155  2${'t'.repeat(100)}ustar`,
        '2:263 00',
        '2:329 0000000',
        '2:337 0000000',
      ],
    ],
    [
      'owners and size past their fields, records sorted',
      { name: 'x', uid: 2_097_152, gid: 3_000_000, size: 8 * 2 ** 30, mtime: -1 },
      [
        '0:0 PaxHeaders.0/x',
        '0:100 0000000',
        '0:108 0000000',
        '0:116 0000000',
        '0:124 00000000075',
        '0:136 00000000000',
        '0:155  x',
        '0:257 ustar',
        '0:263 00',
        '1:0 15 gid=3000000\n12 mtime=-1\n19 size=8589934592\n15 uid=2097152\n',
        '2:0 x',
        '2:100 0000644',
        '2:108 0000000',
        '2:116 0000000',
        '2:124 00000000000',
        '2:136 00000000000',
        '2:155  0',
        '2:257 ustar',
        '2:263 00',
        '2:329 0000000',
        '2:337 0000000',
      ],
    ],
    [
      'the largest owner and size that need no record',
      { name: 'x', uid: 2_097_151, gid: 2_097_151, size: 8 * 2 ** 30 - 1 },
      [
        '0:0 x',
        '0:100 0000644',
        '0:108 7777777',
        '0:116 7777777',
        '0:124 77777777777',
        '0:136 00000000000',
        '0:155  0',
        '0:257 ustar',
        '0:263 00',
        '0:329 0000000',
        '0:337 0000000',
      ],
    ],
    [
      'an xattr with any bytes',
      { name: 'x', xattrs: new Map([['security.capability', '\x01\x02=\n\xff']]) },
      [
        '0:0 PaxHeaders.0/x',
        '0:100 0000000',
        '0:108 0000000',
        '0:116 0000000',
        '0:124 00000000052',
        '0:136 00000000000',
        '0:155  x',
        '0:257 ustar',
        '0:263 00',
        '1:0 42 SCHILY.xattr.security.capability=\x01\x02=\n\xff\n',
        '2:0 x',
        '2:100 0000644',
        '2:108 0000000',
        '2:116 0000000',
        '2:124 00000000000',
        '2:136 00000000000',
        '2:155  0',
        '2:257 ustar',
        '2:263 00',
        '2:329 0000000',
        '2:337 0000000',
      ],
    ],
  ];
  test.each(cases)('%s', (_, fields, expected) => {
    expect(runs(encodeHeader({ ...BASE, ...fields }))).toEqual(expected);
  });

  test('a name cut at a slash does not end in one: a file must not look like a directory', () => {
    const blocks = encodeHeader({ ...BASE, name: `${'d'.repeat(99)}/\xe9${'x'.repeat(40)}` });
    expect(blocks.toString('latin1', blocks.length - 512, blocks.length - 512 + 100)).toBe(`${'d'.repeat(99)}\0`);
  });
});

describe('what no header can carry', () => {
  const cases: [string, Partial<HeaderFields>][] = [
    ['a NUL in a name', { name: 'a\0b' }],
    ['a NUL in a link name', { linkName: 'a\0b', typeFlag: TYPE_FLAG.symlink }],
    ['an xattr name with =', { xattrs: new Map([['user.a=b', 'x']]) }],
    ['an xattr without a name', { xattrs: new Map([['', 'x']]) }],
    ['a device number over 2097151', { typeFlag: TYPE_FLAG.char, minor: 2_097_152 }],
    ['over a megabyte of attributes', { xattrs: new Map([['user.a', 'x'.repeat(1 << 20)]]) }],
  ];
  test.each(cases)('%s', (_, fields) => {
    expect(() => encodeHeader({ ...BASE, ...fields })).toThrow(
      expect.objectContaining({ code: 'ENTRY_UNREPRESENTABLE' }),
    );
  });
});

test('the checksum is the sum of all bytes, its own field taken as spaces', () => {
  const block = encodeHeader({ ...BASE, name: '\x7f'.repeat(100), linkName: 'z'.repeat(100) });
  const stored = block.toString('latin1', 148, 156);
  expect(stored).toMatch(/^[0-7]{6}\0 $/);
  block.fill(' ', 148, 156);
  expect(Number.parseInt(stored, 8)).toBe([...block].reduce((sum, byte) => sum + byte));
});

test('what is written is read', () => {
  const fields = { ...BASE, name: 'a/b', mode: 0o4751, uid: 5, gid: 6, size: 77, mtime: 88 };
  const { name, mode, uid, gid, size, mtime } = fields;
  expect(parseHeader(encodeHeader(fields), 0)).toMatchObject({ name, mode, uid, gid, size, mtime, dialect: 'ustar' });
});

describe('splitName', () => {
  const cases: [string, string, [number, number] | undefined][] = [
    ['100 bytes need no split', `a/${'b'.repeat(98)}`, undefined],
    ['at the last slash that fits', `a/b/${'c'.repeat(99)}`, [3, 99]],
    ['155 and 100', `${'p'.repeat(155)}/${'n'.repeat(100)}`, [155, 100]],
    ['156 and 99', `${'p'.repeat(156)}/${'n'.repeat(99)}`, undefined],
    ['155 and 101', `${'p'.repeat(155)}/${'n'.repeat(101)}`, undefined],
    ['no slash', 'n'.repeat(101), undefined],
    ['a directory is not cut at its own slash', `${'n'.repeat(101)}/`, undefined],
    ['a directory', `a/${'n'.repeat(99)}/`, [1, 100]],
    ['not ASCII', `a/${'\xe9'.repeat(100)}`, undefined],
  ];
  test.each(cases)('%s', (_, name, expected) => {
    const split = splitName(name);
    expect(split === undefined ? undefined : [split.prefix.length, split.suffix.length]).toEqual(expected);
  });
});

describe('pax records', () => {
  const cases: [string, number][] = [
    ['', 5],
    ['x', 6],
    ['xxxx', 9],
    ['xxxxx', 11],
    ['x'.repeat(93), 99],
    ['x'.repeat(94), 101],
    ['x'.repeat(992), 999],
    ['x'.repeat(993), 1001],
  ];
  test.each(cases)('a length counts itself: case %#', (value, length) => {
    const record = formatRecord('k', value);
    expect(record).toHaveLength(length);
    expect(parseRecords(Buffer.from(record), 0)).toEqual([['k', value]]);
  });
});
