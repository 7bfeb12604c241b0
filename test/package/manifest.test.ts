// What package.json says of the package, and what is in it.
import { execFileSync } from 'node:child_process';
import { statSync } from 'node:fs';
import { expect, inject, test } from 'vitest';
import * as sources from '../../src/index.js';
import { command, requireTool, runNode, succeeds, write } from './project.js';

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

/** Names that functions and classes have of themselves, which stand in messages, by those that they are exported by. */
function namesOf(module: object): object {
  return Object.fromEntries(Object.entries(module).map(([key, value]: [string, object | (() => unknown)]) => [key, typeof value === 'function' ? value.name : namesOf(value)]));
}

const layersOf = ({ nn }: typeof sources): object[] => [nn.linear(2, 3), nn.conv2d(1, 2, 3), nn.batchNorm2d(2), nn.layerNorm([2]), nn.dropout(), nn.relu(), nn.maxPool2d(2), nn.sequential([2], nn.relu())];

test('functions and classes have the names that they have in the sources', async () => {
  const program = `import * as anneal from 'anneal';
${namesOf.toString()}
const layersOf = ${layersOf.toString()};
console.log(JSON.stringify([namesOf(anneal), layersOf(anneal).map((layer) => layer.constructor.name)]));
`;
  const printed = await succeeds(runNode(write(shared.installed, 'names.mjs', program), [], { cwd: shared.installed, shared }));
  const expected = [namesOf(sources), layersOf(sources).map((layer) => layer.constructor.name)];
  expect(JSON.parse(printed)).toEqual(expected);
  expect(expected[1]).toContain('Sequential');
});
