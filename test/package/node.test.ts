// Versions of Node.js, and both kinds of modules. Nothing may be printed but what the program prints: no warning either.
import { describe, expect, inject, test } from 'vitest';
import { expectTrained, lacks, NODES, runNode, toolFolder, train, write } from './project.js';

const shared = inject('shared');
const folder = shared.installed;

describe.each(NODES)('%s', (node) => {
  const missing = lacks(node);
  test.skipIf(missing)(`trains, by import${missing}`, async () => expectTrained(await train({ folder, shared, node }), shared, folder));
  test.skipIf(missing)(`trains, by require${missing}`, async () => expectTrained(await train({ folder, shared, node, cjs: true }), shared, folder));
});

test.skipIf(toolFolder('node-20') === undefined)('the oldest is the one that package.json says', async () => {
  const { out } = await runNode('-p', ['process.version'], { cwd: folder, shared, node: 'node-20' });
  expect(out.trim()).toBe('v20.19.0');
});

test('a worker thread that loads it first, and ends before the main thread does', async () => {
  const file = write(folder, 'worker.mjs', `
    import { Worker } from 'node:worker_threads';
    import { once } from 'node:events';
    await once(new Worker(new URL('train.mjs', import.meta.url)), 'exit');
    await import('./train.mjs');`);
  await train({ folder, shared });
  const { out, errors, ended } = await runNode(file, [], { cwd: folder, shared });
  expect({ errors, ended }).toEqual({ errors: '', ended: 0 });
  const lines = out.trim().split('\n').map((line) => JSON.parse(line) as { readonly binary: string; readonly weights: string });
  expect(lines).toHaveLength(2);
  for (const line of lines) expectTrained(line, shared, folder);
});

test('the command that builds from source says what it needs, where that is not there', async () => {
  const { errors, ended } = await runNode(`${folder}/node_modules/.bin/anneal`, ['build'], { cwd: folder, shared });
  expect(ended).toBe(1);
  expect(errors).toContain('missing here: Python 3, make, a C++20 compiler.');
  expect(errors).toContain('node-gyp was not found, which npm brings with it');
});

test('the command of the package', async () => {
  const { out, errors } = await runNode(`${folder}/node_modules/.bin/anneal`, ['info'], { cwd: folder, shared });
  expect(errors).toBe('');
  expect(out).toContain(`${folder}/node_modules/anneal/prebuilds/anneal-`);
});
