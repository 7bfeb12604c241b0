// Functions against PyTorch: values and gradients. Every fixture here with `functions` is run, its operations by their names, with the arguments in
// their order; make/<name>.py made it.
import { readdirSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import * as anneal from 'anneal';
import type { Tensor } from 'anneal';
import { fixture, type Case } from './fixtures.js';
import { check } from './gradients.js';

type Call = (...args: readonly unknown[]) => Tensor | { readonly indices: Tensor };

const names = readdirSync(import.meta.dirname).filter((name) => name.endsWith('.json'));
const cases = names.flatMap((name) => fixture<{ functions?: Case[] }>(name).functions ?? []);

describe('functions', () => {
  test('are found', () => expect(cases.length).toBeGreaterThan(40));

  test.each(cases.map((row): [string, Case] => [row.name, row]))('%s', async (_, row) => {
    const call = (anneal as unknown as Readonly<Record<string, Call>>)[row.op]!;
    await check(row, (inputs) => {
      const result = call(...inputs, ...Object.values(row.args));
      return 'indices' in result ? result.indices : result;
    });
  });
});
