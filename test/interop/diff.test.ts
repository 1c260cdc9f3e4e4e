// diff among the tools that write images and archives: what they made of the same files, the memory a large comparison takes,
// and the page in a browser.

import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { compareWhole } from '../../oci/diff/diff.ts';
import { htmlRenderer } from '../../oci/diff/render-html.ts';
import { openSubject } from '../../oci/diff/subject.ts';
import { createLayout } from '../../oci/layout/layout.ts';
import { putImage } from '../oci/diff/build-image.ts';
import { archive, member } from '../oci/diff/raw-tar.ts';

const has = (program: string): boolean => spawnSync(program, ['--version']).status === 0;
const missing = ['skopeo', 'umoci', 'buildah', 'tar', 'python3', 'chromium'].filter((program) => !has(program));
if (missing.length > 0) console.log(`diff is not compared with these, which are not installed: ${missing.join(', ')}`);

let folder: string;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'diff-interop-'));
  const layout = createLayout(join(folder, 'image'));
  const lower = archive(
    member({ name: 'd/', typeflag: '5', mode: '0000755\0' }),
    member({ name: 'd/a', data: 'one\n' }),
  );
  const upper = archive(
    member({ name: 'd/b', data: Buffer.alloc(100_000, 'content') }),
    member({ name: 'd/l', typeflag: '2', mode: '0000777\0', linkname: 'a' }),
  );
  const image = {
    layers: [
      { tar: lower, createdBy: 'COPY lower /' },
      { tar: upper, createdBy: 'COPY upper /' },
    ],
  };
  layout.writeIndex([await putImage(layout, image)]);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function run(program: string, ...args: string[]): string {
  const env = { ...process.env, HOME: folder, XDG_RUNTIME_DIR: folder };
  const { status, stdout, stderr } = spawnSync(program, args, { encoding: 'utf8', env, cwd: folder });
  expect(status, `${program} ${args.join(' ')}: ${stderr}`).toBe(0);
  return stdout;
}
const open = (text: string) => openSubject(text, folder);
const compare = (left: string, right: string, ignore: readonly string[] = []) =>
  compareWhole(open(left), open(right), { ignore, maxFindings: 1000 });
const fields = (findings: readonly { field?: string }[]): string[] =>
  [...new Set(findings.map(({ field }) => field ?? ''))].sort();

describe('images', () => {
  test.skipIf(!has('skopeo'))("skopeo's copies are the same image in every form", async () => {
    const copy = (...args: string[]) => run('skopeo', 'copy', '--insecure-policy', '-q', ...args);
    copy('oci:image', 'oci:copy:latest');
    copy('oci:image', 'oci-archive:copy.oci.tar:latest');
    copy('oci:image', 'docker-archive:copy.docker.tar:example.org/x:1');
    expect(await compare('oci:image', 'oci:copy:latest')).toMatchObject({ isEqual: true, findings: [] });
    expect(await compare('oci:image', 'oci-archive:copy.oci.tar')).toMatchObject({ isEqual: true, findings: [] });
    const docker = await compare('oci:image', 'docker-archive:copy.docker.tar');
    expect(docker.isEqual).toBe(true);
    expect(docker.findings.map(({ weight }) => weight)).toEqual(['note']);
    expect(
      await compare('docker-archive:copy.docker.tar:example.org/x:1', 'docker-archive:copy.docker.tar'),
    ).toMatchObject({ isEqual: true });
  });

  test.skipIf(!has('skopeo'))('compressed with zstd, it differs in compression and in what names it', async () => {
    run('skopeo', 'copy', '--insecure-policy', '-q', '--dest-compress-format', 'zstd', 'oci:image', 'oci:zstd:latest');
    const { findings, isEqual } = await compare('oci:image', 'oci:zstd:latest');
    expect(isEqual).toBe(false);
    expect(fields(findings)).toEqual(['compression', 'layers[0].mediaType', 'layers[1].mediaType']);
    expect(await compare('oci:image', 'oci:zstd:latest', ['compression', 'layers*'])).toMatchObject({ isEqual: true });
  });

  test.skipIf(!has('umoci') || !has('skopeo'))('umoci adds a layer, and unpacks the same rootfs', async () => {
    run('skopeo', 'copy', '--insecure-policy', '-q', 'oci:image', 'oci:umoci:base');
    writeFileSync(join(folder, 'new'), 'new\n');
    run('umoci', 'insert', '--rootless', '--image', 'umoci:base', '--tag', 'more', 'new', '/d/new');
    const { findings } = await compare('oci:umoci:base', 'oci:umoci:more');
    expect(fields(findings)).toEqual(expect.arrayContaining(['layer']));
    expect(findings.find(({ field }) => field === 'layer')).toMatchObject({
      kind: 'missing',
      layer: { right: { number: 3 } },
    });
    run('umoci', 'unpack', '--rootless', '--image', 'umoci:base', 'bundle');
    // Whose files they are is the unpacker's choice, where it is not root.
    expect(await compare('oci:image', 'dir:bundle/rootfs', ['uid', 'gid', 'mtime'])).toMatchObject({
      isEqual: true,
      findings: [],
    });
    writeFileSync(join(folder, 'bundle/rootfs/d/a'), 'One\n');
    const changed = await compare('oci:image', 'dir:bundle/rootfs', ['uid', 'gid', 'mtime']);
    expect(changed.findings).toMatchObject([{ path: 'd/a', inner: [{ kind: 'text line', name: '1' }] }]);
  });

  test.skipIf(!has('buildah'))('buildah writes the type of a file into its mode', async (context) => {
    mkdirSync(join(folder, 'context/files/d'), { recursive: true });
    writeFileSync(join(folder, 'context/files/d/a'), 'one\n', { mode: 0o644 });
    writeFileSync(join(folder, 'context/Containerfile'), 'FROM scratch\nCOPY files /\n');
    const store = ['--storage-driver', 'vfs', '--root', join(folder, 'store'), '--runroot', join(folder, 'run')];
    const built = spawnSync(
      'buildah',
      [...store, 'bud', '--isolation', 'chroot', '-q', '--timestamp', '0', '-t', 'theirs', 'context'],
      { cwd: folder, encoding: 'utf8', env: { ...process.env, HOME: folder } },
    );
    if (built.status !== 0) {
      console.log(`buildah cannot build here: ${built.stderr.slice(0, 300)}`);
      context.skip();
    }
    run('buildah', ...store, 'push', '-q', 'theirs', 'oci:theirs:latest');
    const layout = createLayout(join(folder, 'ours'));
    const tar = archive(
      member({ name: 'd/', typeflag: '5', mode: '0000755\0' }),
      member({ name: 'd/a', data: 'one\n' }),
    );
    layout.writeIndex([await putImage(layout, { layers: [{ tar }] })]);
    const ignore = ['config*', 'history*', 'created', 'annotations*', 'author', 'variant'];
    const { findings } = await compare('oci:ours', 'oci:theirs:latest', ignore);
    const told = fields(findings);
    // From buildah 1.43 on, the layer is the same byte for byte.
    expect([[], ['mode-type']]).toContainEqual(told);
    expect(await compare('oci:ours', 'oci:theirs:latest', [...ignore, 'mode-type'])).toMatchObject({ isEqual: true });
  });
});

describe('archives', () => {
  test.skipIf(!has('tar'))('the same files in every dialect of GNU tar: only fields differ', async () => {
    mkdirSync(join(folder, 'tree/dir'), { recursive: true });
    const long = `${'n'.repeat(60)}/${'m'.repeat(80)}`;
    mkdirSync(join(folder, 'tree', long, '..'), { recursive: true });
    writeFileSync(join(folder, 'tree', long), 'long\n');
    writeFileSync(join(folder, 'tree/dir/a'), 'a\n');
    writeFileSync(join(folder, 'tree/holes'), Buffer.concat([Buffer.alloc(100_000), Buffer.from('end')]));
    symlinkSync('a', join(folder, 'tree/dir/l'));
    utimesSync(join(folder, 'tree/dir/a'), 1.5, 1.5);
    const dialects = ['gnu', 'oldgnu', 'pax', 'posix', 'ustar'];
    for (const format of [...dialects]) {
      const common = ['-C', 'tree', '--sort=name', '--owner=0', '--group=0', '--numeric-owner', `--format=${format}`];
      run('tar', ...common, '-cf', `${format}.tar`, 'dir', 'holes', 'n'.repeat(60));
      if (format !== 'ustar') run('tar', ...common, '-cSf', `${format}-sparse.tar`, 'dir', 'holes', 'n'.repeat(60));
    }
    const names = dialects.flatMap((format) => [format, ...(format === 'ustar' ? [] : [`${format}-sparse`])]);
    for (const left of names) {
      for (const right of names) {
        const { findings, isEqual } = await compare(`${left}.tar`, `${right}.tar`);
        const told = findings.map(({ level, path, field }) => `${level} ${path ?? ''} ${field}`);
        expect(
          told.filter((text) => !text.startsWith('field ')),
          `${left}, ${right}`,
        ).toEqual([]);
        expect(isEqual).toBe(
          readFileSync(join(folder, `${left}.tar`)).equals(readFileSync(join(folder, `${right}.tar`))),
        );
      }
    }
    // And they stand for the same rootfs as the directory does.
    mkdirSync(join(folder, 'whole'));
    for (const name of names) {
      expect(await compare(`${name}.tar`, 'dir:tree', ['uid', 'gid']), name).toMatchObject({
        isEqual: true,
        findings: [],
      });
    }
  });

  test.skipIf(!has('python3'))("python's pax archive, too", async () => {
    const script =
      "import tarfile,sys\nfor f in ('PAX','GNU','USTAR'):\n t=tarfile.open('py-'+f+'.tar','w',format=getattr(tarfile,f+'_FORMAT'))\n t.add('tree/dir','dir')\n t.close()\n";
    mkdirSync(join(folder, 'tree/dir'), { recursive: true });
    run('python3', '-c', script);
    for (const format of ['GNU', 'USTAR']) {
      const { findings } = await compare('py-PAX.tar', `py-${format}.tar`);
      expect(findings.filter(({ level }) => level !== 'field')).toEqual([]);
    }
  });
});

test('images larger than the memory allowed', () => {
  const program = join(process.env['OCIBUILD_TEST_CHECKOUT']!, 'dist/src/main.js');
  const script = join(import.meta.dirname, '../../scripts/measure-diff.mjs');
  const args = [script, '--mib', '128', '--files', '3000', '--limit-mib', '150', '--program', program];
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' });
  console.log(stdout.trimEnd());
  expect(status, stdout + stderr).toBe(0);
}, 240_000);

describe.skipIf(!has('chromium'))('the page in a browser', () => {
  const titleOf = (name: string, page: string): { title: string; dom: string } => {
    const path = join(folder, `${name}.html`);
    writeFileSync(path, page);
    const dom = run(
      'chromium',
      '--headless',
      '--no-sandbox',
      '--disable-gpu',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
      `--user-data-dir=${mkdtempSync(join(folder, 'chromium-'))}`,
      '--dump-dom',
      `file://${path}`,
    );
    return { title: /<title>([^<]*)<\/title>/.exec(dom)?.[1] ?? '', dom };
  };
  const OWNED = 'document.title="owned"';
  const NAMES = [
    `<script>${OWNED}</script>`,
    `</pre></code><img src=x onerror='${OWNED}'>`,
    `"><svg onload=${OWNED}>`,
    `</title><script>${OWNED}</script>`,
    `<iframe srcdoc="<script>parent.${OWNED}</script>">`,
    `javascript:${OWNED}`,
  ];
  let page: string;
  beforeAll(async () => {
    const side = (mode: string): string => {
      const tar = archive(
        ...NAMES.map((name) =>
          member({ name: name.replaceAll('/', '\u2215').slice(0, 90), data: `${name}${mode}\n`, mode: `${mode}\0` }),
        ),
        member({ name: '</script>', data: gzipSync(`${NAMES.join('\n')}${mode}`) }),
      );
      const path = join(folder, `${mode}.tar`);
      writeFileSync(path, tar);
      return path;
    };
    const { findings, ...tally } = await compare(side('0000644'), side('0000600'));
    const renderer = htmlRenderer();
    const layer = { left: { number: 1, createdBy: NAMES[0]! } };
    const drawn = findings.map((finding) => renderer.finding({ ...finding, layer, note: NAMES[1]! }));
    page = [renderer.begin(NAMES[3]!, NAMES[2]!), ...drawn, renderer.end(tally)].join('');
  });

  test('a script in a name does not run', () => {
    const { title, dom } = titleOf('page', page);
    expect(title).toBe(
      '&lt;/title&gt;&lt;script&gt;document.title="owned"&lt;/script&gt; and "&gt;&lt;svg onload=document.title="owned"&gt;',
    );
    expect(dom).not.toMatch(/<(script|img|svg|iframe)/i);
    expect(dom.match(/<article/g)!.length).toBeGreaterThan(NAMES.length);
  });
  test('nor would it without the policy in the page', () => {
    const bare = page.replace(/<meta http-equiv[^>]*>/, '');
    expect(bare).not.toBe(page);
    expect(titleOf('bare', bare).title).toBe(titleOf('page', page).title);
  });
  test('nor would one that was not escaped: the policy forbids it', () => {
    const broken = page.replace('<main>', `<main><script>${OWNED}</script>`);
    expect(titleOf('broken', broken).title).not.toBe('owned');
  });
  test('a script that may run does: this browser would have shown it', () => {
    const owned = page.replace(/<meta http-equiv[^>]*>/, '').replace('<main>', `<main><script>${OWNED}</script>`);
    expect(titleOf('owned', owned).title).toBe('owned');
  });
});
