// Every loss at outputs far from what is ordinary: values and gradients stay numbers.
import { describe, expect, test } from 'vitest';
import { losses, oneHot, tensor, type Tensor } from 'anneal';
import { asParameter, Holder } from '../parity/gradients.js';

const SIZES = [0, 1e-30, 1, 80, 1e4];
const ROWS = SIZES.flatMap((size) => [[size, -size, 0], [-size, size, size]]);
const N = ROWS.length;

const labels = tensor(Int32Array.from({ length: N }, (_, i) => i % 3));
const shares = oneHot(labels, 3);
const sides = shares.mul(2).sub(1);
const numbers = tensor(ROWS.map(() => [0, 1, -1]));
const turned = tensor(Float32Array.from({ length: N }, (_, i) => (i % 2 === 0 ? 1 : -1)));

const LOSSES: Readonly<Record<string, (x: Tensor) => Tensor>> = {
  crossEntropy: (x) => losses.crossEntropy(x, labels, { labelSmoothing: 0.1 }),
  'crossEntropy of probabilities': (x) => losses.crossEntropy(x, shares),
  ctc: (x) => losses.ctc(x.reshape([1, N, 3]), tensor(Int32Array.of(1, 2), { shape: [1, 2] }), tensor(Int32Array.of(N)), tensor(Int32Array.of(2))),
  binaryCrossEntropy: (x) => losses.binaryCrossEntropy(x, shares, { positiveWeight: 2 }),
  multilabelSoftMargin: (x) => losses.multilabelSoftMargin(x, shares),
  focal: (x) => losses.focal(x, shares),
  dice: (x) => losses.dice(x, shares),
  hinge: (x) => losses.hinge(x, sides),
  squaredHinge: (x) => losses.squaredHinge(x, sides),
  multiMargin: (x) => losses.multiMargin(x, labels, { power: 2 }),
  negativeLogLikelihood: (x) => losses.negativeLogLikelihood(x.logSoftmax(), labels),
  klDivergence: (x) => losses.klDivergence(x.logSoftmax(), shares),
  'klDivergence of logarithms': (x) => losses.klDivergence(x.logSoftmax(), shares.log() as Tensor<readonly number[], 'float32'>, { logTargets: true }),
  meanSquaredError: (x) => losses.meanSquaredError(x, numbers),
  meanAbsoluteError: (x) => losses.meanAbsoluteError(x, numbers),
  huber: (x) => losses.huber(x, numbers),
  smoothL1: (x) => losses.smoothL1(x, numbers, { beta: 1e-3 }),
  logCosh: (x) => losses.logCosh(x, numbers),
  quantile: (x) => losses.quantile(x, numbers, { quantile: 0.9 }),
  poissonNll: (x) => losses.poissonNll(x.clamp(-1e4, 80), shares),
  gaussianNll: (x) => losses.gaussianNll(x, numbers, x.softmax()),
  cosineEmbedding: (x) => losses.cosineEmbedding(x, numbers, turned),
  marginRanking: (x) => losses.marginRanking(x, numbers, sides),
  tripletMargin: (x) => losses.tripletMargin(x, numbers, shares),
  infoNce: (x) => losses.infoNce(x, sides, { temperature: 0.01 }),
};

describe('a number, and so are its slopes', () => {
  test.each(Object.entries(LOSSES))('%s', async (_name, lossOf) => {
    const x = asParameter(tensor(ROWS) as Tensor);
    new Holder([x]).parameters();
    const loss = lossOf(x);
    loss.backward();
    const gradient = await x.grad!.data();
    expect(await loss.item()).toSatisfy(Number.isFinite);
    expect([...gradient].filter((slope) => !Number.isFinite(slope))).toEqual([]);
    expect([...gradient].some((slope) => slope !== 0)).toBe(true);
  });

  test('there is no loss that is left out', () => {
    const named = Object.keys(LOSSES).map((name) => name.split(' ')[0]);
    expect(Object.keys(losses).filter((name) => !named.includes(name))).toEqual([]);
  });
});

test('equal vectors are at distance 0, which has no slope, without eps too', async () => {
  for (const norm of [2, 3]) {
    const x = asParameter(tensor([[1, 2], [3, 4]]) as Tensor);
    new Holder([x]).parameters();
    const loss = losses.tripletMargin(x, tensor([[1, 2], [3, 4]]), tensor([[1, 2], [3, 5]]), { eps: 0, norm, margin: 2, reduction: 'none' });
    loss.sum().backward();
    expect([...(await x.grad!.data())]).toEqual([0, 0, 0, 1]);
    expect([...(await loss.data())]).toEqual([2, 1]);
  }
});

test('a cosine is one of vectors whose squares are at the end of what floats hold', async () => {
  const long = tensor([[1e15, 1e15], [1e15, -1e15]]);
  const got = await losses.cosineEmbedding(long, tensor([[1e15, 1e15], [1e15, 1e15]]), tensor([1, 1]), { reduction: 'none' }).data();
  expect(got[0]).toBeCloseTo(0, 6);
  expect(got[1]).toBeCloseTo(1, 6);
});
