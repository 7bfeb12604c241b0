// crossEntropy: values by hand, weights and what is ignored, and what it refuses. Agreement with PyTorch is in test/parity/losses.test.ts.
import { describe, expect, test } from 'vitest';
import { losses, mul, oneHot, sum, tensor, zeros, type Tensor } from 'anneal';
import { refuses } from '../nn/fails.js';
import { asParameter, Holder } from '../parity/gradients.js';

const int = (values: number[]): Tensor<[number], 'int32'> => tensor(Int32Array.from(values));
const logits = tensor([[0, 0], [0, Math.log(3)]]);
const each = [Math.log(2), Math.log(4)];

test('is the mean, the sum or each', async () => {
  const labels = int([1, 0]);
  expect(await losses.crossEntropy(logits, labels).item()).toBeCloseTo((each[0]! + each[1]!) / 2, 6);
  expect(await losses.crossEntropy(logits, labels, { reduction: 'sum' }).item()).toBeCloseTo(each[0]! + each[1]!, 6);
  const got = [...(await losses.crossEntropy(logits, labels, { reduction: 'none' }).data())];
  got.forEach((value, i) => expect(value).toBeCloseTo(each[i]!, 6));
});

test('finds the classes on another axis', async () => {
  const turned = logits.t();
  expect(await losses.crossEntropy(turned, int([1, 0]), { axis: 0 }).item()).toBe(await losses.crossEntropy(logits, int([1, 0])).item());
});

test('says what it is', () => {
  expect(losses.crossEntropy.name).toBe('crossEntropy');
  expect([losses.crossEntropy.targets, losses.crossEntropy.builtin]).toEqual(['int32', true]);
  const loss = losses.crossEntropy.with({ labelSmoothing: 0.1, reduction: 'sum' });
  expect([loss.name, loss.builtin]).toEqual(['crossEntropy', true]);
});

describe('probabilities', () => {
  test('that are certain are labels', async () => {
    const labels = int([1, 0]);
    const certain = await losses.crossEntropy(logits, oneHot(labels, 2), { reduction: 'none' }).data();
    each.forEach((value, i) => expect(certain[i]).toBeCloseTo(value, 6));
  });

  test('may be learnt, and so may class weights', async () => {
    const share = asParameter(tensor([[0.25, 0.75], [0.5, 0.5]]) as Tensor);
    const weights = asParameter(tensor([1, 2]) as Tensor);
    new Holder([share, weights]).parameters();
    sum(losses.crossEntropy(logits, share as Tensor, { classWeights: weights as Tensor, reduction: 'none' })).backward();
    // d/dt is w (-log p), d/dw the sum of t (-log p).
    const slopes = [Math.log(2), 2 * Math.log(2), Math.log(4), 2 * Math.log(4 / 3)];
    [...(await share.grad!.data())].forEach((value, i) => expect(value).toBeCloseTo(slopes[i]!, 5));
    const shares = [0.25 * Math.log(2) + 0.5 * Math.log(4), 0.75 * Math.log(2) + 0.5 * Math.log(4 / 3)];
    [...(await weights.grad!.data())].forEach((value, i) => expect(value).toBeCloseTo(shares[i]!, 5));
  });

  test('of 0 let a class be impossible', async () => {
    const masked = tensor([[0, 0, -Infinity]]);
    expect(await losses.crossEntropy(masked, tensor([[0.5, 0.5, 0]])).item()).toBeCloseTo(Math.LN2, 6);
    expect(await losses.crossEntropy(masked, tensor([[0.5, 0, 0.5]])).item()).toBe(Infinity);
  });

  test('smoothing mixes them with equal ones', async () => {
    const mixed = mul(oneHot(int([1, 0]), 2), 0.7).add(0.15);
    const want = await losses.crossEntropy(logits, mixed).item();
    expect(await losses.crossEntropy(logits, int([1, 0]), { labelSmoothing: 0.3 }).item()).toBeCloseTo(want, 6);
    expect(await losses.crossEntropy(logits, oneHot(int([1, 0]), 2), { labelSmoothing: 0.3 }).item()).toBeCloseTo(want, 6);
  });
});

describe('weights', () => {
  const classWeights = tensor([1, 3]);

  test('of classes divide by those that occur', async () => {
    const mean = (3 * each[0]! + 1 * each[1]!) / 4;
    expect(await losses.crossEntropy(logits, int([1, 0]), { classWeights }).item()).toBeCloseTo(mean, 6);
    expect(await losses.crossEntropy(logits, oneHot(int([1, 0]), 2), { classWeights }).item()).toBeCloseTo((4 * mean) / 2, 6);
  });

  test('of classes and of examples multiply', async () => {
    const weights = tensor([2, 5]);
    const mean = (2 * 3 * each[0]! + 5 * each[1]!) / (2 * 3 + 5);
    expect(await losses.crossEntropy(logits, int([1, 0]), { classWeights, weights }).item()).toBeCloseTo(mean, 6);
    const probabilities = (2 * 3 * each[0]! + 5 * each[1]!) / 7;
    expect(await losses.crossEntropy(logits, oneHot(int([1, 0]), 2), { classWeights, weights }).item()).toBeCloseTo(probabilities, 6);
  });

  test('of examples stand for all positions of a sequence', async () => {
    const sequence = tensor([[[0, 0], [0, Math.log(3)]], [[0, 0], [0, 0]]]);
    const labels = tensor(Int32Array.of(1, 0, 1, 7), { shape: [2, 2] });
    const got = await losses.crossEntropy(sequence, labels, { ignoreIndex: 7, weights: tensor([1, 4]) }).item();
    expect(got).toBeCloseTo((each[0]! + each[1]! + 4 * Math.LN2) / 6, 6);
  });
});

describe('what is ignored', () => {
  test('counts nothing, though its loss were infinite', async () => {
    const infinite = tensor([[0, 0], [-Infinity, 0]]);
    for (const options of [{}, { labelSmoothing: 0.5 }, { classWeights: tensor([1, 3]) }])
      expect(await losses.crossEntropy(infinite, int([1, -100]), { ignoreIndex: -100, ...options }).item()).toBeCloseTo(Math.LN2, 6);
  });

  test('moves no gradient', async () => {
    const x = asParameter(logits as Tensor);
    new Holder([x]).parameters();
    losses.crossEntropy(x as Tensor, int([1, 9]), { ignoreIndex: 9 }).backward();
    expect([...(await x.grad!.data())].map((slope) => slope + 0)).toEqual([0.5, -0.5, 0, 0]);
  });

  test('leaves nothing to divide by where it is all there is, as in torch', async () => {
    expect(await losses.crossEntropy(logits, int([9, 9]), { ignoreIndex: 9 }).item()).toBeNaN();
  });
});

test('refuses other targets, shapes and options', () => {
  refuses(() => losses.crossEntropy(logits, zeros([2]) as never), 'ANNEAL_DTYPE_MISMATCH', /no class indices: .*float32 targets \[2\].*cast\('int32'\)/);
  refuses(() => losses.crossEntropy(logits, zeros([2, 2], { dtype: 'int32' })), 'ANNEAL_DTYPE_MISMATCH', /no probabilities.*argmax/);
  refuses(() => losses.crossEntropy(logits, zeros([2, 3])), 'ANNEAL_SHAPE_MISMATCH', /\[2,2\].*\[2,3\].*probabilities/);
  refuses(() => losses.crossEntropy(logits, int([1])), 'ANNEAL_SHAPE_MISMATCH', /\[2,2\].*\[1\]/);
  refuses(() => losses.crossEntropy(logits, zeros([2, 2]), { ignoreIndex: 0 }), 'ANNEAL_INVALID_ARGUMENT', /ignoreIndex beside probabilities/);
  refuses(() => losses.crossEntropy(logits, int([1, 0]), { labelSmoothing: -0.1 }), 'ANNEAL_INVALID_ARGUMENT', /labelSmoothing: got -0.1/);
  refuses(() => losses.crossEntropy(logits, int([1, 0]), { classWeights: tensor([1, 2, 3]) }), 'ANNEAL_SHAPE_MISMATCH', /expected \[2\], one per class/);
  refuses(() => losses.crossEntropy(logits, int([1, 0]), { reduction: 'average' as never }), 'ANNEAL_INVALID_ARGUMENT', /reduction/);
  refuses(() => losses.crossEntropy(logits, int([1, 0]), { reduce: 'mean' } as never), 'ANNEAL_UNKNOWN_OPTION', /Did you mean reduction/);
});
