// docs/optimizers.md has a row for every optimizer, with a source for each that is not PyTorch's own.
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { nn, optim } from 'anneal';

const page = readFileSync(new URL('../../docs/optimizers.md', import.meta.url), 'utf8');
const rows = page.split('\n').filter((line) => line.startsWith('| `'));

/** Functions of parameters that give an optimizer. */
const optimizers = Object.entries(optim).flatMap(([name, make]) => {
  if (typeof make !== 'function' || Function.prototype.toString.call(make).startsWith('class ') || make.length === 0) return [];
  try {
    return (make as (parameters: unknown) => unknown)(nn.linear(2, 2).parameters()) instanceof optim.Optimizer ? [name] : [];
  } catch {
    return [];
  }
});

test('every optimizer has a row', () => {
  expect(optimizers.length).toBeGreaterThanOrEqual(13);
  const described = new Set(rows.map((row) => /^\| `(\w+)/.exec(row)![1]!));
  const missing = optimizers.filter((name) => !described.has(name));
  expect(missing).toEqual([]);
});

test('every row has five cells, and says where its formula is from', () => {
  const tabled = rows.filter((row) => optimizers.includes(/^\| `(\w+)/.exec(row)![1]!));
  for (const row of tabled) {
    const cells = row.split(/(?<!\\)\|/).slice(1, -1);
    expect(cells.length, row).toBe(5);
    expect(cells[4], row).toMatch(/torch\.optim|https:/);
  }
});
