import { spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { afterAll, beforeEach, describe, expect, test } from 'vitest';
import { type Digest, digestOf } from '../../../oci/digest.ts';
import { createLayout, type Layout, openLayout } from '../../../oci/layout/layout.ts';
import { MEDIA_TYPE } from '../../../oci/media-type.ts';

const root = mkdtempSync(join(tmpdir(), 'layout-'));
afterAll(() => rmSync(root, { recursive: true }));
let next = 0;
let layout: Layout;
beforeEach(() => {
  layout = createLayout(join(root, String(next++)));
});

const describeBlob = (text: string) => ({ mediaType: MEDIA_TYPE.octets, digest: digestOf(text), size: text.length });

describe('a new layout', () => {
  test('holds the version file, an empty index and room for blobs, and nothing else', () => {
    expect(readdirSync(layout.directory).sort()).toEqual(['blobs', 'index.json', 'oci-layout']);
    expect(readFileSync(join(layout.directory, 'oci-layout'), 'utf8')).toBe('{"imageLayoutVersion":"1.0.0"}');
    expect(readFileSync(join(layout.directory, 'index.json'), 'utf8')).toBe(
      '{"manifests":[],"mediaType":"application/vnd.oci.image.index.v1+json","schemaVersion":2}',
    );
    expect(layout.readIndex()).toEqual([]);
  });
  test('is opened as it is the second time', async () => {
    const { digest } = await layout.putBytes(Buffer.from('x'));
    layout.writeIndex([describeBlob('x')]);
    const again = createLayout(layout.directory);
    expect(again.has(digest)).toBe(true);
    expect(again.readIndex()).toEqual([describeBlob('x')]);
  });
  test('may be named by a relative path', () => {
    expect(openLayout(relative(process.cwd(), layout.directory)).directory).toBe(layout.directory);
  });
});

describe('no layout', () => {
  test.each([
    ['a missing directory', () => openLayout(join(root, 'missing'))],
    ['a directory without oci-layout', () => openLayout(root)],
    [
      'another version',
      () => {
        writeFileSync(join(layout.directory, 'oci-layout'), '{"imageLayoutVersion":"2.0.0"}');
        return openLayout(layout.directory);
      },
    ],
    [
      'no JSON',
      () => {
        writeFileSync(join(layout.directory, 'oci-layout'), '{');
        return createLayout(layout.directory);
      },
    ],
    [
      'no index',
      () => {
        rmSync(join(layout.directory, 'index.json'));
        return openLayout(layout.directory).readIndex();
      },
    ],
  ])('%s', (_, run) => {
    expect(run).toThrow(expect.objectContaining({ code: 'LAYOUT_INVALID' }));
  });
  test('an index that is none', () => {
    writeFileSync(join(layout.directory, 'index.json'), '{"schemaVersion":2,"manifests":[{"mediaType":"x"}]}');
    expect(() => layout.readIndex()).toThrow('image index.manifests[0].digest is missing');
  });
});

describe('blobs', () => {
  test('are put and got', async () => {
    const put = await layout.putBytes(Buffer.from('hello'));
    expect(put).toEqual({ digest: digestOf('hello'), size: 5 });
    expect(layout.readBytes(put.digest).toString()).toBe('hello');
    expect(Buffer.concat([...layout.readChunks(describeBlob('hello'))]).toString()).toBe('hello');
    expect(layout.digests()).toEqual([put.digest]);
    expect(statSync(layout.blobPath(put.digest)).mode & 0o777).toBe(0o644 & ~process.umask());
  });

  test('are written in portions, and appear when they are whole', async () => {
    const blob = layout.beginBlob();
    blob.write(Buffer.from('a'));
    blob.write(Buffer.alloc(0));
    blob.write(Buffer.from('b'));
    expect(layout.digests()).toEqual([]);
    expect(await blob.commit()).toEqual({ digest: digestOf('ab'), size: 2 });
    blob.abort();
    expect(layout.digests()).toEqual([digestOf('ab')]);
    expect(readdirSync(layout.directory).sort()).toEqual(['blobs', 'index.json', 'oci-layout']);
  });

  test('that are given up leave nothing', () => {
    const blob = layout.beginBlob();
    blob.write(Buffer.from('a'));
    expect(readdirSync(layout.directory)).toHaveLength(4);
    blob.abort();
    blob.abort();
    expect(readdirSync(layout.directory).sort()).toEqual(['blobs', 'index.json', 'oci-layout']);
  });

  test('that are there are not replaced', async () => {
    const { digest } = await layout.putBytes(Buffer.from('same'));
    const { ino } = statSync(layout.blobPath(digest));
    await layout.putBytes(Buffer.from('same'));
    const blob = layout.beginBlob();
    blob.write(Buffer.from('same'));
    await blob.commit();
    expect(statSync(layout.blobPath(digest)).ino).toBe(ino);
  });

  test('that were cut short are replaced by whole ones', async () => {
    const { digest } = await layout.putBytes(Buffer.from('whole'));
    truncateSync(layout.blobPath(digest), 2);
    await layout.putBytes(Buffer.from('whole'));
    expect(layout.readBytes(digest).toString()).toBe('whole');
  });

  test('come from another layout, verified', async () => {
    const other = createLayout(join(root, `${next}-other`));
    await other.putBytes(Buffer.from('shared'));
    layout.copyFrom(other.directory, describeBlob('shared'));
    expect(layout.readBytes(digestOf('shared')).toString()).toBe('shared');
    await other.putBytes(Buffer.from('spoiled'));
    writeFileSync(other.blobPath(digestOf('spoiled')), 'sp0iled');
    expect(() => layout.copyFrom(other.directory, describeBlob('spoiled'))).toThrow(/want sha256/);
    expect(layout.has(digestOf('spoiled'))).toBe(false);
    expect(readdirSync(layout.directory).sort()).toEqual(['blobs', 'index.json', 'oci-layout']);
  });
});

describe('damage is found on every get', () => {
  const whole = 'x'.repeat(3_000_000);
  const get = (text: string) => [
    () => layout.readBytes(describeBlob(text)),
    () => [...layout.readChunks(describeBlob(text))],
    () => layout.readBytes(digestOf(text)),
    () => [...layout.readChunks(digestOf(text))],
  ];
  test.each([
    ['a changed byte', 'y'.repeat(3_000_000)],
    ['a blob cut short', whole.slice(1)],
    ['a blob that grew', `${whole}x`],
    ['an empty blob', ''],
  ])('%s', async (_, stored) => {
    const { digest } = await layout.putBytes(Buffer.from(whole));
    writeFileSync(layout.blobPath(digest), stored);
    for (const run of get(whole)) {
      expect(run).toThrow(
        expect.objectContaining({ code: 'DIGEST_MISMATCH', message: expect.stringContaining(layout.blobPath(digest)) }),
      );
    }
  });
  test('a missing blob', () => {
    for (const run of get('nobody')) expect(run).toThrow(expect.objectContaining({ code: 'BLOB_UNKNOWN' }));
  });
  test('a blob over the limit', async () => {
    const { digest } = await layout.putBytes(Buffer.from('12345'));
    expect(() => layout.readBytes(digest, 4)).toThrow(expect.objectContaining({ code: 'LAYOUT_INVALID' }));
    expect(layout.readBytes(digest, 5)).toHaveLength(5);
  });
});

describe('aside files', () => {
  const aside = (pid: number) => join(layout.directory, `.aside-${pid}-0123456789abcdef`);
  const age = (path: string) => {
    writeFileSync(path, '');
    utimesSync(path, 1, 1);
  };
  test('of processes that are gone are removed, those of running ones and fresh ones stay', () => {
    const gone = spawnSync('true').pid;
    age(aside(gone));
    age(aside(process.pid));
    createLayout(layout.directory);
    expect(existsSync(aside(gone))).toBe(false);
    expect(existsSync(aside(process.pid))).toBe(true);
    writeFileSync(aside(gone), '');
    createLayout(layout.directory);
    expect(existsSync(aside(gone))).toBe(true);
  });
});

test('many writers at once', async () => {
  const texts = Array.from({ length: 40 }, (_, i) => `blob ${i % 10}`);
  const layouts = [layout, openLayout(layout.directory)];
  await Promise.all(texts.map((text, i) => layouts[i % 2]!.putBytes(Buffer.from(text))));
  expect(layout.digests()).toHaveLength(10);
  for (const digest of layout.digests()) layout.readBytes(digest as Digest);
});
