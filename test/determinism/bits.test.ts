import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Compiled } from '../../scripts/compiled.js';

const compiled = new Compiled();
let script: string;
const run = promisify(execFile);

/** The hash of all weights after the same 50 steps, in a process of its own. */
async function weightsOf(how: 'loop' | 'fit' | 'stepwise', env: Readonly<Record<string, string>>): Promise<string> {
  const options = { env: { ...process.env, ...env } };
  const { stdout } = await run(process.execPath, [script, how], options);
  return stdout.trim();
}

let expected: string;

beforeAll(async () => {
  script = await compiled.script(fileURLToPath(new URL('training.ts', import.meta.url)));
  expected = await weightsOf('loop', { ANNEAL_THREADS: '1' });
});
afterAll(() => compiled.remove());

test('a hash is a hash', () => {
  expect(expected).toMatch(/^[0-9a-f]{64}$/);
});

test.each(['2', '4'])('the same bits with %s threads', async (threads) => {
  expect(await weightsOf('loop', { ANNEAL_THREADS: threads })).toBe(expected);
});

test.each(['1', '2', '4'])('the same bits from Trainer.fit with %s threads', async (threads) => {
  expect(await weightsOf('fit', { ANNEAL_THREADS: threads })).toBe(expected);
});

test('the same bits from Trainer.fit step by step', async () => {
  expect(await weightsOf('stepwise', { ANNEAL_THREADS: '2' })).toBe(expected);
});
