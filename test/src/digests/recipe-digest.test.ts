import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeEach, describe, expect, test } from 'vitest';
import { digestOf, hexOf } from '../../../oci/digest.ts';
import { recipeDigest, recipeDigests, recipeListing, treeDigest } from '../../../src/digests/recipe-digest.ts';
import { openTree } from '../../../src/recipe/tree.ts';

const folder = mkdtempSync(join(tmpdir(), 'recipe-digest-'));
afterAll(() => rmSync(folder, { recursive: true }));

function write(path: string | Buffer, content = 'x'): void {
  if (typeof path === 'string') mkdirSync(dirname(join(folder, path)), { recursive: true });
  writeFileSync(
    typeof path === 'string' ? join(folder, path) : Buffer.concat([Buffer.from(`${folder}/`), path]),
    content,
  );
}

const hex = (text: string): string => hexOf(digestOf(text));

beforeEach(() => {
  rmSync(folder, { recursive: true });
  mkdirSync(folder);
});

describe('the listing of a recipe', () => {
  test('every file by path, modes as git has them, links by their targets', () => {
    write('b', 'bee');
    write('a/z', 'zed');
    write('a.b', 'dot');
    chmodSync(join(folder, 'b'), 0o700);
    symlinkSync('../a', join(folder, 'a/link'));
    mkdirSync(join(folder, 'empty'));
    expect(recipeListing(folder)).toBe(
      'ocibuild recipe 1\n' +
        `100644 ${hex('dot')}  a.b\n` +
        `120000 ${hex('../a')}  a/link\n` +
        `100644 ${hex('zed')}  a/z\n` +
        `100755 ${hex('bee')}  b\n`,
    );
    expect(recipeDigest({ directory: folder })).toBe(digestOf(recipeListing(folder)));
  });
  test('sha256sum and sort alone give it too', () => {
    for (const name of ['c', 'a/b/c', 'a-b', 'A']) write(name, name);
    const script = `echo 'ocibuild recipe 1'; find . -type f | sed 's#^./##' | LC_ALL=C sort | xargs sha256sum | sed 's/^/100644 /'`;
    expect(recipeListing(folder)).toBe(execFileSync('sh', ['-c', script], { cwd: folder, encoding: 'utf8' }));
  });
  test('names that a line cannot hold', () => {
    write(Buffer.from([0x61, 0xff, 0x62]));
    write('n\nl');
    write('p%20');
    write('ü');
    const names = recipeListing(folder)
      .trimEnd()
      .split('\n')
      .slice(1)
      .map((line) => line.slice(line.indexOf('  ') + 2));
    expect(names).toEqual(['a%FFb', 'n%0Al', 'p%2520', 'ü']);
  });
  test('a fifo is told apart from an empty file, and is not waited for', () => {
    execFileSync('mkfifo', [join(folder, 'f')]);
    expect(recipeListing(folder)).toBe(`ocibuild recipe 1\n000000 ${hex('')}  f\n`);
  });

  const same: readonly (readonly [string, () => void])[] = [
    ['times', () => utimesSync(join(folder, 'a'), 1, 1)],
    ['the umask of a checkout', () => chmodSync(join(folder, 'a'), 0o600)],
    ['a folder with nothing in it', () => mkdirSync(join(folder, 'more'))],
  ];
  test.each(same)('%s do not change it', (_, change) => {
    write('a');
    const before = recipeDigest({ directory: folder });
    change();
    expect(recipeDigest({ directory: folder })).toBe(before);
  });
  const other: readonly (readonly [string, () => void])[] = [
    ['content', () => write('a', 'y')],
    ['a name', () => write('b')],
    ['the executable bit', () => chmodSync(join(folder, 'a'), 0o755)],
    [
      'a file that becomes a link',
      () => {
        rmSync(join(folder, 'a'));
        symlinkSync('x', join(folder, 'a'));
      },
    ],
    ['a file that nothing uses', () => write('.hidden')],
  ];
  test.each(other)('%s changes it', (_, change) => {
    write('a');
    const before = recipeDigest({ directory: folder });
    change();
    expect(recipeDigest({ directory: folder })).not.toBe(before);
  });
});

describe('the digest of a tree', () => {
  const tree = () => openTree(folder);
  beforeEach(() => {
    write('recipes/one/Containerfile', 'FROM scratch\n');
    write('bootstrap/two/Containerfile', 'FROM scratch\n');
  });

  test('each recipe folder once, and the settings', () => {
    write('ocibuild.toml', '[tree]\nepoch = 1\n');
    const lines = [
      `${hexOf(recipeDigest({ directory: join(folder, 'bootstrap/two') }))}  bootstrap/two\n`,
      `${hex('[tree]\nepoch = 1\n')}  ocibuild.toml\n`,
      `${hexOf(recipeDigest({ directory: join(folder, 'recipes/one') }))}  recipes/one\n`,
    ];
    expect(treeDigest(tree())).toBe(digestOf(`ocibuild tree 1\n${lines.join('')}`));
  });
  test('what is no recipe and no setting does not change it', () => {
    const before = treeDigest(tree());
    write('recipes/digests.txt', 'x');
    write('README.md', 'x');
    write('signatures/x', 'x');
    expect(treeDigest(tree())).toBe(before);
  });
  test.each(['recipes/one/x', 'recipes/three/Containerfile', 'ocibuild.toml'])('%s does', (path) => {
    const before = treeDigest(tree());
    write(path, path === 'ocibuild.toml' ? '[tree]\n' : 'FROM scratch\n');
    expect(treeDigest(tree())).not.toBe(before);
  });
  test('subpackages share a folder, which is read once', () => {
    write('recipes/one/package.toml', '[package]\nsubpackages = ["one-more"]\n');
    write('recipes/one/Containerfile', 'FROM scratch AS package-one-more\nFROM scratch AS package\n');
    const opened = tree();
    expect(opened.names()).toContain('recipes/one-more');
    const digests = recipeDigests(opened.names().map((name) => opened.recipe(name)));
    expect([...digests.keys()]).toEqual([join(folder, 'bootstrap/two'), join(folder, 'recipes/one')]);
  });
});
