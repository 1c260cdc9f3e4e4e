import fc from 'fast-check';
import { expect, test } from 'vitest';
import { BuildError, formatError } from '../../../src/errors.ts';
import { type PackageContext, parsePackageToml } from '../../../src/recipe/package-toml.ts';

const HEX = '9a93b2b7dfdac77ceba5a558a580e74667dd6fede4585b91eefb60f03b72df23';
const file = 'recipes/zlib/package.toml';

function parse(text: string, context: Partial<PackageContext> = {}) {
  return parsePackageToml(text, { file, ...context });
}

function faultOf(text: string, context: Partial<PackageContext> = {}): string {
  try {
    parse(text, context);
  } catch (error) {
    expect(error).toBeInstanceOf(BuildError);
    return formatError(error as BuildError);
  }
  return 'no error';
}

test('a whole file', () => {
  const read = parse(`[package]
name = "zlib"
version = "1.3.1"
description = "compression"
license = ["Zlib", "MIT"]
website = "https://example.org/"
subpackages = ["zlib-static"]
platforms = ["linux/amd64"]
ownership = "keep"
epoch = 1700000000

[sources.zlib]
hash = "${HEX}"
format = "tar.gz"
file = "zlib-{version}.{format}"
mirrors = ["https://example.org/fossils/{file}", "debian:pool/z/{version_dash}"]
size = 1234
git_sha = "0123456789abcdef0123456789abcdef01234567"

[sources.test-data]
hash = "sha256:${HEX}"
version = "2.0"
mirrors = ["https://example.org/v{version_major}/data-{version}.zip?raw=1"]

[allow]
network = ["fetch"]
mounts = ["cache"]
xattrs = ["security.capability"]
binaries = ["zlib-*/contrib/*.exe"]
`);
  expect(read).toEqual({
    packageName: 'zlib',
    kind: 'containerfile',
    version: '1.3.1',
    description: 'compression',
    license: 'Zlib AND MIT',
    website: 'https://example.org/',
    subpackages: ['zlib-static'],
    platforms: ['linux/amd64'],
    ownership: 'keep',
    epoch: 1700000000,
    sources: [
      {
        name: 'zlib',
        digest: `sha256:${HEX}`,
        file: 'zlib-1.3.1.tar.gz',
        format: 'tar.gz',
        version: '1.3.1',
        mirrors: ['https://example.org/fossils/zlib-1.3.1.tar.gz', 'debian:pool/z/1-3-1'],
        size: 1234,
        gitSha: '0123456789abcdef0123456789abcdef01234567',
        location: { file, line: 12 },
        hashLocation: { file, line: 13 },
      },
      {
        name: 'test-data',
        digest: `sha256:${HEX}`,
        file: 'data-2.0.zip',
        format: '',
        version: '2.0',
        mirrors: ['https://example.org/v2/data-2.0.zip?raw=1'],
        location: { file, line: 20 },
        hashLocation: { file, line: 21 },
      },
    ],
    allow: {
      network: ['fetch'],
      mounts: ['cache'],
      xattrs: ['security.capability'],
      binaries: ['zlib-*/contrib/*.exe'],
    },
    buildArgs: new Map([
      ['VERSION', '1.3.1'],
      ['VERSION_MAJOR', '1'],
      ['VERSION_MAJOR_MINOR', '1.3'],
      ['VERSION_UNDER', '1_3_1'],
      ['VERSION_DASH', '1-3-1'],
      ['VERSION_STRIP_SUFFIX', '1.3.1'],
      ['ZLIB_VERSION', '1.3.1'],
      ['ZLIB_SOURCE', 'zlib-1.3.1.tar.gz'],
      ['ZLIB_GIT_SHA', '0123456789abcdef0123456789abcdef01234567'],
      ['TEST_DATA_VERSION', '2.0'],
      ['TEST_DATA_SOURCE', 'data-2.0.zip'],
    ]),
  });
});

test('a file with a name alone', () => {
  const read = parse('[package]\nname = "filesystem"\n');
  expect([read.version, read.sources, [...read.buildArgs]]).toEqual(['', [], []]);
});

test('a hex source is named after its text', () => {
  const read = parse(`[package]\n[sources.x]\nhash = "${HEX}"\nformat = "hex"\nmirrors = ["bin/hello.hex"]\n`);
  expect(read.sources[0]).toMatchObject({ file: 'hello', mirrors: ['bin/hello.hex'] });
});

test.each([
  ['version_from = "zlib"', 'version = "1.9"', '1.9'],
  ['version_from = "core-zlib"', '', '7.7'],
])('%s gives the version', (line, more, version) => {
  const text = `[package]\n${line}\n[sources.zlib]\nhash = "${HEX}"\nfile = "a"\n${more}\n`;
  const read = parse(text, { versionOf: (name) => (name === 'core-zlib' ? '7.7' : undefined) });
  expect([read.version, read.buildArgs.get('VERSION')]).toEqual([version, version]);
});

const SOURCE = (lines: string, version = '1.0') =>
  `[package]\nversion = "${version}"\n[sources.a]\nhash = "${HEX}"\n${lines}\n`;

test.each([
  ['', '1: RECIPE: no [package] table'],
  ['[package\n', '1: RECIPE: '],
  ['[package]\nname = "a"\nname = "b"\n', '3: RECIPE: '],
  ['[package]\nverison = "1"\n', '2: RECIPE: unknown key "verison" in [package]; did you mean "version"?'],
  ['[package]\n\n[source.a]\n', '3: RECIPE: unknown key "source" in a package.toml; did you mean "sources"?'],
  ['[package]\nxyzzy = 1\n', '2: RECIPE: unknown key "xyzzy" in [package]; known are name, version'],
  ['package = 1\n', '1: RECIPE: package is no table: want [package], got 1'],
  ['[package]\nversion = 1.0\n', '2: RECIPE: version is no text: want text in quotes, got 1'],
  ['[package]\nversion = "1 0"\n', '2: RECIPE: not a version'],
  ['[package]\nname = "../x"\n', '2: RECIPE: not a name'],
  ['[package]\nversion = "1"\nversion_from = "a"\n', '3: RECIPE: both version and version_from'],
  [
    '[package]\nversion_from = "a"\n',
    '2: RECIPE: version_from names no source and no recipe that has a version: got "a"',
  ],
  [
    `[package]\nversion_from = "a"\n[sources.a]\nhash = "${HEX}"\nfile = "f"\n`,
    '2: RECIPE: [sources.a] has no version',
  ],
  ['[package]\nplatforms = [\n  "linux/amd64",\n  "linux/amd64/v1/x",\n]\n', '4: RECIPE: not a platform'],
  ['[package]\nplatforms = "linux"\n', '2: RECIPE: platforms is no list'],
  ['[package]\nplatforms = ["linux",\n 5]\n', '3: RECIPE: platforms holds what is no text: want texts, got 5'],
  ['[package]\nsubpackages = ["a", "a"]\n', '2: RECIPE: "a" stands twice in subpackages'],
  ['[package]\nownership = "user"\n', '2: RECIPE: ownership is none of its words: want "root" or "keep", got "user"'],
  ['[package]\nkind = "debian"\n', '2: RECIPE: kind is none of its words'],
  ['[package]\nepoch = -1\n', '2: RECIPE: epoch is no count'],
  ['[package]\nepoch = 2001\n', '2: RECIPE: the epoch lies in the future: want at most 2000, got 2001'],
  ['[package]\nwebsite = "a"\nurl = "b"\n', '3: RECIPE: both website and url'],
  ['[package]\n[allow]\nnetwrk = []\n', '3: RECIPE: unknown key "netwrk" in [allow]; did you mean "network"?'],
  [
    '[package]\n[allow]\nmounts = ["cach"]\n',
    '3: RECIPE: not a mount that needs leave: want cache, secret, ssh, got "cach"; did you mean "cache"?',
  ],
  ['[package]\n[sources.a]\nfile = "b"\n', '2: RECIPE: sources.a has no hash'],
  ['[package]\n[sources]\na = 5\n', '3: RECIPE: sources.a is no table'],
  ['[package]\n[sources.a]\nhash = "ABC"\n', '3: RECIPE: not a sha256: want 64 lower-case hex digits, got "ABC"'],
  [SOURCE('mirors = []'), '5: RECIPE: unknown key "mirors" in [sources.a]; did you mean "mirrors"?'],
  [SOURCE(''), '3: RECIPE: sources.a has neither file nor mirrors'],
  [SOURCE('file = "a/b"'), '5: RECIPE: not a file name'],
  [SOURCE('file = ".."'), '5: RECIPE: not a file name'],
  [SOURCE('file = "{verson}"'), '5: RECIPE: unknown template word {verson}; did you mean "version"?'],
  [SOURCE('file = "{format}"'), '5: RECIPE: {format} has no value here; add format = "…"'],
  [SOURCE('file = "{version"'), '5: RECIPE: a brace without its partner'],
  [
    SOURCE('file = "{version}"', ''),
    '5: RECIPE: {version} has no value here; give the source or the package a version',
  ],
  [SOURCE('mirrors = [\n"https://example.org/{file}"]'), '6: RECIPE: this mirror gives no file name'],
  [SOURCE('file = "a"\nmirrors = ["x",\n"../up"]'), '7: RECIPE: this path leaves its folder'],
  [SOURCE('file = "a"\nmirrors = ["/etc/passwd"]'), '6: RECIPE: this path leaves its folder'],
  [SOURCE('file = "a"\nmirrors = ["debian:../x"]'), '6: RECIPE: this path leaves its folder'],
  [SOURCE('file = "a"\nmirrors = ["https://"]'), '6: RECIPE: not a URL'],
  [SOURCE('file = "a"\nformat = "hex"\nmirrors = ["https://example.org/a.hex"]'), '7: RECIPE: a hex source lies in'],
  [SOURCE('file = "a"\nformat = "hex"'), '3: RECIPE: a hex source needs its text'],
  [SOURCE('file = "a"\nsize = "big"'), '6: RECIPE: size is no count'],
  [SOURCE('file = "a"\ngit_sha = "main"'), '6: RECIPE: not a git commit'],
  [
    SOURCE(`file = "f"\n[sources.b]\nhash = "${HEX.replace('9', '8')}"\nfile = "f"`),
    '6: RECIPE: [sources.a] already is the file "f"',
  ],
  [
    SOURCE(`file = "f"\n[sources.x-y]\nhash = "${HEX}"\nfile = "g"\n[sources.x_y]\nhash = "${HEX}"\nfile = "h"`),
    '9: RECIPE: the build args of this source and of [sources.x-y] have the same name: got X_Y_VERSION',
  ],
])('%j is refused: %s', (text, fault) => {
  expect(faultOf(text, { now: 2000 })).toContain(`${file}:${fault}`);
});

test('a scheme nobody here speaks is no reason not to read the recipe', () => {
  expect(parse(SOURCE('mirrors = ["ftp://example.org/a"]')).sources[0]!.file).toBe('a');
});

test('never anything but a located BuildError', () => {
  const word = fc.constantFrom(
    ...['package', 'sources', 'allow', 'sources.a', '[x]', 'version', 'hash', 'file', 'mirrors', 'epoch', 'license'],
    ...['platforms', 'network', 'format', 'size', '__proto__', 'constructor', 'toString', 'hasOwnProperty'],
  );
  const value = fc.oneof(
    fc.constantFrom(
      '"1.0"',
      `"${HEX}"`,
      '[]',
      '["{version}", "{file}"]',
      '{}',
      '{ a = 1 }',
      '1979-05-27',
      '1e3',
      'nan',
    ),
    fc.string().map((text) => JSON.stringify(text)),
    fc.integer().map(String),
    fc.string(),
  );
  const line = fc.oneof(
    word.map((name) => `[${name}]`),
    fc.tuple(word, value).map(([name, text]) => `${name} = ${text}`),
    fc.string(),
  );
  const text = fc.oneof(
    fc.string(),
    fc.array(line).map((lines) => lines.join('\n')),
    fc.array(line).map((lines) => ['[package]', ...lines].join('\n')),
  );
  let refused = 0;
  fc.assert(
    fc.property(text, (written) => {
      try {
        parse(written);
      } catch (error) {
        refused++;
        expect(error).toBeInstanceOf(BuildError);
        expect((error as BuildError).location?.line).toBeGreaterThan(0);
      }
    }),
    { numRuns: 1000 },
  );
  expect(refused).toBeGreaterThan(0);
});
