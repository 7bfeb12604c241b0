import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Compiled } from '../../scripts/compiled.js';

const compiled = new Compiled();
let script: string;
const run = promisify(execFile);

beforeAll(async () => {
  script = await compiled.script(fileURLToPath(new URL('training.ts', import.meta.url)));
});
afterAll(() => compiled.remove());

describe.each(['numbers', 'images'] as const)('training on %s', (task) => {
  /** The hash of all weights after the same 50 steps, in a process of its own. */
  async function weightsOf(how: 'loop' | 'fit' | 'stepwise', threads: string, ...where: 'worker'[]): Promise<string> {
    const { stdout } = await run(process.execPath, [script, how, task, ...where], { env: { ...process.env, ANNEAL_THREADS: threads } });
    return stdout.trim();
  }

  let expected: string;
  beforeAll(async () => {
    expected = await weightsOf('loop', '1');
  });

  test('a hash is a hash', () => {
    expect(expected).toMatch(/^[0-9a-f]{64}$/);
  });

  test.each(['2', '4'])('the same bits with %s threads', async (threads) => {
    expect(await weightsOf('loop', threads)).toBe(expected);
  });

  test.each(['1', '2', '4'])('the same bits from Trainer.fit with %s threads', async (threads) => {
    expect(await weightsOf('fit', threads)).toBe(expected);
  });

  test('the same bits from Trainer.fit step by step', async () => {
    expect(await weightsOf('stepwise', '2')).toBe(expected);
  });

  test('the same bits in a worker', async () => {
    expect(await weightsOf('fit', '2', 'worker')).toBe(expected);
  });
});
