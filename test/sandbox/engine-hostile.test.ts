// Archives, symlinks and names made to do harm: an error that names the line, or harmless inside; nothing outside changes.

import { symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { type Header, pack } from 'tar-stream';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { busybox, Lab, listFolder } from './engine.ts';
import { testRuntimes } from './harness.ts';

type Member = Partial<Header> & { readonly name: string } & { readonly content?: string };

async function tarOf(members: readonly Member[]): Promise<Buffer> {
  const stream = pack();
  for (const { content, ...header } of members) stream.entry(header as Header, content ?? '');
  stream.finalize();
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

describe.skipIf(busybox === undefined || testRuntimes().length === 0)('hostile', () => {
  let lab: Lab;
  let outside: string;
  let before: string[];
  beforeAll(() => {
    lab = new Lab();
    lab.base();
    outside = lab.write('outside', { victim: 'untouched\n', 'sub/': '' });
    before = listFolder(outside);
  });
  afterAll(() => lab.remove());
  afterEach(() => expect(listFolder(outside)).toEqual(before));

  /** What the rootfs of the last build holds, as its own programs see it. */
  const inRootfs = (context: string, name: string): { error: string; paths: string[] } => {
    const out = lab.path(`rootfs-${name.replace(/\W+/g, '-')}`);
    const result = lab.build(context, ['--output', `rootfs:${out}`]);
    return {
      error: result.status === 0 ? '' : result.stderr,
      paths: listFolder(out).map((line) => line.split(' ')[3]!),
    };
  };

  describe('archives', () => {
    const up = '../'.repeat(12);
    /** `lab` stands for the lab's folder. Either the error, or the paths that must be in the rootfs. */
    const ARCHIVES: readonly [
      name: string,
      members: readonly Member[],
      error: RegExp | undefined,
      paths: readonly string[],
    ][] = [
      ['an absolute path', [{ name: 'lab/outside/new', content: 'x' }], undefined, ['lab/outside/new']],
      ['a path that goes up', [{ name: `${up}lab/outside/new`, content: 'x' }], /\.\./, []],
      ['a path that goes up in the middle', [{ name: `a/${up}lab/outside/new`, content: 'x' }], /\.\./, []],
      [
        'a symlink out, then a file through it',
        [
          { name: 'link', type: 'symlink', linkname: '/lab/outside' },
          { name: 'link/new', content: 'x' },
          { name: 'link/victim', content: 'x' },
        ],
        undefined,
        ['lab/outside/new'],
      ],
      [
        'a symlink up and out, then a file through it',
        [
          { name: 'link', type: 'symlink', linkname: `${up}lab/outside` },
          { name: 'link/new', content: 'x' },
        ],
        undefined,
        ['lab/outside/new'],
      ],
      [
        'a file over a symlink out',
        [
          { name: 'link', type: 'symlink', linkname: '/lab/outside/victim' },
          { name: 'link', content: 'x' },
        ],
        undefined,
        ['link'],
      ],
      ['a hard link to a file outside', [{ name: 'hard', type: 'link', linkname: '/lab/outside/victim' }], /hard/, []],
      [
        'a hard link up and out',
        [{ name: 'hard', type: 'link', linkname: `${up}lab/outside/victim` }],
        /hard|\.\./,
        [],
      ],
      [
        'a hard link through a symlink out',
        [
          { name: 'link', type: 'symlink', linkname: '/lab/outside' },
          { name: 'hard', type: 'link', linkname: 'link/victim' },
        ],
        /hard/,
        [],
      ],
      ['a device', [{ name: 'disk', type: 'block-device', devmajor: 8, devminor: 0 }], /disk/, []],
      [
        'a character device, which would be a whiteout',
        [{ name: 'w', type: 'character-device', devmajor: 0, devminor: 0 }],
        /w/,
        [],
      ],
      ['a name that is too long', [{ name: 'n'.repeat(256), content: 'x' }], /255 bytes/, []],
      [
        'a directory of mode 000 with a file in it',
        [
          { name: 'd/', type: 'directory', mode: 0 },
          { name: 'd/f', content: 'x' },
        ],
        undefined,
        ['d', 'd/f'],
      ],
    ];
    test.each(ARCHIVES)('with %s', async (name, members, error, paths) => {
      const own = lab.directory.slice(1);
      const real = members.map((member) => ({
        ...member,
        name: member.name.replace(/^lab|(?<=\/)lab/, own),
        ...(member.linkname == null
          ? {}
          : { linkname: member.linkname.replace('/lab/', `/${own}/`).replace('../lab/', `../${own}/`) }),
      }));
      let tar = await tarOf(real);
      if (name === 'an absolute path') {
        // tar-stream takes the slash away: put it back, and make the checksum right again.
        tar = Buffer.concat([Buffer.from('/'), tar.subarray(0, 99), tar.subarray(100)]);
        tar.fill(' ', 148, 156);
        const sum = tar.subarray(0, 512).reduce((total, byte) => total + byte, 0);
        tar.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
      }
      const context = lab.context('FROM base\nRUN true\nADD archive.tar.gz /in/\n', {
        'archive.tar.gz': gzipSync(tar),
      });
      const got = inRootfs(context, name);
      if (error === undefined) {
        expect(got.error).toBe('');
        const wanted = paths.map((path) => (path.startsWith('lab/') ? path.replace('lab', own) : `in/${path}`));
        for (const path of wanted)
          expect(
            got.paths.some((each) => each === path || each === `in/${path}`),
            path,
          ).toBe(true);
      } else {
        expect(got.error).toMatch(/Containerfile:3: ADD: /);
        expect(got.error).toMatch(error);
      }
    });

    test('that are cut short or damaged', async () => {
      const tar = gzipSync(await tarOf([{ name: 'big', content: Math.random().toString(36).repeat(20_000) }]));
      const damaged = Buffer.from(tar);
      damaged.writeUInt32LE(0, tar.length - 8);
      for (const bytes of [tar.subarray(0, tar.length >> 1), damaged]) {
        const context = lab.context('FROM base\nADD a.tgz /in/\n', { 'a.tgz': bytes });
        const { status, stderr } = lab.build(context);
        expect(stderr).toMatch(/Containerfile:2: ADD: /);
        expect(status).toBe(1);
      }
    });
  });

  describe('COPY', () => {
    test('of a symlink in the context that leads out finds nothing outside', () => {
      const context = lab.context('FROM base\nCOPY link /x\n');
      symlinkSync(join(outside, 'victim'), join(context, 'link'));
      const { status, stderr } = lab.build(context);
      expect(stderr).toMatch(/Containerfile:2: COPY: link is not there/);
      expect(status).toBe(1);
    });

    test('through a directory that is a symlink out finds nothing outside', () => {
      for (const [name, target] of [
        ['absolute', outside],
        ['relative', `${'../'.repeat(12)}${outside.slice(1)}`],
      ]) {
        const context = lab.context('FROM base\nCOPY dir/victim /x\n');
        symlinkSync(target!, join(context, 'dir'));
        expect(lab.build(context).stderr, name).toMatch(/Containerfile:2: COPY: dir\/victim is not there/);
      }
    });

    test('of a path that goes up stays in the context', () => {
      const context = lab.context('FROM base\nCOPY ../outside/victim /x\n');
      expect(lab.build(context).stderr).toMatch(/Containerfile:2: COPY: .*is not there/);
    });

    test('of a folder keeps its symlinks as they are', () => {
      const context = lab.context('FROM base\nCOPY d /d\nRUN readlink /d/out >/said && ! cat /d/out\n', { 'd/f': 'f' });
      symlinkSync(join(outside, 'victim'), join(context, 'd/out'));
      expect(lab.build(context).status).toBe(0);
    });

    test('to a symlink of the rootfs that leads out lands inside', () => {
      const up = '../'.repeat(12);
      const context = lab.context(
        `FROM base\nRUN ln -s ${outside} /abs && ln -s ${up}${outside.slice(1)} /rel && ln -s ${outside}/victim /file\n` +
          'COPY f /abs/one\nCOPY f /rel/two\nCOPY f /file\nWORKDIR /abs/three\nCOPY <<E /abs/four\nx\nE\n',
        { f: 'new' },
      );
      const { error, paths } = inRootfs(context, 'links');
      expect(error).toBe('');
      const inside = outside.slice(1);
      expect(paths.filter((path) => path.startsWith(`${inside}/`)).sort()).toEqual(
        ['four', 'one', 'three', 'two', 'victim'].map((name) => `${inside}/${name}`),
      );
    });

    test('with /etc/passwd of the rootfs a symlink out: no user of the host is found', () => {
      const context = lab.context('FROM base\nRUN ln -sf /proc/1/root/etc/passwd /etc/passwd\nUSER daemon\nRUN true\n');
      expect(lab.build(context).stderr).toMatch(/Containerfile:4: .*no user daemon/);
    });
  });

  test('names arrive as they are', () => {
    const names = [
      'new\nline',
      '-rf',
      ' ',
      '*',
      'back\\slash',
      '"$(touch x)"',
      'n'.repeat(255),
      '\u00e4',
      '.wh',
      'a.wh.b',
    ];
    const context = lab.context(
      'FROM base\nCOPY names/ /names/\nRUN cd /names && ls -1A | wc -l >/count; cat ./-rf >/dash; find . -type f -exec cat {} + | wc -c >/bytes\n',
      Object.fromEntries(names.map((name) => [`names/${name}`, 'x'])),
    );
    writeFileSync(Buffer.concat([Buffer.from(join(context, 'names/')), Buffer.from([0x6c, 0xe9])]), 'x');
    const out = lab.path('named');
    const result = lab.build(context, ['--output', `rootfs:${out}`]);
    expect(result.status, result.stderr).toBe(0);
    const listed = lab
      .inside(['ls', '-1A', '-b', join(out, 'names')])
      .trim()
      .split('\n')
      .sort();
    expect(listed).toEqual(
      lab
        .inside(['ls', '-1A', '-b', join(context, 'names')])
        .trim()
        .split('\n')
        .sort(),
    );
    expect(listed).toHaveLength(names.length + 1);
    expect(lab.inside(['cat', join(out, 'bytes')])).toBe(`${names.length + 1}\n`);
  });

  test('a name that layers use for deletions is refused', () => {
    const context = lab.context('FROM base\nCOPY names/ /names/\n', { 'names/.wh.passwd': 'x' });
    const { status, stderr } = lab.build(context);
    expect(stderr).toMatch(/Containerfile:2: .*\.wh\.passwd/);
    expect(status).toBe(1);
  });
});
