// Owns: ocibuild.toml, the settings of a recipe tree: what its recipes get that do not say, and where its images are
// published. docs/recipe-format.md describes the file for people.

import path from 'node:path';
import { parseReference } from '../../oci/reference.ts';
import { BuildError } from '../errors.ts';
import { didYouMean } from './near-miss.ts';
import { readTextIfThere, showPath } from './recipe.ts';
import { readToml } from './toml-document.ts';
import { locateToml } from './toml-location.ts';
import type { Publish, Recipe } from './types.ts';

export const TREE_FILE = 'ocibuild.toml';

export interface TreeSettings {
  readonly namespace: string | undefined;
  readonly ownership: Recipe['ownership'];
  readonly epoch: number;
  readonly publish: Publish | undefined;
}

type Fail = (where: string[], message: string, detail?: { want?: string; got?: string; hint?: string }) => never;

/** `[tree]` and `[publish]` of ocibuild.toml. All optional, and so is the file. Throws BuildError RECIPE with a location. */
export function readSettings(directory: string): TreeSettings {
  const file = path.join(directory, TREE_FILE);
  const text = readTextIfThere(file);
  if (text === undefined) return { namespace: undefined, ownership: 'root', epoch: 0, publish: undefined };
  const shown = showPath(file);
  const at = (where: string[]) => ({ file: shown, line: locateToml(text).lineOf(where) });
  const fail: Fail = (where, message, detail = {}) => {
    throw new BuildError('RECIPE', message, { location: at(where), ...detail });
  };
  const root = readToml(text, shown);
  checkKeys(root, [], ['tree', 'publish'], fail);
  const publish = readPublish(root['publish'], fail);
  return {
    ...readTree(root['tree'] ?? {}, fail),
    publish: publish === undefined ? undefined : { ...publish, location: at(['publish']) },
  };
}

function checkKeys(table: object, where: string[], known: readonly string[], fail: Fail): void {
  for (const key of Object.keys(table)) {
    if (known.includes(key)) continue;
    const what = where.length === 0 ? 'unknown table' : 'unknown key';
    const place = where.length === 0 ? '' : ` in [${where.join('.')}]`;
    const hint = didYouMean(key, known);
    fail([...where, key], `${what} ${JSON.stringify(key)}${place}`, hint === undefined ? {} : { hint });
  }
}

function isTable(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Date);
}

function readTree(table: unknown, fail: Fail): Omit<TreeSettings, 'publish'> {
  if (!isTable(table)) return fail(['tree'], 'tree is no table');
  checkKeys(table, ['tree'], ['namespace', 'ownership', 'epoch'], fail);
  const { namespace, ownership = 'root', epoch = 0 } = table;
  if (
    namespace !== undefined &&
    (typeof namespace !== 'string' || !/^[a-z0-9][a-z0-9._/-]*[a-z0-9]$|^[a-z0-9]$/.test(namespace))
  ) {
    return fail(['tree', 'namespace'], 'not a namespace', {
      hint: 'write it as image names do: lower-case, without a slash at the ends',
    });
  }
  if (ownership !== 'root' && ownership !== 'keep') {
    return fail(['tree', 'ownership'], 'ownership is neither "root" nor "keep"');
  }
  if (typeof epoch !== 'number' || !Number.isSafeInteger(epoch) || epoch < 0) {
    return fail(['tree', 'epoch'], 'epoch is no count of seconds');
  }
  return { namespace, ownership, epoch };
}

/** Both keys or no table: a name that nobody chose would be signed for all the same. */
function readPublish(table: unknown, fail: Fail): Omit<Publish, 'location'> | undefined {
  if (table === undefined) return undefined;
  if (!isTable(table)) return fail(['publish'], 'publish is no table');
  checkKeys(table, ['publish'], ['repository', 'tag'], fail);
  const read = (key: 'repository' | 'tag', want: string): string => {
    const value = table[key];
    if (value === undefined) return fail(['publish'], `[publish] has no ${key}`, { want });
    if (typeof value !== 'string') return fail(['publish', key], `${key} is no text`, { want });
    return value;
  };
  const repository = read('repository', 'repository = "registry.example/project"');
  const tag = read('tag', 'tag = "…"');
  if (!isReference(`${repository}/x`) || /[:@]/.test(repository.replace(/^[^/]*/, ''))) {
    fail(['publish', 'repository'], 'not a repository', {
      want: 'a registry and a path, without tag and digest: registry.example/project',
      got: JSON.stringify(repository),
    });
  }
  if (!isReference(`registry.example/x:${tag}`)) {
    fail(['publish', 'tag'], 'not a tag', { want: '1 to 128 letters, digits, _ . -', got: JSON.stringify(tag) });
  }
  return { repository, tag };
}

/** With a registry: without one, clients fill in different ones. */
function isReference(text: string): boolean {
  try {
    return parseReference(text).registry !== undefined;
  } catch {
    return false;
  }
}
