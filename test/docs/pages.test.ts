// The examples of each page of docs/ are one program, which has to compile and run.
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Compiled } from '../../scripts/compiled.js';

const root = join(import.meta.dirname, '../..');
const require = createRequire(import.meta.url);

/** Texts that a page prints, besides that it runs to its end. */
const PRINTS: Readonly<Record<string, readonly string[]>> = {
  'guide.md': ['[ 2, 2 ] Float32Array(4) [ 5.5, 11.5, 11.5, 25.5 ]', '0.weight'],
  'losses.md': ['alignment: ', '[crossEntropy] the outputs have been through softmax', '\ntrue\n'],
  'reference.md': ['[ [ 3, 30 ], [ 1, 10 ] ]', '\ntrue\n'],
  'fine-tuning.md': ['frozen body ', 'one after the other '],
  'serving.md': ['200 {', 'ANNEAL_ABORTED'],
  'language.md': ['[ 2, 3, 32 ]', 'the '],
  'tables.md': ['320 80 1 { line: 402', "'district=centre'"],
  'optimizers.md': ['[ [ 2, 0.001 ], [ 2, 0.001 ] ]'],
};

const inDebug = process.env['ANNEAL_DEBUG'] === '1';
/** Pages whose trainings take the references most of a minute. */
const LONG = ['fine-tuning.md', 'language.md'];

/** The program: blocks in order, imports first. */
function program(page: string): string {
  const code = [...page.matchAll(/^```ts\n(.*?)^```$/gms)].map(([, block]) => block!).join('\n');
  const isImport = (line: string): boolean => line.startsWith('import ');
  const lines = code.split('\n');
  return [...lines.filter(isImport), ...lines.filter((line) => !isImport(line))].join('\n');
}

const pages = readdirSync(join(root, 'docs'))
  .filter((name) => name.endsWith('.md'))
  .map((name) => ({ name, file: name.replace('.md', '.ts'), code: program(readFileSync(join(root, 'docs', name), 'utf8')) }))
  .filter(({ code }) => code !== '');

const compiled = new Compiled();
let folder: string;
beforeAll(() => {
  // Inside the project, so that 'anneal' is found.
  mkdirSync(join(root, '.cache'), { recursive: true });
  folder = mkdtempSync(join(root, '.cache', 'docs-'));
  for (const { file, code } of pages) writeFileSync(join(folder, file), code);
});
afterAll(() => {
  compiled.remove();
  rmSync(folder, { recursive: true, force: true });
});

// What compiles does so in every mode.
test.skipIf(inDebug)('the examples of all pages compile', () => {
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ extends: '../../tsconfig.json', include: ['*.ts'] }));
  const tsc = join(dirname(require.resolve('typescript/package.json')), 'bin', 'tsc');
  const { status, stdout } = spawnSync(process.execPath, [tsc, '-p', folder], { encoding: 'utf8' });
  expect(status === 0 ? '' : stdout).toBe('');
});

describe('the examples run', () => {
  test.each(inDebug ? pages.filter(({ name }) => !LONG.includes(name)) : pages)('of $name', async ({ name, file }) => {
    const output = execFileSync(process.execPath, [await compiled.script(join(folder, file))], { cwd: folder, encoding: 'utf8' });
    for (const text of PRINTS[name] ?? []) expect(output).toContain(text);
  });

  test('all that is expected to print is there', () => {
    expect(pages.map(({ name }) => name)).toEqual(expect.arrayContaining(Object.keys(PRINTS)));
  });
});
