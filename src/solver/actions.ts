// Owns: the action cache: what an op with a given key gave last time, and whether that was done here. One small file a
// key; all of them may be deleted at any time, and only work is lost.
//
//   actions/HE/X….json     {…, "origin": "built"}      what the op, the layer or the image gave
//                          {…, "origin": "imported"}   taken from somebody else; a record that does not say counts as this

import { closeSync, fsyncSync, mkdirSync, openSync, readFileSync, renameSync, unlinkSync, writeSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { type Digest, hexOf } from '../../oci/digest.ts';
import type { Json } from '../../oci/json.ts';

let counter = 0;

/** Writes a whole file or none: aside, fsync, rename. Without `isDurable` a crash of the machine may leave an empty one. */
export function writeFileWhole(path: string, content: string | Uint8Array, isDurable = true): void {
  mkdirSync(dirname(path), { recursive: true });
  const aside = `${path}.${process.pid}-${process.hrtime.bigint().toString(36)}-${counter++}`;
  const file = openSync(aside, 'wx', 0o644);
  try {
    if (typeof content === 'string') writeSync(file, content);
    else for (let at = 0; at < content.length; ) at += writeSync(file, content, at);
    if (isDurable) fsyncSync(file);
  } finally {
    closeSync(file);
  }
  try {
    renameSync(aside, path);
  } catch (error) {
    unlinkSync(aside);
    throw error;
  }
}

/** `built`: this machine did the work. `imported`: it took somebody's word for the result. */
export type Origin = 'built' | 'imported';

/** A result that was not made here. */
export interface ImportedAction {
  /** Readable: `run make install`, `image`, `layers of an image in DIR`. */
  readonly what: string;
  /** The action's key; absent for an image that came from outside with its layers. */
  readonly key?: Digest;
}

/** Records by key below `<store>/actions/`. */
export class ActionCache {
  readonly #directory: string;
  readonly #used = new Set<Digest>();
  readonly #imported = new Map<string, ImportedAction>();

  readonly #isReadOnly: boolean;

  /** Read-only, new records are forgotten. */
  constructor(store: string, isReadOnly: boolean) {
    this.#directory = join(store, 'actions');
    this.#isReadOnly = isReadOnly;
  }

  /** Keys read or written by this process: what a garbage collection must keep. */
  get used(): ReadonlySet<Digest> {
    return this.#used;
  }

  /** What of all that was used had not been made here, in the order of its words. */
  get imported(): readonly ImportedAction[] {
    const order = (action: ImportedAction): string => `${action.what} ${action.key ?? ''}`;
    return [...this.#imported.values()].sort((a, b) => (order(a) < order(b) ? -1 : 1));
  }

  /** For what comes in without a record of its own: the layers of a foreign image. */
  noteImport(what: string): void {
    this.#imported.set(what, { what });
  }

  #path(key: Digest): string {
    const hex = hexOf(key);
    return join(this.#directory, hex.slice(0, 2), `${hex.slice(2)}.json`);
  }

  /** The record, or undefined when there is none or it cannot be read: then the op runs again. */
  get(key: Digest): Json | undefined {
    try {
      const record = JSON.parse(readFileSync(this.#path(key), 'utf8')) as Json;
      this.#used.add(key);
      if (originOf(record) !== 'built') this.#imported.set(key, { what: describe(record), key });
      return record;
    } catch {
      return undefined;
    }
  }

  /** `origin` is for who takes results from elsewhere; whoever did the work leaves it out. */
  put(key: Digest, record: { readonly [key: string]: Json | undefined }, origin: Origin = 'built'): void {
    if (this.#isReadOnly) return;
    // The end of the build writes everything to the disk at once. What a crash before that leaves of a record is no JSON,
    // and what a record names is asked for, whole, before it is believed.
    writeFileWhole(this.#path(key), `${JSON.stringify({ ...record, origin })}\n`, false);
    this.#used.add(key);
    // What was imported and then done again is done here.
    if (origin === 'built') this.#imported.delete(key);
  }
}

/** Records of older versions do not say, and nobody can tell any more. */
function originOf(record: Json): Origin {
  return typeof record === 'object' && record !== null && 'origin' in record && record.origin === 'built'
    ? 'built'
    : 'imported';
}

function describe(record: Json): string {
  if (typeof record !== 'object' || record === null) return 'a record that is none';
  const { op, text, manifest, descriptor } = record as { readonly [key: string]: Json | undefined };
  if (typeof op === 'string') return typeof text === 'string' && text !== '' ? text.split('\n', 1)[0]! : op;
  if (manifest !== undefined) return 'an image';
  return descriptor !== undefined ? 'a layer' : 'a selection of files';
}
