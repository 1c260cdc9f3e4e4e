// Owns: recipes/digests.txt, the manifest digest expected of every recipe: its text, reading, writing.
// Knows no store; compare.ts says what differs, src/build/lookup.ts what was built.
//
//   file   = "# ocibuild digests 1, images " FORMAT "\n" { line }
//   line   = DIGEST " " NAME " " PLATFORM "\n"       sorted by NAME, then PLATFORM; each pair once
//
// FORMAT is formatId of oci/profile.ts: everything besides the recipes that decides an image's bytes. A foreign tree has
// the file as packages/digests.txt.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Digest, isDigest } from '../../oci/digest.ts';
import { formatPlatform, parsePlatform } from '../../oci/platform.ts';
import { formatId, native } from '../../oci/profile.ts';
import { BuildError } from '../errors.ts';
import { showPath } from '../recipe/recipe.ts';
import type { Tree } from '../recipe/types.ts';

/** One line. */
export interface ExpectedDigest {
  /** `recipes/busybox`. */
  readonly name: string;
  /** `linux/amd64`. */
  readonly platform: string;
  /** Of the manifest, not of the image index: a new platform must not void what was said about the others. */
  readonly digest: Digest;
}

export interface DigestList {
  /** What decides the bytes of the images listed; see imageFormat. */
  readonly format: string;
  /** Sorted by name, then platform. */
  readonly lines: readonly (ExpectedDigest & { readonly line: number })[];
}

const FIRST_LINE = /^# ocibuild digests (\d+), images (\S+)$/;
const VERSION = '1';

/** Profile, format version and codec of the images this program writes. */
export function imageFormat(): string {
  return formatId(native);
}

/** Absolute path of a tree's list, whether it is there or not. */
export function digestListPath(tree: Pick<Tree, 'directory' | 'form'>): string {
  return join(tree.directory, tree.form === 'foreign' ? 'packages' : 'recipes', 'digests.txt');
}

/** The list of a tree; undefined when there is none. Throws BuildError RECIPE with file and line. */
export function readDigests(tree: Pick<Tree, 'directory' | 'form'>): DigestList | undefined {
  const path = digestListPath(tree);
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code ?? String(cause);
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    throw new BuildError('RECIPE', `cannot read ${showPath(path)}`, { got: code, cause });
  }
  return parseDigests(text, showPath(path));
}

/** `file` is how errors call it. Throws BuildError RECIPE with file and line. */
export function parseDigests(text: string, file: string): DigestList {
  const fail = (line: number, message: string, want: string, got: string): never => {
    throw new BuildError('RECIPE', message, {
      location: { file, line },
      want,
      got: JSON.stringify(got.slice(0, 200)),
      hint: '`ocibuild digests` writes this file',
    });
  };
  const [first = '', ...rest] = text.split('\n');
  const head =
    FIRST_LINE.exec(first) ?? fail(1, 'no list of digests', `# ocibuild digests ${VERSION}, images …`, first);
  if (head[1] !== VERSION) fail(1, 'a list of digests of another version', VERSION, head[1]!);
  const last = rest.pop();
  if (last !== '') fail(rest.length + 2, 'the last line has no end', 'a newline', last ?? '');
  const lines = rest.map((written, index) => {
    const line = index + 2;
    const parts = written.split(' ');
    const [digest, name, platform] = parts;
    const isWhole = parts.length === 3 && isDigest(digest) && isName(name!) && isPlatformText(platform!);
    if (!isWhole) fail(line, 'not a digest, a recipe and a platform', 'sha256:… recipes/NAME linux/amd64', written);
    return { digest: digest as Digest, name: name!, platform: platform!, line };
  });
  for (const [index, { line, ...each }] of lines.entries()) {
    const before = lines[index - 1];
    if (before === undefined || byNameAndPlatform(before, each) < 0) continue;
    const same = byNameAndPlatform(before, each) === 0;
    fail(
      line,
      same ? 'this recipe and platform stand twice' : 'not sorted by name and platform',
      'each once, in order',
      `${each.name} ${each.platform}`,
    );
  }
  return { format: head[2]!, lines };
}

function isName(text: string): boolean {
  return /^[^\s/\p{Cc}][^\s\p{Cc}]*$/u.test(text);
}

/** In the one form formatPlatform gives: two spellings would be two lines. */
function isPlatformText(text: string): boolean {
  try {
    return formatPlatform(parsePlatform(text)) === text;
  } catch {
    return false;
  }
}

/** The order of the file: by UTF-16 code units of the name, then of the platform. */
export function byNameAndPlatform(
  one: Pick<ExpectedDigest, 'name' | 'platform'>,
  other: Pick<ExpectedDigest, 'name' | 'platform'>,
): number {
  const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
  return compare(one.name, other.name) || compare(one.platform, other.platform);
}

/** The file's text; `lines` in any order. */
export function formatDigests(lines: readonly ExpectedDigest[], format: string = imageFormat()): string {
  const sorted = [...lines].sort(byNameAndPlatform);
  const text = sorted.map(({ digest, name, platform }) => `${digest} ${name} ${platform}\n`).join('');
  return `# ocibuild digests ${VERSION}, images ${format}\n${text}`;
}

/** The line of a recipe and platform. */
export function expectedOf(
  list: DigestList | undefined,
  name: string,
  platform: string,
): DigestList['lines'][number] | undefined {
  return list?.lines.find((line) => line.name === name && line.platform === platform);
}
