// Owns: the chainID recursion of image-spec config.md, "Layer ChainID".

import { type Digest, digestOf } from './digest.ts';

/** ChainID(A, B…) over diffIDs, bottom first; undefined for no layers at all. */
export function chainIdOf(diffIds: readonly Digest[]): Digest | undefined {
  let chain: Digest | undefined;
  for (const diffId of diffIds) chain = chain === undefined ? diffId : digestOf(`${chain} ${diffId}`);
  return chain;
}
