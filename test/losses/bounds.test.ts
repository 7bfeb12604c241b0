// Losses at the extremes of what outputs can be: no loss is negative that cannot be, and no slope is other than a number where its value is one.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { losses, oneHot, tensor, type Tensor } from 'anneal';
import { asParameter, Holder } from '../parity/gradients.js';

const ENDS = [0, 1e-40, 1e-20, 1e-6, 0.3, 1, 17, 88, 1e4, 1e8, 1e15];
const score = fc.constantFrom(...ENDS, ...ENDS.map((value) => -value), 0.5, -0.5);
const scores = fc.array(score, { minLength: 6, maxLength: 6 });

const labels = tensor(Int32Array.of(0, 2));
const shares = oneHot(labels, 3);
const sides = shares.mul(2).sub(1);
const numbers = tensor([[0, 1, -1], [0.5, 1e-3, 7]]);
const turned = tensor([1, -1]);

/** Each of outputs [2, 3], one loss per element or row, none of which can be negative. */
const AT_LEAST_0: Readonly<Record<string, (x: Tensor) => Tensor>> = {
  crossEntropy: (x) => losses.crossEntropy(x, labels, { reduction: 'none' }),
  'crossEntropy, smoothed': (x) => losses.crossEntropy(x, labels, { reduction: 'none', labelSmoothing: 0.1 }),
  ctc: (x) => losses.ctc(x.reshape([1, 2, 3]), tensor(Int32Array.of(1), { shape: [1, 1] }), tensor(Int32Array.of(2)), tensor(Int32Array.of(1)), { reduction: 'none' }),
  binaryCrossEntropy: (x) => losses.binaryCrossEntropy(x, shares, { reduction: 'none' }),
  'binaryCrossEntropy, weighted': (x) => losses.binaryCrossEntropy(x, shares, { reduction: 'none', positiveWeight: 1e-10 }),
  multilabelSoftMargin: (x) => losses.multilabelSoftMargin(x, shares, { reduction: 'none' }),
  focal: (x) => losses.focal(x, shares, { reduction: 'none', alpha: 4e-8 }),
  dice: (x) => losses.dice(x, shares, { reduction: 'none' }),
  hinge: (x) => losses.hinge(x, sides, { reduction: 'none' }),
  squaredHinge: (x) => losses.squaredHinge(x, sides, { reduction: 'none' }),
  multiMargin: (x) => losses.multiMargin(x, labels, { reduction: 'none' }),
  'multiMargin, squared': (x) => losses.multiMargin(x, labels, { reduction: 'none', power: 2, margin: 0.1 }),
  negativeLogLikelihood: (x) => losses.negativeLogLikelihood(x.logSoftmax(), labels, { reduction: 'none' }),
  meanSquaredError: (x) => losses.meanSquaredError(x, numbers, { reduction: 'none' }),
  meanAbsoluteError: (x) => losses.meanAbsoluteError(x, numbers, { reduction: 'none' }),
  huber: (x) => losses.huber(x, numbers, { reduction: 'none' }),
  smoothL1: (x) => losses.smoothL1(x, numbers, { reduction: 'none', beta: 1e-40 }),
  logCosh: (x) => losses.logCosh(x, numbers, { reduction: 'none' }),
  quantile: (x) => losses.quantile(x, numbers, { reduction: 'none', quantile: 0.9 }),
  cosineEmbedding: (x) => losses.cosineEmbedding(x, numbers, turned, { reduction: 'none' }),
  'cosineEmbedding of itself': (x) => losses.cosineEmbedding(x, x, tensor([1, 1]), { reduction: 'none' }),
  marginRanking: (x) => losses.marginRanking(x, numbers, sides, { reduction: 'none' }),
  tripletMargin: (x) => losses.tripletMargin(x, numbers, shares, { reduction: 'none' }),
  ...Object.fromEntries(
    [0.5, 1, 2, 3, 50].map((norm) => [`tripletMargin in the norm ${norm}`, (x: Tensor): Tensor => losses.tripletMargin(x, x.mul(1), numbers, { reduction: 'none', norm, eps: 0 })]),
  ),
  infoNce: (x) => losses.infoNce(x, numbers, { reduction: 'none' }),
};

describe('at least 0, with slopes that are numbers', () => {
  test.each(Object.entries(AT_LEAST_0))('%s', async (_name, lossOf) => {
    await fc.assert(
      fc.asyncProperty(scores, async (values) => {
        const x = asParameter(tensor(values, { shape: [2, 3] }) as Tensor);
        new Holder([x]).parameters();
        const each = lossOf(x);
        const loss = each.sum();
        loss.backward();
        const gradient = await x.grad!.data();
        const got = [...(await lossOf(x).data())];
        expect(got.filter((one) => !(one >= 0))).toEqual([]);
        if (Number.isFinite(await loss.item())) expect([...gradient].filter((slope) => !Number.isFinite(slope))).toEqual([]);
      }),
      { numRuns: 40, seed: 5 },
    );
  });
});

test('a variance below eps is eps, to its last digit', async () => {
  const nll = (variance: number): Promise<number> => losses.gaussianNll(tensor([0]), tensor([1]), tensor([variance])).item();
  for (const variance of [0, 1e-7]) expect(await nll(variance)).toBeCloseTo(499993.09, 1);
  expect(await losses.gaussianNll(tensor([0]), tensor([1e20]), tensor([1e10])).item()).toBeCloseTo(5e29, -25);
});

test('beside scores of 1e8 a margin is missed by nothing', async () => {
  expect(await losses.multiMargin(tensor([[1e8, 0, 0]]), tensor([0], { dtype: 'int32' })).item()).toBe(0);
});

test('directions of short vectors are those of long ones', async () => {
  const directions = [[3, 4], [-4, 3], [5, 12]];
  const at = (size: number): Promise<number> => losses.infoNce(tensor(directions.map((row) => row.map((value) => value * size))), tensor(directions)).item();
  expect(await at(1e-8)).toBeCloseTo(await at(1), 5);
});

test('options are numbers that float32 holds', () => {
  const [x, y] = [tensor([1]), tensor([2])];
  expect(() => losses.huber(x, y, { delta: 1e39 })).toThrow('[huber] delta: got 1e+39, expected a number above 0.');
  expect(() => losses.smoothL1(x, y, { beta: 1e-50 })).toThrow('[smoothL1] beta: got 1e-50, expected a number above 0.');
});

test('klDivergence: batchmean is the sum over the examples by their number', async () => {
  const outputs = tensor([[0.1, -2, 3], [1, 1, 0]]).logSoftmax();
  const targets = tensor([[0.2, 0.3, 0.5], [1, 0, 0]]);
  const sum = await losses.klDivergence(outputs, targets, { reduction: 'sum' }).item();
  expect(await losses.klDivergence(outputs, targets, { reduction: 'batchmean' }).item()).toBeCloseTo(sum / 2, 6);
  expect(await losses.klDivergence.with({ reduction: 'batchmean' })(outputs, targets).item()).toBeCloseTo(sum / 2, 6);
});
