import { defineConfig } from 'vitest/config';

// unit: quick, no sandbox, no outside tools needed. The others start real programs and say why they skip.
export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'unit',
          include: ['test/oci/**/*.test.ts', 'test/src/**/*.test.ts', 'test/architecture.test.ts'],
        },
      },
      {
        test: { name: 'sandbox', include: ['test/sandbox/**/*.test.ts'], testTimeout: 120_000, fileParallelism: false },
      },
      { test: { name: 'interop', include: ['test/interop/**/*.test.ts'], testTimeout: 120_000 } },
      { test: { name: 'regress', include: ['test/regress/**/*.test.ts'], testTimeout: 120_000 } },
    ],
  },
});
