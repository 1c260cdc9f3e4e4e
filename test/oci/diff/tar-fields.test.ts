// Pairs of archives that differ in exactly one thing, for every thing a tar can say, and what diff says of each.

import { describe, expect, test } from 'vitest';
import { compareWhole } from '../../../oci/diff/diff.ts';
import type { Finding } from '../../../oci/diff/finding.ts';
import { archive, END, header, member, pax, type RawFields, tarSubject } from './raw-tar.ts';

type Wanted = Partial<Finding>;

const field = (name: string, left: string | undefined, right: string | undefined, more: Wanted = {}): Wanted => ({
  level: 'field',
  kind: 'changed',
  field: name,
  path: 'a',
  ...(left === undefined ? {} : { left }),
  ...(right === undefined ? {} : { right }),
  ...more,
});
const encoding = (name: string, left: string, right: string, more: Wanted = {}): Wanted =>
  field(name, left, right, { kind: 'encoding', ...more });

const one = (left: RawFields, right: RawFields): [Buffer, Buffer] => [archive(member(left)), archive(member(right))];
const X = 'SCHILY.xattr.security.capability';
const withPax = (left: [string, string][], right: [string, string][]): [Buffer, Buffer] => [
  archive(pax(left), member()),
  archive(pax(right), member()),
];
const base256 = (value: number): string =>
  `\x80${Buffer.from([0, 0, 0, 0, 0, value >> 8, value & 255]).toString('latin1')}`;
/** An old GNU sparse file of 1024 bytes whose second block is data. */
const sparse = (map: readonly (readonly [number, number])[], data: Buffer): Buffer => {
  const block = header({ typeflag: 'S', magic: 'ustar ', version: ' \0', data });
  const octal = (value: number): string => `${value.toString(8).padStart(11, '0')}\0`;
  for (const [i, [offset, length]] of map.entries()) block.write(octal(offset) + octal(length), 386 + 24 * i, 'latin1');
  block.write(octal(1024), 483, 'latin1');
  block.write('        ', 148, 'latin1');
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  return Buffer.concat([block, data]);
};

const cases: readonly (readonly [string, readonly [Buffer, Buffer], readonly Wanted[]])[] = [
  ['name, written in another way', one({ name: 'a' }, { name: './a' }), [field('name', '"a"', '"./a"')]],
  [
    'name',
    one({ name: 'a' }, { name: 'b' }),
    [
      { level: 'entry', kind: 'missing', field: 'entry', path: 'a', left: 'file, mode 0644' },
      { level: 'entry', kind: 'missing', field: 'entry', path: 'b', right: 'file, mode 0644' },
    ],
  ],
  [
    'bytes behind the end of a name',
    one({ name: 'a\0' }, { name: 'a\0junk' }),
    [encoding('name', '"a" and 99 NUL', '"a\\x00junk" and 94 NUL')],
  ],
  ['mode', one({}, { mode: '0000755\0' }), [field('mode', '0644', '0755')]],
  ['setuid', one({}, { mode: '0004644\0' }), [field('mode', '0644', '4644')]],
  ['file type in the mode', one({}, { mode: '0100644\0' }), [encoding('mode-type', '0644', '100644')]],
  ['digits of the mode', one({}, { mode: ' 00644 \0' }), [encoding('mode', '"0000644\\x00"', '" 00644 \\x00"')]],
  ['uid', one({}, { uid: '0001750\0' }), [field('uid', '0', '1000')]],
  [
    'uid in base 256',
    one({ uid: '0001750\0' }, { uid: base256(1000) }),
    [expect.objectContaining({ field: 'uid', kind: 'encoding' }) as Wanted],
  ],
  ['gid', one({}, { gid: '0000144\0' }), [field('gid', '0', '100')]],
  [
    'size',
    one({ data: 'xy' }, { data: 'xyz' }),
    [field('size', '2', '3'), { level: 'content', kind: 'changed', path: 'a', offset: 2 }],
  ],
  [
    'digits of the size',
    one({ data: 'xy' }, { data: 'xy', size: '          2 ' }),
    [encoding('size', '"00000000002\\x00"', '"          2 "')],
  ],
  [
    'mtime',
    one({}, { mtime: '14524770400\0' }),
    [field('mtime', '0 (1970-01-01T00:00:00Z)', '1700000000 (2023-11-14T22:13:20Z)')],
  ],
  [
    'checksum, in another form',
    one({}, { checksum: (sum) => `${sum.toString(8).padStart(7, '0')}\0` }),
    [expect.objectContaining({ field: 'checksum', kind: 'encoding', level: 'field' }) as Wanted],
  ],
  ['typeflag', one({}, { typeflag: '7' }), [field('typeflag', '"0" (file)', '"7" (file)')]],
  ['old typeflag', one({}, { typeflag: '\0' }), [field('typeflag', '"0" (file)', '"\\x00" (file)')]],
  ['a fifo for a file', one({}, { typeflag: '6' }), [field('typeflag', '"0" (file)', '"6" (fifo)')]],
  [
    'linkname of a symlink',
    one({ typeflag: '2', linkname: 'x' }, { typeflag: '2', linkname: 'y' }),
    [field('linkname', '"x"', '"y"')],
  ],
  [
    'linkname of a hard link',
    [
      archive(member({ name: 'x' }), member({ name: 'y' }), member({ typeflag: '1', linkname: 'x' })),
      archive(member({ name: 'x' }), member({ name: 'y' }), member({ typeflag: '1', linkname: 'y' })),
    ],
    [field('linkname', '"x"', '"y"')],
  ],
  ['magic', one({}, { magic: 'ustar ' }), [field('magic', '"ustar\\x00"', '"ustar "')]],
  ['version', one({}, { version: '01' }), [field('version', '"00"', '"01"')]],
  [
    'dialect',
    one({}, { magic: 'ustar ', version: ' \0' }),
    [field('magic', '"ustar\\x00"', '"ustar "'), field('version', '"00"', '" \\x00"')],
  ],
  [
    'v7',
    one({}, { magic: '\0\0\0\0\0\0', version: '\0\0' }),
    [expect.objectContaining({ field: 'magic' }) as Wanted, expect.objectContaining({ field: 'version' }) as Wanted],
  ],
  ['uname', one({}, { uname: 'root' }), [field('uname', '""', '"root"')]],
  ['gname', one({ gname: 'root' }, { gname: 'wheel' }), [field('gname', '"root"', '"wheel"')]],
  ['devmajor', one({ typeflag: '3' }, { typeflag: '3', devmajor: '0000001\0' }), [field('devmajor', '0', '1')]],
  ['devminor', one({ typeflag: '4' }, { typeflag: '4', devminor: '0000010\0' }), [field('devminor', '0', '8')]],
  [
    'devmajor that is not written, of a file',
    one({}, { devmajor: '\0\0\0\0\0\0\0\0' }),
    [encoding('devmajor', '"0000000\\x00"', '"" and 8 NUL')],
  ],
  [
    'prefix',
    [archive(member({ name: 'd/a' })), archive(member({ name: 'a', prefix: 'd' }))],
    [field('name', '"d/a"', '"a"', { path: 'd/a' }), field('prefix', '""', '"d"', { path: 'd/a' })],
  ],
  ['bytes no field has', one({}, { unused: 'x' }), [field('unused', '"" and 12 NUL', '"x" and 11 NUL')]],

  ['a pax record', withPax([['comment', 'x']], [['comment', 'y']]), [field('pax.comment', '"x"', '"y"')]],
  [
    'a pax record that is missing',
    withPax(
      [['comment', 'x']],
      [
        ['comment', 'x'],
        ['uname', 'root'],
      ],
    ),
    [field('pax.uname', undefined, '"root"', { kind: 'missing' })],
  ],
  ['pax mtime', withPax([['mtime', '1.5']], [['mtime', '1.25']]), [field('pax.mtime', '"1.5"', '"1.25"')]],
  [
    'pax size',
    [archive(pax([['size', '2']]), member({ data: 'xy' })), archive(pax([['size', '02']]), member({ data: 'xy' }))],
    [field('pax.size', '"2"', '"02"')],
  ],
  ['pax uid', withPax([['uid', '1']], [['uid', '2']]), [field('pax.uid', '"1"', '"2"')]],
  ['pax gid', withPax([['gid', '1']], [['gid', '2']]), [field('pax.gid', '"1"', '"2"')]],
  [
    'pax linkpath',
    [
      archive(pax([['linkpath', 'x']]), member({ typeflag: '2' })),
      archive(pax([['linkpath', 'y']]), member({ typeflag: '2' })),
    ],
    [field('pax.linkpath', '"x"', '"y"')],
  ],
  ['pax path, of the same file', withPax([['path', 'a']], [['path', './a']]), [field('pax.path', '"a"', '"./a"')]],
  ['an extended attribute', withPax([[X, '\x01\xff']], [[X, '\x02\xff']]), [field(`pax.${X}`, 'hex 01ff', 'hex 02ff')]],
  [
    'order of pax records',
    withPax(
      [
        ['atime', '1'],
        ['ctime', '2'],
      ],
      [
        ['ctime', '2'],
        ['atime', '1'],
      ],
    ),
    [field('pax-order', 'atime, ctime', 'ctime, atime', { kind: 'order' })],
  ],
  [
    'a pax record twice',
    withPax(
      [['comment', 'x']],
      [
        ['comment', 'y'],
        ['comment', 'x'],
      ],
    ),
    [field('pax.comment', '"x"', '"y", "x"')],
  ],
  [
    'a global pax record',
    [
      archive(pax([['comment', 'x']], { typeflag: 'g' }), member()),
      archive(pax([['comment', 'y']], { typeflag: 'g' }), member()),
    ],
    [field('pax-global.comment', '"x"', '"y"')],
  ],
  [
    "the pax header's own name",
    [
      archive(pax([['comment', 'x']]), member()),
      archive(pax([['comment', 'x']], { name: 'PaxHeaders.4711/a' }), member()),
    ],
    [field('pax-header.name', '"PaxHeaders.0/a"', '"PaxHeaders.4711/a"')],
  ],
  [
    "the pax header's own mtime",
    [
      archive(pax([['comment', 'x']]), member()),
      archive(pax([['comment', 'x']], { mtime: '00000000001\0' }), member()),
    ],
    [field('pax-header.mtime', '0 (1970-01-01T00:00:00Z)', '1 (1970-01-01T00:00:01Z)')],
  ],
  [
    "the pax header's padding",
    [archive(pax([['comment', 'x']]), member()), archive(pax([['comment', 'x']], { padding: 'junk' }), member())],
    [expect.objectContaining({ field: 'pax-header.padding', kind: 'encoding' }) as Wanted],
  ],
  [
    'a long name of GNU and one of pax',
    [
      archive(member({ typeflag: 'L', name: '././@LongLink', data: 'a\0' }), member()),
      archive(pax([['path', 'a']]), member()),
    ],
    [
      field('pax.path', undefined, '"a"', { kind: 'missing' }),
      field('gnu-longname', '"a"', undefined, { kind: 'missing' }),
    ],
  ],
  [
    'a long link name of GNU',
    [
      archive(member({ typeflag: 'K', data: 'x\0' }), member({ typeflag: '2' })),
      archive(member({ typeflag: 'K', data: 'y\0' }), member({ typeflag: '2' })),
    ],
    [field('gnu-longlink', '"x"', '"y"')],
  ],
  [
    'sparse map of the same content',
    [
      archive(sparse([[512, 512]], Buffer.alloc(512))),
      archive(
        sparse(
          [
            [0, 512],
            [1024, 0],
          ],
          Buffer.alloc(512),
        ),
      ),
    ],
    [
      expect.objectContaining({ field: 'prefix' }) as Wanted,
      field('sparse', '1024 bytes: 512+512', '1024 bytes: 0+512, 1024+0'),
    ],
  ],
  [
    'pax sparse map of the same content',
    [
      archive(
        pax([
          ['GNU.sparse.size', '8'],
          ['GNU.sparse.map', '0,4'],
        ]),
        member({ data: '\0\0\0\0' }),
      ),
      archive(
        pax([
          ['GNU.sparse.size', '8'],
          ['GNU.sparse.map', '4,4'],
        ]),
        member({ data: '\0\0\0\0' }),
      ),
    ],
    [field('pax.GNU.sparse.map', '"0,4"', '"4,4"'), field('sparse', '8 bytes: 0+4', '8 bytes: 4+4')],
  ],
  [
    'content',
    one({ data: 'left\n' }, { data: 'lost\n' }),
    [{ level: 'content', path: 'a', field: 'content', offset: 1, inner: [{ kind: 'text line', name: '1' }] }],
  ],
  [
    'padding',
    one({ data: 'x' }, { data: 'x', padding: 'junk' }),
    [expect.objectContaining({ field: 'padding', kind: 'encoding', path: 'a' }) as Wanted],
  ],
  [
    'order',
    [archive(member({ name: 'x' }), member({ name: 'y' })), archive(member({ name: 'y' }), member({ name: 'x' }))],
    [{ level: 'entry', kind: 'order', field: 'order', note: '1 of 2 entries stand in another order' }],
  ],
  [
    'a name that stands twice, on one side',
    [archive(member()), archive(member(), member({ mode: '0000600\0' }))],
    [
      { level: 'entry', kind: 'duplicate', path: 'a', left: 'stands 1 times', right: 'stands 2 times' },
      { level: 'entry', kind: 'duplicate', path: 'a', right: 'file, mode 0600', note: 'number 2 of its name' },
    ],
  ],
  [
    'a name that stands twice on both, and differs the second time',
    [archive(member(), member({ mode: '0000600\0' })), archive(member(), member({ mode: '0000400\0' }))],
    [{ weight: 'note', kind: 'duplicate', path: 'a' }, field('mode', '0600', '0400')],
  ],
  [
    'trailer',
    [archive(member()), Buffer.concat([archive(member()), Buffer.alloc(8192)])],
    [
      {
        level: 'field',
        field: 'trailer',
        kind: 'encoding',
        left: '2 zero blocks, then 0 zero bytes',
        right: '2 zero blocks, then 8192 zero bytes',
      },
    ],
  ],
  [
    'one zero block only',
    [archive(member()), Buffer.concat([member(), END.subarray(512)])],
    [{ field: 'trailer', left: '2 zero blocks, then 0 zero bytes', right: '1 zero block, then 0 zero bytes' }],
  ],
  [
    'junk behind the end',
    [Buffer.concat([archive(member()), Buffer.from('one')]), Buffer.concat([archive(member()), Buffer.from('two')])],
    [expect.objectContaining({ field: 'trailer' }) as Wanted],
  ],
  [
    'missing',
    [archive(member(), member({ name: 'b' })), archive(member())],
    [{ kind: 'missing', path: 'b', left: 'file, mode 0644' }],
  ],
];

describe('exactly one difference', () => {
  test.each(cases)('%s', async (_, [left, right], wanted) => {
    for (const portion of [100, 1 << 20]) {
      const { findings, isEqual, leftOut } = await compareWhole(
        tarSubject(left, 'left', portion),
        tarSubject(right, 'right', portion),
      );
      expect(findings).toMatchObject(wanted);
      expect(findings).toHaveLength(wanted.length);
      expect([isEqual, leftOut]).toEqual([false, 0]);
    }
    // The other way round there are as many, with the sides changed.
    const mirrored = await compareWhole(tarSubject(right), tarSubject(left));
    expect(mirrored.findings).toHaveLength(wanted.length);
    // And nothing with itself.
    for (const side of [left, right]) {
      const same = await compareWhole(tarSubject(side), tarSubject(side));
      expect(same.findings.filter(({ weight }) => weight !== 'note')).toEqual([]);
      expect(same.isEqual).toBe(true);
    }
  });

  test('every field of the header is in the table', () => {
    const told = new Set(cases.flatMap(([, , wanted]) => wanted.map(({ field: name }) => name ?? '')));
    const matched = JSON.stringify(cases.map(([, , wanted]) => wanted));
    const fields =
      'name mode uid gid size mtime checksum typeflag linkname magic version uname gname devmajor devminor prefix';
    for (const name of fields.split(' ')) expect(told.has(name) || matched.includes(`"${name}"`), name).toBe(true);
  });
});

describe('ignoring', () => {
  test('is counted, and nothing else is', async () => {
    const [left, right] = one({}, { mode: '0100644\0', mtime: '00000000001\0' });
    const subjects = [tarSubject(left), tarSubject(right)] as const;
    expect(await compareWhole(...subjects, { ignore: ['mode-type'] })).toMatchObject({
      isEqual: false,
      findings: [{ field: 'mtime' }],
      ignored: { 'mode-type': 1 },
    });
    expect(await compareWhole(...subjects, { ignore: ['m*'] })).toMatchObject({
      isEqual: true,
      findings: [],
      ignored: { 'mode-type': 1, mtime: 1 },
    });
    // A pattern is a whole name, and its dots are dots.
    expect(await compareWhole(...subjects, { ignore: ['m', 'mtim', '.....'] })).toMatchObject({
      differences: 2,
      ignored: {},
    });
  });
});

describe('limits', () => {
  test('past the number of contents, digests are told', async () => {
    const members = (text: string): Buffer => archive(...['a', 'b', 'c'].map((name) => member({ name, data: text })));
    const { findings } = await compareWhole(tarSubject(members('x')), tarSubject(members('y')), { maxContents: 1 });
    expect(findings.map(({ left }) => left?.slice(0, 7))).toEqual([undefined, 'sha256:', 'sha256:']);
  });
  test('past the number of findings, they are counted', async () => {
    const members = (mode: string): Buffer => archive(...['a', 'b', 'c'].map((name) => member({ name, mode })));
    const report = await compareWhole(tarSubject(members('0000644\0')), tarSubject(members('0000600\0')), {
      maxFindings: 1,
    });
    expect(report).toMatchObject({ differences: 3, leftOut: 2, isEqual: false });
    expect(report.findings).toHaveLength(1);
  });
  test('members that moved and differ are compared too', async () => {
    const left = archive(...['a', 'b', 'c'].map((name) => member({ name, data: `${name}\n` })));
    const right = archive(...['c', 'b', 'a'].map((name) => member({ name, data: `${name}!\n` })));
    const { findings } = await compareWhole(tarSubject(left), tarSubject(right));
    const contents = findings.filter(({ level }) => level === 'content').map(({ path }) => path);
    expect(contents.sort()).toEqual(['a', 'b', 'c']);
    expect(findings[0]).toMatchObject({ kind: 'order', path: 'b', left: 'after "a"', right: 'after "c"' });
    expect(findings[0]!.note).toBe('2 of 3 entries stand in another order');
  });
});
