import { defineConfig } from 'vitest/config';

/** The whole service from outside, over sockets; each file starts real processes, so one at a time. */
export default defineConfig({
  test: {
    include: ['test/e2e/**/*.e2e.spec.ts'],
    testTimeout: 120_000,
    hookTimeout: 120_000,
    pool: 'forks',
    maxWorkers: 1,
    fileParallelism: false,
  },
});
