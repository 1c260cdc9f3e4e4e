// Owns: the text of a package.toml to what it says. Every error names the file and line of what is wrong.
// Does not read files and does not know trees. docs/recipe-format.md describes the format for people.

import { type Digest, isDigest } from '../../oci/digest.ts';
import { parsePlatform } from '../../oci/platform.ts';
import { parseRootSpec } from '../root/spec.ts';
import type { RootSpec } from '../root/types.ts';
import { didYouMean } from './near-miss.ts';
import { argPrefix, fillTemplate, VERSION_WORDS, versionArgs } from './template.ts';
import { Document, show } from './toml-document.ts';
import type { TomlPath } from './toml-location.ts';
import { type Agreement, type Allowances, type Recipe, SELF, type Source, START } from './types.ts';

/** What a package.toml says, before it is known which folder of which tree it lies in. */
export type Package = Pick<
  Recipe,
  'kind' | 'version' | 'description' | 'license' | 'website' | 'platforms' | 'subpackages' | 'sources' | 'allow'
> & {
  /** Absent when the file gives no name. */
  readonly packageName?: string;
  /** Absent when the file does not say; the tree has a default. */
  readonly ownership?: Recipe['ownership'];
  /** Absent when the file does not say; the tree has a default. */
  readonly epoch?: number;
  readonly buildArgs: ReadonlyMap<string, string>;
  /** `[root]`, present exactly when kind is `debian-root` or `alpine-root`. */
  readonly root?: RootSpec;
  readonly agreement?: Agreement;
};

export interface PackageContext {
  /** The file's name in errors. */
  readonly file: string;
  /** Version of another recipe, for `version_from`; undefined when there is no such recipe. */
  readonly versionOf?: (recipe: string) => string | undefined;
  /** Seconds since 1970; an epoch later than that is an error. Default: the clock. */
  readonly now?: number;
}

const PACKAGE_KEYS = [
  'name',
  'version',
  'version_from',
  'description',
  'license',
  'website',
  'url',
  'subpackages',
  'platforms',
  'ownership',
  'epoch',
  'kind',
];
const SOURCE_KEYS = ['hash', 'file', 'format', 'version', 'mirrors', 'git_sha', 'size'];
const ALLOW_KEYS = ['network', 'mounts', 'xattrs', 'binaries'];
const AGREEMENT_KEYS = ['origins', 'start'];
const TABLES = ['package', 'sources', 'allow', 'root', 'agreement'];
const MOUNT_TYPES = ['cache', 'secret', 'ssh'];

/** Parses a package.toml. Throws BuildError RECIPE, always with a location, and nothing else. */
export function parsePackageToml(text: string, context: PackageContext): Package {
  const document = new Document(text, context.file);
  document.checkKeys([], document.root, TABLES);
  const table = document.table('package') ?? document.fail([], 'no [package] table');
  document.checkKeys(['package'], table, PACKAGE_KEYS);
  const packageName = readPackageName(document);
  const version = readVersion(document, context);
  const ownership = document.choice(['root', 'keep'], 'package', 'ownership');
  const epoch = document.integer('package', 'epoch');
  const now = context.now ?? Math.floor(Date.now() / 1000);
  if (epoch !== undefined && epoch > now) {
    document.fail(['package', 'epoch'], 'the epoch lies in the future', { want: `at most ${now}`, got: `${epoch}` });
  }
  const sources = readSources(document, version);
  const kind = document.choice(['containerfile', 'debian-root', 'alpine-root'], 'package', 'kind') ?? 'containerfile';
  const root = readRoot(document, kind);
  const agreement = readAgreement(document, kind);
  return {
    ...(packageName === undefined ? {} : { packageName }),
    ...(ownership === undefined ? {} : { ownership }),
    ...(epoch === undefined ? {} : { epoch }),
    ...(root === undefined ? {} : { root }),
    ...(agreement === undefined ? {} : { agreement }),
    kind,
    version: version ?? '',
    description: document.string('package', 'description') ?? '',
    license: readLicense(document, table),
    website: readWebsite(document, table),
    platforms: readPlatforms(document),
    subpackages: readSubpackages(document),
    sources: sources.map(({ source }) => source),
    allow: readAllowances(document),
    buildArgs: makeBuildArgs(version, sources),
  };
}

/** A distribution root needs `[root]`; anything else must not have one. */
function readRoot(document: Document, kind: Recipe['kind']): RootSpec | undefined {
  const table = document.table('root');
  if (kind !== 'debian-root' && kind !== 'alpine-root') {
    if (table === undefined) return undefined;
    return document.fail(['root'], '[root] belongs to distribution roots', {
      want: 'kind = "debian-root" or "alpine-root" in [package]',
    });
  }
  if (table === undefined) return document.fail([], `a ${kind} without [root]`, { want: 'a table [root]' });
  return parseRootSpec(kind, table, (...path) => document.at('root', ...path));
}

/** One origin agrees with itself whatever it is: there have to be two, and not the same twice. */
function readAgreement(document: Document, kind: Recipe['kind']): Agreement | undefined {
  const table = document.table('agreement');
  if (table === undefined) return undefined;
  document.checkKeys(['agreement'], table, AGREEMENT_KEYS);
  if (kind !== 'containerfile') {
    return document.fail(['agreement'], 'a distribution root is built on nothing', {
      hint: 'write a recipe that is built on several roots',
    });
  }
  const origins = document.strings('agreement', 'origins');
  if (origins.length < 2) {
    return document.fail(['agreement'], 'an agreement needs two origins', {
      want: 'origins = ["…", "…"], names of recipes',
      got: `${origins.length}`,
    });
  }
  if (origins[0] === SELF) {
    document.fail(['agreement', 'origins', 0], `${show(SELF)} is what the origin before it led to`, {
      want: 'a recipe as the first origin',
    });
  }
  for (const [index, origin] of origins.entries()) {
    if (origins.indexOf(origin) === index) continue;
    document.fail(['agreement', 'origins', index], `${show(origin)} stands twice in origins`);
  }
  const recipe = document.string('agreement', 'start');
  const position = origins.indexOf(START);
  if (position > 0 || (position === 0) !== (recipe !== undefined)) {
    document.fail(
      ['agreement', 'origins', Math.max(position, 0)],
      `${show(START)} is what the recipe in start leads to`,
      {
        want: 'start = "…", a recipe, and "start" as the first origin; or neither',
      },
    );
  }
  return {
    origins,
    locations: origins.map((_, index) => document.at('agreement', 'origins', index)),
    ...(recipe === undefined ? {} : { start: { recipe, location: document.at('agreement', 'start') } }),
  };
}

function readPackageName(document: Document): string | undefined {
  const name = document.string('package', 'name');
  if (name !== undefined && !isPlainName(name)) {
    document.fail(['package', 'name'], 'not a name', { want: 'letters, digits and . _ + -', got: show(name) });
  }
  return name;
}

function isPlainName(name: string): boolean {
  return /^[A-Za-z0-9_][A-Za-z0-9._+-]*$/.test(name);
}

function readVersion(document: Document, context: PackageContext): string | undefined {
  const version = checkVersion(document, 'package', 'version');
  const from = document.string('package', 'version_from');
  if (from === undefined) return version;
  const path = ['package', 'version_from'];
  if (version !== undefined) {
    return document.fail(path, 'both version and version_from', { hint: 'leave one of them out' });
  }
  const sources = document.table('sources') ?? {};
  if (Object.hasOwn(sources, from)) {
    return (
      checkVersion(document, 'sources', from, 'version') ??
      document.fail(path, `[sources.${from}] has no version`, { hint: 'give it one, or give the package its own' })
    );
  }
  return (
    context.versionOf?.(from) ??
    document.fail(path, 'version_from names no source and no recipe that has a version', {
      got: show(from),
      ...hintOf(didYouMean(from, Object.keys(sources))),
    })
  );
}

/** A version reaches build args, file names and URLs: some characters would change what those mean. */
function checkVersion(document: Document, ...path: TomlPath): string | undefined {
  const version = document.string(...path);
  if (version !== undefined && /[\s\0-\x1f"'$\\{}]/.test(version)) {
    document.fail(path, 'not a version', { want: 'no blanks, quotes, braces, $ or \\', got: show(version) });
  }
  return version === '' ? undefined : version;
}

function hintOf(hint: string | undefined): { hint?: string } {
  return hint === undefined ? {} : { hint };
}

/** A text, or a list of which all apply. */
function readLicense(document: Document, table: Record<string, unknown>): string {
  return Array.isArray(table['license'])
    ? document.strings('package', 'license').join(' AND ')
    : (document.string('package', 'license') ?? '');
}

function readWebsite(document: Document, table: Record<string, unknown>): string {
  if (table['url'] !== undefined && table['website'] !== undefined) {
    document.fail(['package', 'url'], 'both website and url', { hint: 'they mean the same: leave url out' });
  }
  return document.string('package', 'website') ?? document.string('package', 'url') ?? '';
}

function readPlatforms(document: Document): string[] {
  const platforms = document.strings('package', 'platforms');
  for (const [index, platform] of platforms.entries()) {
    try {
      parsePlatform(platform);
    } catch {
      document.fail(['package', 'platforms', index], 'not a platform', {
        want: 'os/architecture[/variant]',
        got: show(platform),
      });
    }
  }
  return platforms;
}

function readSubpackages(document: Document): string[] {
  const subpackages = document.strings('package', 'subpackages');
  for (const [index, name] of subpackages.entries()) {
    const path = ['package', 'subpackages', index];
    if (!isPlainName(name)) {
      document.fail(path, 'not a name', { want: 'letters, digits and . _ + -', got: show(name) });
    }
    if (subpackages.indexOf(name) !== index) document.fail(path, `${show(name)} stands twice in subpackages`);
  }
  return subpackages;
}

function readAllowances(document: Document): Allowances {
  const table = document.table('allow');
  if (table !== undefined) document.checkKeys(['allow'], table, ALLOW_KEYS);
  const mounts = document.strings('allow', 'mounts');
  for (const [index, mount] of mounts.entries()) {
    if (MOUNT_TYPES.includes(mount)) continue;
    document.fail(['allow', 'mounts', index], 'not a mount that needs leave', {
      want: MOUNT_TYPES.join(', '),
      got: show(mount),
      ...hintOf(didYouMean(mount, MOUNT_TYPES)),
    });
  }
  return {
    network: document.strings('allow', 'network'),
    mounts,
    xattrs: document.strings('allow', 'xattrs'),
    binaries: document.strings('allow', 'binaries'),
  };
}

/** A source and how its build args start. */
interface ReadSource {
  readonly source: Source;
  readonly prefix: string;
}

function readSources(document: Document, packageVersion: string | undefined): ReadSource[] {
  const table = document.table('sources') ?? {};
  const read: ReadSource[] = [];
  for (const name of Object.keys(table)) {
    const path = ['sources', name];
    if (!isPlainName(name)) {
      document.fail(path, 'not a name for a source', { want: 'letters, digits and . _ + -', got: show(name) });
    }
    const entry = document.table(...path)!;
    document.checkKeys(path, entry, SOURCE_KEYS);
    const one = { source: readSource(document, name, packageVersion), prefix: argPrefix(name) };
    for (const other of read) {
      if (other.prefix === one.prefix) {
        document.fail(path, `the build args of this source and of [sources.${other.source.name}] have the same name`, {
          got: `${one.prefix}_VERSION`,
        });
      }
      if (other.source.file === one.source.file && other.source.digest !== one.source.digest) {
        document.fail(path, `[sources.${other.source.name}] already is the file ${show(one.source.file)}`, {
          hint: 'give one of them another file name with file = "…"',
        });
      }
    }
    read.push(one);
  }
  return read;
}

function readSource(document: Document, name: string, packageVersion: string | undefined): Source {
  const path: TomlPath = ['sources', name];
  const digest = readHash(document, path);
  const version = checkVersion(document, ...path, 'version') ?? packageVersion;
  const format = document.string(...path, 'format');
  const templates = document.strings(...path, 'mirrors');
  const fill = (template: string, where: TomlPath, file?: string): string => {
    const filled = fillTemplate(template, { version, format, file });
    if (typeof filled === 'string') return filled;
    const known = [...VERSION_WORDS, 'file', 'format'];
    if (filled.fault === 'open') return document.fail(where, 'a brace without its partner', { got: show(template) });
    if (filled.fault === 'unknown') {
      return document.fail(where, `unknown template word {${filled.word}}`, {
        hint: didYouMean(filled.word, known) ?? `known are ${known.map((word) => `{${word}}`).join(' ')}`,
      });
    }
    return document.fail(where, `{${filled.word}} has no value here`, {
      hint: filled.word.startsWith('version') ? 'give the source or the package a version' : `add ${filled.word} = "…"`,
    });
  };
  const written = document.string(...path, 'file');
  const fileAt: TomlPath = written === undefined ? [...path, 'mirrors'] : [...path, 'file'];
  const file = fill(written ?? impliedFile(document, path, templates, format), fileAt);
  if (!isFileName(file)) {
    document.fail(fileAt, 'not a file name', { want: 'one name without a slash', got: show(file) });
  }
  const mirrors = templates.map((template, index) => fill(template, [...path, 'mirrors', index], file));
  for (const [index, mirror] of mirrors.entries()) checkMirror(document, [...path, 'mirrors', index], mirror, format);
  if (format === 'hex' && mirrors.length === 0) {
    document.fail(path, 'a hex source needs its text', { want: 'mirrors = ["NAME.hex"]' });
  }
  const gitSha = document.string(...path, 'git_sha');
  if (gitSha !== undefined && !/^[0-9a-f]{7,64}$/.test(gitSha)) {
    document.fail([...path, 'git_sha'], 'not a git commit', {
      want: '7 to 64 lower-case hex digits',
      got: show(gitSha),
    });
  }
  const size = document.integer(...path, 'size');
  return {
    name,
    digest,
    file,
    format: format ?? '',
    version: version ?? '',
    mirrors,
    ...(gitSha === undefined ? {} : { gitSha }),
    ...(size === undefined ? {} : { size }),
    location: document.at(...path),
    hashLocation: document.at(...path, 'hash'),
  };
}

function readHash(document: Document, path: TomlPath): Digest {
  const hash = document.string(...path, 'hash');
  if (hash === undefined) {
    return document.fail(path, `${path.join('.')} has no hash`, { want: 'hash = "…", the sha256 of the file' });
  }
  const digest = hash.startsWith('sha256:') ? hash : `sha256:${hash}`;
  if (isDigest(digest)) return digest;
  return document.fail([...path, 'hash'], 'not a sha256', { want: '64 lower-case hex digits', got: show(hash) });
}

/** The name of a source that gives no `file`: the last part of its first mirror's path. */
function impliedFile(
  document: Document,
  path: TomlPath,
  mirrors: readonly string[],
  format: string | undefined,
): string {
  const first = mirrors[0];
  if (first === undefined) {
    return document.fail(path, `${path.join('.')} has neither file nor mirrors`, { want: 'at least one of them' });
  }
  const base = first.replace(/[?#].*$/s, '').replace(/^.*[/:]/s, '');
  if (base === '' || base.includes('{file}')) {
    return document.fail([...path, 'mirrors', 0], 'this mirror gives no file name', { want: 'file = "…" beside it' });
  }
  return format === 'hex' ? base.replace(/\.hex$/, '') : base;
}

function isFileName(name: string): boolean {
  return name !== '' && name !== '.' && name !== '..' && !/[/\0\n]/.test(name) && Buffer.byteLength(name) <= 255;
}

/**
 * `https://…`, `http://…`, `debian:pool/…`, `alpine:…`, `npm:NAME@VERSION`, `file:…`, or a path inside the recipe folder. A scheme that nothing here
 * can fetch is left to lint and to the fetch itself: another mirror of the same source may do.
 */
function checkMirror(document: Document, path: TomlPath, mirror: string, format: string | undefined): void {
  const want = 'https://…, http://…, debian:pool/…, npm:NAME@VERSION, or a path inside the recipe folder';
  const scheme = /^([A-Za-z][A-Za-z0-9+.-]*):/.exec(mirror)?.[1]?.toLowerCase();
  const local = scheme === undefined || (scheme === 'file' && !mirror.startsWith('file:/'));
  if (format === 'hex' && !local) {
    document.fail(path, 'a hex source lies in the recipe folder', { want: 'a path inside it', got: show(mirror) });
  }
  if (local || scheme === 'debian') {
    const inside = scheme === undefined ? mirror : mirror.slice(scheme.length + 1);
    const parts = inside.split('/');
    if (inside === '' || inside.startsWith('/') || parts.includes('..') || /[\0\n]/.test(inside)) {
      document.fail(path, 'this path leaves its folder', { want, got: show(mirror) });
    }
  } else if (scheme === 'http' || scheme === 'https') {
    if (!URL.canParse(mirror)) document.fail(path, 'not a URL', { want, got: show(mirror) });
  }
}

function makeBuildArgs(version: string | undefined, sources: readonly ReadSource[]): Map<string, string> {
  const args = new Map<string, string>(version === undefined ? [] : versionArgs(version));
  for (const { source, prefix } of sources) {
    if (source.version !== '') args.set(`${prefix}_VERSION`, source.version);
    args.set(`${prefix}_SOURCE`, source.file);
    if (source.gitSha !== undefined) args.set(`${prefix}_GIT_SHA`, source.gitSha);
  }
  return args;
}
