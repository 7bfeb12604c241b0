// docs/fine-tuning.md claims what examples/fine-tune.ts has found: its table is made of the results, and what it says of them holds.
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { mean, readResults, withResults } from '../../examples/fine-tune/page.js';
import * as lora from '../../examples/lora/page.js';

const page = readFileSync(new URL('../../docs/fine-tuning.md', import.meta.url), 'utf8');

test('the table is that of the results', () => {
  expect(page, 'npm run example:fine-tune -- --keep writes it').toBe(withResults(page));
  expect(page).toMatch(/\| from scratch \| \d/);
});

test('the table of LoRA is that of its results, and what is said of it holds', () => {
  expect(page, 'npm run example:lora -- --keep writes it').toBe(lora.withResults(page));
  const { weights, steps, rank, trainedOn, before, ways, merged } = lora.readResults();
  expect(page).toContain('806,400 weights');
  expect([weights, steps, rank, Math.round(trainedOn / 1000)]).toEqual([806_400, 600, 8, 147]);
  const [few, all] = ways;
  expect([few!.name, all!.name]).toEqual(['LoRA', 'all weights']);
  expect(all!.loss).toBeLessThan(few!.loss);
  expect(few!.loss).toBeLessThan(before - 0.2);
  expect(few!.step).toBeLessThan(0.95 * all!.step);
  expect(few!.weights).toBeLessThan(all!.weights / 2);
  expect(few!.file).toBeLessThan(all!.file / 10);
  expect(merged).toBeLessThan(2e-6);
});

test('what it says of the ways holds', () => {
  const { perClass, ways } = readResults();
  expect(perClass).toEqual([5, 10, 20]);
  const [scratch, frozen, tuned] = ['from scratch', 'frozen body', 'lower rate for the body'].map((way) => ways[way]!.map(mean)) as [number[], number[], number[]];
  // Best for each number of images.
  perClass.forEach((_, i) => expect(tuned[i]!).toBeGreaterThan(Math.max(scratch[i]!, frozen[i]!)));
  // With 5 nearly as good as from scratch with 20.
  expect(Math.abs(tuned[0]! - scratch[2]!)).toBeLessThan(0.015);
  // Frozen: a help while images are very few, in the way when there are more.
  expect(frozen[0]!).toBeGreaterThan(scratch[0]! + 0.01);
  expect(frozen[2]!).toBeLessThan(scratch[2]! - 0.01);
});
