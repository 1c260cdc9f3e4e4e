// Owns: image names to recipe folders. Lists directories when opened; reads a package.toml only when asked for it.
//
//   own      recipes/NAME             FROM recipes/NAME            bootstrap/NAME likewise
//   foreign  packages/STAGE/NAME      FROM ns/STAGE-NAME           for any namespace, or the one ocibuild.toml names
//            packages/NAME            FROM ns/NAME
//
// A folder whose package.toml lists subpackages answers to their names too: each is the stage `package-SUBPACKAGE`.

import { readdirSync, realpathSync } from 'node:fs';
import path from 'node:path';
import { BuildError } from '../errors.ts';
import { nearMisses } from './near-miss.ts';
import { CONTAINER_FILE, isRecipeDirectory, PACKAGE_FILE, readRecipe, readTextIfThere, showPath } from './recipe.ts';
import { readToml } from './toml-document.ts';
import { readSettings, type TreeSettings } from './tree-settings.ts';
import type { Publish, Recipe, Tree } from './types.ts';

const OWN_FOLDERS = ['recipes', 'bootstrap'];
const FOREIGN_FOLDER = 'packages';

/** A recipe the tree knows of, not yet read. */
interface Entry {
  readonly name: string;
  readonly shortName: string;
  readonly directory: string;
  readonly target?: string;
}

/** The nearest folder from `from` upwards that holds a tree, opened; undefined when there is none. */
export function findTree(from: string): Tree | undefined {
  for (let directory = path.resolve(from); ; directory = path.dirname(directory)) {
    if (formOf(directory) !== undefined) return openTree(directory);
    if (directory === path.dirname(directory)) return undefined;
  }
}

/** Opens the tree at a folder. Throws BuildError RECIPE when it holds none, or for a faulty ocibuild.toml. */
export function openTree(directory: string): Tree {
  const absolute = path.resolve(directory);
  const form = formOf(absolute);
  if (form === undefined) {
    throw new BuildError('RECIPE', `no recipe tree in ${showPath(absolute)}`, {
      want: 'recipes/NAME/ or packages/[STAGE/]NAME/ with a Containerfile',
    });
  }
  return new RecipeTree(absolute, form, readSettings(absolute));
}

function formOf(directory: string): 'own' | 'foreign' | undefined {
  if (subdirectories(path.join(directory, OWN_FOLDERS[0]!)).some(isRecipeDirectory)) return 'own';
  const packages = subdirectories(path.join(directory, FOREIGN_FOLDER));
  const found = packages.some((one) => isRecipeDirectory(one) || subdirectories(one).some(isRecipeDirectory));
  return found ? 'foreign' : undefined;
}

/** Absolute paths of the folders in a folder, sorted by name; none when it does not exist. */
function subdirectories(directory: string): string[] {
  try {
    return readdirSync(directory, { withFileTypes: true })
      .filter((entry) => (entry.isDirectory() || entry.isSymbolicLink()) && !entry.name.startsWith('.'))
      .map((entry) => path.join(directory, entry.name))
      .sort(byText);
  } catch {
    return [];
  }
}

function byText(one: string, other: string): number {
  return one < other ? -1 : one > other ? 1 : 0;
}

/** Repository of an image reference, without registry default, tag and digest: `stagex/core-zlib`. */
function repositoryOf(reference: string): string {
  let text = reference.replace(/^(index\.)?docker\.io\//, '');
  const digest = text.indexOf('@');
  if (digest >= 0) text = text.slice(0, digest);
  const colon = text.lastIndexOf(':');
  // A colon before the last slash belongs to a registry's port.
  return colon > text.lastIndexOf('/') ? text.slice(0, colon) : text;
}

class RecipeTree implements Tree {
  readonly directory: string;
  readonly form: 'own' | 'foreign';
  readonly publish: Publish | undefined;
  private readonly settings: TreeSettings;
  /** By image name in our form, by `STAGE-NAME` or `NAME` in the foreign one. */
  private readonly folders = new Map<string, Entry>();
  private readonly recipes = new Map<string, Recipe>();
  /** Names that are being read, for version_from loops. */
  private readonly reading = new Set<string>();
  private subpackages: Map<string, Entry> | undefined;
  /** Folders that have subpackages but no stage of their own to build. */
  private readonly hollow = new Set<string>();
  private foundNamespace: string | undefined;

  constructor(directory: string, form: 'own' | 'foreign', settings: TreeSettings) {
    this.directory = directory;
    this.form = form;
    this.settings = settings;
    this.publish = settings.publish;
    if (form === 'own') this.listOwn();
    else this.listForeign();
  }

  private listOwn(): void {
    for (const folder of OWN_FOLDERS) {
      for (const directory of subdirectories(path.join(this.directory, folder))) {
        if (!isRecipeDirectory(directory)) continue;
        const shortName = path.basename(directory);
        this.folders.set(`${folder}/${shortName}`, { name: `${folder}/${shortName}`, shortName, directory });
      }
    }
  }

  private listForeign(): void {
    const add = (shortName: string, directory: string): void => {
      const other = this.folders.get(shortName);
      if (other !== undefined) {
        throw new BuildError('RECIPE', `two recipes are called ${shortName}`, {
          got: `${showPath(other.directory)} and ${showPath(directory)}`,
          hint: 'rename one of the folders',
        });
      }
      this.folders.set(shortName, { name: '', shortName, directory });
    };
    for (const first of subdirectories(path.join(this.directory, FOREIGN_FOLDER))) {
      if (isRecipeDirectory(first)) {
        add(path.basename(first), first);
        continue;
      }
      for (const second of subdirectories(first)) {
        if (isRecipeDirectory(second)) add(`${path.basename(first)}-${path.basename(second)}`, second);
      }
    }
    // The names wait for the namespace, which is looked for in the files once the folders are known.
    const namespace = this.namespace();
    for (const [key, entry] of this.folders) this.folders.set(key, { ...entry, name: `${namespace}/${key}` });
  }

  /**
   * What foreign names start with: what ocibuild.toml says, else what the first Containerfile that refers to a folder
   * of this tree says, else the folder's own name. Only decides how names are printed; lookup takes any namespace.
   */
  private namespace(): string {
    if (this.settings.namespace !== undefined) return this.settings.namespace;
    if (this.foundNamespace !== undefined) return this.foundNamespace;
    for (const { directory } of this.folders.values()) {
      const text = readTextIfThere(path.join(directory, CONTAINER_FILE)) ?? '';
      for (const [, reference] of text.matchAll(/(?:^FROM\s+(?:--\S+\s+)*|--from=)([^\s$]+\/[^\s$]+)/gim)) {
        const repository = repositoryOf(reference!);
        const slash = repository.lastIndexOf('/');
        if (slash > 0 && this.folders.has(repository.slice(slash + 1))) {
          this.foundNamespace = repository.slice(0, slash);
          return this.foundNamespace;
        }
      }
    }
    this.foundNamespace = FOREIGN_FOLDER;
    return FOREIGN_FOLDER;
  }

  /** Entry of an image name or, in the foreign form, of what follows the namespace. */
  private entry(key: string): Entry | undefined {
    return this.folders.get(key) ?? this.listSubpackages().get(key);
  }

  /** Reads every package.toml that has the word `subpackages` in it; once, and only when a name is not a folder's. */
  private listSubpackages(): Map<string, Entry> {
    if (this.subpackages !== undefined) return this.subpackages;
    const found = new Map<string, Entry>();
    this.subpackages = found;
    for (const [key, entry] of this.folders) {
      const text = readTextIfThere(path.join(entry.directory, PACKAGE_FILE)) ?? '';
      if (!/\bsubpackages\b/.test(text)) continue;
      for (const subpackage of subpackagesOf(text, showPath(path.join(entry.directory, PACKAGE_FILE)))) {
        const sibling = key.slice(0, key.length - path.basename(entry.directory).length) + subpackage;
        if (this.folders.has(sibling) || found.has(sibling)) continue;
        const prefix = entry.name.slice(0, entry.name.length - path.basename(entry.directory).length);
        const shortName = this.form === 'own' ? subpackage : sibling;
        const target = `package-${subpackage}`;
        found.set(sibling, { name: prefix + subpackage, shortName, directory: entry.directory, target });
        const container = readTextIfThere(path.join(entry.directory, CONTAINER_FILE)) ?? '';
        if (!/^\s*FROM\s.*\sAS\s+package\s*$/im.test(container)) this.hollow.add(key);
      }
    }
    return found;
  }

  names(): readonly string[] {
    const subpackages = this.listSubpackages();
    const whole = [...this.folders].filter(([key]) => !this.hollow.has(key)).map(([, entry]) => entry.name);
    return [...whole, ...[...subpackages.values()].map((entry) => entry.name)].sort(byText);
  }

  has(name: string): boolean {
    return this.entryOfName(name) !== undefined;
  }

  private entryOfName(name: string): Entry | undefined {
    const entry = this.entry(this.form === 'own' ? name : name.slice(name.lastIndexOf('/') + 1));
    return entry?.name === name ? entry : undefined;
  }

  recipe(name: string): Recipe {
    const known = this.recipes.get(name);
    if (known !== undefined) return known;
    const entry = this.entryOfName(name) ?? this.unknown(name);
    const recipe = readRecipe({
      ...entry,
      ownership: this.settings.ownership,
      epoch: this.settings.epoch,
      versionOf: (other) => this.versionOf(name, other),
    });
    const whole = recipe.subpackages.length > 0 && entry.target === undefined;
    const read = whole && this.hasPackageStage(entry) ? { ...recipe, target: 'package' } : recipe;
    this.recipes.set(name, read);
    return read;
  }

  /** A folder with subpackages is built up to its stage `package`, where it has one. */
  private hasPackageStage(entry: Entry): boolean {
    this.listSubpackages();
    return !this.hollow.has(this.form === 'own' ? entry.name : entry.shortName);
  }

  /** The version of another recipe, for version_from. Throws BuildError CYCLE when that leads back to `reader`. */
  private versionOf(reader: string, other: string): string | undefined {
    const name = this.nameLike(other);
    if (name === undefined) return undefined;
    this.reading.add(reader);
    try {
      if (this.reading.has(name)) {
        const location = { file: showPath(path.join(this.entryOfName(reader)!.directory, PACKAGE_FILE)), line: 1 };
        throw new BuildError('CYCLE', 'version_from leads back to itself', {
          got: [...this.reading, name].join(' → '),
          location,
        });
      }
      return this.recipe(name).version || undefined;
    } finally {
      this.reading.delete(reader);
    }
  }

  /** A recipe by full name or by the part after the folder or namespace; undefined when none or several. */
  private nameLike(text: string): string | undefined {
    const exact = this.entryOfName(text) ?? (this.form === 'foreign' ? this.entry(text) : undefined);
    if (exact !== undefined) return exact.name;
    const matches = this.byLastPart(text);
    return matches.length === 1 ? matches[0] : undefined;
  }

  /** Names whose short name, or whose folder's name, is the text. */
  private byLastPart(text: string): string[] {
    const all = [...this.folders.values(), ...this.listSubpackages().values()];
    const short = all.filter((entry) => entry.shortName === text);
    const chosen = short.length > 0 ? short : all.filter((entry) => path.basename(entry.directory) === text);
    return chosen.filter((entry) => short.length > 0 || entry.target === undefined).map((entry) => entry.name);
  }

  resolve(argument: string): string {
    const text = argument.replace(/\/+$/, '') || argument;
    const exact = this.entryOfName(text);
    if (exact !== undefined) return exact.name;
    for (const base of [process.cwd(), this.directory]) {
      const found = this.byDirectory(path.resolve(base, text));
      if (found !== undefined && (text.includes('/') || text === '.' || base === process.cwd())) return found;
    }
    const matches = this.byLastPart(text);
    if (matches.length > 1) {
      throw new BuildError('UNKNOWN_RECIPE', `${JSON.stringify(argument)} could be several recipes`, {
        got: [...matches].sort(byText).join(', '),
        hint: 'write the whole name',
      });
    }
    return matches[0] ?? this.lookup(text) ?? this.unknown(argument);
  }

  private byDirectory(directory: string): string | undefined {
    const entries = [...this.folders.values()];
    const same = entries.find((entry) => entry.directory === directory);
    if (same !== undefined) return same.name;
    // The folder or the tree may have been reached through a link.
    const real = realPath(directory);
    if (real === undefined || !isRecipeDirectory(real)) return undefined;
    return entries.find((entry) => realPath(entry.directory) === real)?.name;
  }

  private unknown(argument: string): never {
    const names = this.names();
    const words = new Map<string, string>();
    for (const name of names) {
      words.set(name, name);
      const last = name.slice(name.lastIndexOf('/') + 1);
      if (!words.has(last)) words.set(last, name);
    }
    const near = [...new Set(nearMisses(argument.replace(/^\.\//, ''), words.keys()).map((word) => words.get(word)!))];
    throw new BuildError('UNKNOWN_RECIPE', `no recipe ${JSON.stringify(argument)} in ${showPath(this.directory)}`, {
      hint: near.length > 0 ? `did you mean ${near.join(' or ')}?` : `the tree has ${names.length} recipes`,
    });
  }

  lookup(reference: string): string | undefined {
    const repository = repositoryOf(reference);
    const slash = repository.lastIndexOf('/');
    if (slash <= 0) return undefined;
    const [namespace, last] = [repository.slice(0, slash), repository.slice(slash + 1)];
    if (this.form === 'own') {
      const key = namespace === this.settings.namespace ? `recipes/${last}` : repository;
      if (!OWN_FOLDERS.includes(key.slice(0, key.lastIndexOf('/')))) return undefined;
      return this.entry(key)?.name;
    }
    if (!this.takesNamespace(namespace)) return undefined;
    return this.entry(last)?.name;
  }

  /** Any single word is a namespace of a foreign tree, unless ocibuild.toml names the one. A registry's host is not. */
  private takesNamespace(namespace: string): boolean {
    if (this.settings.namespace !== undefined) return namespace === this.settings.namespace;
    return namespace === this.namespace() || !/[.:/]|^localhost$/.test(namespace);
  }

  claims(reference: string): boolean {
    const repository = repositoryOf(reference);
    const namespace = repository.slice(0, Math.max(0, repository.lastIndexOf('/')));
    if (namespace === '') return false;
    if (namespace === this.settings.namespace) return true;
    return this.form === 'own' ? OWN_FOLDERS.includes(namespace) : namespace === this.namespace();
  }
}

function realPath(directory: string): string | undefined {
  try {
    return realpathSync(directory);
  } catch {
    return undefined;
  }
}

/** The list as it stands; its faults are reported when the recipe itself is read. */
function subpackagesOf(text: string, file: string): string[] {
  let table: unknown;
  try {
    table = readToml(text, file)['package'];
  } catch {
    return [];
  }
  if (typeof table !== 'object' || table === null || !('subpackages' in table)) return [];
  const { subpackages } = table;
  return Array.isArray(subpackages) ? subpackages.filter((name): name is string => typeof name === 'string') : [];
}
