import { defineConfig } from 'vitest/config';

/** `MUTATION_SPECS`, a list with commas: those that promise something about the files that are mutated. */
const named = process.env['MUTATION_SPECS']?.split(',');
const slow = ['**/safe-html.spec.ts', '**/expansion-cost.spec.ts', '**/rule-dates.spec.ts', '**/recurrence.spec.ts'];

/** For mutation testing: the pure specs alone, with fewer random cases each, because they run once for every mutant. */
export default defineConfig({
  test: {
    include: named ?? ['src/core/*.spec.ts', 'src/sync/window-ladder.spec.ts'],
    exclude: named ? [] : slow,
    env: { PLAN_RUNS: '40' },
    setupFiles: ['test/mutation/fewer-cases.ts'],
    testTimeout: 120_000,
    pool: 'forks',
  },
});
