import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { BuildError, formatError } from '../../../src/errors.ts';
import { findTree, openTree } from '../../../src/recipe/tree.ts';

let root: string;

beforeEach(() => {
  root = realpathSync(mkdtempSync(path.join(tmpdir(), 'ocibuild-tree-')));
});

afterEach(() => {
  rmSync(root, { recursive: true, force: true });
});

/** Writes files below the root; a text may be left out. */
function write(files: Readonly<Record<string, string>>): void {
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(path.dirname(path.join(root, name)), { recursive: true });
    writeFileSync(path.join(root, name), text);
  }
}

function faultOf(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    expect(error).toBeInstanceOf(BuildError);
    return formatError(error as BuildError);
  }
  return 'no error';
}

const OWN = {
  'recipes/hello/Containerfile': 'FROM scratch\n',
  'recipes/hello/package.toml': '[package]\nversion = "1.0"\n',
  'recipes/busybox/Containerfile': 'FROM bootstrap/debian12\n',
  'recipes/notes/README': '',
  'recipes/digests.txt': '',
  'bootstrap/debian12/package.toml': '[package]\n',
  'bootstrap/hello/Containerfile': 'FROM scratch\n',
};

const HEX = '9a93b2b7dfdac77ceba5a558a580e74667dd6fede4585b91eefb60f03b72df23';

const FOREIGN = {
  'packages/core/zlib/Containerfile': 'FROM some/core-musl AS build\nFROM scratch AS package\n',
  'packages/core/zlib/package.toml': `[package]
name = "zlib"
version = "1.3.1"
description = "x"

[sources.zlib]
hash = "${HEX}"
format = "tar.gz"
file = "zlib-{version}.{format}"
mirrors = [ "https://example.org/{file}",]
`,
  'packages/core/musl/Containerfile': 'FROM scratch\n',
  'packages/core/a-b/Containerfile': 'FROM scratch\n',
  'packages/user/linux/Containerfile':
    'FROM some/core-musl AS base\nFROM base AS package-linux-generic\nFROM base AS package-linux-guest\n',
  'packages/user/linux/package.toml':
    '[package]\nname = "linux"\nversion_from = "core-zlib"\nsubpackages = ["linux-generic", "linux-guest"]\n',
  'packages/user/dbus/Containerfile': 'FROM scratch AS package-dbus-libs\nFROM scratch AS package\n',
  'packages/user/dbus/package.toml': '[package]\nname = "dbus"\nsubpackages = ["dbus-libs"]\n',
};

test('our form: names, folders, references', () => {
  write(OWN);
  const tree = openTree(root);
  expect(tree.form).toBe('own');
  expect(tree.names()).toEqual(['bootstrap/debian12', 'bootstrap/hello', 'recipes/busybox', 'recipes/hello']);
  expect(['recipes/hello', 'hello', 'recipes/none'].map((name) => tree.has(name))).toEqual([true, false, false]);
  const recipe = tree.recipe('recipes/hello');
  expect(recipe).toMatchObject({
    name: 'recipes/hello',
    shortName: 'hello',
    directory: path.join(root, 'recipes/hello'),
    version: '1.0',
    ownership: 'root',
    epoch: 0,
  });
  expect(recipe.target).toBeUndefined();
  expect(tree.recipe('recipes/hello')).toBe(recipe);
});

test.each([
  ['recipes/hello', 'recipes/hello'],
  ['recipes/hello:1.0', 'recipes/hello'],
  [`bootstrap/debian12:12@sha256:${HEX}`, 'bootstrap/debian12'],
  [`bootstrap/debian12@sha256:${HEX}`, 'bootstrap/debian12'],
  ['docker.io/recipes/hello', 'recipes/hello'],
  ['hello', undefined],
  ['recipes/none', undefined],
  ['other/hello', undefined],
  ['localhost:5000/recipes/hello', undefined],
  ['registry.example/recipes/hello', undefined],
])('our form: FROM %s is %s', (reference, name) => {
  write(OWN);
  expect(openTree(root).lookup(reference)).toBe(name);
});

test.each([
  ['recipes/hello', 'recipes/hello'],
  ['./recipes/hello/', 'recipes/hello'],
  ['busybox', 'recipes/busybox'],
  ['bootstrap/hello', 'bootstrap/hello'],
])('our form: the argument %s is %s', (argument, name) => {
  write(OWN);
  expect(openTree(root).resolve(argument)).toBe(name);
  expect(openTree(root).resolve(path.join(root, name))).toBe(name);
});

test('a folder reached through a link is the recipe it leads to', () => {
  write(OWN);
  symlinkSync(root, `${root}-link`);
  try {
    expect(openTree(root).resolve(path.join(`${root}-link`, 'recipes/hello'))).toBe('recipes/hello');
    expect(openTree(`${root}-link`).resolve(path.join(root, 'recipes/hello'))).toBe('recipes/hello');
  } finally {
    rmSync(`${root}-link`);
  }
});

test('an argument that fits no recipe, or several, is refused with what would', () => {
  write(OWN);
  const tree = openTree(root);
  expect(faultOf(() => tree.resolve('busibox'))).toMatch(
    /^UNKNOWN_RECIPE: no recipe "busibox" in .*; did you mean recipes\/busybox\?$/,
  );
  expect(faultOf(() => tree.resolve('hello'))).toContain('got bootstrap/hello, recipes/hello');
  expect(faultOf(() => tree.resolve('xyzzyxyzzy'))).toContain('the tree has 4 recipes');
  expect(faultOf(() => tree.recipe('recipes/busibox'))).toContain('did you mean recipes/busybox?');
  expect(faultOf(() => tree.resolve('/etc'))).toContain('UNKNOWN_RECIPE');
});

test('foreign form: stage and name, subpackages, any namespace', () => {
  write(FOREIGN);
  const tree = openTree(root);
  expect(tree.form).toBe('foreign');
  expect(tree.names()).toEqual([
    'some/core-a-b',
    'some/core-musl',
    'some/core-zlib',
    'some/user-dbus',
    'some/user-dbus-libs',
    'some/user-linux-generic',
    'some/user-linux-guest',
  ]);
  expect(tree.recipe('some/core-zlib')).toMatchObject({
    name: 'some/core-zlib',
    shortName: 'core-zlib',
    packageName: 'zlib',
    sources: [{ file: 'zlib-1.3.1.tar.gz', mirrors: ['https://example.org/zlib-1.3.1.tar.gz'] }],
  });
  expect(tree.recipe('some/user-linux-guest')).toMatchObject({
    target: 'package-linux-guest',
    version: '1.3.1',
    directory: path.join(root, 'packages/user/linux'),
    shortName: 'user-linux-guest',
  });
  expect(tree.recipe('some/user-dbus').target).toBe('package');
  expect(tree.recipe('some/user-dbus-libs').target).toBe('package-dbus-libs');
  expect(tree.recipe('some/user-linux').target).toBeUndefined();
});

test.each([
  ['some/core-zlib', 'some/core-zlib'],
  ['other/core-zlib', 'some/core-zlib'],
  ['some/core-zlib:1.3.1', 'some/core-zlib'],
  ['some/core-a-b', 'some/core-a-b'],
  ['some/user-linux-generic', 'some/user-linux-generic'],
  ['docker.io/some/core-musl', 'some/core-musl'],
  ['core-zlib', undefined],
  ['some/zlib', undefined],
  ['registry.example/core-zlib', undefined],
  ['scratch', undefined],
])('foreign form: FROM %s is %s', (reference, name) => {
  write(FOREIGN);
  expect(openTree(root).lookup(reference)).toBe(name);
});

test.each(['zlib', 'core-zlib', 'some/core-zlib', 'packages/core/zlib', './packages/core/zlib/'])(
  'foreign form: the argument %s',
  (argument) => {
    write(FOREIGN);
    expect(openTree(root).resolve(argument)).toBe('some/core-zlib');
  },
);

test('foreign form without stages', () => {
  write({ 'packages/zlib/Containerfile': 'FROM ns/musl\n', 'packages/musl/Containerfile': 'FROM scratch\n' });
  const tree = openTree(root);
  expect(tree.names()).toEqual(['ns/musl', 'ns/zlib']);
  expect(tree.lookup('ns/musl')).toBe('ns/musl');
  expect(tree.resolve('musl')).toBe('ns/musl');
});

test('foreign form in which nothing refers to anything', () => {
  write({ 'packages/core/musl/Containerfile': 'FROM scratch\n' });
  expect(openTree(root).names()).toEqual(['packages/core-musl']);
});

test('two folders of one name are refused', () => {
  write({ 'packages/a/b-c/Containerfile': '', 'packages/a-b/c/Containerfile': '' });
  expect(faultOf(() => openTree(root))).toContain('two recipes are called a-b-c');
});

test('ocibuild.toml says where images are published, or nobody does', () => {
  write({ ...OWN, 'ocibuild.toml': '[publish]\nrepository = "localhost:5000/a/b"\ntag = "v1.2"\n' });
  expect(openTree(root).publish).toMatchObject({
    repository: 'localhost:5000/a/b',
    tag: 'v1.2',
    location: { line: 1 },
  });
  write({ 'ocibuild.toml': '[tree]\nepoch = 1\n' });
  expect(openTree(root).publish).toBeUndefined();
});

test('ocibuild.toml names the namespace, the owners and the epoch', () => {
  write({ ...FOREIGN, 'ocibuild.toml': '[tree]\nnamespace = "some"\nownership = "keep"\nepoch = 1\n' });
  const tree = openTree(root);
  expect(tree.lookup('some/core-zlib')).toBe('some/core-zlib');
  expect(tree.lookup('other/core-zlib')).toBeUndefined();
  expect(tree.recipe('some/core-zlib')).toMatchObject({ ownership: 'keep', epoch: 1 });
});

test.each([
  [
    '[tree]\n\nnamspace = "a"\n',
    'ocibuild.toml:3: RECIPE: unknown key "namspace" in [tree]; did you mean "namespace"?',
  ],
  ['[treee]\n', 'ocibuild.toml:1: RECIPE: unknown table "treee"; did you mean "tree"?'],
  ['[tree]\nnamespace = "A/"\n', 'ocibuild.toml:2: RECIPE: not a namespace'],
  ['[tree]\nownership = "me"\n', 'ocibuild.toml:2: RECIPE: ownership is neither'],
  ['[tree]\nepoch = "x"\n', 'ocibuild.toml:2: RECIPE: epoch is no count'],
  ['tree = 1\n', 'ocibuild.toml:1: RECIPE: tree is no table'],
  ['[tree\n', 'ocibuild.toml:1: RECIPE: '],
  ['publish = "x"\n', 'ocibuild.toml:1: RECIPE: publish is no table'],
  ['[publish]\ntag = "1"\n', 'ocibuild.toml:1: RECIPE: [publish] has no repository: want repository = '],
  ['[publish]\nrepository = "r.example/a"\n', 'ocibuild.toml:1: RECIPE: [publish] has no tag: want tag = '],
  ['[publish]\nrepository = 1\ntag = "1"\n', 'ocibuild.toml:2: RECIPE: repository is no text'],
  ['[publish]\nrepo = "r.example/a"\n', 'ocibuild.toml:2: RECIPE: unknown key "repo" in [publish]'],
  ...['a', 'a/b', 'r.example/A', 'r.example/a:1', 'r.example/a/', '', 'https://r.example/a', 'r.example/a@x'].map(
    (text): [string, string] => [
      `[publish]\nrepository = "${text}"\ntag = "1"\n`,
      'ocibuild.toml:2: RECIPE: not a repository',
    ],
  ),
  ...['', 'a b', '-a', 'a/b', 'x'.repeat(129), 'a@b'].map((text): [string, string] => [
    `[publish]\nrepository = "r.example/a"\ntag = "${text}"\n`,
    'ocibuild.toml:3: RECIPE: not a tag',
  ]),
])('%j is refused', (text, fault) => {
  write({ ...OWN, 'ocibuild.toml': text });
  expect(faultOf(() => openTree(root))).toContain(fault);
});

test('claims: what can only be a recipe of this tree', () => {
  write(FOREIGN);
  const tree = openTree(root);
  expect(['some/core-none', 'other/core-none', 'scratch'].map((one) => tree.claims!(one))).toEqual([
    true,
    false,
    false,
  ]);
});

test('the nearest tree upwards is found, and a folder of npm packages is none', () => {
  write({ ...OWN, 'recipes/hello/deep/er/file': '', 'sub/packages/lib/package.json': '{}' });
  for (const from of ['.', 'recipes', 'recipes/hello/deep/er', 'sub/packages/lib']) {
    expect(findTree(path.join(root, from))?.directory).toBe(root);
  }
  expect(faultOf(() => openTree(path.join(root, 'sub')))).toContain('no recipe tree in');
});

test('a package.toml is read only when its recipe is asked for', () => {
  write({ ...OWN, 'recipes/broken/package.toml': 'no toml', 'recipes/empty/package.toml': '[package]\n' });
  const tree = openTree(root);
  expect(tree.names()).toContain('recipes/broken');
  expect(faultOf(() => tree.recipe('recipes/broken'))).toMatch(/recipes\/broken\/package\.toml:1: RECIPE: /);
  expect(faultOf(() => tree.recipe('recipes/empty'))).toContain('no Containerfile in');
});

test('version_from that leads back to itself', () => {
  write({
    'recipes/a/Containerfile': '',
    'recipes/a/package.toml': '[package]\nversion_from = "b"\n',
    'recipes/b/Containerfile': '',
    'recipes/b/package.toml': '[package]\nversion_from = "recipes/a"\n',
  });
  expect(faultOf(() => openTree(root).recipe('recipes/a'))).toMatch(
    /CYCLE: version_from leads back to itself: got recipes\/a → recipes\/b → recipes\/a/,
  );
});
