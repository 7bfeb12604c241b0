// The model of examples/gpt.ts: as many weights as nanoGPT's of these sizes, one table for tokens and head, and weight decay for all but norms.
import { expect, test } from 'vitest';
import { mul, optim, tensor, type Tensor } from 'anneal';
import { Gpt } from '../../examples/models/gpt.js';

const model = new Gpt({ vocabulary: 65, context: 64, layers: 4, heads: 4, width: 128 });
const named = [...model.namedParameters()];

test('has as many weights as nanoGPT’s', () => {
  const [V, T, W, L] = [65, 64, 128, 4];
  const size = named.reduce((sum, [, { shape }]) => sum + shape.reduce((a, b) => a * b, 1), 0);
  expect(size).toBe(V * W + T * W + L * (12 * W * W + 2 * W) + W);
  expect(model.forward(tensor([[1, 2, 3]], { dtype: 'int32' })).shape).toEqual([1, 3, 65]);
});

test('is decayed in its matrices, not in its norms', () => {
  expect(named.filter(([name]) => /norm/.test(name)).map(([name]) => name)).toEqual(named.filter(([, { shape }]) => shape.length < 2).map(([name]) => name));
});

test('a step without a slope shrinks matrices by their decay, and leaves norms exactly as they are', async () => {
  const small = new Gpt({ vocabulary: 7, context: 4, layers: 1, heads: 2, width: 8 });
  const all = [...small.namedParameters()];
  const read = async (): Promise<Float32Array[]> => Promise.all(all.map(async ([, weight]) => Float32Array.from(await weight.data())));
  const before = await read();
  const optimizer = optim.adamw(small.parameters(), { lr: 0.1, weightDecay: 0.1, groups: [{ match: /norm/, weightDecay: 0 }] });
  (mul(small.forward(tensor([[1, 2, 3]], { dtype: 'int32' })), 0).sum() as Tensor).backward();
  await optimizer.step();
  const after = await read();
  all.forEach(([name], i) => {
    const factor = /norm/.test(name) ? 1 : 0.99;
    after[i]!.forEach((value, k) => expect(value, name).toBeCloseTo(factor * before[i]![k]!, 6));
    if (factor === 1) expect(after[i], name).toEqual(before[i]);
  });
});

test('begins with small weights, those that add to the residual smaller', async () => {
  const deviation = async (name: string): Promise<number> => {
    const values = await model.namedParameters().get(name)!.data();
    return Math.sqrt(values.reduce((sum, value) => sum + value * value, 0) / values.length);
  };
  expect(await deviation('tokens.weight')).toBeCloseTo(0.02, 3);
  expect(await deviation('blocks.3.linear1.weight')).toBeCloseTo(0.02, 3);
  expect(await deviation('blocks.3.linear2.weight')).toBeCloseTo(0.02 / Math.sqrt(8), 3);
  expect(await deviation('blocks.0.selfAttn.outProj.weight')).toBeCloseTo(0.02 / Math.sqrt(8), 3);
});
