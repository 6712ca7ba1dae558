import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['src/**/*.spec.ts', 'test/**/*.spec.ts'],
    exclude: ['**/node_modules/**', 'test/e2e/**'],
    // Ends at once when it holds; a busy machine may take more than the second that is the default.
    expect: { poll: { timeout: 60_000 } },
    // Generous: they are there to end what hangs, and machines are shared.
    testTimeout: 120_000,
    hookTimeout: 240_000,
    pool: 'forks',
    // Modules, and with them the databases of the test worlds, are kept from one file to the next: half the time of the suite.
    isolate: false,
    maxWorkers: 2,
  },
});
