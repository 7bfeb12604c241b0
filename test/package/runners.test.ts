// Test runners of users.
import { mkdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, inject, test } from 'vitest';
import { command, newProject, runNode, toolFolder, TRAIN_CJS, TRAIN_ESM, write } from './project.js';

const shared = inject('shared');
const folder = newProject({ folder: shared.installed }, 'runners');
mkdirSync(join(folder, 'node_modules'));
symlinkSync(toolFolder('vitest')!, join(folder, 'node_modules/vitest'));

const testing = (runner: string): string => `${runner}\ntest('trains', async () => expect(JSON.parse(await train()).weights).toBe(${JSON.stringify(shared.weights)}));\n`;
write(folder, 'train.vitest.mjs', testing(`import { expect, test } from 'vitest';\n${TRAIN_ESM}`));
write(folder, 'train.jest.mjs', testing(TRAIN_ESM));
write(folder, 'train.jest.cjs', testing(TRAIN_CJS));
write(folder, 'train.node.mjs', testing(`import { test } from 'node:test';\nimport { equal } from 'node:assert/strict';\nconst expect = (value) => ({ toBe: (other) => equal(value, other) });\n${TRAIN_ESM}`));

test('node:test', async () => {
  const { out, ended } = await runNode('--test', ['train.node.mjs'], { cwd: folder, shared });
  expect({ ended, out }).toEqual({ ended: 0, out: expect.stringContaining('# pass 1') as string });
});

test.each(['forks', 'threads', 'vmThreads'])('Vitest, in its pool %s', async (pool) => {
  const { out, errors, ended } = await runNode(command('vitest'), ['run', '--root', folder, '--pool', pool, 'train.vitest.mjs', '--config', 'none.mjs'], { cwd: folder, shared, node: 'node-22' });
  expect({ errors, ended, out }).toEqual({ errors: '', ended: 0, out: expect.stringMatching(/Tests\s+1 passed/) as string });
});
write(folder, 'none.mjs', "export default { test: { include: ['*.vitest.mjs'] } };");

describe('Jest', () => {
  const jest = (node: 'node-20' | 'node-26', file: string, options = ''): ReturnType<typeof runNode> => {
    const args = ['--rootDir', folder, '--testMatch', `**/${file}`, '--transform', '{}', '--ci', '--no-cache'];
    return runNode(command('jest'), args, { cwd: folder, shared, node, env: { NODE_OPTIONS: options } });
  };

  test('with --experimental-vm-modules, from an ES module', async () => {
    const { errors, ended } = await jest('node-20', 'train.jest.mjs', '--experimental-vm-modules --no-warnings');
    expect({ ended, errors }).toEqual({ ended: 0, errors: expect.stringMatching(/Tests:\s+1 passed/) as string });
  });

  test('without, it knows no ES modules, and its own require() none either', async () => {
    const { errors, ended } = await jest('node-20', 'train.jest.cjs');
    expect({ ended, errors }).toEqual({ ended: 1, errors: expect.stringMatching(/SyntaxError: Cannot use import statement outside a module|Must use import to load ES Module/) as string });
  });
});
