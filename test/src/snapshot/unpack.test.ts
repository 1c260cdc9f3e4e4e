// Archives that were made to do harm, and layers that must come out as an unpacker makes them.

import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Header, pack } from 'tar-stream';
import { describe, expect, test } from 'vitest';
import { digestOf } from '../../../oci/digest.ts';
import { rawPath } from '../../../oci/raw-path.ts';
import { collectGarbage, diskUsage } from '../../../src/snapshot/gc.ts';
import type { ImageLayer } from '../../../src/snapshot/unpack.ts';
import { importImage, unpackArchive } from '../../../src/snapshot/unpack.ts';
import { asRoot, brief, copyOnto, hostTree, inWorkspace, listing, temporary, testStore } from './fixture.ts';

type Member = Partial<Header> & { name: string } & { body?: string };

function tarOf(members: readonly Member[]): Promise<Buffer> {
  const out = pack();
  const chunks: Buffer[] = [];
  return new Promise((resolve, reject) => {
    out.on('data', (chunk: unknown) => chunks.push(chunk as Buffer));
    out.on('end', () => resolve(Buffer.concat(chunks)));
    out.on('error', reject);
    for (const { body, ...headers } of members)
      out.entry({ mtime: new Date(5_000_000), mode: 0o644, ...headers }, body ?? '');
    out.finalize();
  });
}

asRoot(import.meta.url, () => {
  const directory = temporary();
  const store = testStore(directory, 'overlay');
  const scratch = store.scratch();
  const outside = join(directory, 'outside');
  mkdirSync(outside);
  writeFileSync(join(outside, 'secret'), 'untouched');

  async function add(
    members: readonly Member[],
    dest = '/x/',
    base = scratch,
    limits?: { maxBytes: number; maxEntries: number },
  ) {
    const tar = await tarOf(members);
    return inWorkspace(store, base, (workspace) =>
      unpackArchive(workspace, dest, [tar], { owner: 'archive', ...(limits === undefined ? {} : { limits }) }),
    );
  }

  function nothingOutsideChanged() {
    expect(readdirSync(outside)).toEqual(['secret']);
    expect(readFileSync(join(outside, 'secret'), 'utf8')).toBe('untouched');
  }

  describe('attacks', () => {
    const REFUSED: readonly [
      name: string,
      members: Member[],
      message: RegExp,
      limits?: { maxBytes: number; maxEntries: number },
    ][] = [
      ['dot dot', [{ name: '../../outside/evil', body: 'x' }], /leaves the root/],
      ['dot dot in the middle', [{ name: 'a/../../outside/evil', body: 'x' }], /leaves the root/],
      [
        'hard link to outside',
        [{ name: 'h', type: 'link', linkname: '../../outside/secret' }],
        /leaves the root|hard link/,
      ],
      [
        'hard link to an absolute path',
        [{ name: 'h', type: 'link', linkname: join(outside, 'secret') }],
        /hard link to .*nothing there/,
      ],
      [
        'hard link through a symlink that leaves',
        [
          { name: 's', type: 'symlink', linkname: outside },
          { name: 'h', type: 'link', linkname: 's/secret' },
        ],
        /nothing there/,
      ],
      ['a character device', [{ name: 'null', type: 'character-device', devmajor: 1, devminor: 3 }], /char device/],
      ['a block device', [{ name: 'sda', type: 'block-device', devmajor: 8, devminor: 0 }], /block device/],
      [
        'a whiteout in disguise: device 0:0',
        [{ name: 'gone', type: 'character-device', devmajor: 0, devminor: 0 }],
        /char device/,
      ],
      [
        'a bomb of bytes',
        [
          { name: 'a', body: 'x'.repeat(5000) },
          { name: 'b', body: 'x'.repeat(5000) },
        ],
        /too (much|long)/,
        { maxBytes: 8000, maxEntries: 10 },
      ],
      [
        'a bomb of members',
        ['1', '2', '3', '4'].map((name) => ({ name })),
        /too many members/,
        { maxBytes: 1e6, maxEntries: 3 },
      ],
      ['a name part of 300 bytes', [{ name: 'n'.repeat(300) }], /too long/],
      [
        'below a file',
        [
          { name: 'f', body: 'x' },
          { name: 'f/g', body: 'y' },
        ],
        /cannot make the directory.*a file/,
      ],
      [
        'symlinks in a circle',
        [
          { name: 'a', type: 'symlink', linkname: 'b' },
          { name: 'b', type: 'symlink', linkname: 'a' },
          { name: 'a/x', body: '' },
        ],
        /too many symlinks/,
      ],
    ];
    test.each(REFUSED)('%s', async (_, members, message, limits) => {
      await expect(add(members, '/x/', scratch, limits)).rejects.toThrow(
        expect.objectContaining({
          code: 'ADD',
          message: expect.stringMatching(message),
        }),
      );
      nothingOutsideChanged();
    });

    const CONTAINED: readonly [name: string, members: Member[], want: string[]][] = [
      ['an absolute name', [{ name: '/abs', body: 'x' }], ['d 755 x', 'f 644 x/abs']],
      [
        'a symlink out of the tree, then writing through it',
        [
          { name: 's', type: 'symlink', linkname: outside },
          { name: 's/evil', body: 'x' },
        ],
        [
          ...outside
            .slice(1)
            .split('/')
            .map((_, i, all) => `d 755 ${all.slice(0, i + 1).join('/')}`),
          `f 644 ${outside.slice(1)}/evil`,
          'd 755 x',
          `l x/s -> ${outside}`,
        ],
      ],
      [
        'a symlink over which a file is written',
        [
          { name: 's', type: 'symlink', linkname: join(outside, 'secret') },
          { name: 's', body: 'x' },
        ],
        ['d 755 x', 'f 644 x/s'],
      ],
      [
        'duplicate entries: the last counts',
        [
          { name: 'a', body: '1' },
          { name: 'a', body: '22' },
          { name: 'a', mode: 0o600, body: '3' },
        ],
        ['d 755 x', 'f 600 x/a'],
      ],
      [
        'a directory in which a file comes before it',
        [
          { name: 'd/f', body: '1' },
          { name: 'd', type: 'directory', mode: 0o700 },
        ],
        ['d 755 x', 'd 700 x/d', 'f 644 x/d/f'],
      ],
      [
        '.wh. names are files here, and no layer can carry them',
        [{ name: '.wh.a', body: '1' }],
        ['d 755 x', 'f 644 x/.wh.a'],
      ],
    ];
    test.each(CONTAINED)('%s', async (_, members, want) => {
      const done = await add(members);
      expect(brief(store.entries(scratch, done.diff)).sort()).toEqual([...want].sort());
      nothingOutsideChanged();
    });

    test('an archive cut short', async () => {
      const tar = await tarOf([{ name: 'a', body: 'x'.repeat(5000) }]);
      expect(() =>
        inWorkspace(store, scratch, (workspace) =>
          unpackArchive(workspace, '/', [tar.subarray(0, 2000)], { owner: 'archive' }),
        ),
      ).toThrow(expect.objectContaining({ code: 'ADD' }));
    });
  });

  test('ADD keeps mode and time, follows symlinks of the base, and replaces what it must', async () => {
    const base = copyOnto(
      store,
      scratch,
      hostTree(directory, 'add-base', 'mkdir -p usr/lib old; ln -s usr/lib lib; echo > old/x; echo > was'),
      ['.'],
    ).snapshot;
    const done = await add(
      [
        { name: 'lib/a', mode: 0o4755, body: 'a' },
        { name: 'lib/b', type: 'link', linkname: 'lib/a' },
        { name: 'was', type: 'directory', mode: 0o750 },
        { name: 'old', body: 'file now' },
      ],
      '/',
      base,
    );
    expect(brief(store.entries(base, done.diff))).toEqual([
      'f 644 old',
      'd 755 usr',
      'd 755 usr/lib',
      'f 4755 usr/lib/a',
      'h usr/lib/b -> usr/lib/a',
      'd 750 was',
    ]);
    expect(store.view(done.snapshot).lstat(rawPath('usr/lib/a'))!.mtimeNs).toBe(5_000_000_000_000n);
  });

  const layer = async (members: readonly Member[]): Promise<ImageLayer & { opened: number }> => {
    const bytes = await tarOf(members);
    const made = {
      diffId: digestOf(bytes),
      opened: 0,
      open() {
        made.opened++;
        return [bytes];
      },
    };
    return made;
  };
  const dir = (name: string, mode = 0o755): Member => ({ name, type: 'directory', mode });

  test('layers without whiteouts become a diff each, once', async () => {
    const one = await layer([dir('a'), { name: 'a/f', body: '1' }, { name: 'a/g', type: 'link', linkname: 'a/f' }]);
    const two = await layer([dir('a', 0o700), { name: 'a/h', body: '2' }]);
    const image = importImage(store, [one, two]);
    expect(image.diffs).toHaveLength(2);
    expect(importImage(store, [one]).diffs).toEqual([image.diffs[0]]);
    expect([one.opened, two.opened]).toEqual([1, 1]);
    expect(listing(store.view(image)).map((line) => line.split(' ').slice(0, 3).join(' '))).toEqual([
      'a directory 700',
      'a/f file 644',
      'a/g file 644',
      'a/h file 644',
    ]);
    expect(store.view(image).lstat(rawPath('a'))!.mtimeNs).toBe(5_000_000_000_000n);
  });

  test('the same files with other times are another diff', async () => {
    const early = importImage(store, [await layer([{ name: 't', body: '1' }])]);
    const late = importImage(store, [await layer([{ name: 't', body: '1', mtime: new Date(6_000_000) }])]);
    expect(store.view(early).lstat(rawPath('t'))!.mtimeNs).toBe(5_000_000_000_000n);
    expect(store.view(late).lstat(rawPath('t'))!.mtimeNs).toBe(6_000_000_000_000n);
  });

  test('an image with whiteouts is merged into one plain diff', async () => {
    const one = await layer([
      dir('a'),
      { name: 'a/f', body: '1' },
      { name: 'a/g', body: '1' },
      dir('b'),
      { name: 'b/x', body: '1' },
      { name: 'c', body: '1' },
    ]);
    const two = await layer([
      dir('a'),
      { name: 'a/.wh.f' },
      dir('b'),
      { name: 'b/y', body: '2' },
      { name: 'b/.wh..wh..opq' },
      { name: '.wh.c' },
      { name: 'd', type: 'link', linkname: 'a/g' },
    ]);
    const image = importImage(store, [one, two]);
    expect(image.diffs).toHaveLength(1);
    expect(store.meta(image.diffs[0]!)).toMatchObject({ hasWhiteouts: false, isPlain: true });
    expect(brief(store.mergedEntries(image))).toEqual(['d 755 a', 'f 644 a/g', 'd 755 b', 'f 644 b/y', 'h d -> a/g']);
    expect(importImage(store, [one, two]).id).toBe(image.id);
    expect(two.opened).toBe(2);
  });

  test('a layer that lacks its parents stands on the one below', async () => {
    const one = await layer([dir('a', 0o711)]);
    const two = await layer([{ name: 'a/f', body: '1' }]);
    expect(brief(store.mergedEntries(importImage(store, [one, two])))).toEqual(['d 711 a', 'f 644 a/f']);
  });

  test('a layer that is not what its diffID says never lands', async () => {
    const one = await layer([{ name: 'bad', body: '1' }]);
    const lie = { diffId: digestOf('other'), open: one.open };
    expect(() => importImage(store, [lie])).toThrow(expect.objectContaining({ code: 'DIGEST_MISMATCH' }));
    expect(store.lookup('layers', lie.diffId)).toBeUndefined();
  });

  test('garbage: what is reached stays, the rest goes, and is built again', async () => {
    const own = join(directory, 'gc');
    const collected = testStore(own, 'overlay');
    const kept = copyOnto(collected, scratch, hostTree(directory, 'gc-kept', 'echo kept > k'), ['.']);
    const lost = copyOnto(collected, scratch, hostTree(directory, 'gc-lost', 'echo lost > l; mkdir m; chmod 0 m'), [
      '.',
    ]);
    const image = importImage(collected, [await layer([{ name: 'i', body: '1' }])]);
    mkdirSync(join(own, 'store/work/1-dead/1/upper'), { recursive: true });
    writeFileSync(
      join(own, 'store/work/1-dead/owner'),
      JSON.stringify({ boot: 'before', namespace: 'x', pid: 1, start: '0' }),
    );
    const reachable = { diffs: new Set([kept.diff]) };
    expect(collectGarbage(collected, () => reachable, { dryRun: true })).toMatchObject({ diffs: 2, workspaces: 1 });
    expect(collected.has(lost.diff)).toBe(true);
    expect(collectGarbage(collected, () => reachable)).toMatchObject({ diffs: 2, workspaces: 1, isBusy: false });
    expect([kept.diff, lost.diff, image.diffs[0]!].map((diff) => collected.has(diff))).toEqual([true, false, false]);
    expect(diskUsage(collected)).toMatchObject({ diffs: 1 });
    expect(readdirSync(join(own, 'store/layers'))).toEqual([]);
    const other = testStore(own, 'overlay');
    let isAlone = 0;
    const options = { alone: () => isAlone++ };
    const nothing = () => ({ diffs: new Set<never>() });
    expect(collectGarbage(collected, nothing, options)).toMatchObject({ diffs: 0, isBusy: true });
    expect(isAlone).toBe(0);
    other.close();
    expect(collectGarbage(collected, nothing, options)).toMatchObject({ diffs: 1, isBusy: false });
    expect(isAlone).toBe(1);
  });

  test('garbage: a folder nobody claimed is left over at once, one that is being claimed is not', () => {
    const own = join(directory, 'gc-claims');
    const collected = testStore(own, 'overlay');
    mkdirSync(join(own, 'store/work/1-step-AbCdEf'));
    const nothing = () => ({ diffs: new Set<never>() });
    expect(collectGarbage(collected, nothing)).toMatchObject({ workspaces: 1, isBusy: false });
    mkdirSync(join(own, 'store/work/1-0123abcd'));
    expect(collectGarbage(collected, nothing)).toMatchObject({ workspaces: 0, isBusy: true });
  });

  test('garbage: what is asked and done about the rest of the store happens where no build can begin', () => {
    const own = join(directory, 'gc-lock');
    const collected = testStore(own, 'overlay');
    const locked: string[] = [];
    const look = (when: string) => {
      expect(readdirSync(join(own, 'store'))).toContain('gc.lock');
      locked.push(when);
    };
    const reachable = () => {
      look('asked');
      return { diffs: new Set<never>() };
    };
    collectGarbage(collected, reachable, { alone: () => look('done') });
    expect(locked).toEqual(['asked', 'done']);
    expect(readdirSync(join(own, 'store'))).not.toContain('gc.lock');
  });

  test('a diff that was not on the disk when the machine went down is not believed', async () => {
    const own = join(directory, 'crash');
    const first = testStore(own, 'overlay');
    const host = hostTree(directory, 'crash-tree', 'echo a > a');
    const done = copyOnto(first, scratch, host, ['.']);
    const marker = join(own, 'store/diffs', done.diff.slice(7), 'unsynced');
    const { readlinkSync, symlinkSync, unlinkSync, existsSync } = await import('node:fs');
    expect(readlinkSync(marker)).toMatch(/^[0-9a-f-]+$/);
    first.flush();
    expect(existsSync(marker)).toBe(false);
    symlinkSync('another-boot', marker);
    const later = testStore(own, 'overlay');
    expect(later.has(done.diff)).toBe(false);
    const again = copyOnto(later, scratch, host, ['.']);
    expect(again.diff).toBe(done.diff);
    expect(later.has(done.diff)).toBe(true);
    unlinkSync(marker);
  });
});
