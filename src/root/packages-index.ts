// Owns: reading a Packages file (deb822 stanzas), and finding packages in it by name or by what they provide.

import { type Digest, isDigest } from '../../oci/digest.ts';
import { BuildError } from '../errors.ts';
import { compareVersions } from './deb-version.ts';
import { fitsVersion, type Provision, parseProvisions, parseRelations, type Relation } from './relation.ts';

/** One stanza, the fields that matter here. */
export interface DebPackage {
  readonly name: string;
  readonly version: string;
  readonly architecture: string;
  /** `required` … `extra`; '' when absent. */
  readonly priority: string;
  /** Pre-Depends, then Depends. */
  readonly depends: readonly (readonly Relation[])[];
  readonly provides: readonly Provision[];
  /** Conflicts and Breaks. */
  readonly conflicts: readonly Relation[];
  /** `pool/…` */
  readonly file: string;
  readonly size: number;
  readonly digest: Digest;
}

export interface PackageIndex {
  /** The newest of that name, or undefined. */
  find(name: string): DebPackage | undefined;
  /** Every package that provides a name, preferred first: by priority, then by name. */
  providers(name: string): readonly DebPackage[];
}

const PRIORITIES = ['required', 'important', 'standard', 'optional', 'extra'];
const WANTED = new Set([
  ...['Package', 'Version', 'Architecture', 'Priority', 'Depends', 'Pre-Depends', 'Provides', 'Conflicts', 'Breaks'],
  ...['Filename', 'Size', 'SHA256'],
]);

/** Stanzas of one or several Packages files, in order. Throws BuildError CHECK_FAILED where a needed field is missing. */
export function* readStanzas(chunks: Iterable<Uint8Array>): Generator<ReadonlyMap<string, string>> {
  const decoder = new TextDecoder('utf-8');
  let rest = '';
  for (const chunk of chunks) {
    rest += decoder.decode(chunk, { stream: true });
    const end = rest.lastIndexOf('\n\n');
    if (end < 0) continue;
    for (const text of rest.slice(0, end).split(/\n\n+/)) {
      if (text.trim() !== '') yield readFields(text);
    }
    rest = rest.slice(end + 2);
  }
  rest += decoder.decode();
  if (rest.trim() !== '') yield readFields(rest);
}

/** `Name: value` lines; a line that starts with a blank continues the one above. Only the fields of WANTED are kept. */
function readFields(stanza: string): ReadonlyMap<string, string> {
  const fields = new Map<string, string>();
  let name = '';
  for (const line of stanza.split('\n')) {
    if (line === '') continue;
    if (line[0] === ' ' || line[0] === '\t') {
      if (fields.has(name)) fields.set(name, `${fields.get(name)} ${line.trim()}`);
      continue;
    }
    const colon = line.indexOf(':');
    if (colon <= 0) throw new BuildError('CHECK_FAILED', 'a Packages file that cannot be read', { got: line });
    name = line.slice(0, colon);
    if (!WANTED.has(name)) continue;
    if (fields.has(name)) throw new BuildError('CHECK_FAILED', `a Packages stanza with two fields ${name}`);
    fields.set(name, line.slice(colon + 1).trim());
  }
  return fields;
}

/** The relations of a stanza are read only when a package of that name is asked for: lists have 60000 stanzas. */
export function indexPackages(stanzas: Iterable<ReadonlyMap<string, string>>, architecture: string): PackageIndex {
  const byName = new Map<string, ReadonlyMap<string, string>[]>();
  const providing = new Map<string, Set<string>>();
  for (const fields of stanzas) {
    const name = needField(fields, 'Package');
    const built = needField(fields, 'Architecture');
    if (built !== architecture && built !== 'all') continue;
    const same = byName.get(name);
    if (same === undefined) byName.set(name, [fields]);
    else same.push(fields);
    for (const provision of parseProvisions(fields.get('Provides') ?? '')) {
      const names = providing.get(provision.name) ?? new Set<string>();
      providing.set(provision.name, names.add(name));
    }
  }
  const found = new Map<string, DebPackage | undefined>();
  function find(name: string): DebPackage | undefined {
    if (!found.has(name)) {
      const all = (byName.get(name) ?? []).map((fields) => packageOf(fields));
      found.set(name, all.sort((a, b) => compareVersions(b.version, a.version))[0]);
    }
    return found.get(name);
  }
  return {
    find,
    providers(name) {
      const all = [...(providing.get(name) ?? [])].map((provider) => find(provider)!);
      return all.filter((item) => item.provides.some((one) => one.name === name)).sort(byPreference);
    },
  };
}

function byPreference(a: DebPackage, b: DebPackage): number {
  const rank = (item: DebPackage) =>
    (PRIORITIES.indexOf(item.priority) + PRIORITIES.length + 1) % (PRIORITIES.length + 1);
  return rank(a) - rank(b) || (a.name < b.name ? -1 : a.name > b.name ? 1 : 0);
}

/** Throws BuildError CHECK_FAILED when a field is missing or no value of its kind. */
export function packageOf(fields: ReadonlyMap<string, string>): DebPackage {
  const name = needField(fields, 'Package');
  const digest = `sha256:${needField(fields, 'SHA256')}`;
  const size = needField(fields, 'Size');
  const file = needField(fields, 'Filename');
  if (!isDigest(digest) || !/^[0-9]{1,12}$/.test(size) || !/^pool(\/[A-Za-z0-9][A-Za-z0-9.+~_:-]*)+$/.test(file)) {
    throw new BuildError('CHECK_FAILED', `the Packages stanza of ${name} has a wrong SHA256, Size or Filename`);
  }
  return {
    name,
    version: needField(fields, 'Version'),
    architecture: needField(fields, 'Architecture'),
    priority: fields.get('Priority') ?? '',
    depends: ['Pre-Depends', 'Depends'].flatMap((field) => parseRelations(fields.get(field) ?? '')),
    provides: parseProvisions(fields.get('Provides') ?? ''),
    conflicts: ['Conflicts', 'Breaks'].flatMap((field) => parseRelations(fields.get(field) ?? '').flat()),
    file,
    size: Number(size),
    digest,
  };
}

function needField(fields: ReadonlyMap<string, string>, name: string): string {
  const value = fields.get(name);
  if (value === undefined || value === '') {
    throw new BuildError('CHECK_FAILED', 'a Packages stanza is incomplete', {
      want: `a field ${name}`,
      got: fields.get('Package') ?? 'a stanza without a name',
    });
  }
  return value;
}

/** Whether a package is what a relation asks for, by its own name or by one it provides. */
export function satisfies(candidate: DebPackage, relation: Relation): boolean {
  if (candidate.name === relation.name && fitsVersion(relation, candidate.version)) return true;
  return candidate.provides.some(
    (provision) =>
      provision.name === relation.name &&
      (relation.version === undefined || (provision.version !== undefined && fitsVersion(relation, provision.version))),
  );
}
