import { defineConfig } from 'vitest/config';
import { CountReporter } from './scripts/count-reporter.ts';

/** The groups of `npm test`, in the order in which a failure is cheapest to understand. */
const groups: Record<string, string[]> = {
  tidy: ['test/tidy/**/*.test.ts'],
  unit: ['*/src/**/*.test.ts', 'examples/*/src/**/*.test.ts'],
  contract: ['test/contract/**/*.test.ts'],
  simulation: ['test/simulation/**/*.test.ts'],
  integration: ['test/integration/**/*.test.ts'],
  conformance: ['test/conformance/**/*.test.ts'],
  e2e: ['test/e2e/**/*.test.ts'],
};

/** Groups whose files run one at a time, behind all others: each file starts up to ten processes, for two cores. */
const ALONE = new Set(['e2e']);

export default defineConfig({
  test: {
    projects: Object.entries(groups).map(([name, include]) => ({
      extends: true,
      test: { name, include, ...(ALONE.has(name) ? { fileParallelism: false } : {}) },
    })),
    // A process of its own for each file: tests open sockets, start Redis servers and end processes.
    pool: 'forks',
    maxWorkers: 2,
    // Generous, since a timing never decides a test, and a machine that is busy with other things takes half a minute to start ten
    // processes; a test that hangs is what these are for.
    testTimeout: 180_000,
    hookTimeout: 180_000,
    teardownTimeout: 10_000,
    allowOnly: false,
    passWithNoTests: false,
    reporters: ['default', new CountReporter()],
  },
});
