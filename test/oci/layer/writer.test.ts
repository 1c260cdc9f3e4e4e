import { createHash } from 'node:crypto';
import { appendFileSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { deflateSync, gunzipSync, gzipSync } from 'node:zlib';
import { extract } from 'tar-stream';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { BlobWriter } from '../../../oci/blob-writer.ts';
import { createCompressor } from '../../../oci/codec/load.ts';
import { digestOf } from '../../../oci/digest.ts';
import { OciError } from '../../../oci/errors.ts';
import type { TreeEntry } from '../../../oci/layer/entry.ts';
import { compareOrder } from '../../../oci/layer/order.ts';
import { readTarSync } from '../../../oci/layer/reader.ts';
import { type LayerOptions, writeLayer, writeTar } from '../../../oci/layer/writer.ts';
import { native } from '../../../oci/profile.ts';
import type { RawPath } from '../../../oci/raw-path.ts';
import { entry, file, KEEP, rawEntry, tarOf, ZERO } from './build.ts';
import { IS_ROOT, makeHardTree } from './hard-tree.ts';
import { walk } from './walk.ts';

let root: string;
beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), 'writer-'));
});
afterAll(() => rmSync(root, { recursive: true }));

describe('the canonical form', () => {
  test('an empty layer is two zero blocks', async () => {
    expect(await tarOf([])).toEqual(Buffer.alloc(1024));
  });

  test('no padding behind the two zero blocks', async () => {
    expect(await tarOf([file('a', 'x')])).toHaveLength(512 + 512 + 1024);
  });

  test('a whiteout stands where the deleted name sorts, owner 0:0 and mode 0 whatever is kept', async () => {
    const bytes = await tarOf(
      [
        file('a', '', { owner: { uid: 5, gid: 5 }, mtime: 50 }),
        entry('b', 'whiteout', { owner: { uid: 5, gid: 5 }, mtime: 2e9 }),
        file('c', '', { owner: { uid: 5, gid: 5 }, mtime: 2e9 }),
      ],
      KEEP,
    );
    expect(bytes.toString('latin1', 512, 512 + 6)).toBe('.wh.b\0');
    const seen = [...readTarSync([bytes])].map(({ entry: e }) => [e.type, e.path, e.mode, e.owner.uid, e.mtime]);
    expect(seen).toEqual([
      ['file', 'a', 0o644, 5, 50],
      ['whiteout', 'b', 0, 0, 1e9],
      ['file', 'c', 0o644, 5, 1e9],
    ]);
  });

  test('policies', async () => {
    const entries = [
      file('f', '', { owner: { uid: 7, gid: 8 }, mtime: 10.9 }),
      file('g', '', { owner: { uid: 7, gid: 8 } }),
    ];
    const stamps = async (policy: Parameters<typeof tarOf>[1]) =>
      [...readTarSync([await tarOf(entries, policy)])].map(
        ({ entry: e }) => `${e.owner.uid}:${e.owner.gid} ${e.mtime}`,
      );
    expect(await stamps(ZERO)).toEqual(['0:0 0', '0:0 0']);
    expect(await stamps({ owner: 'keep', time: 'set', epoch: 5 })).toEqual(['7:8 5', '7:8 5']);
    expect(await stamps({ owner: 'root', time: 'clamp', epoch: 5 })).toEqual(['0:0 5', '0:0 5']);
    expect(await stamps({ owner: 'root', time: 'clamp', epoch: 50 })).toEqual(['0:0 10', '0:0 50']);
  });

  test('the same bytes however the content comes', async () => {
    writeFileSync(join(root, 'content'), Buffer.alloc(100_000, 'abc'));
    const source = Buffer.from(join(root, 'content'));
    const fromDisk = await tarOf([entry('f', 'file', { size: 100_000, source })]);
    expect(fromDisk).toEqual(await tarOf([entry('f', 'file', { bytes: Buffer.alloc(100_000, 'abc') })]));
  });

  const MIB = 1 << 20;
  test.each([4 * MIB - 1025, 4 * MIB - 1024, 4 * MIB - 512, 4 * MIB - 511, 4 * MIB, 8 * MIB - 512, 8 * MIB + 1])(
    'a file of %i bytes at the edge of the buffer',
    async (size) => {
      const content = Buffer.alloc(size, 'edge of the buffer');
      writeFileSync(join(root, 'edge'), content);
      const entries = [
        entry('a', 'file', { size, source: Buffer.from(join(root, 'edge')) }),
        file('b', 'next'),
        file('c', ''),
      ];
      const sizes: number[] = [];
      const chunks: Buffer[] = [];
      const summary = await writeTar(entries, ZERO, async (chunk) => {
        sizes.push(chunk.length);
        chunks.push(Buffer.from(chunk));
        await Promise.resolve();
      });
      const bytes = Buffer.concat(chunks);
      expect(summary).toEqual({ entries: 3, size: bytes.length });
      expect(Math.max(...sizes)).toBeLessThanOrEqual(4 * MIB);
      expect(sizes.every((length) => length % 512 === 0)).toBe(true);
      const read = Array.from(readTarSync([bytes]), ({ entry: e, content: parts }) => {
        const hash = createHash('sha256');
        for (const part of parts) hash.update(part);
        return [e.path, e.size, hash.digest('hex')];
      });
      const sha = (data: Buffer | string) => createHash('sha256').update(data).digest('hex');
      expect(read).toEqual([
        ['a', size, sha(content)],
        ['b', 4, sha('next')],
        ['c', 0, sha('')],
      ]);
    },
  );
});

describe('refused', () => {
  const own = (name: string) => new Map([[name, Buffer.from('x')]]);
  const ENTRIES: [string, TreeEntry[]][] = [
    ['a file really named .wh.x', [file('.wh.x')]],
    ['a directory named .wh.', [entry('.wh.', 'directory')]],
    ['a hard link named .wh.x', [file('.a'), entry('.wh.x', 'hardlink', { target: '.a' })]],
    ['an opaque whiteout', [entry('d', 'opaque')]],
    ['character device 0:0', [entry('c', 'char', { device: { major: 0, minor: 0 } })]],
    ['an xattr nobody asked for', [file('f', '', { xattrs: own('user.mine') })]],
    ["overlay's own xattrs", [file('f', '', { xattrs: own('user.overlay.opaque') })]],
    ['trusted xattrs', [file('f', '', { xattrs: own('trusted.overlay.opaque') })]],
    ['a symlink to nothing', [entry('s', 'symlink')]],
    ['a file without content', [entry('f', 'file')]],
    ['the root', [entry('', 'directory')]],
    ['a path with ..', [entry('..', 'directory'), file('../x')]],
    ['a path with .', [file('.')]],
    ['an absolute path', [file('/x')]],
    ['a path ending in a slash', [entry('d', 'directory'), file('d/')]],
    ['siblings out of order', [file('b'), file('a')]],
    ['a path sorted as a whole instead of by its parts', [entry('a', 'directory'), file('a-b'), file('a/x')]],
    ['the same path twice', [file('a'), file('a')]],
    ['a whiteout of what is there too', [file('a'), entry('a', 'whiteout')]],
    ['a file without its directory', [file('d/f')]],
    ['a file below a file', [file('d'), file('d/f')]],
    ['a file below a symlink', [entry('d', 'symlink', { target: '/' }), file('d/f')]],
    ['a directory that comes again', [entry('a', 'directory'), entry('b', 'directory'), file('a/f')]],
    ['a hard link before its first name', [entry('a', 'hardlink', { target: 'b' }), file('b')]],
    ['a hard link to a directory', [entry('a', 'directory'), entry('b', 'hardlink', { target: 'a' })]],
    ['a hard link to a whiteout', [entry('a', 'whiteout'), entry('b', 'hardlink', { target: 'a' })]],
    ['a file that is shorter', [entry('f', 'file', { size: 5, bytes: Buffer.from('abc') })]],
  ];
  const allowing = { ...ZERO, xattrs: ['user.overlay.opaque', 'trusted.overlay.opaque', 'user.a=b'] };
  test.each(ENTRIES)('%s', async (_, entries) => {
    await expect(tarOf(entries)).rejects.toMatchObject({ code: 'ENTRY_UNREPRESENTABLE' });
    await expect(tarOf(entries, allowing)).rejects.toMatchObject({ code: 'ENTRY_UNREPRESENTABLE' });
  });

  test('an owner that is kept but not known', async () => {
    await expect(tarOf([file('a')], KEEP)).rejects.toThrow(/owner/);
  });
  test('an xattr name with =, even when it is listed', async () => {
    await expect(tarOf([file('f', '', { xattrs: own('user.a=b') })], allowing)).rejects.toThrow(/user\.a=b/);
  });
  test('an xattr that is listed is carried', async () => {
    const policy = { ...ZERO, xattrs: ['security.capability'] };
    const [member] = readTarSync([await tarOf([file('f', '', { xattrs: own('security.capability') })], policy)]);
    expect(member?.entry.xattrs).toEqual(own('security.capability'));
  });

  describe('files that are not what the walk saw', () => {
    const source = (name: string) => Buffer.from(join(root, name));
    test.each([
      ['grew', 3, 'abcdef'],
      ['shrank', 9, 'abcdef'],
      ['was empty', 0, 'abcdef'],
      ['was emptied', 6, ''],
      ['grew over the buffer', 3, 'x'.repeat(5 << 20)],
      ['shrank below the buffer', 6 << 20, 'x'.repeat(5 << 20)],
    ])('%s', async (_, size, now) => {
      writeFileSync(join(root, 'changed'), now);
      const entries = [entry('changed', 'file', { size, source: source('changed') })];
      await expect(tarOf(entries)).rejects.toMatchObject({
        code: 'ENTRY_UNREPRESENTABLE',
        message: expect.stringContaining('changed while it was read'),
      });
    });

    test('it grows while it is read', async () => {
      const path = join(root, 'growing');
      writeFileSync(path, 'x'.repeat(9 << 20));
      const entries = [entry('growing', 'file', { size: 9 << 20, source: source('growing') })];
      const grow = () => appendFileSync(path, 'y');
      await expect(writeTar(entries, ZERO, grow)).rejects.toThrow(/changed while it was read/);
    });
    test('it is a symlink now', async () => {
      symlinkSync('/etc/passwd', join(root, 'link'));
      await expect(tarOf([entry('f', 'file', { size: 1, source: source('link') })])).rejects.toThrow(
        /f: cannot be read/,
      );
    });
    test('it is gone', async () => {
      await expect(tarOf([entry('f', 'file', { size: 1, source: source('gone') })])).rejects.toThrow(/cannot be read/);
    });
  });
});

test('order: depth first, siblings by byte value', () => {
  const paths = ['a', 'a/b', 'a/b/c', 'a/b-', 'a-', 'a-/x', 'a.', 'aa', 'b', '\x7f', '\xc3\xa9', '\xff'];
  expect([...paths].reverse().sort((x, y) => compareOrder(x as RawPath, y as RawPath))).toEqual(paths);
});

describe('the hard tree', () => {
  let tree: string;
  beforeAll(() => {
    tree = mkdtempSync(join(tmpdir(), 'hard-tree-'));
    makeHardTree(tree);
  });
  afterAll(() => rmSync(tree, { recursive: true }));

  test('what is written is read back, every field', async () => {
    const bytes = await tarOf(walk(tree), KEEP);
    const wanted = [...walk(tree)];
    expect(wanted.length).toBe(IS_ROOT ? 44 : 40);
    let i = 0;
    for (const { entry: got } of readTarSync([bytes])) {
      const { source: _, ...want } = wanted[i++]!;
      const { xattrs: __, ...rest } = got;
      expect(rest).toEqual({ ...want, mtime: Math.min(want.mtime!, KEEP.epoch) });
    }
    expect(i).toBe(wanted.length);
  });

  test('the first name of a hard link carries the data', async () => {
    const seen = [...readTarSync([await tarOf(walk(tree))])]
      .filter(({ entry: e }) => e.path.includes('hard-'))
      .map(({ entry: e }) => [e.path, e.type, e.size, e.target]);
    expect(seen).toEqual([
      ['hard-1', 'file', 6, undefined],
      ['hard-2', 'hardlink', 0, 'hard-1'],
      ['z/hard-3', 'hardlink', 0, 'hard-1'],
    ]);
  });

  test('tar-stream reads the same', async () => {
    const bytes = await tarOf(walk(tree), KEEP);
    // It does not read owners from pax records.
    const small = (id: number) => (id > 2_097_151 ? 0 : id);
    const wanted = [...walk(tree)].map((one) => ({
      // It decodes names as UTF-8 and takes the last slash of a directory away.
      name: Buffer.from(one.path, 'latin1').toString('utf8'),
      type: {
        file: 'file',
        directory: 'directory',
        symlink: 'symlink',
        hardlink: 'link',
        fifo: 'fifo',
        char: 'character-device',
        block: 'block-device',
      }[one.type as string],
      mode: one.mode,
      size: one.size,
      uid: small(one.owner!.uid),
      gid: small(one.owner!.gid),
      mtime: one.mtime,
      linkname: one.target === undefined ? null : Buffer.from(one.target, 'latin1').toString('utf8'),
    }));
    const seen: object[] = [];
    const reader = extract();
    reader.on('entry', (header, stream, next) => {
      const { name, type, mode, size, uid, gid, mtime, linkname } = header;
      seen.push({
        name: name.replace(/\/$/, ''),
        type,
        mode,
        size,
        uid,
        gid,
        mtime: mtime!.getTime() / 1000,
        linkname: linkname ?? null,
      });
      stream.on('end', next).resume();
    });
    await new Promise<void>((resolve, reject) => {
      reader.on('finish', () => resolve());
      reader.on('error', reject);
      reader.end(bytes);
    });
    expect(seen).toEqual(wanted);
  });
});

test('names of any bytes survive', async () => {
  const names = Array.from({ length: 255 }, (_, i) => String.fromCharCode(i + 1)).filter((c) => c !== '/' && c !== '.');
  const bytes = await tarOf(names.map((name) => rawEntry(`-${name}-`, 'fifo')));
  expect([...readTarSync([bytes])].map(({ entry: e }) => e.path)).toEqual(names.map((name) => `-${name}-`));
});

describe('writeLayer', () => {
  const ENTRIES = [entry('d', 'directory'), file('d/f', 'layer '.repeat(1000))];

  function memoryBlob(): BlobWriter & { bytes(): Buffer; state: string } {
    const chunks: Buffer[] = [];
    const blob = {
      state: 'open',
      bytes: () => Buffer.concat(chunks),
      write: (chunk: Uint8Array) => void chunks.push(Buffer.from(chunk)),
      async commit() {
        blob.state = 'committed';
        return { digest: digestOf(Buffer.concat(chunks)), size: Buffer.concat(chunks).length };
      },
      abort() {
        if (blob.state === 'open') blob.state = 'aborted';
      },
    };
    return blob;
  }
  const options = (blob: BlobWriter): LayerOptions => ({ compressorFor: createCompressor, blob, profile: native });

  test.each([
    ['none', 'application/vnd.oci.image.layer.v1.tar'],
    ['gzip', 'application/vnd.oci.image.layer.v1.tar+gzip'],
    ['zstd', 'application/vnd.oci.image.layer.v1.tar+zstd'],
  ] as const)('%s', async (compression, mediaType) => {
    const blob = memoryBlob();
    const tar = await tarOf(ENTRIES);
    const layer = await writeLayer(ENTRIES, ZERO, { ...options(blob), compression });
    expect(layer).toEqual({
      descriptor: { mediaType, digest: digestOf(blob.bytes()), size: blob.bytes().length },
      diffId: digestOf(tar),
      uncompressedSize: tar.length,
      entries: 2,
    });
    expect(blob.state).toBe('committed');
    if (compression === 'gzip') expect(gunzipSync(blob.bytes())).toEqual(tar);
  });

  test("gzip is the profile's own", async () => {
    const blob = memoryBlob();
    expect((await writeLayer(ENTRIES, ZERO, options(blob))).descriptor.mediaType).toMatch(/gzip$/);
  });

  test('a compressor that is not the one of the profile is refused', async () => {
    const blob = memoryBlob();
    const other = async (_: string, sink: (bytes: Uint8Array) => void) => ({
      id: 'gzip:other',
      write: async (bytes: Uint8Array) => sink(deflateSync(bytes)),
      finish: async () => sink(gzipSync('')),
    });
    await expect(writeLayer(ENTRIES, ZERO, { ...options(blob), compressorFor: other })).rejects.toThrow(
      /gzip:libdeflate.*gzip:other/,
    );
    expect(blob.state).toBe('aborted');
  });

  test('an error aborts the blob', async () => {
    const blob = memoryBlob();
    await expect(writeLayer([file('b'), file('a')], ZERO, options(blob))).rejects.toThrow(OciError);
    expect(blob.state).toBe('aborted');
  });
});
