// Owns: `<store>/stat-cache`, the digests of host files by what lstat says of them, so that a build context is hashed
// once and not in every build.
//
//   <dev> <ino> <size> <mtime ns> <ctime ns> <64 hex digits> LF
//
// Lines are appended whole; a torn line does not match the form and is skipped. A file written within two seconds of
// being looked at may change again without its times changing, so it is not remembered.

import { randomBytes } from 'node:crypto';
import { appendFileSync, type BigIntStats, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { type Digest, hexOf } from '../../oci/digest.ts';
import { bytesOf, type HostPath, isErrno } from './raw-fs.ts';

const LINE = /^(\d+ \d+ \d+ -?\d+ -?\d+) ([0-9a-f]{64})$/;
const RACY_NS = 2_000_000_000n;

export interface StatCache {
  get(stats: BigIntStats): Digest | undefined;
  /** Forgets it again if the file is too young. `now` is in nanoseconds since 1970, for tests. */
  put(stats: BigIntStats, digest: Digest, now?: bigint): void;
  /** Writes what was put since. Never throws: a cache that cannot be written is only slow. */
  save(): void;
}

/** Read-only, what is put is forgotten with the process. */
export function openStatCache(file: HostPath, isReadOnly = false): StatCache {
  let known: Map<string, string> | undefined;
  let fresh: string[] = [];
  let lines = 0;

  const load = (): Map<string, string> => {
    if (known !== undefined) return known;
    known = new Map();
    try {
      for (const line of readFileSync(bytesOf(file), 'latin1').split('\n')) {
        const match = LINE.exec(line);
        if (match === null) continue;
        known.set(match[1]!, match[2]!);
        lines++;
      }
    } catch (error) {
      if (!isErrno(error, 'ENOENT')) throw error;
    }
    return known;
  };

  return {
    get(stats) {
      const hex = load().get(keyOf(stats));
      return hex === undefined ? undefined : (`sha256:${hex}` as Digest);
    },
    put(stats, digest, now = BigInt(Date.now()) * 1_000_000n) {
      if (now - stats.mtimeNs < RACY_NS || now - stats.ctimeNs < RACY_NS) return;
      load().set(keyOf(stats), hexOf(digest));
      fresh.push(`${keyOf(stats)} ${hexOf(digest)}\n`);
    },
    save() {
      if (isReadOnly || fresh.length === 0) return;
      const text = fresh.join('');
      lines += fresh.length;
      fresh = [];
      try {
        if (known !== undefined && lines > 100_000 && lines > 2 * known.size) {
          // Not the pid: builds in namespaces of their own may all have the same.
          const aside = `${file}.${randomBytes(8).toString('hex')}` as HostPath;
          writeFileSync(bytesOf(aside), [...known].map(([key, hex]) => `${key} ${hex}\n`).join(''));
          renameSync(bytesOf(aside), bytesOf(file));
          lines = known.size;
        } else {
          appendFileSync(bytesOf(file), text);
        }
      } catch {
        // Only speed is lost.
      }
    },
  };
}

function keyOf(stats: BigIntStats): string {
  return `${stats.dev} ${stats.ino} ${stats.size} ${stats.mtimeNs} ${stats.ctimeNs}`;
}
