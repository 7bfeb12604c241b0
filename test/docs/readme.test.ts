import { readdirSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { withFigures } from '../../bench/readme.js';

test('the figures in the README are those of bench/results', () => {
  const readme = readFileSync(new URL('../../README.md', import.meta.url), 'utf8');
  expect(readme, 'npm run bench -- readme writes them').toBe(withFigures(readme));
});

test('figures of kernels that are named after a target are of that target', () => {
  const folder = new URL('../../bench/results/kernels/', import.meta.url);
  const named = readdirSync(folder).filter((file) => file.includes('-'));
  expect(named).toContain('gemm-avx512.json');
  for (const file of named) {
    const { machine } = JSON.parse(readFileSync(new URL(file, folder), 'utf8')) as { machine: { target: string } };
    expect(file).toBe(`${file.slice(0, file.indexOf('-'))}-${machine.target}.json`);
  }
});
