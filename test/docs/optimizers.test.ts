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

/** Options of a row's first cell that are to be switched on, besides those of the name. */
const ON: Readonly<Record<string, unknown>> = { momentum: 0.9, amsgrad: true, centered: true };

test('every row says what is kept beside a matrix', () => {
  for (const row of rows) {
    const [name, ...options] = [...row.split(/(?<!\\)\|/)[1]!.matchAll(/`(\w+)`/g)].map(([, word]) => word!);
    if (!optimizers.includes(name!)) continue;
    const [matrix] = nn.linear(3, 2, { bias: false }).parameters();
    const make = optim[name as 'sgd'] as unknown as (parameters: unknown, options: object) => optim.Optimizer;
    const optimizer = make([matrix], Object.fromEntries(options.map((option) => [option, ON[option]])));
    const kept = [...optimizer.stateDict().keys()].filter((key) => !/steps?$/.test(key));
    const cell = row.split(/(?<!\\)\|/)[3]!.split(/;| of /)[0]!.trim();
    const told = cell === '–' ? [] : cell.split(', ').filter((array) => !array.startsWith('('));
    expect(kept, row).toHaveLength(told.length);
  }
});
