import { defineConfig } from 'vitest/config';

// The whole suite runs twice: planned, and eager through the references (ANNEAL_DEBUG=1). Names carry the mode, so that
// a failure says which path is wrong.
const reports = process.env['ANNEAL_REPORTS'];
const resolve = { conditions: ['anneal-source'] };
const source = { resolve, ssr: { resolve } };
const suite = { include: ['test/**/*.test.ts'], testTimeout: 60_000, hookTimeout: 60_000 };

export default defineConfig({
  ...source,
  test: {
    reporters: reports === undefined ? ['default'] : ['default', ['json', { outputFile: `${reports}/vitest.json` }]],
    projects: [
      { ...source, test: { ...suite, name: 'planned' } },
      // Memory over 20,000 steps and the event loop are matters of the planned path, types of neither; the references are slow by design.
      { ...source, test: { ...suite, name: 'eager', env: { ANNEAL_DEBUG: '1' }, exclude: ['test/lifecycle/**', 'test/types/**'], testTimeout: 180_000 } },
      { test: { name: 'types', include: [], typecheck: { enabled: true, only: true, include: ['test/types/**/*.test-d.ts'], checker: 'tsc', tsconfig: './tsconfig.json' } } },
    ],
  },
});
