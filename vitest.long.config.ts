import { defineConfig } from 'vitest/config';

// What takes minutes: not part of `npm test`, which has short forms of it.
const resolve = { conditions: ['anneal-source'] };

export default defineConfig({
  resolve,
  ssr: { resolve },
  test: { setupFiles: ['test/setup.ts'], include: ['test/long/**/*.test.ts'], reporters: ['verbose'], maxWorkers: 1, hookTimeout: 60_000 },
});
