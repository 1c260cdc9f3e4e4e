// For the run that inNamespaces starts: one file, with no set-up of other tests.
import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/src/snapshot/*.test.ts', 'test/sandbox/snapshot.test.ts'],
    setupFiles: ['test/property-seed.ts'],
    testTimeout: 120_000,
  },
});
