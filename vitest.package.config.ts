import { defineConfig } from 'vitest/config';

// The package as users get it, in new projects. Not part of `npm test`: it installs tools of some hundred megabytes.
const reports = process.env['ANNEAL_REPORTS'];

export default defineConfig({
  test: {
    include: ['test/package/**/*.test.ts'],
    globalSetup: 'test/package/setup.ts',
    // Package managers and compilers use all cores themselves.
    maxWorkers: 1,
    isolate: false,
    testTimeout: 120_000,
    hookTimeout: 300_000,
    reporters: reports === undefined ? ['verbose'] : ['default', ['json', { outputFile: `${reports}/vitest-package.json` }]],
  },
});
