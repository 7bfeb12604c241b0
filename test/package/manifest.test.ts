// What package.json says of the package, and what is in it.
import { execFileSync } from 'node:child_process';
import { statSync } from 'node:fs';
import { expect, inject, test } from 'vitest';
import { command, requireTool, runNode, succeeds } from './project.js';

const shared = inject('shared');

test('publint has nothing to say', async () => {
  const { publint } = (await import(requireTool.resolve('publint'))) as { publint: (options: object) => Promise<{ readonly messages: readonly unknown[] }> };
  const { messages } = await publint({ pkgDir: `${shared.folder}/package`, strict: true });
  expect(messages).toEqual([]);
});

test('attw finds the types where the code is', async () => {
  // Every version of Node.js that the package is for can require() an ES module; the addons are subpaths for bundlers, and no code.
  const args = [shared.tarball, '--entrypoints', '.', '--ignore-rules', 'cjs-resolves-to-esm', '--no-color'];
  expect(await succeeds(runNode(command('@arethetypeswrong/cli'), args, { cwd: shared.folder, shared, node: 'node-22' }))).toContain('No problems found');
});

test('nothing but what is used', () => {
  const files = execFileSync('tar', ['-tzf', shared.tarball], { encoding: 'utf8' }).trim().split('\n').map((file) => file.replace('package/', ''));
  expect(new Set(files.map((file) => file.split('/')[0]))).toEqual(new Set(['CHANGELOG.md', 'LICENSE', 'README.md', 'dist', 'docs', 'native', 'package.json', 'prebuilds', 'scripts']));
  expect(statSync(shared.tarball).size).toBeLessThan(6e6);
});
