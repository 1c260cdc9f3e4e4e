// Owns: what random tests begin with. The same commit is tested with the same input everywhere, as everything else here is
// the same everywhere; OCIBUILD_TEST_SEED=NUMBER takes another seed, OCIBUILD_TEST_SEED=random a new one each time.

import fc from 'fast-check';

const wanted = process.env['OCIBUILD_TEST_SEED'] ?? '1';
if (wanted !== 'random') {
  const seed = Number(wanted);
  if (!Number.isInteger(seed)) throw new Error(`OCIBUILD_TEST_SEED: want an integer or random, got ${wanted}`);
  fc.configureGlobal({ ...fc.readConfigureGlobal(), seed });
}
