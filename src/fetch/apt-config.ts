// Owns: what the machine's apt configuration says of archives and proxies. Read only; apt itself is never started.
//
//   sources.list, *.list   deb [options] URI suite component…
//   *.sources              stanzas of `Field: value`, continued by lines that start with a blank (deb822)
//   apt.conf               Scope::Name "value";   Scope { Name "value"; };

import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';

export interface AptSettings {
  /** Roots of Debian archives, without a slash at the end, main archives before security ones, each once. */
  readonly archives: readonly string[];
  /** Every Acquire::…Proxy option, by its lower-cased name, e.g. `acquire::http::proxy`. */
  readonly proxies: ReadonlyMap<string, string>;
}

/** One archive as a line or a stanza names it. */
export interface AptArchive {
  readonly uri: string;
  readonly suites: readonly string[];
  readonly components: readonly string[];
}

/** Reads an apt configuration folder. What is missing or unreadable is left out: apt may not be there at all. */
export function readAptSettings(directory = '/etc/apt'): AptSettings {
  const archives = [
    ...parseOneLineSources(textOf(path.join(directory, 'sources.list'))),
    ...filesIn(path.join(directory, 'sources.list.d'), /^[A-Za-z0-9_.-]+\.(list|sources)$/).flatMap((file) =>
      file.endsWith('.list') ? parseOneLineSources(textOf(file)) : parseDeb822Sources(textOf(file)),
    ),
  ];
  const proxies = new Map<string, string>();
  const parts = filesIn(path.join(directory, 'apt.conf.d'), /^[A-Za-z0-9_-]+(\.conf)?$/);
  for (const file of [...parts, path.join(directory, 'apt.conf')]) {
    for (const [name, value] of parseAptConf(textOf(file))) {
      const key = name.toLowerCase();
      if (/^acquire::https?::proxy(::|$)/.test(key)) proxies.set(key, value);
    }
  }
  return { archives: debianArchives(archives), proxies };
}

function textOf(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}

function filesIn(directory: string, names: RegExp): string[] {
  try {
    return readdirSync(directory)
      .filter((name) => names.test(name))
      .sort()
      .map((name) => path.join(directory, name));
  } catch {
    return [];
  }
}

export function parseOneLineSources(text: string): AptArchive[] {
  const archives: AptArchive[] = [];
  for (const line of text.split('\n')) {
    const words = line
      .replace(/#.*$/, '')
      .replace(/^(\s*\S+\s+)\[[^\]]*\]/, '$1')
      .trim()
      .split(/\s+/);
    const [type, uri, suite, ...components] = words;
    if ((type === 'deb' || type === 'deb-src') && uri !== undefined && suite !== undefined) {
      archives.push({ uri, suites: [suite], components });
    }
  }
  return archives;
}

export function parseDeb822Sources(text: string): AptArchive[] {
  const archives: AptArchive[] = [];
  const lines = text.split('\n').filter((line) => !line.startsWith('#'));
  for (const stanza of lines.join('\n').split(/\n(?:[ \t]*\n)+/)) {
    const fields = new Map<string, string[]>();
    let field: string[] = [];
    for (const line of stanza.split('\n')) {
      const start = /^([A-Za-z0-9-]+)\s*:(.*)$/.exec(line);
      if (start !== null) {
        field = [];
        fields.set(start[1]!.toLowerCase(), field);
      }
      field.push(...(start === null ? line : start[2]!).trim().split(/\s+/).filter(Boolean));
    }
    const enabled = fields.get('enabled')?.[0]?.toLowerCase() ?? 'yes';
    if (['no', 'false', '0', 'off', 'without', 'disable'].includes(enabled)) continue;
    if (!fields.get('types')?.some((type) => type === 'deb' || type === 'deb-src')) continue;
    for (const uri of fields.get('uris') ?? []) {
      archives.push({ uri, suites: fields.get('suites') ?? [], components: fields.get('components') ?? [] });
    }
  }
  return archives;
}

/** Codenames and the names that move with releases; a suite of any other name is not Debian's. */
const SUITES = new Set(
  (
    'stretch buster bullseye bookworm trixie forky duke sid stable testing unstable experimental ' +
    'oldstable oldoldstable rc-buggy'
  ).split(' '),
);

/** The roots that hold Debian's own pool: other archives in the list are not asked for Debian's files. */
function debianArchives(archives: readonly AptArchive[]): string[] {
  const main: string[] = [];
  const security: string[] = [];
  for (const { uri, suites, components } of archives) {
    if (!/^(https?:\/\/|file:\/)/.test(uri) || !components.includes('main')) continue;
    const root = uri.replace(/\/+$/, '');
    for (const suite of suites) {
      const base = suite.replace(/(-(updates|security|backports|backports-sloppy|proposed-updates)|\/updates)$/, '');
      if (!SUITES.has(base)) continue;
      const list = /-security$|\/updates$/.test(suite) ? security : main;
      if (!list.includes(root)) list.push(root);
    }
  }
  return [...new Set([...main, ...security])];
}

/**
 * Every option of an apt.conf text with its full name, in order. `#clear` and lists (`Name:: "x"`) are not followed: no
 * proxy is set that way.
 */
export function parseAptConf(text: string): [string, string][] {
  const options: [string, string][] = [];
  const scopes: string[] = [];
  let words: string[] = [];
  const token =
    /\/\/[^\n]*|\/\*[\s\S]*?\*\/|#[^\n]*|"((?:[^"\\\n]|\\.)*)"|([{};])|([^\s{};"#/]+(?:\/(?![/*])[^\s{};"#/]*)*)|\//g;
  for (const [, quoted, mark, bare] of text.matchAll(token)) {
    if (quoted !== undefined) words.push(quoted);
    else if (bare !== undefined) words.push(bare);
    else if (mark === '{') {
      scopes.push(words[0] ?? '');
      words = [];
    } else if (mark !== undefined) {
      if (words.length >= 2) options.push([[...scopes, words[0]].filter((part) => part !== '').join('::'), words[1]!]);
      words = [];
      if (mark === '}') scopes.pop();
    }
  }
  return options;
}
