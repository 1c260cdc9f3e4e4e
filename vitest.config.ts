import { defineConfig } from 'vitest/config';

const EVERY = { setupFiles: ['test/property-seed.ts'] };
const STARTS_PROGRAMS = {
  ...EVERY,
  testTimeout: 120_000,
  hookTimeout: 120_000,
  globalSetup: ['test/sandbox/engine-setup.ts'],
};

// unit: quick, no sandbox, no outside tools needed. The others start real programs and say why they skip.
export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'unit',
          include: ['test/oci/**/*.test.ts', 'test/src/**/*.test.ts', 'test/*.test.ts'],
          ...EVERY,
        },
      },
      {
        test: { name: 'sandbox', include: ['test/sandbox/**/*.test.ts'], ...STARTS_PROGRAMS, fileParallelism: false },
      },
      { test: { name: 'interop', include: ['test/interop/**/*.test.ts'], ...STARTS_PROGRAMS } },
      { test: { name: 'regress', include: ['test/regress/**/*.test.ts'], ...STARTS_PROGRAMS } },
    ],
  },
});
