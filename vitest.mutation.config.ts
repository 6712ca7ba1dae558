import { defineConfig } from 'vitest/config';

/** For mutation testing: the pure specs alone, with fewer random cases each, because they run once for every mutant. */
export default defineConfig({
  test: {
    include: ['src/core/*.spec.ts', 'src/sync/window-ladder.spec.ts'],
    exclude: ['**/safe-html.spec.ts', '**/expansion-cost.spec.ts', '**/rule-dates.spec.ts', '**/recurrence.spec.ts'],
    env: { PLAN_RUNS: '40' },
    setupFiles: ['test/mutation/fewer-cases.ts'],
    testTimeout: 120_000,
    pool: 'forks',
  },
});
