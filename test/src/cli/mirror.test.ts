// Sources put down for others, as a folder and as an artifact, and read back by somebody who has no mirror at all.

import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { digestOf, hexOf } from '../../../oci/digest.ts';
import { openLayout } from '../../../oci/layout/layout.ts';
import { parseManifest } from '../../../oci/manifest.ts';
import { command as fetch } from '../../../src/cli/fetch.ts';
import { command as mirror } from '../../../src/cli/mirror.ts';
import { runCommand } from './run-command.ts';

const PARTS: Readonly<Record<string, string>> = { one: 'first part', two: 'second part', same: 'first part' };
let folder: string;
let count = 0;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'mirror-'));
  for (const where of ['tree', 'bare']) {
    for (const [name, text] of Object.entries(PARTS)) {
      const recipe = join(folder, where, 'recipes', name);
      mkdirSync(recipe, { recursive: true });
      writeFileSync(join(recipe, 'Containerfile'), `FROM scratch\nCOPY fetch/${name}.txt /\n`);
      // In the second tree nobody has the files any more.
      if (where === 'tree') writeFileSync(join(recipe, `${name}.txt`), text);
      const mirrors = where === 'tree' ? `mirrors = ["${name}.txt"]\n` : '';
      const hash = hexOf(digestOf(text));
      writeFileSync(
        join(recipe, 'package.toml'),
        `[package]\nname = "${name}"\n[sources.part]\nhash = "${hash}"\nfile = "${name}.txt"\n${mirrors}`,
      );
    }
  }
});
afterAll(() => rmSync(folder, { recursive: true }));

const store = (): string => join(folder, `store${count++}`);
const from = (tree: string): readonly string[] => ['--tree', join(folder, tree)];

test('a mirror is one artifact with every file once, titled, and the same digest each time', async () => {
  const first = await runCommand(mirror, ['first', ...from('tree')], folder, store());
  const second = await runCommand(mirror, ['second', ...from('tree')], folder, store());
  const [digest] = /sha256:[0-9a-f]{64}/.exec(first.stdout)!;
  expect(first.stdout).toBe(`first ${digest} 2 files, 21 B, 2 of them new\n`);
  expect(second.stdout).toContain(digest!);
  const layout = openLayout(join(folder, 'first'));
  const [descriptor] = layout.readIndex();
  expect(descriptor).toMatchObject({ digest, annotations: { 'org.opencontainers.image.ref.name': 'sources' } });
  const manifest = parseManifest(layout.readBytes(descriptor!.digest));
  expect(manifest.artifactType).toBe('application/vnd.ocibuild.sources.v1');
  const held = manifest.layers.map((layer) => [
    layer.annotations!['org.opencontainers.image.title'],
    layout.readBytes(layer.digest).toString(),
  ]);
  expect(held).toEqual([
    ['one.txt', 'first part'],
    ['two.txt', 'second part'],
  ]);
});

test('written again, it copies nothing, and mends what is damaged', async () => {
  await runCommand(mirror, ['again', ...from('tree')], folder, store());
  const blob = join(folder, 'again/blobs/sha256', hexOf(digestOf('second part')));
  writeFileSync(blob, 'second pArt');
  const mended = await runCommand(mirror, ['again', ...from('tree')], folder, store());
  expect(mended.stdout).toContain('2 files, 21 B, 1 of them new');
  expect(readFileSync(blob, 'utf8')).toBe('second part');
  const still = await runCommand(mirror, ['again', ...from('tree'), 'one'], folder, store());
  expect(still.stdout).toContain('1 file, 10 B, 0 of them new');
  expect(openLayout(join(folder, 'again')).readIndex()).toHaveLength(1);
});

test('fetch fills the folder it is given, by sha256', async () => {
  const { stderr } = await runCommand(fetch, [...from('tree'), '--distfiles', 'dist'], folder, store());
  expect(stderr).toContain('2 files, 21 B, 2 of them new');
  for (const text of Object.values(PARTS)) {
    expect(readFileSync(join(folder, 'dist/sha256', hexOf(digestOf(text))), 'utf8')).toBe(text);
  }
});

test.each(['first', 'dist'])('%s is enough for somebody without mirrors', async (place) => {
  await expect(runCommand(fetch, [...from('bare'), '--offline'], folder, store())).rejects.toThrow();
  const mine = store();
  const { stdout } = await runCommand(fetch, [...from('bare'), '--offline', '--distfiles', place], folder, mine);
  expect(stdout).toMatch(/one\.txt/);
  expect(existsSync(join(folder, place, 'sha256'))).toBe(place === 'dist');
  for (const text of Object.values(PARTS)) {
    expect(existsSync(join(mine, 'sources/sha256', hexOf(digestOf(text))))).toBe(true);
  }
});
