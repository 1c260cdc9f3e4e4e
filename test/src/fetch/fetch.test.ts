import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import { expect, test, vi } from 'vitest';
import { type Digest, digestOf, hexOf } from '../../../oci/digest.ts';
import { BuildError, formatError } from '../../../src/errors.ts';
import {
  distfilesFrom,
  type FetchOptions,
  fetchPinned,
  fetchSources,
  fetchUnpinned,
} from '../../../src/fetch/fetch.ts';
import { sourcePath } from '../../../src/fetch/source-store.ts';
import type { BuildEvent } from '../../../src/progress/event.ts';
import type { Source } from '../../../src/recipe/types.ts';
import { bytesHandler, scratch, serve } from './server.ts';

const BYTES = Buffer.from(Array.from({ length: 300_000 }, (_, index) => (index * 7919) % 251));
const DIGEST = digestOf(BYTES);

function source(mirrors: readonly string[], more: Partial<Source> = {}): Source {
  return {
    name: 'thing',
    digest: DIGEST,
    file: 'thing-1.0.tar.gz',
    format: 'tar.gz',
    version: '1.0',
    mirrors,
    location: { file: 'recipes/thing/package.toml', line: 4 },
    hashLocation: { file: 'recipes/thing/package.toml', line: 5 },
    ...more,
  };
}

function setUp(more: Partial<FetchOptions> = {}): FetchOptions & { events: BuildEvent[] } {
  const events: BuildEvent[] = [];
  const folder = scratch();
  return {
    store: path.join(folder, 'store'),
    recipeDirectory: () => path.join(folder, 'recipe'),
    distfiles: [],
    offline: false,
    jobs: 4,
    env: {},
    onEvent: (event) => events.push(event),
    signal: new AbortController().signal,
    patience: { answer: 2000, stall: 2000, rest: 20 },
    events,
    ...more,
  };
}

async function failureOf(promise: Promise<unknown>): Promise<BuildError> {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(BuildError);
  return error as BuildError;
}

function partials(options: FetchOptions): string[] {
  const folder = path.join(options.store, 'sources', 'partial');
  return existsSync(folder) ? readdirSync(folder) : [];
}

test('a download lands under its digest, with progress, and is not asked for again', async () => {
  const server = await serve(bytesHandler(BYTES));
  const options = setUp();
  const fetched = await fetchSources([source([`${server.origin}/a`])], options);
  const one = fetched.get(DIGEST)!;
  expect(one).toMatchObject({ digest: DIGEST, size: BYTES.length, path: sourcePath(options.store, DIGEST) });
  expect(readFileSync(one.path).equals(BYTES)).toBe(true);
  expect(partials(options)).toEqual([]);
  expect(options.events.at(-1)).toEqual({
    type: 'fetch',
    file: 'thing-1.0.tar.gz',
    received: BYTES.length,
    total: BYTES.length,
    done: true,
    from: `${server.origin}/a`,
  });
  await fetchSources([source([`${server.origin}/a`])], options);
  expect(server.asked.length).toBe(1);
});

test('sources of one digest are fetched once', async () => {
  const server = await serve(bytesHandler(BYTES));
  const mirrors = [`${server.origin}/a`];
  const fetched = await fetchSources([source(mirrors), source(mirrors, { name: 'other', file: 'b' })], setUp());
  expect([...fetched.keys()]).toEqual([DIGEST]);
  expect(server.asked.length).toBe(1);
});

test('a content encoding is not undone', async () => {
  const packed = gzipSync(BYTES);
  const server = await serve((_, response) => {
    response.writeHead(200, { 'content-encoding': 'gzip', 'content-type': 'application/x-tar' }).end(packed);
  });
  const options = setUp();
  const fetched = await fetchSources([source([`${server.origin}/a.tar.gz`], { digest: digestOf(packed) })], options);
  expect(readFileSync(fetched.get(digestOf(packed))!.path).equals(packed)).toBe(true);
  expect(server.asked[0]!.headers['accept-encoding']).toBe('identity');
});

test('wrong bytes never land and are named with want, got and from where', async () => {
  const wrong = Buffer.from('wrong');
  const server = await serve(bytesHandler(wrong));
  const options = setUp();
  const error = await failureOf(fetchSources([source([`${server.origin}/a`])], options));
  expect(formatError(error)).toBe(
    `recipes/thing/package.toml:5: SOURCE_MISMATCH: thing-1.0.tar.gz: want ${DIGEST}, got ${digestOf(wrong)} from ${server.origin}/a`,
  );
  expect(existsSync(sourcePath(options.store, DIGEST))).toBe(false);
  expect(partials(options)).toEqual([]);
});

test('the next mirror is asked after a 404 and after wrong bytes', async () => {
  const server = await serve((request, response) => {
    if (request.url === '/absent') response.writeHead(404).end();
    else if (request.url === '/wrong') response.end('wrong');
    else bytesHandler(BYTES)(request, response);
  });
  const mirrors = ['absent', 'wrong', 'right', 'never'].map((name) => `${server.origin}/${name}`);
  const fetched = await fetchSources([source(mirrors)], setUp());
  expect(fetched.get(DIGEST)?.size).toBe(BYTES.length);
  expect(server.asked.map(({ url }) => url)).toEqual(['/absent', '/wrong', '/right']);
});

test('what no mirror has is SOURCE_MISSING with every attempt', async () => {
  const server = await serve((_, response) => void response.writeHead(404).end());
  const error = await failureOf(fetchSources([source([`${server.origin}/a`, `${server.origin}/b`])], setUp()));
  expect(error.code).toBe('SOURCE_MISSING');
  expect(error.message).toContain(`${server.origin}/a: status 404`);
  expect(error.message).toContain(`${server.origin}/b: status 404`);
  expect(server.asked.length).toBe(2);
});

test('a body that is cut short is continued where it ended', async () => {
  let answers = 0;
  const server = await serve((request, response) => {
    if (answers++ === 0) {
      response.writeHead(200, { 'content-length': BYTES.length });
      response.write(BYTES.subarray(0, 100_000), () => response.destroy());
    } else bytesHandler(BYTES)(request, response);
  });
  const fetched = await fetchSources([source([`${server.origin}/a`])], setUp());
  expect(readFileSync(fetched.get(DIGEST)!.path).equals(BYTES)).toBe(true);
  expect(server.asked.length).toBe(2);
  expect(server.asked[1]!.headers.range).toMatch(/^bytes=[1-9]\d*-$/);
});

test.each([
  ['continued', 206],
  ['sent whole by a server without ranges', 200],
])('a partial file of an earlier run is %s', async (_, status) => {
  const server = await serve((request, response) => {
    if (status === 200) response.writeHead(200, { 'content-length': BYTES.length }).end(BYTES);
    else bytesHandler(BYTES)(request, response);
  });
  const options = setUp();
  const folder = path.join(options.store, 'sources', 'partial');
  mkdirSync(folder, { recursive: true });
  writeFileSync(path.join(folder, hexOf(DIGEST)), BYTES.subarray(0, 1000));
  const fetched = await fetchSources([source([`${server.origin}/a`])], options);
  expect(readFileSync(fetched.get(DIGEST)!.path).equals(BYTES)).toBe(true);
  expect(server.asked.map(({ headers }) => headers.range)).toEqual(['bytes=1000-']);
  expect(partials(options)).toEqual([]);
});

test('a partial file that a killed process left is continued; one of a live process is left alone', async () => {
  const server = await serve(bytesHandler(BYTES));
  const options = setUp();
  const folder = path.join(options.store, 'sources', 'partial');
  mkdirSync(folder, { recursive: true });
  const live = `${hexOf(DIGEST)}.${process.pid}.aaaa`;
  writeFileSync(path.join(folder, live), 'somebody else is writing this');
  writeFileSync(path.join(folder, `${hexOf(DIGEST)}.99999999.bbbb`), BYTES.subarray(0, 2000));
  await fetchSources([source([`${server.origin}/a`])], options);
  expect(server.asked.map(({ headers }) => headers.range)).toEqual(['bytes=2000-']);
  expect(partials(options)).toEqual([live]);
});

test('a partial file with other bytes is thrown away, and the mirror asked again from the start', async () => {
  const server = await serve(bytesHandler(BYTES));
  const options = setUp();
  const folder = path.join(options.store, 'sources', 'partial');
  mkdirSync(folder, { recursive: true });
  writeFileSync(path.join(folder, hexOf(DIGEST)), Buffer.alloc(1000, 1));
  await fetchSources([source([`${server.origin}/a`])], options);
  expect(server.asked.map(({ headers }) => headers.range)).toEqual(['bytes=1000-', undefined]);
});

test('a partial file that is longer than what the server has is thrown away', async () => {
  const server = await serve(bytesHandler(BYTES));
  const options = setUp();
  const folder = path.join(options.store, 'sources', 'partial');
  mkdirSync(folder, { recursive: true });
  writeFileSync(path.join(folder, hexOf(DIGEST)), Buffer.alloc(BYTES.length + 5, 1));
  await fetchSources([source([`${server.origin}/a`])], options);
  expect(readFileSync(sourcePath(options.store, DIGEST)).equals(BYTES)).toBe(true);
});

test('a partial file that is whole lands without a question', async () => {
  const options = setUp({ offline: true });
  const folder = path.join(options.store, 'sources', 'partial');
  mkdirSync(folder, { recursive: true });
  writeFileSync(path.join(folder, hexOf(DIGEST)), BYTES);
  await fetchSources([source([])], options);
  expect(readFileSync(sourcePath(options.store, DIGEST)).equals(BYTES)).toBe(true);
});

test('what was received before an interruption is kept', async () => {
  const controller = new AbortController();
  const server = await serve((_, response) => {
    response.writeHead(200, { 'content-length': BYTES.length });
    response.write(BYTES.subarray(0, 5000), () => setTimeout(() => controller.abort(), 100));
  });
  const options = setUp({ signal: controller.signal });
  const error = await failureOf(fetchSources([source([`${server.origin}/a`])], options));
  expect(error.code).toBe('INTERRUPTED');
  expect(readFileSync(path.join(options.store, 'sources', 'partial', hexOf(DIGEST))).length).toBe(5000);
});

test.each([
  ['before the first line', (_: unknown, __: unknown) => {}, 'did not answer'],
  [
    'in the middle',
    (_: unknown, response: import('node:http').ServerResponse) => {
      response.writeHead(200, { 'content-length': BYTES.length });
      response.write('some');
    },
    'sent nothing more',
  ],
])(
  'a server that stalls %s is given up for the next mirror',
  async (_, handler, reason) => {
    const slow = await serve(handler);
    const good = await serve(bytesHandler(BYTES));
    const options = setUp({ patience: { answer: 150, stall: 150, rest: 20 } });
    await fetchSources([source([`${slow.origin}/a`, `${good.origin}/a`])], options);
    const alone = setUp({ patience: { answer: 50, stall: 50, rest: 20 } });
    const error = await failureOf(fetchSources([source([`${slow.origin}/a`])], alone));
    expect(error.code).toBe('NETWORK');
    expect(error.message).toContain(reason);
  },
  15_000,
);

test('redirects are followed, up to a limit', async () => {
  const server = await serve((request, response) => {
    if (request.url === '/loop') response.writeHead(302, { location: '/loop' }).end();
    else if (request.url === '/a') response.writeHead(301, { location: 'b' }).end();
    else bytesHandler(BYTES)(request, response);
  });
  await fetchSources([source([`${server.origin}/a`])], setUp());
  const error = await failureOf(fetchSources([source([`${server.origin}/loop`])], setUp()));
  expect(error.message).toContain('more than 10 redirects');
});

test('a redirect to something else than http is refused', async () => {
  const server = await serve((_, response) => void response.writeHead(302, { location: 'file:///etc/passwd' }).end());
  const error = await failureOf(fetchSources([source([`${server.origin}/a`])], setUp()));
  expect(error.message).toContain('a redirect from http: to file:///etc/passwd is not followed');
});

test.each([
  ['announced', { 'content-length': BYTES.length }],
  ['not announced', {}],
])('a body longer than size is refused, %s', async (_, headers) => {
  const server = await serve((_request, response) => void response.writeHead(200, headers).end(BYTES));
  const options = setUp();
  const error = await failureOf(fetchSources([source([`${server.origin}/a`], { size: 1000 })], options));
  expect(error.message).toContain('too long: at most 1000 bytes');
  expect(existsSync(sourcePath(options.store, DIGEST))).toBe(false);
});

test('the connection of an answer that is not wanted is closed', async () => {
  let closed = 0;
  const server = await serve((request, response) => {
    response.on('close', () => closed++);
    const status = request.url === '/long' ? 200 : 404;
    response.writeHead(status, { 'content-length': 1_000_000 }).write('the start');
  });
  const mirrors = [`${server.origin}/absent`, `${server.origin}/long`];
  await failureOf(fetchSources([source(mirrors, { size: 1000 })], setUp()));
  await vi.waitFor(() => expect(closed).toBe(2));
});

test('a body shorter than size does not land', async () => {
  const server = await serve(bytesHandler(BYTES));
  const error = await failureOf(fetchSources([source([`${server.origin}/a`], { size: BYTES.length + 1 })], setUp()));
  expect(error.message).toContain(`want ${BYTES.length + 1} bytes, got ${BYTES.length}`);
});

test('--offline asks nobody, and says what is missing and how to get it', async () => {
  const server = await serve(bytesHandler(BYTES));
  const options = setUp({ offline: true });
  const error = await failureOf(fetchSources([source([`${server.origin}/a`])], options));
  expect(server.asked).toEqual([]);
  expect(error.code).toBe('SOURCE_MISSING');
  expect(error.message).toContain('thing-1.0.tar.gz is not in the store');
  expect(error.message).toContain('ocibuild fetch recipes/thing');
});

test.each(['thing-1.0.tar.gz', hexOf(DIGEST), `sha256/${hexOf(DIGEST)}`])('distfiles are found as %s', async (name) => {
  const folder = scratch();
  mkdirSync(path.dirname(path.join(folder, name)), { recursive: true });
  writeFileSync(path.join(folder, name), BYTES);
  const options = setUp({ offline: true, distfiles: ['/nowhere', folder] });
  const fetched = await fetchSources([source([])], options);
  expect(readFileSync(fetched.get(DIGEST)!.path).equals(BYTES)).toBe(true);
});

test('a distfile with other bytes is passed over and named when nothing else helps', async () => {
  const folder = scratch();
  writeFileSync(path.join(folder, 'thing-1.0.tar.gz'), 'old');
  const server = await serve(bytesHandler(BYTES));
  await fetchSources([source([`${server.origin}/a`])], setUp({ distfiles: [folder] }));
  const error = await failureOf(fetchSources([source([])], setUp({ distfiles: [folder] })));
  expect(error.code).toBe('SOURCE_MISMATCH');
  expect(error.message).toContain(`from ${folder}/thing-1.0.tar.gz`);
});

test('OCIBUILD_DISTFILES comes after the folders of the command line', () => {
  expect(distfilesFrom(['/a'], { OCIBUILD_DISTFILES: '/b:/c:' })).toEqual(['/a', '/b', '/c']);
});

test('a damaged source in the store is removed, reported and fetched again', async () => {
  const server = await serve(bytesHandler(BYTES));
  const options = setUp();
  const file = sourcePath(options.store, DIGEST);
  mkdirSync(path.dirname(file), { recursive: true });
  const bad = Buffer.from(BYTES);
  bad[17]! ^= 1;
  writeFileSync(file, bad);
  await fetchSources([source([`${server.origin}/a`])], options);
  expect(readFileSync(file).equals(BYTES)).toBe(true);
  expect(options.events.find(({ type }) => type === 'warning')).toMatchObject({
    message: 'thing-1.0.tar.gz in the store was damaged and has been removed',
  });
});

test('a source that is changed in the store after its first use is noticed', async () => {
  const server = await serve(bytesHandler(BYTES));
  const options = setUp();
  await fetchSources([source([`${server.origin}/a`])], options);
  writeFileSync(sourcePath(options.store, DIGEST), 'changed');
  await fetchSources([source([`${server.origin}/a`])], options);
  expect(readFileSync(sourcePath(options.store, DIGEST)).equals(BYTES)).toBe(true);
});

test('many fetches of one source at once are safe', async () => {
  const server = await serve(bytesHandler(BYTES));
  const options = setUp();
  const all = Array.from({ length: 6 }, () => fetchSources([source([`${server.origin}/a`])], options));
  for (const fetched of await Promise.all(all)) expect(fetched.get(DIGEST)!.size).toBe(BYTES.length);
  expect(readFileSync(sourcePath(options.store, DIGEST)).equals(BYTES)).toBe(true);
  expect(partials(options)).toEqual([]);
});

test('no more downloads run side by side than jobs', async () => {
  let open = 0;
  let most = 0;
  let received = 0;
  const held: (() => void)[] = [];
  const server = await serve((request, response) => {
    received++;
    most = Math.max(most, ++open);
    held.push(() => {
      open--;
      response.end(request.url);
    });
    // However slow the machine: nobody is answered before all have asked who may, and had time to be too many.
    if (open < 3 && received < 8) return;
    setTimeout(() => {
      for (const answer of held.splice(0)) answer();
    }, 30);
  });
  const sources = Array.from({ length: 8 }, (_, index) =>
    source([`${server.origin}/${index}`], { digest: digestOf(`/${index}`), file: `${index}` }),
  );
  const fetched = await fetchSources(sources, setUp({ jobs: 3 }));
  expect(fetched.size).toBe(8);
  expect(most).toBe(3);
});

test('every source that fails is reported, in the order of the files', async () => {
  const server = await serve((request, response) => {
    if (request.url === '/a') response.end('wrong');
    else response.writeHead(404).end();
  });
  const at = (line: number) => ({ hashLocation: { file: 'recipes/thing/package.toml', line } });
  const error = await failureOf(
    fetchSources(
      [
        source([`${server.origin}/b`], { digest: digestOf('b'), file: 'b', ...at(9) }),
        source([`${server.origin}/a`], { digest: digestOf('a'), file: 'a', ...at(5) }),
      ],
      setUp(),
    ),
  );
  const lines = formatError(error).split('\n');
  expect(lines[0]).toMatch(/^recipes\/thing\/package.toml:5: SOURCE_MISMATCH: a: /);
  expect(lines[1]).toMatch(/^recipes\/thing\/package.toml:9: SOURCE_MISSING: no mirror gave b: /);
});

test('a file of the recipe folder is a source like any other', async () => {
  const options = setUp({ offline: true });
  const folder = options.recipeDirectory(source([]));
  mkdirSync(folder, { recursive: true });
  writeFileSync(path.join(folder, 'thing'), BYTES);
  const fetched = await fetchSources([source(['thing'])], options);
  expect(readFileSync(fetched.get(DIGEST)!.path).equals(BYTES)).toBe(true);
});

test('a link out of the recipe folder is not followed', async () => {
  const options = setUp();
  const folder = options.recipeDirectory(source([]));
  mkdirSync(folder, { recursive: true });
  writeFileSync(path.join(folder, '..', 'outside'), BYTES);
  symlinkSync('../outside', path.join(folder, 'thing'));
  const error = await failureOf(fetchSources([source(['thing'])], options));
  expect(error.message).toContain('leaves the recipe folder');
});

test('hex text is decoded, and the digest is that of the decoded bytes', async () => {
  const options = setUp({ offline: true });
  const hex = source(['a.hex'], { format: 'hex', file: 'a', digest: digestOf(Buffer.from([0x7f, 0x45])) });
  const folder = options.recipeDirectory(hex);
  mkdirSync(folder, { recursive: true });
  writeFileSync(path.join(folder, 'a.hex'), '; a comment\n7f 45 # ELF\n');
  const fetched = await fetchSources([hex], options);
  expect([...readFileSync(fetched.get(hex.digest)!.path)]).toEqual([0x7f, 0x45]);
  writeFileSync(path.join(folder, 'a.hex'), '7f 46\n');
  const wrong = await failureOf(fetchSources([hex], setUp({ recipeDirectory: () => folder })));
  expect(wrong.code).toBe('SOURCE_MISMATCH');
  expect(wrong.message).toContain(digestOf(Buffer.from([0x7f, 0x46])));
  writeFileSync(path.join(folder, 'a.hex'), '7f\n4g\n');
  const bad = await failureOf(fetchSources([hex], setUp({ recipeDirectory: () => folder })));
  expect(bad.code).toBe('RECIPE');
  expect(bad.location?.line).toBe(2);
});

test('debian: goes through every archive root in order', async () => {
  const server = await serve((request, response) => {
    if (request.url?.startsWith('/one/')) response.writeHead(404).end();
    else bytesHandler(BYTES)(request, response);
  });
  const options = setUp({ env: { OCIBUILD_DEBIAN_MIRROR: `${server.origin}/one/ ${server.origin}/two` } });
  await fetchSources([source(['debian:pool/main/t/tcc/tcc_0.9.27+git~1.orig.tar.gz'])], options);
  expect(server.asked.map(({ url }) => url)).toEqual([
    '/one/pool/main/t/tcc/tcc_0.9.27+git~1.orig.tar.gz',
    '/two/pool/main/t/tcc/tcc_0.9.27+git~1.orig.tar.gz',
  ]);
});

test('http goes through the proxy with its whole URL, unless no_proxy lists the host', async () => {
  const proxy = await serve(bytesHandler(BYTES));
  const target = await serve(bytesHandler(BYTES));
  const env = { http_proxy: proxy.origin.replace('//', '//me:pass%20word@') };
  await fetchSources([source(['http://mirror.example/dir/a?b=c'])], setUp({ env }));
  expect(proxy.asked[0]!.url).toBe('http://mirror.example/dir/a?b=c');
  expect(proxy.asked[0]!.headers.host).toBe('mirror.example');
  expect(proxy.asked[0]!.headers['proxy-authorization']).toBe(
    `Basic ${Buffer.from('me:pass word').toString('base64')}`,
  );
  await fetchSources([source([`${target.origin}/a`])], setUp({ env: { ...env, no_proxy: '127.0.0.0/8' } }));
  expect(target.asked.length).toBe(1);
  expect(proxy.asked.length).toBe(1);
});

test('https goes through CONNECT, and a proxy that refuses is named', async () => {
  const proxy = await serve(
    (_, response) => void response.end(),
    () => {},
  );
  const options = setUp({ env: { https_proxy: proxy.origin } });
  const error = await failureOf(fetchSources([source(['https://mirror.example/a'])], options));
  expect(proxy.asked[0]).toMatchObject({ method: 'CONNECT', url: 'mirror.example:443' });
  expect(error.message).toContain('answered 403 to CONNECT');
});

test('a proxy that never opens the tunnel is given up, and the wait for it ended', async () => {
  let closed = 0;
  const server = http.createServer();
  server.on('connect', (_, socket) => {
    socket.on('error', () => {});
    socket.on('close', () => closed++).on('end', () => socket.end());
    socket.resume();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const options = setUp({
    env: { https_proxy: `http://127.0.0.1:${port}` },
    patience: { answer: 100, stall: 100, rest: 1 },
  });
  const error = await failureOf(fetchSources([source(['https://mirror.example/a'])], options));
  expect(error.message).toContain('did not answer for 0.1 s');
  await vi.waitFor(() => expect(closed).toBe(3));
  await new Promise((resolve) => server.close(resolve));
});

test('fetchPinned lands one file, fetchUnpinned gives bytes and their origin', async () => {
  const server = await serve((request, response) => {
    if (request.url === '/absent') response.writeHead(404).end();
    else bytesHandler(BYTES)(request, response);
  });
  const options = setUp();
  const pinned = await fetchPinned(DIGEST, [`${server.origin}/absent`, `${server.origin}/a`], {
    ...options,
    file: 'a.deb',
    command: 'ocibuild fetch x',
  });
  expect(pinned).toEqual({ path: sourcePath(options.store, DIGEST), size: BYTES.length });
  const found = await fetchUnpinned([`${server.origin}/absent`, `${server.origin}/a`], 1 << 20, options);
  expect(found.from).toBe(`${server.origin}/a`);
  expect(found.bytes.equals(BYTES)).toBe(true);
  const error = await failureOf(fetchUnpinned([`${server.origin}/a`], 1000, options));
  expect(error.message).toContain('too long');
});

test.skipIf(process.getuid?.() === 0)('a store that cannot be written is a STORE error', async () => {
  const options = setUp();
  mkdirSync(options.store);
  chmodSync(options.store, 0o500);
  const error = await failureOf(fetchSources([source([])], options));
  expect(error.code).toBe('STORE');
  chmodSync(options.store, 0o700);
});

test('a digest is never taken from the file name of a stored source', async () => {
  const other = digestOf('other') as Digest;
  const options = setUp({ offline: true });
  const file = sourcePath(options.store, other);
  mkdirSync(path.dirname(file), { recursive: true });
  writeFileSync(file, BYTES);
  const error = await failureOf(fetchSources([source([], { digest: other })], options));
  expect(error.code).toBe('SOURCE_MISSING');
  expect(existsSync(file)).toBe(false);
});
