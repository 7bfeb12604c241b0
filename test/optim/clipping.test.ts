// Clipping: what it does is compared with PyTorch in test/parity/clipping.test.ts; here is how it is used, and what it refuses.
import { describe, expect, test } from 'vitest';
import { add, data, losses, mul, nn, optim, Parameter, seed, sum, tensor, Trainer } from 'anneal';
import { engine } from '../../src/graph/engine.js';
import type { RuntimeEngine } from '../../src/runtime/engine.js';
import { fails, refuses } from '../nn/fails.js';
import { Holder } from '../parity/gradients.js';

const planned = process.env['ANNEAL_DEBUG'] !== '1';
const programs = (): number => (engine() as RuntimeEngine).session.native.stats().programs;

/** Two parameters at 0, and a step on gradients of [3, 4] and [12, 0], whose norms are 5, 12 and 13 together. */
function pair(options: optim.OptimizerOptions<optim.SgdOptions> = {}) {
  const parameters = [new Parameter([2], nn.init.zeros()), new Parameter([2], nn.init.zeros())];
  const optimizer = optim.sgd(new Holder(parameters).parameters(), { lr: 1, ...options });
  const step = async (first = [3, 4], second = [12, 0]): Promise<number[]> => {
    add(sum(mul(parameters[0]!, tensor(first))), sum(mul(parameters[1]!, tensor(second)))).backward();
    const before = await Promise.all(parameters.map((parameter) => parameter.data()));
    await optimizer.step();
    const after = await Promise.all(parameters.map((parameter) => parameter.data()));
    return after.flatMap((values, i) => [...values].map((value, k) => before[i]![k]! - value));
  };
  return { optimizer, step };
}

const expectNear = (got: readonly number[], wanted: readonly number[]): void => got.forEach((value, i) => expect(value).toBeCloseTo(wanted[i]!, 5));

describe('clipping', () => {
  test('by the norm of all, of each, by value', async () => {
    expectNear(await pair({ clip: { globalNorm: 6.5 } }).step(), [1.5, 2, 6, 0]);
    expectNear(await pair({ clip: { norm: 6 } }).step(), [3, 4, 6, 0]);
    expectNear(await pair({ clip: { value: 3.5 } }).step([3, -4]), [3, -3.5, 3.5, 0]);
    expectNear(await pair({ clip: { globalNorm: 100 } }).step(), [3, 4, 12, 0]);
  });

  // By the limit over the norm alone, gradients of 0 are 0 / 0, and tiny ones blow up to the limit.
  test.each(['globalNorm', 'norm'] as const)('adds 1e-6 to the %s, as torch does', async (kind) => {
    const clip = { [kind]: 1e-6 } as unknown as optim.Clip;
    const moved = await pair({ clip }).step([0.6e-6, 0.8e-6], [0, 0]);
    expect(moved[0]! / 0.3e-6).toBeCloseTo(1, 5);
    expect(moved[1]! / 0.4e-6).toBeCloseTo(1, 5);
    expect(moved.slice(2)).toEqual([0, 0]);
    expect(await pair({ clip: { [kind]: 0 } as unknown as optim.Clip }).step([0, 0], [0, 0])).toEqual([0, 0, 0, 0]);
  });

  test('takes the norm over all groups', async () => {
    expectNear(await pair({ clip: { globalNorm: 6.5 }, groups: [{ match: /1$/, lr: 0.5 }] }).step(), [1.5, 2, 3, 0]);
    expectNear(await pair({ clip: { norm: 2.5 }, groups: [{ match: /0$/, lr: 2 }] }).step(), [3, 4, 2.5, 0]);
  });

  test('tells the norm before clipping', async () => {
    const { optimizer, step } = pair({ clip: { globalNorm: 1 } });
    await fails(optimizer.gradientNorm(), 'ANNEAL_INVALID_ARGUMENT', /no step has run yet/);
    await step();
    expect(await optimizer.gradientNorm()).toBe(13);
    optimizer.clip = { value: 1 };
    await fails(optimizer.gradientNorm(), 'ANNEAL_INVALID_ARGUMENT', /does not measure it/);
    optimizer.clip = { norm: Infinity };
    expectNear(await step(), [3, 4, 12, 0]);
    expect(await optimizer.gradientNorm()).toBe(13);
    optimizer.clip = undefined;
    await fails(optimizer.gradientNorm(), 'ANNEAL_INVALID_ARGUMENT', /\[gradientNorm\] there is no norm: the optimizer does not clip.*globalNorm: Infinity/);
  });

  test('goes by a schedule, and by whatever is assigned', async () => {
    const { optimizer, step } = pair({ clip: { globalNorm: (done) => 13 / (1 + done) } });
    expectNear(await step(), [3, 4, 12, 0]);
    expectNear(await step(), [1.5, 2, 6, 0]);
    optimizer.clip = { globalNorm: 1.3 };
    expect(optimizer.clip).toEqual({ globalNorm: 1.3 });
    expectNear(await step(), [0.3, 0.4, 1.2, 0]);
    optimizer.clip = undefined;
    expectNear(await step(), [3, 4, 12, 0]);
    optimizer.clip = { value: 2 };
    expectNear(await step(), [2, 2, 2, 0]);
  });

  test.runIf(planned)('makes no new plan when only the limit changes', async () => {
    const { optimizer, step } = pair({ clip: { globalNorm: (done) => 1 + done } });
    await step();
    const before = programs();
    for (let i = 1; i < 20; i++) {
      optimizer.clip = { globalNorm: i };
      await step();
    }
    expect(programs()).toBe(before);
  });

  test('lets through what is not finite, as torch does', async () => {
    const infinite = pair({ clip: { globalNorm: 1 } });
    expect(await infinite.step([Infinity, 1])).toEqual([Number.NaN, 0, 0, 0]);
    expect(await infinite.optimizer.gradientNorm()).toBe(Infinity);
    expect((await pair({ clip: { globalNorm: 1 } }).step([Number.NaN, 1])).every(Number.isNaN)).toBe(true);
    expect(await pair({ clip: { norm: 6 } }).step([Number.NaN, 1], [3, 4])).toEqual([Number.NaN, Number.NaN, 3, 4]);
    expect(await pair({ clip: { value: 5 } }).step([Number.NaN, Infinity], [3, 4])).toEqual([Number.NaN, 5, 3, 4]);
  });

  test('has the same bits in fit, step by step and several steps in a call', async () => {
    const train = async (callback: boolean): Promise<unknown> => {
      seed(3);
      const model = nn.sequential([4], nn.linear(4, 8), nn.tanh(), nn.linear(8, 3));
      const optimizer = optim.adam(model.parameters(), { lr: 0.05, clip: { globalNorm: optim.schedules.cosine(0.5, 40) } });
      const x = Float32Array.from({ length: 64 * 4 }, (_, i) => Math.sin(i));
      const set = data.fromArrays({ x, y: Int32Array.from({ length: 64 }, (_, i) => i % 3), shape: [4] });
      const callbacks = callback ? { callbacks: { onStep: () => undefined } } : {};
      await new Trainer(model, { loss: losses.crossEntropy, optimizer }).fit(set, { epochs: 3, batchSize: 8, seed: 1, shuffle: true, ...callbacks });
      return [await Promise.all(model.parameters().map(async (parameter) => [...(await parameter.data())])), await optimizer.gradientNorm()];
    };
    expect(await train(true)).toEqual(await train(false));
  });

  test('refuses what is no clipping', async () => {
    refuses(() => pair({ clip: 1 as never }), 'ANNEAL_INVALID_ARGUMENT', /\[sgd\] clip: got 1, expected one of \{ globalNorm: 1 \}/);
    refuses(() => pair({ clip: {} as never }), 'ANNEAL_INVALID_ARGUMENT', /clip: got \{  \}/);
    refuses(() => pair({ clip: { globalNrom: 1 } as never }), 'ANNEAL_INVALID_ARGUMENT', /got \{ globalNrom \}.*Did you mean globalNorm/);
    refuses(() => pair({ clip: { norm: 1, value: 1 } as never }), 'ANNEAL_INVALID_ARGUMENT', /got \{ norm, value \}/);
    refuses(() => pair({ clip: { norm: -1 } }), 'ANNEAL_INVALID_ARGUMENT', /clip\.norm: got -1/);
    refuses(() => pair({ clip: { norm: Number.NaN } }), 'ANNEAL_INVALID_ARGUMENT', /clip\.norm: got NaN/);
    await fails(pair({ clip: { value: () => Number.NaN } }).step(), 'ANNEAL_INVALID_ARGUMENT', /clip\.value of step 0 is NaN/);
    refuses(() => pair({ clpi: { norm: 1 } } as never), 'ANNEAL_UNKNOWN_OPTION', /Did you mean clip/);
  });
});
