// The closed set of ops: all that the library records, each under its own name.
import { readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { expect, test } from 'vitest';
import type { OpRecord } from '../../src/ops/record.js';
import { everyOp, ops } from '../../src/ops/registry.js';

const folder = join(import.meta.dirname, '../../src/ops');
const files = readdirSync(folder);

test('every op stands under its own name', () => {
  expect(Object.entries(ops).filter(([key, { name }]) => key !== name)).toEqual([]);
});

test('every record that a file of src/ops exports is one of them', async () => {
  const known = new Set<unknown>(everyOp);
  const records = new Set<OpRecord>();
  for (const file of files) {
    const exported = (await import(`../../src/ops/${basename(file, '.ts')}.ts`)) as Record<string, unknown>;
    for (const value of Object.values(exported)) if (typeof value === 'object' && value !== null && 'infer' in value) records.add(value as OpRecord);
  }
  expect(records.size).toBeGreaterThan(80);
  expect([...records].filter((record) => !known.has(record)).map(({ name }) => name)).toEqual([]);
});

test('every record is exported, and none is elsewhere', () => {
  expect(files.filter((file) => /^const \w+(Op|Leaf)\b/m.test(readFileSync(join(folder, file), 'utf8')))).toEqual([]);
  const others = readdirSync(join(folder, '..'), { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.ts') && !/^ops[\\/]/.test(file));
  expect(others.filter((file) => /(Pointwise|View|Kernel|Composite|Effect|Leaf|Output)Record(<.*>)? = \{$/m.test(readFileSync(join(folder, '..', file), 'utf8')))).toEqual([]);
});
