// Owns: making entries and archives in memory, for tests.

import type { StampPolicy, TreeEntry } from '../../../oci/layer/entry.ts';
import { writeTar } from '../../../oci/layer/writer.ts';
import { type RawPath, rawPath } from '../../../oci/raw-path.ts';

export const ZERO: StampPolicy = { owner: 'root', time: 'set', epoch: 0 };
export const KEEP: StampPolicy = { owner: 'keep', time: 'clamp', epoch: 1_000_000_000 };

type Extra = Partial<Omit<TreeEntry, 'path' | 'type' | 'target'>> & { readonly target?: string };

/** An entry with the usual mode; `path` and `target` are text. */
export function entry(path: string, type: TreeEntry['type'], extra: Extra = {}): TreeEntry {
  return rawEntry(rawPath(path), type, extra);
}

/** The same for names that are not UTF-8: one char a byte. */
export function rawEntry(path: string, type: TreeEntry['type'], extra: Extra = {}): TreeEntry {
  const { target, ...rest } = extra;
  return {
    path: path as RawPath,
    type,
    mode: type === 'directory' ? 0o755 : type === 'symlink' ? 0o777 : type === 'whiteout' ? 0 : 0o644,
    size: rest.bytes?.length ?? 0,
    ...(target === undefined ? {} : { target: rawPath(target) }),
    ...rest,
  };
}

export function file(path: string, text = '', extra: Extra = {}): TreeEntry {
  return entry(path, 'file', { ...extra, bytes: Buffer.from(text) });
}

export async function tarOf(entries: Iterable<TreeEntry>, policy: StampPolicy = ZERO): Promise<Buffer> {
  const chunks: Buffer[] = [];
  await writeTar(entries, policy, (chunk) => {
    chunks.push(Buffer.from(chunk));
  });
  return Buffer.concat(chunks);
}
