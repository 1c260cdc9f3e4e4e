// Owns: the action cache: what an op with a given key gave last time. One small file a key; all of them may be deleted
// at any time, and only work is lost.

import { closeSync, fsyncSync, mkdirSync, openSync, readFileSync, renameSync, unlinkSync, writeSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { type Digest, hexOf } from '../../oci/digest.ts';
import type { Json } from '../../oci/json.ts';

let counter = 0;

/** Writes a whole file or none: aside, fsync, rename. Without `isDurable` a crash of the machine may leave an empty one. */
export function writeFileWhole(path: string, text: string, isDurable = true): void {
  mkdirSync(dirname(path), { recursive: true });
  const aside = `${path}.${process.pid}-${process.hrtime.bigint().toString(36)}-${counter++}`;
  const file = openSync(aside, 'wx', 0o644);
  try {
    writeSync(file, text);
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

/** Records by key below `<store>/actions/`. */
export class ActionCache {
  readonly #directory: string;
  readonly #used = new Set<Digest>();

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

  #path(key: Digest): string {
    const hex = hexOf(key);
    return join(this.#directory, hex.slice(0, 2), `${hex.slice(2)}.json`);
  }

  /** The record, or undefined when there is none or it cannot be read: then the op runs again. */
  get(key: Digest): Json | undefined {
    try {
      const record = JSON.parse(readFileSync(this.#path(key), 'utf8')) as Json;
      this.#used.add(key);
      return record;
    } catch {
      return undefined;
    }
  }

  put(key: Digest, record: Json): void {
    if (this.#isReadOnly) return;
    // The end of the build writes everything to the disk at once. What a crash before that leaves of a record is no JSON,
    // and what a record names is asked for, whole, before it is believed.
    writeFileWhole(this.#path(key), `${JSON.stringify(record)}\n`, false);
    this.#used.add(key);
  }
}
