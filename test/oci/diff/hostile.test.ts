// Attacks by name, then fuzzing: whatever comes in, out comes a report or an OciError, soon, and nothing is written.

import { readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { afterAll, describe, expect, test, vi } from 'vitest';
import { memoryBytes } from '../../../oci/diff/bytes.ts';
import { compareContents } from '../../../oci/diff/content.ts';
import { compareWhole } from '../../../oci/diff/diff.ts';
import type { Finding } from '../../../oci/diff/finding.ts';
import { htmlRenderer } from '../../../oci/diff/render-html.ts';
import { jsonRenderer } from '../../../oci/diff/render-json.ts';
import { textRenderer } from '../../../oci/diff/render-text.ts';
import { listTree, lookUp, mergeLayers, type RootfsNode } from '../../../oci/diff/rootfs.ts';
import { openSubject } from '../../../oci/diff/subject.ts';
import { digestOf, hexOf } from '../../../oci/digest.ts';
import { OciError } from '../../../oci/errors.ts';
import { MEDIA_TYPE } from '../../../oci/media-type.ts';
import { type RawPath, rawPath } from '../../../oci/raw-path.ts';
import { ImageLab, type ImageParts, put, putImage, putIndex, subject } from './build-image.ts';
import { ar, elf, zip } from './files.ts';
import { archive, END, header, member, pax, type RawFields, tarSubject } from './raw-tar.ts';

// A busy machine may take its time; a hang takes longer.
vi.setConfig({ testTimeout: 60_000 });

const lab = new ImageLab();
afterAll(() => rmSync(lab.folder, { recursive: true }));

const TAR = archive(member({ name: 'a', data: 'x\n' }));
const image = (more: Partial<ImageParts> = {}): ImageParts => ({ layers: [{ tar: TAR }], ...more });

/** What C0, C1, direction marks and their kin are, and nothing a person reads. */
const HARMFUL =
  /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\u{e0000}-\u{e007f}]/u;
const NASTY = [
  '\x1b[2J',
  '\x9b31m',
  'a\u202etxt.exe',
  '\u2066x\u2069',
  'new\nline',
  '\r',
  '\u200b',
  '\u{e0041}',
  '</script><script>alert(1)</script>',
  '<img src=x onerror=alert(1)>',
  '"\'&<>',
  '\\x1b',
  '\ufeff',
  '\u0085',
];

function draw(findings: readonly Finding[]): string[] {
  return [textRenderer(), jsonRenderer(), htmlRenderer()].map((renderer) => {
    const tally = { differences: findings.length, notes: 0, leftOut: 0, ignored: {} };
    return [renderer.begin('left', 'right'), ...findings.map((one) => renderer.finding(one)), renderer.end(tally)].join(
      '',
    );
  });
}

describe('text that would take over a terminal or a page', () => {
  test.each(NASTY)('%j as name, link, owner, pax record, content, instruction and config', async (text) => {
    const bytes = Buffer.from(text, 'utf8').toString('latin1');
    const layer = (field: string, mode = field.slice(0, 7)) =>
      archive(
        pax([
          ['path', `d/${bytes}`],
          ['comment', `${bytes}${mode}`],
          ['linkpath', `${bytes}${mode}`],
        ]),
        member({ typeflag: '2', mode: field, uname: bytes }),
        member({ name: `only-${mode.slice(3, 7)}-${bytes.slice(0, 60)}`, data: 'x' }),
        member({ name: 'content', data: `${text}${mode}\n` }),
        member({ name: 'bytes', data: `\0${text}${mode}` }),
        member({ name: 'lib.a', data: ar([{ name: bytes, data: Buffer.from(`\0${mode}`) }]) }),
        member({ name: 'x.zip', data: zip([{ name: text, data: Buffer.from(mode) }]) }),
        member({
          name: 'elf',
          data: elf({
            sections: { '.text': Buffer.from(`\0${mode}`), [`.${text}`]: mode },
            symbols: { [text]: [0, 9] },
          }),
        }),
      );
    const parts = (mode: string): ImageParts => ({
      layers: [{ tar: layer(mode), createdBy: `RUN ${text}` }],
      config: { author: `${text}${mode}`, [text]: mode },
      manifest: { annotations: { [text]: mode } },
    });
    const { findings } = await compareWhole(
      subject(await lab.image(parts('0000644\0'))),
      subject(await lab.image(parts('0000600\0'))),
      { maxFindings: 10_000 },
    );
    expect(findings.length).toBeGreaterThan(10);
    for (const drawn of draw(findings)) expect(drawn).not.toMatch(HARMFUL);
    const html = draw(findings)[2]!;
    expect(html).not.toMatch(/<script|<img|onerror=alert\(1\)>/i);
    expect(JSON.parse(draw(findings)[1]!).findings).toHaveLength(findings.length);
  });
  test('two names that only differ in how they would be escaped stay two', async () => {
    const { findings } = await compareWhole(
      tarSubject(archive(member({ name: 'a\x1b' }))),
      tarSubject(archive(member({ name: 'a\\x1b' }))),
    );
    expect(findings.map(({ path }) => path)).toEqual(['a\\x1b', 'a\\\\x1b']);
  });
});

describe('documents', () => {
  const withDocument = async (bytes: Buffer) => {
    const layout = lab.layout();
    layout.writeIndex([await put(layout, MEDIA_TYPE.manifest, bytes)]);
    return layout;
  };
  const nested = (depth: number): string => '['.repeat(depth) + ']'.repeat(depth);
  test.each<[string, string]>([
    ['100 levels deep', `{"schemaVersion":2,"x":${nested(100)}}`],
    ['a million levels deep', `{"schemaVersion":2,"x":${nested(1_000_000)}}`],
    ['that never close', '['.repeat(3_000_000)],
    ['objects in objects', `${'{"a":'.repeat(500_000)}1${'}'.repeat(500_000)}`],
    ['of one long string', JSON.stringify({ schemaVersion: 2, mediaType: 'x'.repeat(3_000_000) })],
    ['with numbers nobody can hold', '{"schemaVersion":2,"x":1e400}'],
    ['that are no UTF-8', '\xff\xfe'],
    ['that are empty', ''],
    ['that are null', 'null'],
    ['that are a list', '[]'],
    ['with __proto__', '{"__proto__":{"schemaVersion":2},"config":{},"layers":[]}'],
  ])('%s are an error', async (_, text) => {
    const layout = await withDocument(Buffer.from(text, 'latin1'));
    const started = performance.now();
    expect(() => subject(layout)).toThrow(expect.objectContaining({ name: 'OciError' }));
    expect(performance.now() - started).toBeLessThan(30_000);
  });
  test('longer than 4 MiB', async () => {
    const layout = await withDocument(Buffer.alloc(5 << 20, ' '));
    expect(() => subject(layout)).toThrow(/too large to be read at once/);
  });
  test('__proto__ as a key differs like any other, and changes nothing', async () => {
    const config = (value: string) => JSON.parse(`{"__proto__":{"polluted":"${value}"},"constructor":"${value}"}`);
    const { findings } = await compareWhole(
      subject(await lab.image(image({ config: config('a') }))),
      subject(await lab.image(image({ config: config('b') }))),
    );
    expect(findings.map(({ field }) => field)).toContain('constructor');
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
  });
  test('names that are methods are counted like others', async () => {
    const { ignored } = await compareWhole(
      subject(await lab.image(image({ config: { constructor: 1, toString: 2 } }))),
      subject(await lab.image(image())),
      { ignore: ['*'] },
    );
    expect(Object.entries(ignored)).toEqual([
      ['constructor', 1],
      ['toString', 1],
    ]);
  });
});

describe('indexes', () => {
  test('one that holds itself', async () => {
    const layout = lab.layout();
    // A blob cannot hold its own digest: it lies where another one should.
    const digest = digestOf('itself');
    const document = { schemaVersion: 2, manifests: [{ mediaType: MEDIA_TYPE.index, digest, size: 200 }] };
    const text = JSON.stringify(document).padEnd(200);
    writeFileSync(join(layout.directory, 'blobs/sha256', hexOf(digest)), text);
    layout.writeIndex([{ mediaType: MEDIA_TYPE.index, digest, size: 200 }]);
    expect(() => subject(layout)).toThrow(expect.objectContaining({ code: 'DIGEST_MISMATCH' }));
  });
  test('twenty deep', async () => {
    const layout = lab.layout();
    let inner = await putImage(layout, image());
    for (let i = 0; i < 20; i++) inner = await putIndex(layout, [inner]);
    layout.writeIndex([inner]);
    expect(() => subject(layout)).toThrow(/more than 8 deep/);
  });
  test('that name each other a thousand times over', async () => {
    const layout = lab.layout();
    let inner = await putImage(layout, image());
    for (let i = 0; i < 6; i++)
      inner = await putIndex(
        layout,
        Array.from({ length: 10 }, () => inner),
      );
    layout.writeIndex([inner]);
    expect(() => subject(layout)).toThrow(/too many manifests/);
  });
});

function merged(...layers: readonly Buffer[]): RootfsNode {
  const steps = mergeLayers(
    layers.map((bytes) => tarSubject(bytes, 'layer', 1 << 20)),
    { digests: true },
  );
  for (;;) {
    const step = steps.next();
    if (step.done === true) return step.value;
  }
}

test('the same two layers many times over are compared once', async () => {
  const many = async (text: string) => {
    const tar = archive(member({ name: 'a', data: `${text}\n` }));
    return lab.image({ layers: Array.from({ length: 60 }, () => ({ tar, createdBy: 'RUN x' })) });
  };
  const { findings } = await compareWhole(subject(await many('a')), subject(await many('b')), { maxFindings: 1000 });
  expect(findings.map(({ level }) => level)).toEqual(['content', ...Array.from({ length: 59 }, () => 'layer')]);
});

test('more layers than anybody can stack are refused', async () => {
  const layout = await lab.image({ layers: [{ tar: TAR }] });
  const descriptor = layout.readIndex()[0]!;
  const document = JSON.parse(layout.readBytes(descriptor).toString());
  document.layers = Array.from({ length: 20_000 }, () => document.layers[0]);
  layout.writeIndex([await put(layout, MEDIA_TYPE.manifest, document)]);
  expect(() => subject(layout)).toThrow(/at most 4096, got 20000/);
});

describe('archives', () => {
  const small = tarSubject(TAR);
  test.each<[string, Buffer]>([
    ['a size nobody has', archive(Buffer.concat([header({ size: '77777777777\0' })]))],
    ['a negative size', archive(header({ size: '\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xfe' }))],
    ['an extended header of 8 GiB', archive(header({ typeflag: 'x', size: '77777777777\0' }))],
    ['a pax size nobody has', archive(pax([['size', '9007199254740993']]), member())],
    ['a record that lies about its length', archive(member({ typeflag: 'x', data: '99 a=b\n' }), member())],
    ['an extension without a member', archive(pax([['path', 'a']]))],
    ['cut in the middle of a header', TAR.subarray(0, 300)],
    ['cut in the middle of data', archive(member({ data: 'x'.repeat(600) })).subarray(0, 700)],
    ['without an end', member()],
    ['that goes on behind a zero block', Buffer.concat([member(), Buffer.alloc(512), member()])],
    [
      'a sparse file of more pieces than bytes',
      archive(
        pax([
          ['GNU.sparse.size', '8'],
          ['GNU.sparse.map', '0,9'],
        ]),
        member({ data: 'x' }),
      ),
    ],
    ['empty', Buffer.alloc(0)],
    ['noise', Buffer.alloc(5000, 'noise')],
  ])('%s: an error', async (_, bytes) => {
    await expect(compareWhole(tarSubject(bytes), small)).rejects.toMatchObject({ name: 'OciError' });
    await expect(compareWhole(small, tarSubject(bytes))).rejects.toMatchObject({ name: 'OciError' });
  });
  test.each<[string, Buffer]>([
    [
      'GNU.sparse.size',
      archive(
        pax([
          ['GNU.sparse.size', '9000000000000000'],
          ['GNU.sparse.map', '0,1'],
        ]),
        member({ data: 'x' }),
      ),
    ],
    ['an ordinary size of 100 GiB', archive(header({ size: '1440000000000'.slice(0, 12) }))],
  ])('a bomb of holes or promises, %s, is refused at once', async (_, bytes) => {
    const started = performance.now();
    await expect(compareWhole(tarSubject(bytes), small)).rejects.toMatchObject({ name: 'OciError' });
    expect(() => merged(bytes)).toThrow(expect.objectContaining({ name: 'OciError' }));
    const inside = archive(member({ name: 'x.tar', data: bytes }));
    const other = archive(member({ name: 'x.tar', data: Buffer.concat([bytes, bytes]) }));
    // Inside a file it is no fault of the image: bytes.
    expect((await compareWhole(tarSubject(inside), tarSubject(other))).findings.at(-1)).toMatchObject({ inner: [] });
    expect(performance.now() - started).toBeLessThan(20_000);
  });
  test('paths longer than any system has are refused in a rootfs', () => {
    expect(() => merged(archive(pax([['path', 'a/'.repeat(100_000)]]), member({ typeflag: '5' })))).toThrow(
      /at most 4096/,
    );
    const far = merged(archive(pax([['linkpath', '../'.repeat(300_000)]]), member({ name: 'l', typeflag: '2' })));
    expect(lookUp(far, rawPath('l/x'))).toBeUndefined();
    expect(lookUp(far, rawPath('l/'.repeat(50_000)))).toBeUndefined();
  });
  test('a directory of very many files is listed', () => {
    const many = Array.from({ length: 130_000 }, (_, i) => header({ name: `d/${i}` }));
    expect([...listTree(merged(Buffer.concat([...many, END])))]).toHaveLength(130_001);
  });
  test('names that leave the root are shown, and go nowhere', async () => {
    const before = readdirSync(lab.folder).sort();
    const evil = archive(...['../../etc/x', '/etc/x', 'a/../../b', '..'].map((name) => member({ name, data: 'evil' })));
    const { findings } = await compareWhole(tarSubject(evil), small);
    expect(findings.map(({ path }) => path)).toEqual(
      expect.arrayContaining(['../../etc/x', 'etc/x', 'a/../../b', '..']),
    );
    expect(readdirSync(lab.folder).sort()).toEqual(before);
  });
  test('a layer that is one name ten thousand times', async () => {
    const many = archive(...Array.from({ length: 10_000 }, () => member()));
    const started = performance.now();
    const report = await compareWhole(tarSubject(many, 'many', 1 << 20), small);
    expect(report.findings[0]).toMatchObject({ kind: 'duplicate', left: 'stands 10000 times' });
    expect(performance.now() - started).toBeLessThan(30_000);
  });
  test('ten thousand members backwards', async () => {
    const members = Array.from({ length: 10_000 }, (_, i) => member({ name: `n${i}` }));
    const started = performance.now();
    const { findings } = await compareWhole(
      tarSubject(archive(...members), '', 1 << 20),
      tarSubject(archive(...members.reverse()), '', 1 << 20),
    );
    expect(findings).toMatchObject([{ kind: 'order', note: '9999 of 10000 entries stand in another order' }]);
    expect(performance.now() - started).toBeLessThan(30_000);
  });
  test('an archive of archives that leads to itself by links', () => {
    const path = join(lab.folder, 'links.tar');
    const loop = [
      member({ name: 'manifest.json', typeflag: '2', linkname: 'b' }),
      member({ name: 'b', typeflag: '2', linkname: 'manifest.json' }),
    ];
    writeFileSync(path, archive(...loop));
    expect(() => openSubject(`docker-archive:${path}`, '/')).toThrow(/circle of links/);
    const out = [member({ name: 'manifest.json', typeflag: '2', linkname: '../../../../etc/passwd' })];
    writeFileSync(path, archive(...out));
    expect(() => openSubject(`docker-archive:${path}`, '/')).toThrow(/holds no file/);
  });
  test('a directory where a file should be, and the other way round', () => {
    for (const form of ['oci-archive', 'docker-archive', 'tar']) {
      expect(() => openSubject(`${form}:${lab.folder}`, '/')).toThrow(expect.objectContaining({ name: 'OciError' }));
    }
    expect(() => openSubject('oci:/dev/null', '/')).toThrow(expect.objectContaining({ name: 'OciError' }));
    expect(() => openSubject('tar:/dev/zero', '/')).toThrow(expect.objectContaining({ name: 'OciError' }));
  });
});

describe('fuzzing', () => {
  /** Changes, cuts or repeats bytes somewhere. */
  const damage = fc.array(
    fc.record({
      at: fc.nat(999_999).map((share) => share / 1e6),
      byte: fc.nat(255),
      kind: fc.constantFrom('set', 'cut', 'copy'),
    }),
    { minLength: 1, maxLength: 6 },
  );
  const apply = (bytes: Buffer, changes: readonly { at: number; byte: number; kind: string }[]): Buffer => {
    let out = Buffer.from(bytes);
    for (const { at, byte, kind } of changes) {
      const place = Math.floor(at * out.length);
      if (kind === 'set') out[place] = byte;
      else if (kind === 'cut') out = Buffer.concat([out.subarray(0, place), out.subarray(place + byte)]);
      else out = Buffer.concat([out.subarray(0, place), out.subarray(place, place + 8 * byte), out.subarray(place)]);
    }
    return out;
  };
  const run = (left: Buffer, right: Buffer): number => {
    const steps = compareContents(memoryBytes(left), memoryBytes(right));
    for (;;) {
      const step = steps.next();
      if (step.done === true) {
        draw(step.value.map((detail) => ({ level: 'content', weight: 'difference', ...detail })));
        return step.value.length;
      }
    }
  };
  const samples: Readonly<Record<string, Buffer>> = {
    ar: ar([
      { name: 'x.o', data: Buffer.from('\0data') },
      { name: 'long-name-of-a-member.o', data: Buffer.from('more') },
    ]),
    elf: elf({ sections: { '.text': 'code\0code', '.data': 'x' }, symbols: { main: [0, 4] } }),
    gzip: gzipSync('some text\nof lines\n'.repeat(20)),
    zip: zip([
      { name: 'a', data: Buffer.from('x'.repeat(100)) },
      { name: 'b', data: Buffer.from('y') },
    ]),
    tar: archive(
      pax([['mtime', '1.5']]),
      member({ name: 'a', data: 'text\n' }),
      member({ name: 'b', typeflag: '2', linkname: 'a' }),
    ),
    text: Buffer.from('one\ntwo\nthree\n'),
  };
  test.each(Object.keys(samples))('%s, as a file that is looked into', (name) => {
    const sample = samples[name]!;
    fc.assert(
      fc.property(damage, damage, (one, other) => {
        const [left, right] = [apply(sample, one), apply(sample, other)];
        expect(run(left, right) > 0).toBe(!left.equals(right));
      }),
      { numRuns: 300 },
    );
  });
  const report = async (left: Buffer, right: Buffer): Promise<number> => {
    try {
      const { isEqual, findings } = await compareWhole(tarSubject(left), tarSubject(right));
      draw(findings);
      expect(isEqual).toBe(left.equals(right));
      return 1;
    } catch (error) {
      if (error instanceof OciError) return 0;
      throw error;
    }
  };
  test('layers with any bytes changed: a report, or an error; and a report says whether they are equal', async () => {
    const sample = archive(member({ data: 'x'.repeat(700) }), member({ name: 'lib.a', data: samples['ar']! }));
    let reports = 0;
    await fc.assert(
      fc.asyncProperty(damage, async (changes) => {
        reports += await report(sample, apply(sample, changes));
      }),
      { numRuns: 400 },
    );
    expect(reports).toBeGreaterThan(0);
  });
  test('layers with anything in their fields', async () => {
    const bytes = (maxLength: number) =>
      fc.uint8Array({ maxLength }).map((array) => Buffer.from(array).toString('latin1'));
    const number = (width: number) => {
      const valid = fc.nat(0o777777).map((value) => `${value.toString(8).padStart(width - 1, '0')}\0`);
      return fc.oneof({ weight: 15, arbitrary: valid }, { weight: 1, arbitrary: bytes(width) });
    };
    const fields = fc.record(
      {
        name: bytes(100),
        mode: number(8),
        uid: number(8),
        gid: number(8),
        mtime: number(12),
        typeflag: fc.constantFrom('0', '1', '2', '3', '5', '6', '7', '\0', 'V', 'S', 'Z'),
        linkname: bytes(100),
        magic: fc.constantFrom('ustar\0', 'ustar ', '\0'),
        uname: bytes(32),
        devmajor: number(8),
        prefix: bytes(155),
        data: bytes(600),
      },
      { requiredKeys: [] },
    );
    const keys = [
      'path',
      'linkpath',
      'size',
      'mtime',
      'uid',
      'comment',
      'GNU.sparse.map',
      'GNU.sparse.size',
      'SCHILY.xattr.a',
    ];
    const record = fc.tuple(fc.constantFrom(...keys), bytes(40));
    const some = fc.array(record, { minLength: 1, maxLength: 3 });
    const records = fc.oneof(
      { weight: 4, arbitrary: fc.constant<[string, string][]>([]) },
      { weight: 1, arbitrary: some },
    );
    const members = fc.array(fc.tuple(records, fields), { maxLength: 4 });
    const build = (list: readonly (readonly [[string, string][], RawFields])[]): Buffer =>
      archive(...list.flatMap(([extra, one]) => [...(extra.length > 0 ? [pax(extra)] : []), member(one)]));
    let reports = 0;
    await fc.assert(
      fc.asyncProperty(members, members, bytes(60), async (one, other, path) => {
        reports += await report(build(one), build(other));
        // And as layers over one another: a tree in which every path leads somewhere inside, or nowhere.
        try {
          const root = merged(build(one), build(other));
          for (const { path: name } of listTree(root)) expect(name).not.toMatch(/^\/|(^|\/)\.\.(\/|$)/);
          lookUp(root, path as RawPath);
        } catch (error) {
          if (!(error instanceof OciError)) throw error;
        }
      }),
      { numRuns: 500 },
    );
    expect(reports).toBeGreaterThan(20);
  });
  test('documents of an image', async () => {
    const layout = lab.layout();
    const descriptor = await putImage(layout, image({ config: { created: '1970-01-01T00:00:00Z', author: 'x' } }));
    const bytes = layout.readBytes(descriptor);
    const other = await lab.image(image());
    await fc.assert(
      fc.asyncProperty(damage, async (changes) => {
        const changed = lab.layout();
        for (const digest of layout.digests())
          changed.copyFrom(layout.directory, { mediaType: '', digest, size: layout.readBytes(digest).length });
        changed.writeIndex([await put(changed, MEDIA_TYPE.manifest, apply(bytes, changes))]);
        try {
          draw((await compareWhole(subject(changed), subject(other))).findings);
        } catch (error) {
          if (!(error instanceof OciError)) throw error;
        }
      }),
      { numRuns: 20 },
    );
  });
});
