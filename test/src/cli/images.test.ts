import { chmodSync, linkSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Digest, digestOf } from '../../../oci/digest.ts';
import { createLayout } from '../../../oci/layout/layout.ts';
import { MEDIA_TYPE } from '../../../oci/media-type.ts';
import { command as du, storeUsage } from '../../../src/cli/du.ts';
import { command as inspect } from '../../../src/cli/inspect.ts';
import { command as ls } from '../../../src/cli/ls.ts';
import { runCommand } from './run-command.ts';

let folder: string;
let store: string;
let index: Digest;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'images-'));
  store = join(folder, 'store');
  index = await makeImage(join(store, 'layout'));
  mkdirSync(join(store, 'roots'));
  const kept = { images: [index], diffs: [], actions: [], sources: [] };
  const record = { target: 'recipes/hello', isRequested: true, index, ...kept };
  writeFileSync(join(store, 'roots/recipes_hello.json'), JSON.stringify(record));
});
afterAll(() => rmSync(folder, { recursive: true }));

/** An index with one image of two layers and one attestation, in a layout whose index.json names it. */
async function makeImage(directory: string, layers = 2): Promise<Digest> {
  const layout = createLayout(directory);
  const put = async (mediaType: string, value: object | string) => {
    const text = typeof value === 'string' ? value : JSON.stringify(value);
    return { mediaType, ...(await layout.putBytes(Buffer.from(text))) };
  };
  const blobs = [await put(MEDIA_TYPE.layerGzip, 'one'), await put(MEDIA_TYPE.layerGzip, 'x'.repeat(2500))];
  const config = await put(MEDIA_TYPE.config, {
    architecture: 'amd64',
    os: 'linux',
    created: '1970-01-01T00:00:00Z',
    config: { Env: ['A=1', 'B=2'], Cmd: ['/hello', 'a b'], User: 'nobody', Labels: { b: '2', a: '1' } },
    rootfs: { type: 'layers', diff_ids: [digestOf('d1'), digestOf('d2')] },
    history: [{ created_by: 'COPY a /' }, { created_by: 'ENV A=1', empty_layer: true }],
  });
  const mediaType = MEDIA_TYPE.manifest;
  const manifest = await put(mediaType, { schemaVersion: 2, mediaType, config, layers: blobs.slice(0, layers) });
  const unknown = { os: 'unknown', architecture: 'unknown' };
  const empty = await put(MEDIA_TYPE.empty, {});
  const attestation = {
    ...(await put(mediaType, { schemaVersion: 2, mediaType, config: empty, layers: [] })),
    platform: unknown,
  };
  const top = await put(MEDIA_TYPE.index, {
    schemaVersion: 2,
    mediaType: MEDIA_TYPE.index,
    manifests: [{ ...manifest, platform: { os: 'linux', architecture: 'amd64' } }, attestation],
  });
  layout.writeIndex([top]);
  return top.digest;
}

describe('inspect', () => {
  test('takes a name of the store, a digest, or a layout', async () => {
    const texts = new Set<string>();
    for (const name of ['recipes/hello', 'hello', './recipes/hello/', index, 'oci:store/layout']) {
      texts.add((await runCommand(inspect, [name], folder, store)).stdout);
    }
    expect(texts.size).toBe(1);
    const [text] = texts;
    expect(text).toMatch(new RegExp(`^index +${index}$`, 'm'));
    expect(text).toMatch(/^platform +linux\/amd64$/m);
    expect(text).toMatch(/^env +A=1\n +B=2$/m);
    expect(text).toMatch(/^cmd +\["\/hello","a b"\]$/m);
    expect(text).toMatch(/^labels +a=1\n +b=2$/m);
    expect(text).toContain(`layer 2  ${digestOf('x'.repeat(2500))}  2.5 kB  diffID ${digestOf('d2')}\n`);
    expect(text).toMatch(/^history +no layer +ENV A=1$/m);
    expect(text).toMatch(/^other +sha256:/m);
  });
  test('--json gives the documents', async () => {
    const { stdout } = await runCommand(inspect, ['hello', '--json'], folder, store);
    const read = JSON.parse(stdout);
    expect(read.digest).toBe(index);
    expect(read.images).toHaveLength(1);
    expect(read.images[0].config.config.Env).toEqual(['A=1', 'B=2']);
    expect(read.images[0].manifest.layers).toHaveLength(2);
  });
  test('what is damaged is said, not shown', async () => {
    const broken = join(folder, 'broken');
    const digest = await makeImage(broken);
    const blob = createLayout(broken).blobPath(digest);
    chmodSync(blob, 0o644);
    writeFileSync(blob, '{}');
    await expect(runCommand(inspect, ['oci:broken'], folder, store)).rejects.toMatchObject({ code: 'DIGEST_MISMATCH' });
    await makeImage(join(folder, 'uneven'), 1);
    await expect(runCommand(inspect, ['oci:uneven'], folder, store)).rejects.toMatchObject({
      code: 'DOCUMENT_INVALID',
    });
  });
  test.each([
    ['recipes/helo', 'USAGE', /did you mean "recipes\/hello"/],
    ['wat', 'USAGE', /see `ocibuild ls`/],
    ['oci:store', 'LAYOUT_INVALID', /no OCI layout/],
    [digestOf('nothing'), 'BLOB_UNKNOWN', /sha256/],
  ])('%s: %s', async (name, code, message) => {
    const failure = runCommand(inspect, [name], folder, store);
    await expect(failure).rejects.toMatchObject({ code, message: expect.stringMatching(message) });
  });
});

describe('ls', () => {
  test('a line an image', async () => {
    const { stdout } = await runCommand(ls, [], folder, store);
    expect(stdout).toMatch(new RegExp(`^recipes/hello  ${index}  linux/amd64  2 layers  \\d\\.\\d kB\\n$`));
  });
  test('--json', async () => {
    const { stdout } = await runCommand(ls, ['--json'], folder, store);
    expect(JSON.parse(stdout)).toMatchObject([{ name: 'recipes/hello', index, platforms: ['linux/amd64'], layers: 2 }]);
  });
  test('no store is an empty one', async () => {
    const ran = await runCommand(ls, [], folder, join(folder, 'none'));
    expect(ran).toEqual({ status: 0, stdout: '', stderr: `no images in ${folder}/none\n` });
  });
});

describe('du', () => {
  test('counts each file once, follows no link, and minds no name', () => {
    const place = join(folder, 'du');
    mkdirSync(join(place, 'diffs/deep'), { recursive: true });
    mkdirSync(join(place, 'sources'));
    const big = join(place, 'diffs/deep/big');
    writeFileSync(big, Buffer.alloc(1 << 20, 1));
    linkSync(big, join(place, 'diffs/same'));
    symlinkSync('/', join(place, 'diffs/root'));
    writeFileSync(Buffer.concat([Buffer.from(`${place}/diffs/`), Buffer.from([0xff, 0x0a])]), 'x');
    const usage = storeUsage(place);
    expect([...usage.keys()]).toEqual(['diffs', 'sources']);
    // Two folders, the file under one of its names, the link, the file with the strange name.
    expect(usage.get('diffs')!.files).toBe(5);
    expect(usage.get('diffs')!.bytes).toBeGreaterThanOrEqual(1 << 20);
    expect(usage.get('diffs')!.bytes).toBeLessThan((1 << 20) + 200_000);
    expect(usage.get('sources')!.files).toBe(1);
  });
  test('prints parts and the total', async () => {
    const { stdout } = await runCommand(du, [], folder, store);
    expect(stdout).toMatch(/ files {2}layout +images: an OCI layout\n/);
    expect(stdout.trimEnd().split('\n').at(-1)).toMatch(new RegExp(`B in ${store}$`));
    const { parts, total } = JSON.parse((await runCommand(du, ['--json'], folder, store)).stdout);
    expect(Object.keys(parts)).toEqual(['layout', 'roots']);
    expect(total).toBe(parts.layout.bytes + parts.roots.bytes);
  });
  test('no store takes nothing', () => {
    expect(storeUsage(join(folder, 'none')).size).toBe(0);
  });
});
