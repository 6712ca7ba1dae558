import { defineConfig } from 'vitest/config';

/** The whole service from outside, over sockets; each file starts real processes, so one at a time. */
export default defineConfig({
  test: {
    include: ['test/e2e/**/*.e2e.spec.ts'],
    // Ends at once when it holds; a busy machine may take more than the second that is the default.
    expect: { poll: { timeout: 60_000 } },
    testTimeout: 120_000,
    hookTimeout: 120_000,
    pool: 'forks',
    maxWorkers: 1,
    fileParallelism: false,
  },
});
