// Owns: a mirror as package.toml writes it to the places it stands for. Reads the machine's apt, apk and npm
// configuration, and nothing from the network.

import { readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { type AptSettings, readAptSettings } from './apt-config.ts';
import { npmRegistry } from './npm-registry.ts';
import type { Environment } from './proxy.ts';

/** One place where bytes may be. */
export type Place =
  | { readonly kind: 'url'; readonly url: string; readonly debian: boolean }
  /** Absolute host path. `within`: the folder that it must not leave, links included. */
  | { readonly kind: 'file'; readonly path: string; readonly within?: string }
  /** A mirror that stands for nothing here; why. */
  | { readonly kind: 'none'; readonly reason: string };

export interface MirrorContext {
  /** Folder of the recipe, for paths; absent where there is none. */
  readonly recipeDirectory?: string;
  readonly env: Environment;
  readonly apt: AptSettings;
}

let machine: AptSettings | undefined;

/** The apt configuration of this machine, read once per process. */
export function machineApt(): AptSettings {
  machine ??= readAptSettings();
  return machine;
}

/** Roots of Debian archives: OCIBUILD_DEBIAN_MIRROR (several, apart by blanks or commas) or else what apt uses. */
export function debianArchives(env: Environment, apt: AptSettings): readonly string[] {
  const given = rootsIn(env['OCIBUILD_DEBIAN_MIRROR']);
  return given.length > 0 ? given : apt.archives;
}

/** Roots of Alpine archives: OCIBUILD_ALPINE_MIRROR (as above), or else those of apk's repositories file. */
function alpineArchives(env: Environment): readonly string[] {
  const given = rootsIn(env['OCIBUILD_ALPINE_MIRROR']);
  return given.length > 0 ? given : apkArchives(readIfThere('/etc/apk/repositories'));
}

function rootsIn(text = ''): string[] {
  const roots = text.split(/[\s,]+/).filter((root) => root !== '');
  return roots.map((root) => root.replace(/\/+$/, ''));
}

/** Each once. A line is `[@tag ]ROOT/BRANCH/REPOSITORY`; others, comments among them, are passed over. */
export function apkArchives(text: string): readonly string[] {
  const lines = text.split('\n').map((line) => /^(?:@\S+\s+)?(\S+)\/(?:v[0-9.]+|edge)\/[a-z]+\/?\s*$/.exec(line));
  return [...new Set(lines.flatMap((parts) => (parts === null ? [] : [parts[1]!])))];
}

function readIfThere(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}

/** Every place a mirror stands for, in order; at least one. */
export function expandMirror(mirror: string, context: MirrorContext): Place[] {
  const scheme = /^([A-Za-z][A-Za-z0-9+.-]*):/.exec(mirror)?.[1]?.toLowerCase();
  if (scheme === 'http' || scheme === 'https') return [{ kind: 'url', url: mirror, debian: false }];
  if (scheme === 'debian') return expandDebian(mirror.slice('debian:'.length), context);
  if (scheme === 'alpine') return expandAlpine(mirror.slice('alpine:'.length), context.env);
  if (scheme === 'npm') return [npmPlace(mirror.slice('npm:'.length), context.env)];
  if (scheme === 'file' && mirror.startsWith('file:/')) return [filePlace(mirror)];
  if (scheme !== undefined && scheme !== 'file') return [{ kind: 'none', reason: `nothing here can fetch ${scheme}:` }];
  const inside = scheme === 'file' ? mirror.slice('file:'.length) : mirror;
  const directory = context.recipeDirectory;
  if (directory === undefined) return [{ kind: 'none', reason: 'a path, but no recipe folder to look in' }];
  return [{ kind: 'file', path: path.resolve(directory, inside), within: directory }];
}

function expandDebian(file: string, context: MirrorContext): Place[] {
  const archives = debianArchives(context.env, context.apt);
  if (archives.length === 0) {
    return [
      {
        kind: 'none',
        reason: 'apt names no Debian archive on this machine; set OCIBUILD_DEBIAN_MIRROR to the URL of one',
      },
    ];
  }
  return archives.map((root) => placeBelow(root, file, true));
}

function expandAlpine(file: string, env: Environment): Place[] {
  const archives = alpineArchives(env);
  if (archives.length === 0) {
    const reason = 'apk names no repository on this machine; set OCIBUILD_ALPINE_MIRROR to the URL of an archive';
    return [{ kind: 'none', reason }];
  }
  return archives.map((root) => placeBelow(root, file, false));
}

function placeBelow(root: string, file: string, debian: boolean): Place {
  if (root.startsWith('file:/')) return filePlace(`${root}/${file}`);
  if (root.startsWith('/')) return { kind: 'file', path: path.join(root, file) };
  const quoted = file.split('/').map(quoteSegment).join('/');
  return { kind: 'url', url: `${root}/${quoted}`, debian };
}

/** `[@SCOPE/]NAME@VERSION`: the archive that a registry serves for it. */
function npmPlace(spec: string, env: Environment): Place {
  const parts = /^((?:@[a-z0-9._~-]+\/)?([a-z0-9._~-]+))@([0-9A-Za-z.+-]+)$/.exec(spec);
  if (parts === null) return { kind: 'none', reason: `npm:${spec} is not npm:NAME@VERSION` };
  const registry = npmRegistry(env);
  if (registry === undefined) {
    return {
      kind: 'none',
      reason: 'npm names no registry on this machine; set OCIBUILD_NPM_REGISTRY to the URL of one',
    };
  }
  const [, name, base, version] = parts;
  return { kind: 'url', url: `${registry}/${name}/-/${base}-${version}.tgz`, debian: false };
}

/** `+`, `~` and `:` are common in Debian's file names and stay as they are, as apt leaves them. */
function quoteSegment(segment: string): string {
  return encodeURIComponent(segment).replace(/%(2B|7E|3A|40|2C|3D)/g, (code) => decodeURIComponent(code));
}

function filePlace(url: string): Place {
  try {
    return { kind: 'file', path: fileURLToPath(url.replace(/^file:\/(?!\/)/, 'file:///')) };
  } catch {
    return { kind: 'none', reason: 'not a file URL' };
  }
}

/** What a message calls a place. Passwords in URLs are left out. */
export function showPlace(place: Place): string {
  if (place.kind === 'none') return place.reason;
  return place.kind === 'file' ? place.path : showUrl(place.url);
}

/** A URL without its user and password. */
export function showUrl(url: string): string {
  return url.replace(/^([a-z]+:\/\/)[^/@]*@/i, '$1');
}
