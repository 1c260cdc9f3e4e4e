// Owns: cc1 made in three ways, in a scratch folder: by cc0 as the chain makes it, by gcc in cc0's place, and by itself.

import { mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { type Chain, GCC_STANDIN, hasProgram, makeChain, mustRun, type Ran, run } from '../seed/chain.ts';

/** The folder of cc1's sources, its headers and its library. */
export const CC1 = new URL('../../../bootstrap/seed-cc1/', import.meta.url).pathname;
/** cc1's parts, in the order its recipe gives them to cc0. */
export const CC1_PARTS = readdirSync(CC1)
  .filter((name) => /^\d\d-.*\.c$/.test(name))
  .sort();

export interface Compilers {
  readonly chain: Chain;
  readonly byCc0: string;
  /** Undefined where there is no gcc. */
  readonly byGcc: string | undefined;
  /** By the one cc0 made, and what the chain ships. */
  readonly byItself: string;
}

export function makeCompilers(): Compilers {
  const chain = makeChain();
  const byCc0 = join(chain.folder, 'first');
  mustRun(CC1, chain.cc0, byCc0, ...CC1_PARTS);
  const byGcc = hasProgram('gcc') ? join(chain.folder, 'by-gcc') : undefined;
  if (byGcc !== undefined) mustRun(CC1, 'sh', GCC_STANDIN, byGcc, ...CC1_PARTS);
  const byItself = join(chain.folder, 'cc1');
  mustRun(CC1, byCc0, '-o', byItself, '-I', 'include', 'cc1.c', 'libc/libc.c');
  mkdirSync(join(chain.folder, 'out'));
  return { chain, byCc0, byGcc, byItself };
}

/** Compiles with the library; `out` is a name in the scratch folder, `folder` where the source's name counts from. */
export function compile({ chain }: Compilers, cc1: string, folder: string, out: string, source: string): Ran {
  return run(folder, cc1, '-o', join(chain.folder, out), '-I', `${CC1}include`, source, `${CC1}libc/libc.c`);
}
