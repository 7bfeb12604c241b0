import { readdirSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { figurePages, withFigures } from '../../bench/readme.js';

test.each(Object.keys(figurePages))('the figures in %s are those of bench/results', (page) => {
  const text = readFileSync(new URL(`../../${page}`, import.meta.url), 'utf8');
  expect(text, 'npm run bench -- readme writes them').toBe(withFigures(page, text));
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
