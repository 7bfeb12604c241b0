import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';

// The suite runs twice: planned, and eager through the references (ANNEAL_DEBUG=1). Names carry the mode, so that
// a failure says which path is wrong.
const reports = process.env['ANNEAL_REPORTS'];
const resolve = { conditions: ['anneal-source'] };
const source = { resolve, ssr: { resolve } };
// Files of one worker share the library's modules, as parts of a user's program do; to load them for each takes longer than the tests.
const suite = { setupFiles: ['test/setup.ts'], include: ['test/**/*.test.ts'], isolate: false, testTimeout: 60_000, hookTimeout: 60_000 };
/** What the mode is nothing to, as it is evaluated on given targets or is about files and processes, what runs in both by itself, and large models; the references are slow by design. */
const alikeInBoth = ['test/checkpoint/**', 'test/cli/**', 'test/compiler/**', 'test/hostile/{door,files}.test.ts', 'test/lifecycle/**', 'test/long/**', 'test/package/**', 'test/parity/models.test.ts', 'test/ops/{effects,extremes,gradients,registry,semantics,sizes,updates,values}.test.ts', 'test/programs/**', 'test/types/**'];

export default defineConfig({
  ...source,
  test: {
    // One for each core, which is one more than the default.
    maxWorkers: availableParallelism(),
    reporters: reports === undefined ? ['default'] : ['default', ['json', { outputFile: `${reports}/vitest.json` }]],
    projects: [
      { ...source, test: { ...suite, name: 'planned', exclude: ['test/lifecycle/**', 'test/long/**', 'test/package/**'] } },
      { ...source, test: { ...suite, name: 'eager', env: { ANNEAL_DEBUG: '1' }, exclude: alikeInBoth, testTimeout: 180_000 } },
      // Memory, the event loop and what is loaded are looked at in a process that has done nothing else.
      { ...source, test: { ...suite, name: 'lifecycle', include: ['test/lifecycle/**/*.test.ts'], isolate: true } },
      { test: { name: 'types', include: [], typecheck: { enabled: true, only: true, include: ['test/types/**/*.test-d.ts'], checker: 'tsc', tsconfig: './tsconfig.json' } } },
    ],
  },
});
