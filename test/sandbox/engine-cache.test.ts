// What runs again after a change, and what does not; what one recipe sees of another's image.

import { chmodSync, readFileSync, utimesSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { busybox, Lab, parseBuild } from './engine.ts';
import { testRuntimes } from './harness.ts';

describe.skipIf(busybox === undefined || testRuntimes().length === 0)('the cache', () => {
  let lab: Lab;
  beforeAll(() => {
    lab = new Lab();
    lab.base();
  });
  afterAll(() => lab.remove());

  const FILE = `FROM base AS one
COPY a /a
RUN wc -c </a >/counted
FROM base AS two
COPY b /b
RUN cat /b >/read
FROM base AS end
COPY --from=one /counted /counted
RUN cat /counted >/end
COPY --from=two /read /read
RUN cat /read >>/end
`;
  const FILES = { a: 'aaaa', b: 'bbbb', unused: 'x' };

  describe('within one Containerfile', () => {
    let context: string;
    const folder = () => context.slice(lab.directory.length + 1);
    beforeAll(() => {
      context = lab.context(FILE, FILES);
      const first = lab.build(context);
      expect({ ran: first.ran, cached: first.cached }, first.stderr).toEqual({ ran: 8, cached: 0 });
    });

    /** What changes, and how many of the eight steps run for it. One after the other, from the state before. */
    const CHANGES: readonly [name: string, change: () => void, ran: number, flags: readonly string[]][] = [
      ['nothing', () => {}, 0, []],
      ['a time', () => utimesSync(`${context}/a`, 1, 1), 0, []],
      ['a file no COPY names', () => lab.write(folder(), { unused: 'y' }), 0, []],
      ['a comment', () => lab.write(folder(), { Containerfile: `# said in vain\n${FILE}` }), 0, []],
      [
        'names of stages, and space',
        () => lab.write(folder(), { Containerfile: FILE.replaceAll('one', 'uno').replace('COPY b', 'COPY   b') }),
        0,
        [],
      ],
      ['a file of another length', () => lab.write(folder(), { a: 'aaaaa' }), 2 + 4, []],
      // The COPY and the step that counts run; what they count is the same, and there it stops.
      ['a file of the same length', () => lab.write(folder(), { a: 'AAAAA' }), 2, []],
      ['the file of the other branch', () => lab.write(folder(), { b: 'B' }), 2 + 2, []],
      ['a mode', () => chmodSync(`${context}/b`, 0o600), 2, []],
      ['--no-cache', () => {}, 8, ['--no-cache']],
      ['--no-cache-filter', () => {}, 2, ['--no-cache-filter', 'two']],
      ['--no-cache-filter of two stages', () => {}, 6, ['--no-cache-filter', 'two,end']],
      // But for the mode.
      ['back to the beginning', () => lab.write(folder(), { a: FILES.a, b: FILES.b, Containerfile: FILE }), 2, []],
    ];
    test.each(CHANGES)('%s', (_, change, ran, flags) => {
      change();
      const result = lab.build(context, flags);
      expect(result.status, result.stderr).toBe(0);
      expect({ ran: result.ran, cached: result.cached }).toEqual({ ran, cached: 8 - ran });
    });
  });

  describe('times, where layers carry them', () => {
    const EPOCH = ['--source-date-epoch', '1500000000'];
    /** As it was, as it is now: only times differ, and all of them end up in the layers. */
    const CHANGES: readonly [name: string, file: (seconds: number) => string][] = [
      ['of a file a step makes', (seconds) => `FROM base\nRUN echo hi >/f && touch -d @${seconds} /f\n`],
      [
        'of a file copied from a stage',
        (seconds) => `FROM base AS one\nRUN echo hi >/f && touch -d @${seconds} /f\nFROM base\nCOPY --from=one /f /g\n`,
      ],
      [
        'of a file seen through a mount',
        (seconds) =>
          `FROM base AS one\nRUN mkdir /d && echo hi >/d/f && touch -d @${seconds} /d/f\nFROM base\n` +
          'RUN --mount=from=one,source=/d,target=/m cp -p /m/f /g\n',
      ],
      [
        'where a stage says itself what time it is',
        (seconds) =>
          `FROM base\nENV SOURCE_DATE_EPOCH=7\nRUN echo hi >/f && touch -d @${seconds} /f\nCOPY --from=base /etc/passwd /p\n`,
      ],
    ];
    test.each(CHANGES)('%s', (_, file) => {
      const warm = lab.otherStore(lab.path('times-warm'));
      const cold = lab.otherStore(lab.path('times-cold'));
      const digestOf = (text: string, store: string, flags: readonly string[]) => {
        const done = lab.build(text, ['--tag', 'times', ...flags], { store });
        expect(done.status, done.stderr).toBe(0);
        return done.digest;
      };
      // Without an epoch, too: what such a build leaves says nothing of times.
      digestOf(file(1000000), warm, []);
      digestOf(file(2000000), warm, []);
      const before = digestOf(file(1000000), warm, EPOCH);
      const after = digestOf(file(2000000), warm, EPOCH);
      expect(after).not.toBe(before);
      expect(after).toBe(digestOf(file(2000000), cold, EPOCH));
      lab.inside(['rm', '-rf', warm, cold]);
    });
  });

  test('two steps that do the same are done once', () => {
    const context = lab.context(
      'FROM base AS a\nRUN echo same >/x\nFROM base AS b\nRUN echo same >/x\n' +
        'FROM scratch\nCOPY --from=a /x /1\nCOPY --from=b /x /2\n',
    );
    const result = lab.build(context, ['--jobs', '4']);
    expect({ ran: result.ran, cached: result.cached }).toEqual({ ran: 3, cached: 1 });
  });

  test('a build arg reruns the steps that see it, a proxy does not', () => {
    const context = lab.context('FROM base\nRUN echo before >/a\nARG WORD\nRUN echo $WORD >/b\n');
    const ran = (...args: string[]) => lab.build(context, args).ran;
    expect(ran('--build-arg', 'WORD=1')).toBe(2);
    expect(ran('--build-arg', 'WORD=2')).toBe(1);
    expect(ran('--build-arg', 'WORD=1')).toBe(0);
    expect(ran('--build-arg', 'WORD=1', '--build-arg', 'HTTP_PROXY=http://localhost:9')).toBe(0);
  });

  describe('across recipes', () => {
    const TOOLS = {
      Containerfile:
        'FROM scratch\nCOPY --chmod=0755 busybox /bin/busybox\nRUN ["/bin/busybox", "--install", "-s", "/bin"]\n',
    };
    let tools: Record<string, string | Buffer>;
    beforeAll(() => {
      tools = { ...TOOLS, busybox: readFileSync(busybox!) };
    });

    test('a dependency whose image comes out the same reruns nothing that needs it', () => {
      const tree = lab.tree('early', {
        tools: tools as never,
        // Reads its input, gives its length.
        lib: {
          Containerfile: 'FROM recipes/tools\nCOPY in /tmp/in\nRUN wc -c </tmp/in >/len; rm -r /tmp\n',
          in: 'abc',
        },
        libs: { Containerfile: 'FROM scratch\nCOPY --from=recipes/lib /len /len\n' },
        app: {
          Containerfile: 'FROM recipes/tools\nCOPY --from=recipes/libs . /\nRUN cat /len >/app\nRUN echo more >>/app\n',
        },
      });
      const first = lab.runRecipes(tree, ['app']);
      expect(first.status, first.stderr).toBe(0);
      expect(lab.runRecipes(tree, ['app']).ran).toBe(0);
      lab.write('early/recipes/lib', { in: 'xyz' });
      const second = lab.runRecipes(tree, ['app']);
      expect({ ran: second.ran, digest: second.digest }).toEqual({ ran: 2, digest: first.digest });
      lab.write('early/recipes/lib', { in: 'longer' });
      const third = lab.runRecipes(tree, ['app']);
      expect(third.ran).toBe(2 + 1 + 3);
      expect(third.digest).not.toBe(first.digest);
    });

    test("a recipe sees exactly what unpacking the image's layers gives, just built or from the store", () => {
      const show = (folder: string) => `find ${folder} -exec stat -c "%n %A %u:%g %Y %h %s" {} + | sort`;
      const tree = lab.tree('exact', {
        tools: tools as never,
        lib: {
          Containerfile: `FROM recipes/tools
RUN mkdir -m 2711 /data && cd /data && echo a >a && ln a b && ln -s a c && mkfifo f && chmod 4755 a && chown 5:6 f \\
 && touch -d @1700000000 a && mkdir -m 1777 sub && echo x >sub/x && chmod 000 sub/x
RUN cd /data && echo d >d && ln b e && rm c && touch -d @1500000000 sub
`,
          'package.toml':
            '[package]\nname = "lib"\nversion = "1"\ndescription = "for a test"\nlicense = "none"\nownership = "keep"\n',
        },
        app: {
          Containerfile: `FROM recipes/lib
RUN ${show('/data')} >/seen
RUN --mount=type=bind,from=recipes/lib,target=/m ${show('/m/data')} >/mounted
`,
        },
      });
      const rootfs = (name: string, store: string): string => {
        const out = lab.path(name);
        const made = lab.runRecipes(tree, ['app', '--out', out], { store });
        expect(made.status, made.stderr).toBe(0);
        return made.digest;
      };
      const store = lab.otherStore(lab.path('exact-store'));
      const atOnce = rootfs('out-1', store);
      // In another process, with the dependency there and only the dependant to be made.
      const later = lab.otherStore(lab.path('exact-later'));
      expect(parseBuild(lab.run(['--tree', tree, 'run', 'lib'], { store: later })).status).toBe(0);
      expect(rootfs('out-2', later)).toBe(atOnce);
      // Run again upon an image that comes from the store.
      expect(lab.runRecipes(tree, ['app', '--no-cache-filter', '0'], { store }).digest).toBe(atOnce);

      const seen = lab.run(['--tree', tree, 'shell', 'app', '--', '/bin/cat', '/seen', '/mounted'], { store }).stdout;
      // A link made in a later step to a file of an earlier one is a file of its own in the layers.
      const lines = [
        ' drwx--s--x 0:0 0 3 4096',
        '/a -rwsr-xr-x 0:0 0 2 2',
        '/b -rwsr-xr-x 0:0 0 2 2',
        '/d -rw-r--r-- 0:0 0 1 2',
        '/e -rwsr-xr-x 0:0 0 1 2',
        '/f prw-r--r-- 5:6 0 1 0',
        '/sub drwxrwxrwt 0:0 0 2 4096',
        '/sub/x ---------- 0:0 0 1 2',
      ];
      // How long a directory is, and how many links it has, is the file system's own affair.
      const shown = (prefix: string) => lines.map((line) => `${prefix}${line}`.replace(/ \d 4096$/, ''));
      const got = seen
        .replace(/^(\S+ d.*) \d+ \d+$/gm, '$1')
        .trimEnd()
        .split('\n');
      expect(got).toEqual([...shown('/data'), ...shown('/m/data')]);
    });
  });
});
