// docs/fine-tuning.md claims what examples/fine-tune.ts has found: its table is made of the results, and what it says of them holds.
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { mean, readResults, withResults } from '../../examples/fine-tune/page.js';

const page = readFileSync(new URL('../../docs/fine-tuning.md', import.meta.url), 'utf8');

test('the table is that of the results', () => {
  expect(page, 'npm run example:fine-tune -- --keep writes it').toBe(withResults(page));
  expect(page).toMatch(/\| from scratch \| \d/);
});

test('few images of a class are worth more with a body than without', () => {
  const { perClass, ways } = readResults();
  expect(perClass).toEqual([5, 10, 20]);
  const [scratch, frozen, tuned] = ['from scratch', 'frozen body', 'lower rate for the body'].map((way) => ways[way]!.map(mean)) as [number[], number[], number[]];
  perClass.forEach((_, i) => expect(Math.max(frozen[i]!, tuned[i]!)).toBeGreaterThan(scratch[i]!));
});
