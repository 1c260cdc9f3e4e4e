import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { parseContainerfile } from '../../../src/containerfile/parse.ts';
import type { SourceLocation } from '../../../src/errors.ts';
import { findCycles, imageReferences, lintRecipe, neededRecipes } from '../../../src/recipe/lint.ts';
import { openTree } from '../../../src/recipe/tree.ts';

let root: string;

beforeEach(() => {
  root = realpathSync(mkdtempSync(path.join(tmpdir(), 'ocibuild-lint-')));
});

afterEach(() => {
  rmSync(root, { recursive: true, force: true });
});

const HEX = '9a93b2b7dfdac77ceba5a558a580e74667dd6fede4585b91eefb60f03b72df23';
const SOURCES = `
[sources.thing]
hash = "${HEX}"
version = "1.0"
file = "thing-{version}.tar.gz"
mirrors = ["https://example.org/{file}"]
`;

/** Findings of recipes/thing as `file:line code` and severity, file names without their folder. */
function lint(containerfile: string, more = '', sources = SOURCES, files: Record<string, string> = {}): string[] {
  const all: Record<string, string> = {
    'recipes/thing/Containerfile': containerfile,
    'recipes/thing/package.toml': `[package]\nname = "thing"\nversion = "1.0"\nlicense = "MIT"\nwebsite = "https://example.org"\n${sources}${more}`,
    'recipes/base/Containerfile': 'FROM scratch\n',
    'recipes/aaa/Containerfile': 'FROM scratch\n',
    ...files,
  };
  for (const [name, text] of Object.entries(all)) {
    mkdirSync(path.dirname(path.join(root, name)), { recursive: true });
    writeFileSync(path.join(root, name), text);
  }
  const tree = openTree(root);
  const findings = lintRecipe(tree.recipe('recipes/thing'), parseContainerfile(containerfile, 'Containerfile'), tree);
  return findings
    .filter(({ code }) => code !== 'missing-stage')
    .map(({ at, code, severity }) => `${path.basename(at.file)}:${at.line} ${code} ${severity}`);
}

const USE = 'COPY fetch/thing-1.0.tar.gz .\n';

test('a recipe without fault', () => {
  const text = `FROM recipes/base AS base
FROM base AS fetch
ARG THING_SOURCE
ADD fetch/\${THING_SOURCE} .
FROM fetch AS build
RUN --network=none make
FROM build AS install
RUN make install
FROM scratch AS package
COPY --from=install /rootfs/ /
`;
  expect(lint(text)).toEqual([]);
});

test.each<[string, string, string, string[]]>([
  ['network', `FROM scratch AS a\n${USE}RUN --network=default x\n`, '', ['Containerfile:3 networked-step error']],
  ['host network', `FROM scratch\n${USE}RUN --network=host x\n`, '', ['Containerfile:3 networked-step error']],
  [
    'network of an allowed stage',
    `FROM scratch AS Go\n${USE}RUN --network=default x\n`,
    '[allow]\nnetwork = ["go"]\n',
    [],
  ],
  [
    'network of one allowed step',
    `FROM scratch AS a\n${USE}RUN --network=default x\nRUN --network=default y\n`,
    '[allow]\nnetwork = ["a:2"]\n',
    ['Containerfile:3 networked-step error'],
  ],
  [
    'leave nobody needs',
    `FROM scratch AS a\n${USE}`,
    '[allow]\nnetwork = ["b"]\nmounts = ["ssh"]\n',
    ['package.toml:1 unused-allowance warning', 'package.toml:1 unused-allowance warning'],
  ],
  [
    'mounts',
    `FROM scratch\n${USE}RUN --mount=type=cache,target=/c x\nRUN --mount=type=secret,id=s --mount=type=ssh x\n`,
    '',
    ['Containerfile:3 mount error', 'Containerfile:4 mount error', 'Containerfile:4 mount error'],
  ],
  ['an allowed mount', `FROM scratch\n${USE}RUN --mount=type=cache,target=/c x\n`, '[allow]\nmounts = ["cache"]\n', []],
  ['no sandbox', `FROM scratch\n${USE}RUN --security=insecure x\n`, '', ['Containerfile:3 insecure-step error']],
  ['a remote ADD', `FROM scratch\n${USE}ADD https://example.org/a /\n`, '', ['Containerfile:3 unpinned-add error']],
  ['a pinned ADD', `FROM scratch\n${USE}ADD --checksum=sha256:${HEX} https://example.org/a /\n`, '', []],
  ['an unused source', 'FROM scratch\n', '', ['package.toml:7 unused-source warning']],
  ['a source by wildcard', 'FROM scratch\nCOPY fetch/*.tar.gz .\n', '', []],
  ['all of fetch', 'FROM scratch\nCOPY fetch/ .\n', '', []],
  ['all of the context', 'FROM scratch\nCOPY . .\n', '', []],
  ['fetch as a context', 'FROM scratch\nCOPY --from=fetch . .\n', '', []],
  ['a source by mount', 'FROM scratch\nRUN --mount=type=bind,source=fetch,target=/f x\n', '', []],
  ['a name of unknown parts', 'FROM scratch\nARG X\nCOPY fetch/thing-$X.tar.gz .\n', '', []],
  ['VERSION', 'FROM scratch\nARG VERSION\nADD fetch/thing-${VERSION}.tar.gz .\n', '', []],
  ['a version by ENV of the parent', 'FROM scratch AS a\nENV V=1.0\nFROM a\nADD fetch/thing-$V.tar.gz .\n', '', []],
  [
    'a source that is not there',
    `FROM scratch\n${USE}COPY fetch/thng-1.0.tar.gz fix.patch .\n`,
    '',
    ['Containerfile:3 missing-source error', 'Containerfile:3 missing-source error'],
  ],
  [
    'unsorted images',
    `FROM scratch\n${USE}COPY --from=recipes/base . /\nCOPY --from=recipes/aaa . /\n`,
    '',
    ['Containerfile:4 unsorted-copy warning'],
  ],
  [
    'unsorted images with something between',
    `FROM scratch\n${USE}COPY --from=recipes/base . /\nRUN x\nCOPY --from=recipes/aaa . /\n`,
    '',
    [],
  ],
  [
    'a recipe that is not there',
    `FROM recipes/bas AS a\n${USE}COPY --from=recipes/none /a /a\nRUN --mount=type=bind,from=recipes/no,target=/x x\n`,
    '',
    [
      'Containerfile:1 unknown-recipe error',
      'Containerfile:3 unknown-recipe error',
      'Containerfile:4 unknown-recipe error',
    ],
  ],
  ['a foreign image', `FROM registry.example/a/b:1\n${USE}`, '', []],
  ['too long', `FROM scratch\n${USE}${'\n'.repeat(58)}RUN x\n`, '', ['Containerfile:61 too-long warning']],
])('%s', (_, containerfile, more, findings) => {
  expect(lint(containerfile, more)).toEqual(findings);
});

test('a file of the recipe folder is no missing source', () => {
  const files = { 'recipes/thing/fix.patch': '', 'recipes/thing/fetch/local': '' };
  expect(lint(`FROM scratch\n${USE}COPY fix.patch /fetch/local ./\n`, '', SOURCES, files)).toEqual([]);
});

test.each([
  ['file = "f"\nmirrors = ["http://example.org/f"]', ['package.toml:7 mirror warning']],
  [
    'file = "f"\nmirrors = ["ftp://example.org/f", "file:///f"]',
    ['package.toml:7 mirror error', 'package.toml:7 mirror error'],
  ],
  ['file = "f"', ['package.toml:7 mirror warning']],
  ['file = "f"\nmirrors = ["debian:pool/f", "f", "file:f"]', []],
])('mirrors: %j', (lines, findings) => {
  expect(lint('FROM scratch\nCOPY fetch/f .\n', '', `\n[sources.a]\nhash = "${HEX}"\n${lines}\n`)).toEqual(findings);
});

test('a hash of zeros pins nothing', () => {
  const sources = `\n[sources.a]\nhash = "${'0'.repeat(64)}"\nfile = "f"\nmirrors = ["https://example.org/f"]\n`;
  expect(lint('FROM scratch\nCOPY fetch/f .\n', '', sources)).toEqual(['package.toml:8 unpinned-source error']);
});

test('stages are asked of our own tree only, names and metadata of every one', () => {
  for (const [name, text] of Object.entries({
    'packages/core/zlib/Containerfile': 'FROM ns/core-musl\nFROM ns/core-none\n',
    'packages/core/zlib/package.toml': '[package]\nname = "other"\n',
    'packages/core/musl/Containerfile': 'FROM scratch\n',
  })) {
    mkdirSync(path.dirname(path.join(root, name)), { recursive: true });
    writeFileSync(path.join(root, name), text);
  }
  const tree = openTree(root);
  const file = parseContainerfile('FROM ns/core-musl\nFROM ns/core-none\n', 'Containerfile');
  const codes = lintRecipe(tree.recipe('ns/core-zlib'), file, tree).map(({ code }) => code);
  expect(codes.sort()).toEqual(['missing-metadata', 'unknown-recipe']);
});

test('the stages our recipes have', () => {
  lint('FROM scratch\n');
  const tree = openTree(root);
  const file = parseContainerfile('FROM scratch AS build\nFROM scratch AS package\n', 'Containerfile');
  const found = lintRecipe(tree.recipe('recipes/aaa'), file, tree).find(({ code }) => code === 'missing-stage');
  expect(found).toMatchObject({ severity: 'warning', at: { line: 1 } });
  expect(found?.message).toBe('no stage base, fetch, install; our recipes have base, fetch, build, install, package');
});

test('references: stages and scratch are none, global ARGs are put in', () => {
  const text = `ARG BASE=recipes/base
FROM \${BASE}:1 AS a
FROM scratch AS b
COPY --from=a . /
COPY --from=0 . /
COPY --from=recipes/aaa . /
FROM $UNKNOWN
FROM b
RUN --mount=type=bind,from=ns/x,target=/x true
`;
  const file = parseContainerfile(text, 'Containerfile');
  expect(imageReferences(file).map(({ image, at }) => `${at.line} ${image}`)).toEqual([
    '2 recipes/base:1',
    '6 recipes/aaa',
    '9 ns/x',
  ]);
  lint('FROM scratch\n');
  expect([...neededRecipes(file, openTree(root)).keys()]).toEqual(['recipes/base', 'recipes/aaa']);
});

test('cycles are found once each, where they close', () => {
  const edges: Record<string, string[]> = { a: ['b', 'd'], b: ['c'], c: ['a', 'd'], d: [], e: ['e'], f: ['a', 'e'] };
  const needs = (name: string): Map<string, SourceLocation> =>
    new Map(edges[name]!.map((other, index) => [other, { file: name, line: index + 1 }]));
  const found = findCycles(Object.keys(edges), needs);
  expect(found.map(({ at, message }) => `${at.file}:${at.line} ${message}`)).toEqual([
    'c:1 a recipe that needs itself: a → b → c → a',
    'e:1 a recipe that needs itself: e → e',
  ]);
  const chain = Array.from({ length: 20_000 }, (_, index) => `n${index}`);
  const next = (name: string) => {
    const index = Number(name.slice(1)) + 1;
    return new Map(index < chain.length ? [[`n${index}`, { file: name, line: 1 }]] : []);
  };
  expect(findCycles(chain, next)).toEqual([]);
});

test('a distribution root has no Containerfile to look at', () => {
  lint('FROM scratch\n', '', SOURCES.replace('https', 'http'));
  const tree = openTree(root);
  const codes = lintRecipe(tree.recipe('recipes/thing'), undefined, tree).map(({ code }) => code);
  expect(codes).toEqual(['mirror']);
});
