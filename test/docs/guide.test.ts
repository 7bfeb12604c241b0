// The examples of docs/guide.md are one program, which has to compile and run.
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';

const root = join(import.meta.dirname, '../..');
const require = createRequire(import.meta.url);

/** The program: blocks in order, imports first. */
function program(page: string): string {
  const code = [...page.matchAll(/^```ts\n(.*?)^```$/gms)].map(([, block]) => block!).join('\n');
  const isImport = (line: string): boolean => line.startsWith('import ');
  const lines = code.split('\n');
  return [...lines.filter(isImport), ...lines.filter((line) => !isImport(line))].join('\n');
}

let folder: string;
beforeAll(() => {
  // Inside the project, so that 'anneal' is found.
  mkdirSync(join(root, '.cache'), { recursive: true });
  folder = mkdtempSync(join(root, '.cache', 'guide-'));
  writeFileSync(join(folder, 'guide.ts'), program(readFileSync(join(root, 'docs', 'guide.md'), 'utf8')));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test('the examples compile', () => {
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ extends: '../../tsconfig.json', include: ['guide.ts'] }));
  const tsc = join(dirname(require.resolve('typescript/package.json')), 'bin', 'tsc');
  execFileSync(process.execPath, [tsc, '-p', folder], { encoding: 'utf8' });
});

test('the examples run', () => {
  const args = ['--conditions=anneal-source', '--import', pathToFileURL(require.resolve('tsx/esm')).href, 'guide.ts'];
  const output = execFileSync(process.execPath, args, { cwd: folder, encoding: 'utf8' });
  expect(output).toContain('[ 2, 2 ] Float32Array(4) [ 5.5, 11.5, 11.5, 25.5 ]');
  expect(output).toContain('0.weight');
});
