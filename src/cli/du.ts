// Owns: `ocibuild du`: what the store takes on the disk, part by part.

import { lstatSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { formatBytes } from '../progress/text.ts';
import type { Command } from './command.ts';
import { counted, tableText } from './table.ts';

/** What lies at the top of a store; anything else is shown under its own name. */
const MEANING: Readonly<Record<string, string>> = {
  actions: 'what each step gave, by key',
  cache: 'RUN --mount=type=cache',
  diffs: 'what each step changed',
  flat: 'merged stacks',
  l: 'short names of diffs',
  layers: 'unpacked layers',
  layout: 'images: an OCI layout',
  logs: 'output of steps',
  roots: 'what gc keeps',
  skeleton: 'mount points every step has',
  sources: 'pinned sources',
  trash: 'being deleted',
  work: 'builds going on',
};

export interface Usage {
  /** Bytes allocated, not lengths. */
  bytes: number;
  /** Files of every type, folders too. */
  files: number;
}

export const command: Command = {
  name: 'du',
  summary: 'show what the store takes on the disk',
  usage: '',
  flags: { json: { summary: 'as {"store","total","parts":{NAME:{"bytes","files"}}}' } },
  operands: { min: 0, max: 0 },
  // Steps own some of the files, and may have closed their folders to everybody else.
  needsNamespace: true,
  run: async ({ args, storeDirectory, stdout }) => {
    const parts = storeUsage(storeDirectory);
    const total = [...parts.values()].reduce((sum, { bytes }) => sum + bytes, 0);
    if (args.is('json')) {
      const found = { store: storeDirectory, total, parts: Object.fromEntries(parts) };
      stdout.write(`${JSON.stringify(found, undefined, 2)}\n`);
      return 0;
    }
    const rows = [...parts]
      .sort(([, one], [, other]) => other.bytes - one.bytes)
      .map(([name, { bytes, files }]) => [formatBytes(bytes), counted(files, 'file'), name, MEANING[name] ?? '']);
    stdout.write(`${tableText(rows, [0, 1])}${formatBytes(total)} in ${storeDirectory}\n`);
    return 0;
  },
};

/** By name of the part, sorted. A file with several names counts once, where it is met first. Nothing for no store. */
export function storeUsage(store: string): ReadonlyMap<string, Usage> {
  const seen = new Set<string>();
  const parts = new Map<string, Usage>();
  for (const name of namesIn(Buffer.from(store))) {
    const usage = { bytes: 0, files: 0 };
    measure(Buffer.from(join(store, name.toString('utf8'))), usage, seen);
    parts.set(name.toString('utf8'), usage);
  }
  return new Map([...parts].sort(([one], [other]) => (one < other ? -1 : 1)));
}

function measure(top: Buffer, usage: Usage, seen: Set<string>): void {
  const todo = [top];
  for (let path = todo.pop(); path !== undefined; path = todo.pop()) {
    const stats = lstatSync(path, { throwIfNoEntry: false });
    // Another process may be deleting it right now.
    if (stats === undefined) continue;
    if (stats.isDirectory()) {
      for (const name of namesIn(path)) todo.push(Buffer.concat([path, Buffer.from('/'), name]));
    } else if (stats.nlink > 1) {
      const file = `${stats.dev}:${stats.ino}`;
      if (seen.has(file)) continue;
      seen.add(file);
    }
    usage.bytes += stats.blocks * 512;
    usage.files++;
  }
}

function namesIn(directory: Buffer): readonly Buffer[] {
  try {
    return readdirSync(directory, { encoding: 'buffer' });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}
