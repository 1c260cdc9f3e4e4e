// Owns: APKINDEX, the list of a repository: stanzas of `X:value` lines, and finding packages in it by name or by what
// they provide.

import { BuildError } from '../../errors.ts';
import { compareVersions, isVersion } from './version.ts';

/** `name`, or `name OP version`; `so:…`, `cmd:…`, `pc:…` and `/bin/sh` are names like any other. */
export interface Relation {
  readonly name: string;
  readonly operator?: '=' | '<' | '>' | '<=' | '>=' | '~';
  readonly version?: string;
}

/** One stanza, the fields that matter here. */
export interface ApkPackage {
  readonly name: string;
  readonly version: string;
  readonly architecture: string;
  /** Bytes of the .apk. */
  readonly size: number;
  /** SHA-1 of the control member as compressed: the only digest the index has of a package. 40 hex digits. */
  readonly control: string;
  readonly depends: readonly Relation[];
  /** `!name` among the dependencies. */
  readonly conflicts: readonly Relation[];
  readonly provides: readonly { readonly name: string; readonly version?: string }[];
  readonly providerPriority: number;
  /** Seconds since 1970. */
  readonly built: number;
  /** Folder below the archive's root: `v3.22/main/x86_64`. */
  readonly folder: string;
}

const ARCHITECTURE_INDEPENDENT = 'noarch';

/** The packages of one index, in its order. Throws BuildError CHECK_FAILED, naming `folder`, for what cannot be read. */
export function parseIndex(text: string, folder: string): readonly ApkPackage[] {
  const packages: ApkPackage[] = [];
  for (const stanza of text.split('\n\n')) {
    if (stanza.trim() === '') continue;
    packages.push(packageOf(readFields(stanza, folder), folder));
  }
  return packages;
}

function readFields(stanza: string, folder: string): ReadonlyMap<string, string> {
  const fields = new Map<string, string>();
  for (const line of stanza.split('\n')) {
    if (line === '') continue;
    if (line[1] !== ':') throw wrong(folder, 'a line `X:value`', JSON.stringify(line));
    if (fields.has(line[0]!)) throw wrong(folder, 'each letter once in a stanza', JSON.stringify(line));
    fields.set(line[0]!, line.slice(2));
  }
  return fields;
}

function packageOf(fields: ReadonlyMap<string, string>, folder: string): ApkPackage {
  const name = fields.get('P') ?? '';
  const need = (letter: string, form: RegExp, want: string): string => {
    const value = fields.get(letter) ?? '';
    if (!form.test(value)) throw wrong(folder, `${want} in ${letter}: of ${name}`, JSON.stringify(value));
    return value;
  };
  need('P', /^[A-Za-z0-9][A-Za-z0-9+._-]*$/, 'a package name');
  const version = need('V', /^[0-9]/, 'a version');
  if (!isVersion(version)) throw wrong(folder, `a version in V: of ${name}`, JSON.stringify(version));
  const relations = (fields.get('D') ?? '').split(' ').filter((word) => word !== '');
  return {
    name,
    version,
    architecture: fields.get('A') ?? ARCHITECTURE_INDEPENDENT,
    size: Number(need('S', /^[0-9]{1,12}$/, 'a size')),
    control: Buffer.from(need('C', /^Q1[A-Za-z0-9+/]{27}=$/, 'a SHA-1').slice(2), 'base64').toString('hex'),
    depends: relations.filter((word) => !word.startsWith('!')).map(parseRelation),
    conflicts: relations.filter((word) => word.startsWith('!')).map((word) => parseRelation(word.slice(1))),
    provides: (fields.get('p') ?? '')
      .split(' ')
      .filter((word) => word !== '')
      .map((word) => {
        const { name: provided, version: given } = parseRelation(word);
        return { name: provided, ...(given === undefined ? {} : { version: given }) };
      }),
    providerPriority: Number(fields.get('k') ?? '0'),
    built: Number(need('t', /^[0-9]{1,12}$/, 'a time')),
    folder,
  };
}

function parseRelation(word: string): Relation {
  // A repository's tag (`name@edge`) says where from, which a lock file says better.
  const parts = /^([^=<>~@]+)(?:@[^=<>~]+)?(?:(<=|>=|=<|=>|~=|=~|=|<|>|~)(.+))?$/.exec(word);
  if (parts === null)
    throw new BuildError('CHECK_FAILED', 'no relation of Alpine packages', { got: JSON.stringify(word) });
  const [, name, written, version] = parts;
  if (written === undefined || version === undefined) return { name: name! };
  const operator = ({ '=<': '<=', '=>': '>=', '~=': '~', '=~': '~' } as const)[written as '=<'] ?? written;
  return { name: name!, operator: operator as NonNullable<Relation['operator']>, version };
}

export function formatRelation({ name, operator, version }: Relation): string {
  return `${name}${operator ?? ''}${version ?? ''}`;
}

/** Whether a package of that name and version, or one thing it provides, is what a relation asks for. */
export function satisfies(item: ApkPackage, relation: Relation): boolean {
  const candidates = [{ name: item.name, version: item.version }, ...item.provides];
  return candidates.some(({ name, version }) => name === relation.name && fitsVersion(version, relation));
}

function fitsVersion(version: string | undefined, { operator, version: wanted }: Relation): boolean {
  if (operator === undefined || wanted === undefined) return true;
  // What is provided without a version fits no version.
  if (version === undefined || !isVersion(version)) return version === wanted;
  if (operator === '~')
    return version === wanted || (/^[^0-9]/.test(version.slice(wanted.length)) && version.startsWith(wanted));
  if (!isVersion(wanted)) return false;
  const order = compareVersions(version, wanted);
  return (
    (operator.includes('<') && order < 0) ||
    (operator.includes('>') && order > 0) ||
    (operator.includes('=') && order === 0)
  );
}

export interface ApkIndex {
  /** The newest of that name, or undefined. */
  find(name: string): ApkPackage | undefined;
  /** Every package that provides a name, preferred first: by provider priority, then by name. */
  providers(name: string): readonly ApkPackage[];
}

/** `all` holds the packages of every repository; of two with one name the newer counts. */
export function indexPackages(all: readonly ApkPackage[], architecture: string): ApkIndex {
  const newest = new Map<string, ApkPackage>();
  for (const item of all) {
    if (item.architecture !== architecture && item.architecture !== ARCHITECTURE_INDEPENDENT) continue;
    const other = newest.get(item.name);
    if (other === undefined || compareVersions(item.version, other.version) > 0) newest.set(item.name, item);
  }
  const providing = new Map<string, ApkPackage[]>();
  for (const item of newest.values()) {
    for (const name of new Set(item.provides.map((one) => one.name))) {
      const same = providing.get(name);
      if (same === undefined) providing.set(name, [item]);
      else same.push(item);
    }
  }
  for (const items of providing.values()) {
    items.sort((a, b) => b.providerPriority - a.providerPriority || (a.name < b.name ? -1 : 1));
  }
  return { find: (name) => newest.get(name), providers: (name) => providing.get(name) ?? [] };
}

function wrong(folder: string, want: string, got: string): BuildError {
  return new BuildError('CHECK_FAILED', `the index of ${folder} cannot be read`, { want, got });
}
