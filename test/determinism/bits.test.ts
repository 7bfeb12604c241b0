import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { info } from 'anneal';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Compiled } from '../../scripts/compiled.js';

const compiled = new Compiled();
let script: string;
const run = promisify(execFile);

beforeAll(async () => {
  script = await compiled.script(fileURLToPath(new URL('training.ts', import.meta.url)));
});
afterAll(() => compiled.remove());

/** The hash of all weights and buffers after the same 50 steps, in a process of its own. */
async function stateOf(how: 'loop' | 'fit' | 'stepwise', task: string, env: Readonly<Record<string, string>>, ...where: 'worker'[]): Promise<string> {
  const { stdout } = await run(process.execPath, [script, how, task, ...where], { env: { ...process.env, ...env } });
  return stdout.trim();
}

/** References run where they are asked for, on one thread. */
const inDebug = process.env['ANNEAL_DEBUG'] === '1';

describe.each(['numbers', 'images'])('training on %s', (task) => {
  let expected: string;
  beforeAll(async () => {
    expected = await stateOf('loop', task, { ANNEAL_THREADS: '1' });
  });

  test('a hash is a hash', () => {
    expect(expected).toMatch(/^[0-9a-f]{64}$/);
  });

  test.skipIf(inDebug).each(['2', '4'])('the same bits with %s threads', async (threads) => {
    expect(await stateOf('loop', task, { ANNEAL_THREADS: threads })).toBe(expected);
  });

  test.each(inDebug ? ['1'] : ['1', '2', '4'])('the same bits from Trainer.fit with %s threads', async (threads) => {
    expect(await stateOf('fit', task, { ANNEAL_THREADS: threads })).toBe(expected);
  });

  test.skipIf(inDebug)('the same bits from Trainer.fit step by step', async () => {
    expect(await stateOf('stepwise', task, { ANNEAL_THREADS: '2' })).toBe(expected);
  });

  test('the same bits in a worker', async () => {
    expect(await stateOf('fit', task, { ANNEAL_THREADS: '2' }, 'worker')).toBe(expected);
  });
});

// Augmented, mixed and shuffled. The references would take minutes.
describe.skipIf(inDebug).each(['lenet', 'small-resnet', 'resnet18', 'mobilenet-v2'])('50 steps of %s', (net) => {
  /** Targets within the promise of equal bits. */
  const targets = info().targets.filter((target) => !['baseline', 'reference'].includes(target));

  test('leave one hash: 1 to 4 threads, every target, loop and fit, in a worker', { timeout: 240_000 }, async () => {
    const hashes: Record<string, string> = { 'loop, 1 thread': await stateOf('loop', net, { ANNEAL_THREADS: '1' }) };
    for (const threads of ['2', '3', '4']) hashes[`fit, ${threads} threads`] = await stateOf('fit', net, { ANNEAL_THREADS: threads });
    for (const target of targets) hashes[`loop, ${target}`] = await stateOf('loop', net, { ANNEAL_THREADS: '2', ANNEAL_TARGET: target });
    hashes['fit in a worker'] = await stateOf('fit', net, { ANNEAL_THREADS: '2' }, 'worker');
    const [[, expected]] = Object.entries(hashes) as [[string, string]];
    expect(expected).toMatch(/^[0-9a-f]{64}$/);
    expect(hashes).toEqual(Object.fromEntries(Object.keys(hashes).map((way) => [way, expected])));
  });
});
