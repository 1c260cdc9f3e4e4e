// `ocibuild verify` on trees with made-up images: who signed what, policies that change, releases that go back.

import { spawnSync } from 'node:child_process';
import { cpSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { digestOf, hexOf } from '../../../oci/digest.ts';
import { createLayout } from '../../../oci/layout/layout.ts';
import { MEDIA_TYPE } from '../../../oci/media-type.ts';
import { native } from '../../../oci/profile.ts';
import { command } from '../../../src/cli/verify.ts';
import { recipeDigest } from '../../../src/digests/recipe-digest.ts';
import { openTree } from '../../../src/recipe/tree.ts';
import { type Ran, runCommand } from '../cli/run-command.ts';
import { type Person, REPOSITORY, SignedTree } from './tree.ts';

let tree: SignedTree;
let ann: Person;
let bob: Person;
let eve: Person;
beforeEach(async () => {
  tree = new SignedTree(['hello', 'other']);
  [ann, bob, eve] = (await Promise.all(['ann', 'bob', 'eve'].map((name) => tree.person(name)))) as [
    Person,
    Person,
    Person,
  ];
  tree.trust([ann, bob], { quorum: 2 });
});
afterEach(() => tree.remove());

const verify = (...words: string[]): Promise<Ran> =>
  runCommand(command, ['--state', tree.state, ...words], tree.directory, join(tree.folder, 'store'));
const folder = (name: string): string => join(tree.signatures, `ns/${name}@sha256=${hexOf(tree.manifest(name))}`);

describe('a recipe', () => {
  test('is vouched for by its quorum', async () => {
    await tree.sign(ann, tree.manifest('hello'));
    const one = await verify('hello');
    expect(one.status).toBe(1);
    expect(one.stdout).toMatch(/1 of 2: not met\n {2}signature-1 {2}ann {2}[0-9A-F]{40} {2}counts\n/);
    expect(one.stdout).toMatch(/\nnot met\n$/);
    await tree.sign(bob, tree.manifest('hello'));
    const two = await verify('hello');
    expect(two.status, two.stdout).toBe(0);
    expect(two.stdout).toMatch(/2 of 2: met\n/);
    expect(two.stdout).toMatch(/\nmet\n$/);
  });
  test('signed again adds nothing', async () => {
    expect(await tree.sign(ann, tree.manifest('hello'))).toMatchObject({ isNew: true });
    expect(await tree.sign(ann, tree.manifest('hello'))).toMatchObject({
      isNew: false,
      path: expect.stringMatching(/-1$/),
    });
  });
  test('signatures moved to another recipe’s folder do not count', async () => {
    await tree.sign(ann, tree.manifest('hello'));
    await tree.sign(bob, tree.manifest('hello'));
    renameSync(folder('hello'), folder('other'));
    const { status, stdout } = await verify('other');
    expect(status).toBe(1);
    expect(stdout.match(/refused: signed for another digest/g)).toHaveLength(2);
  });
  test('a strange name in a folder steers no terminal', async () => {
    await tree.sign(ann, tree.manifest('hello'));
    writeFileSync(join(folder('hello'), '\u001b[31mred'), '');
    const { stdout } = await verify('hello');
    expect(stdout).toContain('?[31mred');
    expect(stdout).not.toContain('\u001b');
  });
  test('--json says the same', async () => {
    await tree.sign(ann, tree.manifest('hello'));
    await tree.sign(eve, tree.manifest('hello'));
    const { status, stdout } = await verify('hello', '--json');
    expect(status).toBe(1);
    const read = JSON.parse(stdout);
    expect(read).toMatchObject({ met: false, policy: { quorum: 2, serial: 1, repository: REPOSITORY }, release: null });
    expect(read.subjects).toMatchObject([
      {
        ...{
          title: 'recipes/hello linux/amd64',
          part: 'manifest',
          digest: tree.manifest('hello'),
          met: false,
          want: 2,
        },
        ...{ name: `${REPOSITORY}/hello:1`, signers: ['ann'] },
        signatures: [
          { signer: 'ann', fingerprint: ann.fingerprint, state: 'counts', refusal: null },
          { signer: null, fingerprint: null, state: 'refused', refusal: 'UNKNOWN_KEY' },
        ],
      },
    ]);
  });
  test('without a line has nothing to verify', async () => {
    tree.list(['other']);
    await expect(verify('hello')).rejects.toThrow(/recipes\/hello has no line in digests.txt/);
  });
  test('published under another name than the policy is for', async () => {
    tree.write('ocibuild.toml', '[publish]\nrepository = "registry.example/evil"\ntag = "1"\n');
    await expect(verify('hello')).rejects.toThrow(/another name than the policy is for: want registry.example\/ns/);
  });
  test('its folder, signed as it is', async () => {
    const digest = recipeDigest(openTree(tree.directory).recipe('recipes/hello'));
    for (const person of [ann, bob]) await tree.sign(person, digest, 'recipes/hello', 'recipe');
    expect(await verify('--recipe', 'hello')).toMatchObject({ status: 0 });
    tree.write('recipes/hello/Containerfile', 'FROM scratch\n');
    expect(await verify('--recipe', 'hello')).toMatchObject({
      status: 1,
      stdout: expect.stringMatching(/no signatures/),
    });
  });
});

describe('a policy of one’s own', () => {
  test('judges, and the tree’s does not', async () => {
    await tree.sign(eve, tree.manifest('hello'));
    tree.trust([eve], { quorum: 1 });
    expect(await verify('hello')).toMatchObject({ status: 0 });
    const own = tree.trust([ann], { quorum: 1 }, '../own/');
    rmSync(tree.state);
    expect(await verify('hello', '--policy', own)).toMatchObject({ status: 1 });
  });
});

describe('a policy that changes', () => {
  const accepted = async (): Promise<void> => {
    for (const person of [ann, bob]) await tree.sign(person, tree.manifest('hello'));
    expect(await verify('hello')).toMatchObject({
      status: 0,
      stderr: expect.stringMatching(/believed the first time/),
    });
    expect(await verify('hello')).toMatchObject({ status: 0, stderr: '' });
  };

  test('needs the quorum of the one before', async () => {
    await accepted();
    tree.trust([ann, bob, eve], { serial: 2, quorum: 2 });
    const failing = (): Promise<void> =>
      expect(verify('hello')).rejects.toThrow(/signers of the policy before did not sign the change.*sign --policy/);
    await failing();
    await tree.signPolicy(ann);
    await failing();
    // Who joins by the change has no say in it.
    await tree.signPolicy(eve);
    await failing();
    await tree.signPolicy(bob);
    expect(await verify('hello')).toMatchObject({ status: 0 });
  });
  test('may have changed twice since', async () => {
    await accepted();
    const carl = await tree.person('carl');
    tree.trust([bob, eve, carl], { serial: 2, quorum: 2 });
    await tree.signPolicy(ann, bob);
    tree.trust([eve, carl], { serial: 3, quorum: 1 });
    await tree.signPolicy(eve, carl);
    await tree.sign(carl, tree.manifest('hello'));
    expect(await verify('hello')).toMatchObject({ status: 0 });
  });
  test('never goes back', async () => {
    tree.trust([ann, bob, eve], { serial: 1, quorum: 2 });
    await tree.signPolicy(ann, bob);
    await accepted();
    tree.trust([ann, bob], { serial: 2, quorum: 2 });
    await tree.signPolicy(ann, bob);
    expect(await verify('hello')).toMatchObject({ status: 0 });
    tree.trust([ann, bob, eve], { serial: 1, quorum: 2 });
    await expect(verify('hello')).rejects.toThrow(/not the policy that was accepted, and not a later one/);
  });
  test('cannot change under its serial', async () => {
    await accepted();
    tree.trust([ann, bob], { quorum: 1 });
    await expect(verify('hello')).rejects.toThrow(/want sha256:.*serial above 1/);
    await tree.signPolicy(ann, bob);
    tree.trust([ann, bob, eve], { quorum: 1 });
    await expect(tree.signPolicy(ann)).rejects.toThrow(/another policy has had serial 1.*raise serial/);
  });
  test('cannot begin anew under another repository', async () => {
    const run = (): Promise<Ran> =>
      runCommand(command, ['hello'], tree.directory, join(tree.folder, 'store'), {
        XDG_STATE_HOME: join(tree.folder, 'home'),
      });
    for (const person of [ann, bob]) await tree.sign(person, tree.manifest('hello'));
    expect(await run()).toMatchObject({ status: 0 });
    tree.write('ocibuild.toml', '[publish]\nrepository = "registry.example/evil"\ntag = "1"\n');
    tree.trust([eve], { serial: 2, quorum: 1, repository: 'registry.example/evil' });
    await tree.sign(eve, tree.manifest('hello'), 'registry.example/evil/hello:1');
    await expect(run()).rejects.toThrow(
      /was for another repository: want registry.example\/ns, got registry.example\/evil/,
    );
  });
  test('a key that is exchanged in its place is a change', async () => {
    await accepted();
    tree.write('keys/ann.asc', `${ann.armored}\n`);
    await expect(verify('hello')).rejects.toThrow(/not the policy that was accepted/);
  });
});

describe('a whole tree', () => {
  const signAll = async (): Promise<void> => {
    for (const name of ['hello', 'other']) {
      for (const person of [ann, bob]) await tree.sign(person, tree.manifest(name), `${REPOSITORY}/${name}:1`);
    }
  };

  test('every recipe, and the newest release', async () => {
    await signAll();
    expect(await verify()).toMatchObject({ status: 0, stdout: expect.stringMatching(/no release was ever signed/) });
    await tree.release(ann);
    expect(await verify()).toMatchObject({ status: 1, stdout: expect.stringMatching(/release 1 .* 1 of 2: not met/) });
    expect(await tree.release(bob)).toMatchObject({ isNew: false, serial: 1 });
    expect(await verify()).toMatchObject({ status: 0, stdout: expect.stringMatching(/release 1 .* 2 of 2: met/) });
  });
  test('one recipe that lacks signatures', async () => {
    await signAll();
    rmSync(folder('other'), { recursive: true });
    expect(await verify()).toMatchObject({ status: 1 });
  });
  test('a tree that is not what its release says', async () => {
    await signAll();
    await tree.release(ann, bob);
    tree.write('recipes/hello/extra', 'x');
    expect(await verify()).toMatchObject({
      status: 1,
      stdout: expect.stringMatching(/differs: tree: the release says/),
    });
  });
  test('a release never goes back', async () => {
    await signAll();
    await tree.release(ann, bob);
    const old = join(tree.folder, 'old');
    cpSync(tree.directory, old, { recursive: true });
    tree.write('recipes/hello/extra', 'x');
    expect(await tree.release(ann, bob)).toMatchObject({ isNew: true, serial: 2 });
    expect(await verify()).toMatchObject({ status: 0 });
    const back = (...words: string[]): Promise<Ran> =>
      runCommand(command, ['--state', tree.state, ...words], old, join(tree.folder, 'store'));
    await expect(back()).rejects.toThrow(/the release went back: want serial 2 or higher.*got serial 1/);
    await expect(back('hello')).rejects.toThrow(/the release went back/);
    rmSync(join(old, 'signatures/_release'), { recursive: true });
    await expect(back()).rejects.toThrow(/got no release/);
  });
  test('a release put in the place of another', async () => {
    await signAll();
    await tree.release(ann, bob);
    expect(await verify()).toMatchObject({ status: 0 });
    rmSync(join(tree.signatures, '_release'), { recursive: true });
    tree.write('recipes/hello/extra', 'x');
    await tree.release(ann, bob);
    await expect(verify()).rejects.toThrow(/release 1 is another one than the one seen before/);
  });
  test('a chain with a link missing', async () => {
    await tree.release(ann);
    tree.write('recipes/hello/extra', 'x');
    const { path, previous } = await tree.release(ann);
    expect(previous).toMatch(/^sha256:/);
    const text = readFileSync(path, 'utf8');
    writeFileSync(path, text.replace(previous!, digestOf('another')));
    await expect(verify()).rejects.toThrow(/does not follow the release before it: want serial 2 after sha256/);
    writeFileSync(path, text.replace('{', '{ '));
    await expect(verify()).rejects.toThrow(/not written as release statements are/);
    writeFileSync(path, text);
    rmSync(join(tree.signatures, '_release/1.json'));
    await expect(verify()).rejects.toThrow(/want serial 1, and none before/);
  });
  test('what did not hold is not remembered', async () => {
    await signAll();
    await tree.release(ann);
    expect(await verify()).toMatchObject({ status: 1 });
    expect(() => readFileSync(tree.state)).toThrow(/ENOENT/);
  });
  test('a damaged memory is no memory to forget', async () => {
    await signAll();
    writeFileSync(tree.state, '{');
    await expect(verify()).rejects.toMatchObject({ code: 'STORE' });
  });
});

describe('a layout', () => {
  const make = async (): Promise<{
    index: ReturnType<typeof digestOf>;
    manifest: ReturnType<typeof digestOf>;
    layer: string;
  }> => {
    const layout = createLayout(join(tree.directory, 'image'));
    const put = async (mediaType: string, bytes: Buffer) => ({ mediaType, ...(await layout.putBytes(bytes)) });
    const platform = { architecture: 'amd64', os: 'linux' };
    const config = await put(
      MEDIA_TYPE.config,
      native.encodeJson({ ...platform, rootfs: { type: 'layers', diff_ids: [] } }),
    );
    const layer = await put(MEDIA_TYPE.layerTar, Buffer.from('a layer'));
    const manifest = await put(
      MEDIA_TYPE.manifest,
      native.encodeJson({ schemaVersion: 2, mediaType: MEDIA_TYPE.manifest, config, layers: [layer] } as never),
    );
    const index = await put(
      MEDIA_TYPE.index,
      native.encodeJson({
        schemaVersion: 2,
        mediaType: MEDIA_TYPE.index,
        manifests: [{ ...manifest, platform }],
      } as never),
    );
    layout.writeIndex([index]);
    return { index: index.digest, manifest: manifest.digest, layer: layout.blobPath(layer.digest) };
  };

  test('a quorum counts manifests; the index is said beside it', async () => {
    const { index, manifest } = await make();
    for (const person of [ann, bob]) await tree.sign(person, manifest);
    const ran = await verify('oci:image');
    expect(ran.status, ran.stdout).toBe(0);
    expect(ran.stdout).toMatch(/ index sha256:.*\n.*0 of 2: not met/);
    expect(ran.stdout).toMatch(/ manifest sha256:.*\n.*2 of 2: met/);
    expect(await verify('oci:image', '--index')).toMatchObject({ status: 1 });
    for (const person of [ann, bob]) await tree.sign(person, index);
    expect(await verify('oci:image', '--index')).toMatchObject({ status: 0 });
    rmSync(folderOf(manifest), { recursive: true });
    expect(await verify('oci:image')).toMatchObject({ status: 1 });
  });
  test('packed as an archive', async () => {
    const { manifest } = await make();
    const packed = spawnSync('tar', [
      '-C',
      join(tree.directory, 'image'),
      '-cf',
      join(tree.directory, 'image.tar'),
      '.',
    ]);
    expect(packed.status).toBe(0);
    expect(await verify('oci-archive:image.tar')).toMatchObject({ status: 1 });
    for (const person of [ann, bob]) await tree.sign(person, manifest);
    const ran = await verify('oci-archive:image.tar');
    expect(ran.status, ran.stdout).toBe(0);
    expect(ran.stdout).toMatch(/image.tar linux\/amd64 {2}manifest /);
  });
  test('is held to the name asked for', async () => {
    const { manifest } = await make();
    for (const person of [ann, bob]) await tree.sign(person, manifest);
    expect(await verify('oci:image', '--reference', `${REPOSITORY}/hello`)).toMatchObject({ status: 0 });
    expect(await verify('oci:image', '--reference', `${REPOSITORY}/hello:1`)).toMatchObject({ status: 0 });
    expect(await verify('oci:image', '--reference', `${REPOSITORY}/hello:2`)).toMatchObject({
      status: 1,
      stdout: expect.stringMatching(/signed for another name/),
    });
    expect(await verify('oci:image', '--reference', `${REPOSITORY}/other:1`)).toMatchObject({ status: 1 });
    await expect(verify('oci:image', '--reference', 'registry.example/x:1')).rejects.toThrow(
      /the policy is for other names/,
    );
    cpSync(folderOf(manifest), folderOf(manifest, 'copied'), { recursive: true });
    await expect(verify('oci:image')).rejects.toThrow(/signed under several names.*--reference/);
  });
  test('signed, with a layer that is not the one signed', async () => {
    const { manifest, layer } = await make();
    for (const person of [ann, bob]) await tree.sign(person, manifest);
    writeFileSync(layer, 'b layer');
    await expect(verify('oci:image')).rejects.toMatchObject({ code: 'DIGEST_MISMATCH' });
  });
  test('a file that is a manifest', async () => {
    const { manifest } = await make();
    for (const person of [ann, bob]) await tree.sign(person, manifest);
    const file = `image/blobs/sha256/${hexOf(manifest)}`;
    expect(await verify(file)).toMatchObject({ status: 0 });
    await expect(verify('ocibuild.toml')).rejects.toMatchObject({ code: 'USAGE' });
  });
  const folderOf = (digest: ReturnType<typeof digestOf>, name = 'hello'): string =>
    join(tree.signatures, `ns/${name}@sha256=${hexOf(digest)}`);
});
