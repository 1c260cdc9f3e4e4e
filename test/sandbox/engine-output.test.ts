// What comes out, and what the flags of `build` do; whole images copied without copying; the garbage collection.

import { createHash } from 'node:crypto';
import { createReadStream, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { extract } from 'tar-stream';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { busybox, Lab, listFolder, readImage } from './engine.ts';
import { testRuntimes } from './harness.ts';

interface Member {
  readonly header: string;
  readonly content: Buffer;
}

/** Members of a tar, in order. */
async function readTar(path: string): Promise<Map<string, Member>> {
  const members = new Map<string, Member>();
  const stream = createReadStream(path).pipe(extract());
  for await (const entry of stream) {
    const chunks: Buffer[] = [];
    for await (const chunk of entry) chunks.push(chunk as Buffer);
    const { name, type, mode, uid, gid, mtime, linkname } = entry.header;
    const header = `${type} ${mode!.toString(8)} ${uid}:${gid} ${mtime!.getTime() / 1000} ${linkname ?? ''}`;
    members.set(name.replace(/\/$/, ''), { header: header.trimEnd(), content: Buffer.concat(chunks) });
  }
  return members;
}

describe.skipIf(busybox === undefined || testRuntimes().length === 0)('ocibuild', () => {
  let lab: Lab;
  beforeAll(() => {
    lab = new Lab();
    lab.base();
  });
  afterAll(() => lab.remove());

  const rootfsOf = (context: string, args: readonly string[] = []): string => {
    const folder = lab.path(`rootfs-${Math.random().toString(36).slice(2)}`);
    const result = lab.build(context, [...args, '--output', `rootfs:${folder}`]);
    expect(result.status, result.stderr).toBe(0);
    return folder;
  };

  test('writes each kind of output, of one image', async () => {
    const context = lab.context(
      'FROM base\nRUN mkdir /d && echo text >/d/f && ln /d/f /d/g && ln -s f /d/l && chown 5:6 /d/f && chmod 4750 /d/f && touch -d @5 /d/f\n' +
        'LABEL a=b\nCMD ["/d/f"]\n',
    );
    const at = (name: string) => lab.path(`made/${name}`);
    const kinds = ['oci', 'oci-archive', 'docker-archive', 'rootfs', 'tar'];
    const result = lab.build(context, [
      '-t',
      'some/name:tag',
      ...kinds.flatMap((kind) => ['-o', `${kind}:${at(kind)}`]),
    ]);
    expect(result.status, result.stderr).toBe(0);

    const { index, config, manifest } = readImage(at('oci'));
    expect(index.digest).toBe(result.digest);
    expect(config.config['Labels']).toEqual({ a: 'b' });
    expect(manifest.layers).toHaveLength(config.rootfs.diff_ids.length);

    const archive = await readTar(at('oci-archive'));
    for (const name of readdirSync(join(at('oci'), 'blobs/sha256'))) {
      expect(
        archive.get(`blobs/sha256/${name}`)?.content.equals(readFileSync(join(at('oci'), 'blobs/sha256', name))),
      ).toBe(true);
    }
    expect(JSON.parse(archive.get('index.json')!.content.toString()).manifests).toMatchObject([
      { digest: result.digest },
    ]);

    const docker = await readTar(at('docker-archive'));
    const [entry] = JSON.parse(docker.get('manifest.json')!.content.toString());
    expect(entry.RepoTags).toEqual(['some/name:tag']);
    const layers = entry.Layers.map(
      (name: string) => `sha256:${createHash('sha256').update(docker.get(name)!.content).digest('hex')}`,
    );
    expect(layers).toEqual(config.rootfs.diff_ids);

    const tar = await readTar(at('tar'));
    expect(tar.get('d/f')).toEqual({ header: 'file 4750 5:6 0', content: Buffer.from('text\n') });
    expect(tar.get('d/g')?.header).toBe('link 4750 5:6 0 d/f');
    expect(tar.get('d/l')?.header).toMatch(/^symlink 777 0:0 0 f$/);

    const file = join(at('rootfs'), 'd/f');
    expect(readFileSync(join(at('rootfs'), 'd/l'), 'utf8')).toBe('text\n');
    expect(statSync(file)).toMatchObject({ nlink: 2, uid: process.getuid!(), mtimeMs: 0 });
    expect(statSync(at('rootfs')).uid).toBe(process.getuid!());

    // A folder that is something else is left alone.
    const refused = lab.build(context, ['-o', `rootfs:${at('rootfs')}`]);
    expect(refused).toMatchObject({ status: 2 });
    expect(lab.build(context, ['-o', `oci:${at('rootfs')}`]).status).toBe(2);
    expect(lab.build(context, ['-o', 'zip:x']).stderr).toMatch(/^USAGE: not an output: want oci:PATH/);
  });

  test('the same outputs by several builds at once: no error, one whole result, nothing beside it', async () => {
    const context = lab.context('FROM base\nRUN echo together >/f\n');
    expect(lab.build(context).status).toBe(0);
    const folder = lab.write('together', { 'x/': '' });
    const args = ['oci:x/oci', 'tar:x/tar', 'docker-archive:x/docker'].flatMap((text) => ['-o', text]);
    for (let round = 0; round < 2; round++) {
      const running = [1, 2, 3].map(() => lab.start(lab.buildArgs(context, args), { cwd: folder }));
      for (const { ended } of running) expect(await ended).toMatchObject({ status: 0 });
      expect(readdirSync(join(folder, 'x')).sort()).toEqual(['docker', 'oci', 'tar']);
      // A second round replaces another image.
      const other = lab.build('FROM base\nRUN echo other >/f\n', ['-o', `oci:${join(folder, 'x/oci')}`]);
      expect(other.status, other.stderr).toBe(0);
    }
  });

  test('a damaged blob of an output is noticed, made new, and never the store’s', () => {
    const context = lab.context('FROM base\nRUN echo sound >/f\n');
    const out = lab.path('damaged');
    const write = () => lab.build(context, ['-o', `oci:${out}`]);
    const first = write();
    expect(first.status, first.stderr).toBe(0);
    const blobs = join(out, 'blobs/sha256');
    for (const name of readdirSync(blobs)) {
      expect(statSync(join(blobs, name)).nlink).toBe(1);
      const sound = readFileSync(join(blobs, name));
      const damaged = Buffer.from(sound);
      damaged[damaged.length >> 1]! ^= 1;
      writeFileSync(join(blobs, name), damaged);
      expect(write()).toMatchObject({ status: 0, ran: 0, digest: first.digest });
      expect(readFileSync(join(blobs, name)).equals(sound)).toBe(true);
    }
    // What is whole is left as it is.
    const before = statSync(blobs).ino;
    expect(write().status).toBe(0);
    expect(statSync(blobs).ino).toBe(before);
    expect(readdirSync(out).sort()).toEqual(['blobs', 'index.json', 'oci-layout']);
  });

  test('a place that cannot be written: status 2 before anything is built', () => {
    const context = lab.context(`FROM base\nRUN echo ${Math.random()} >/never\n`);
    const folder = lab.write('places', { file: 'x', 'full/file': 'x' });
    const cases = [
      'tar:full',
      'oci-archive:full',
      'docker-archive:/proc/x',
      'docker-archive:file/x',
      'rootfs:file',
      'rootfs:full',
      'oci:file',
      'oci:full',
      'oci:/proc/x',
      'oci:/proc/x/y',
      'tar:/dev/null',
      ...(process.getuid!() === 0 ? [] : ['tar:/root/x.tar', 'oci:/x']),
    ];
    for (const text of cases) {
      const result = lab.build(context, ['-o', text], { cwd: folder });
      expect(result, text).toMatchObject({ status: 2, stdout: '' });
      const path = text.slice(text.indexOf(':') + 1);
      expect(result.stderr, text).toMatch(/^USAGE: /);
      expect(result.stderr, text).toContain(path);
      expect(result.stderr, text).not.toContain('echo');
    }
    expect(listFolder(folder)).toHaveLength(3);
  });

  test('a rootfs that fails leaves nothing behind', () => {
    const context = lab.context('FROM base\nRUN mkfifo /pipe\n');
    const folder = lab.write('piped', { 'x/': '' });
    const result = lab.build(context, ['-o', 'rootfs:x/rootfs'], { cwd: folder });
    expect(result.status).toBe(1);
    expect(result.stderr).toContain('use --output tar:FILE');
    expect(readdirSync(join(folder, 'x'))).toEqual([]);
  });

  test('export: names as FROM writes them, and no fetch/ that the recipe hides', () => {
    const files = {
      'packages/core/low/Containerfile': 'FROM scratch\nCOPY f /low\n',
      'packages/core/low/f': 'low',
      'packages/user/high/Containerfile':
        'FROM other/core-low AS low\nFROM scratch\nCOPY --from=low /low /low\nCOPY --from=ns/core-low /low /again\nCOPY fetch/data /data\n',
      'packages/user/high/fetch/old': 'hidden',
      'packages/user/high/fetch.txt': 'shown',
      'packages/user/high/data.hex': '61 0a # a\n',
      'packages/user/high/package.toml':
        '[package]\nname = "high"\nversion = "7"\ndescription = "d"\nlicense = "none"\n\n[sources.data]\n' +
        'hash = "87428fc522803d31065e7bce3cf03fe475096631e5e07bbd7a0fde60c4cf25c7"\nfile = "data"\nformat = "hex"\nmirrors = ["data.hex"]\n',
    };
    const tree = lab.write('foreign', files);
    const out = lab.path('foreign-exported');
    const result = lab.run(['--tree', tree, 'export', 'high', out]);
    expect(result.status, result.stderr).toBe(0);
    expect(readdirSync(join(out, 'fetch'))).toEqual(['data']);
    expect(readdirSync(out)).toContain('fetch.txt');
    const script = readFileSync(join(out, 'build.sh'), 'utf8');
    for (const name of ['other/core-low', 'ns/core-low']) {
      expect(script).toContain(`buildah tag "$id" localhost/${name}\n`);
      expect(script).toContain(`--build-context ${name}=oci-layout://images/`);
    }
    expect(lab.run(['--tree', tree, 'export', 'high', out])).toMatchObject({ status: 2 });
  });

  describe('build', () => {
    test('--secret from a variable and from a file whose name holds =', () => {
      const context = lab.context(
        'FROM base\nRUN --mount=type=secret,id=one,required cat /run/secrets/one >/1\nRUN --mount=type=secret,id=two,required cat /run/secrets/two >/2\n',
      );
      lab.write('secret', { 'a=b': 'from a file\n' });
      const out = lab.path('with-secrets');
      const args = ['--secret', 'id=one,env=TOKEN', '--secret', 'id=two,src=secret/a=b', '-o', `rootfs:${out}`];
      const result = lab.build(context, args, { env: { TOKEN: 'from a variable' } });
      expect(result.status, result.stderr).toBe(0);
      expect(readFileSync(join(out, '1'), 'utf8')).toBe('from a variable');
      expect(readFileSync(join(out, '2'), 'utf8')).toBe('from a file\n');
      expect(lab.build(context, args)).toMatchObject({ status: 2 });
    });

    test('--no-cache-filter folds case, and says which stage there is not', () => {
      const context = lab.context('FROM base AS One\nRUN echo 1 >/1\nFROM One\nRUN echo 2 >/2\n');
      expect(lab.build(context).ran).toBe(2);
      expect(lab.build(context, ['--no-cache-filter', 'ONE']).stderr).not.toContain('no-cache-filter');
      expect(lab.build(context, ['--no-cache-filter', 'ONE']).ran).toBe(1);
      const none = lab.build(context, ['--no-cache-filter', 'onne']);
      expect(none.stderr).toContain('--no-cache-filter: no step of this build is of a stage onne');
      expect(none).toMatchObject({ status: 0, ran: 0 });
    });

    test('-t may be the name of the recipe it is built from; without -o it says where the image is', () => {
      const tree = lab.tree('tagged', { low: { Containerfile: 'FROM scratch\nCOPY f /f\n', f: 'f' } });
      const context = lab.context('FROM recipes/low\nLABEL a=b\n');
      const result = lab.build(context, ['--tree', tree, '-t', 'recipes/low']);
      expect(result.status, result.stderr).toBe(0);
      expect(result.stdout).toMatch(
        /^recipes\/low sha256:[0-9a-f]{64} \S+ (built|cached)\nsteps: .*\n.*store only.*-o oci:DIR.*\n$/,
      );
    });

    test('.dockerignore, -f with its own, and Dockerfile', () => {
      const files = {
        a: 'a',
        'keep/b': 'b',
        'drop/c': 'c',
        'drop/but/d': 'd',
        '.dockerignore': 'drop\n!drop/but\na\n',
      };
      const text = 'FROM base\nCOPY . /all/\n';
      const context = lab.context(text, { ...files, 'other.file': text, 'other.file.dockerignore': '*\n!a\n' });
      const names = (args: readonly string[] = []) =>
        listFolder(join(rootfsOf(context, args), 'all')).map((line) => line.split(' ')[3]);
      const shown = [
        '.dockerignore',
        'Containerfile',
        'drop',
        'drop/but',
        'drop/but/d',
        'keep',
        'keep/b',
        'other.file',
      ];
      expect(names()).toEqual([...shown, 'other.file.dockerignore']);
      expect(names(['-f', join(context, 'other.file')])).toEqual(['a']);
      const docker = lab.write('dockerfile', { Dockerfile: 'FROM scratch\nCOPY x /\n', x: 'x' });
      expect(lab.build(docker).status).toBe(0);
      const empty = lab.write('nothing', { x: 'x' });
      expect(lab.build(empty)).toMatchObject({ status: 2, stderr: expect.stringContaining('no Containerfile') });
    });

    test('--target, --build-arg, --label, --platform', () => {
      const context = lab.context(
        'ARG WHICH=one\nFROM base AS one\nRUN echo 1 >/w\nFROM base AS two\nARG NAME=none\nRUN echo 2 $NAME $TARGETARCH >/w\nFROM one\nRUN exit 1\n',
      );
      const read = (...args: string[]) => readFileSync(join(rootfsOf(context, args), 'w'), 'utf8');
      expect(read('--target', 'one')).toBe('1\n');
      expect(read('--target', 'TWO')).toBe('2 none\n');
      expect(read('--target', '1', '--build-arg', 'NAME=x y')).toBe('2 x y\n');
      expect(lab.build(context, ['--target', 'no']).stderr).toContain('UNKNOWN_STAGE');
      const out = lab.path('labelled');
      lab.build(context, ['--target', 'one', '--label', 'a=1', '--label', 'b=x=y', '-o', `oci:${out}`]);
      expect(readImage(out).config.config['Labels']).toEqual({ a: '1', b: 'x=y' });
      const unused = lab.build(context, ['--target', 'one', '--build-arg', 'TYPO=1']);
      expect(unused.stderr).toContain('build arg TYPO is declared by no ARG');
    });

    test('--build-context: a folder, an image, an image by tag and by digest', () => {
      const folder = lab.write('named', { 'sub/file': 'named\n' });
      const { digest } = readImage(lab.base()).index;
      const context = lab.context(
        'FROM one\nCOPY --from=files sub/file /1\nCOPY --from=two /etc/group /2\nRUN --mount=from=files,target=/m cat /m/sub/file >/3\n',
      );
      const args = ['--build-context', `files=${folder}`, '--build-context', `one=oci:${lab.base()}:latest`];
      const made = rootfsOf(context, [...args, '--build-context', `two=oci-layout://${lab.base()}@${digest}`]);
      expect(readFileSync(join(made, '3'), 'utf8')).toBe('named\n');
      expect(readFileSync(join(made, '2'), 'utf8')).toContain('extra');
    });

    test('an image of a registry: status 3, and the way to hand it over', () => {
      const result = lab.build('ARG V=12\nFROM debian:$V\n');
      expect(result.status).toBe(3);
      expect(result.stderr).toMatch(/Containerfile:2: MACHINE: debian:12 .*--build-context debian:12=oci:DIR/);
    });

    test('--source-date-epoch cuts times down, and may not lie in the future', async () => {
      const context = lab.context('FROM scratch\nCOPY f /f\nFROM base\nRUN touch -d @1000 /old && touch /new\n', {
        f: 'f',
      });
      const times = async (args: readonly string[], env = {}) => {
        const path = lab.path(`epoch-${Math.random()}.tar`);
        const result = lab.build(context, [...args, '-o', `tar:${path}`], { env });
        expect(result.status, result.stderr).toBe(0);
        const tar = await readTar(path);
        return ['old', 'new'].map((name) => Number(tar.get(name)!.header.split(' ')[3]));
      };
      expect(await times([])).toEqual([0, 0]);
      expect(await times(['--source-date-epoch', '5000'])).toEqual([1000, 5000]);
      expect(await times([], { SOURCE_DATE_EPOCH: '999' })).toEqual([999, 999]);
      for (const text of [String(Math.floor(Date.now() / 1000) + 3600), '-1', 'now', '1.5', '99999999999999999999']) {
        const result = lab.build(context, [`--source-date-epoch=${text}`]);
        expect(result, text).toMatchObject({
          status: 2,
          stderr: expect.stringContaining('USAGE: not a source date epoch'),
        });
      }
    });
  });

  describe('COPY of a whole image', () => {
    const LIBS = `FROM base AS a
RUN mkdir -p /usr/lib /opt && echo a >/usr/lib/a && chmod 700 /opt && ln /usr/lib/a /opt/hard
FROM scratch AS left
COPY --from=a /usr /usr
COPY --from=a /opt /opt
FROM base AS b
RUN mkdir -p /usr/lib /opt/x && echo b >/usr/lib/b && echo b >/usr/lib/a && mkdir /links && ln -s /usr/lib /links/lib2
FROM scratch AS right
COPY --from=b /usr /usr
COPY --from=b /opt /opt
COPY --from=b /links /
FROM base AS removed
RUN rm /etc/group; rm -r /tmp; mkdir /tmp; echo here >/tmp/here
FROM base AS conflict
RUN mkdir /lib2 && echo c >/lib2/c
`;
    const SHOW = `(cd / && find . -xdev \\( -path ./proc -o -path ./dev -o -path ./sys -o -path ./seen -o -path ./bin \\) -prune -o -print | sort | while read -r f; do stat -c "%n %F %a %u:%g %h" "$f"; readlink "$f" || true; [ -f "$f" ] && sum <"$f"; done; true)`;

    // `layered` copies for good, the stage in the middle joins: both must look the same, down to the last path.
    test.each([
      ['two that share directories', 'COPY --from=left . /\nCOPY --from=right . /'],
      ['the other way round', 'COPY --from=right / /\nCOPY --from=left / /'],
      [
        'over a stage that has the same',
        'COPY --from=left . /\nRUN echo own >/usr/lib/own && rm /usr/lib/a\nCOPY --from=left . /',
      ],
      ['one with whiteouts: COPY deletes nothing', 'COPY --from=removed . /'],
    ])('%s: the same as a real copy', (_, lines) => {
      // The directory sizes and links differ by nothing: both are asked inside a step, in the same way.
      const joined = `${LIBS}FROM base AS middle\n${lines}\nRUN ${SHOW} >/seen\nFROM scratch\nCOPY --from=middle /seen /seen\n`;
      const copied = `${LIBS}FROM base AS middle\n${lines}\nFROM base\n${lines.replaceAll(/^(COPY --from=\w+) (\.|\/) \/$/gm, '$1 --chmod=u+r . /')}\nRUN ${SHOW} >/seen\n`;
      const [one, two] = [joined, copied].map((text) =>
        readFileSync(join(rootfsOf(lab.context(text)), 'seen'), 'utf8'),
      );
      expect(one!.split('\n').length).toBeGreaterThan(7);
      expect(one!.replace(/(directory \d+ \S+) \d+$/gm, '$1')).toBe(two!.replace(/(directory \d+ \S+) \d+$/gm, '$1'));
    });

    test.each([
      ['a directory onto a symlink', 'right', 'conflict', /the directory lib2 over the symlink/],
      ['a symlink onto a directory', 'conflict', 'right', /the symlink lib2 over the directory/],
    ])('%s is refused as in a real copy', (_, first, second, message) => {
      const lines = `FROM base AS middle\nCOPY --from=${first} . /\nCOPY --from=${second} . /\n`;
      for (const text of [`${LIBS}${lines}`, `${LIBS}${lines}FROM base\nCOPY --from=middle /etc/group /x\n`]) {
        const result = lab.build(text);
        expect(result.status).toBe(1);
        expect(result.stderr).toMatch(/Containerfile:18: COPY: /);
        expect(result.stderr).toMatch(message);
      }
    });
  });

  test('chains of 160 steps', () => {
    const lines = Array.from(
      { length: 80 },
      (_, n) => `RUN echo ${n} >/n${n}; echo ${n} >>/all\nCOPY f /copied${n}\n`,
    ).join('');
    const context = lab.context(
      `FROM base\n${lines}RUN ls / >/tmp/list; grep -c "^[nc]" </tmp/list >/count; wc -l </all >>/count\n`,
      {
        f: 'f',
      },
    );
    expect(readFileSync(join(rootfsOf(context), 'count'), 'utf8')).toBe('160\n80\n');
    expect(lab.build(context).ran).toBe(0);
  });

  describe('the garbage collection', () => {
    test('frees what no last build needs, and keeps the rest', () => {
      const store = lab.otherStore(lab.path('gc-store'));
      const context = lab.context(
        'FROM base\nRUN --mount=type=cache,target=/c echo >/c/x; echo one >/a\nRUN cat /a >/b\n',
      );
      const first = lab.build(context, ['-t', 'kept'], { store });
      const other = lab.context('FROM base\nRUN dd if=/dev/urandom of=/big bs=1M count=3\n');
      lab.build(other, ['-t', 'other'], { store });
      const usage = () => JSON.parse(lab.run(['du', '--json'], { store }).stdout) as { total: number };
      const full = usage().total;
      // All that was built last is kept.
      expect(lab.run(['gc'], { store }).status).toBe(0);
      expect(usage().total).toBeGreaterThan(full - (1 << 20));
      expect(lab.build(context, ['-t', 'kept'], { store }).ran).toBe(0);
      // The big one is built as something else now: its old work goes.
      writeFileSync(join(other, 'Containerfile'), 'FROM base\nRUN echo small >/big\n');
      lab.build(other, ['-t', 'other'], { store });
      const dry = lab.run(['gc', '--dry-run'], { store });
      expect(dry.stdout).toMatch(/^would free /);
      expect(usage().total).toBeGreaterThan(full);
      expect(lab.run(['gc'], { store }).stdout).toMatch(/^freed /);
      expect(usage().total).toBeLessThan(full - (3 << 20));
      const again = lab.build(context, ['-t', 'kept'], { store });
      expect({ ran: again.ran, digest: again.digest }).toEqual({ ran: 0, digest: first.digest });
      // Everything.
      expect(lab.run(['gc', '--all', '--cache', '--sources'], { store }).status).toBe(0);
      expect(usage().total).toBeLessThan(1 << 20);
      expect(lab.build(context, ['-t', 'kept'], { store })).toMatchObject({ ran: 2, digest: first.digest });
    });
  });

  test('run: out/NAME, its links in the context stay out, and a store that is not there yet', () => {
    const tree = lab.tree('plain', { it: { Containerfile: 'FROM scratch\nCOPY f /f\n', f: 'f' } });
    symlinkSync('/etc/passwd', join(tree, 'recipes/it/unused'));
    const store = lab.otherStore(lab.path('deep/er/store'));
    const result = lab.runRecipes(tree, ['it'], { store, cwd: join(tree, 'recipes') });
    expect(result.stdout).toMatch(/^recipes\/it sha256:[0-9a-f]{64} \d+\.\d\ds built\nsteps: 1 run, 0 cached\n$/);
    const out = join(tree, 'out/it');
    expect(readImage(out).index.digest).toBe(result.digest);
    expect(JSON.parse(readFileSync(join(out, 'index.json'), 'utf8')).manifests).toHaveLength(1);
    expect(statSync(join(out, 'index.json')).uid).toBe(process.getuid!());
    expect(lab.runRecipes(tree, ['it'], { store }).stdout).toMatch(/ cached\nsteps: 0 run, 1 cached\n$/);
  });
});
