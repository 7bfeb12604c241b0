// Losses of tensors that are not contiguous: slices give the bits of their copies; transposed views are summed in the order in which they lie.
import { expect, test } from 'vitest';
import { losses, tensor, type Tensor } from 'anneal';
import { asParameter, Holder } from '../parity/gradients.js';

const [ROWS, COLUMNS] = [4, 6];
const values = (salt: number, of: (x: number) => number): number[] => Array.from({ length: ROWS * COLUMNS }, (_, i) => of(Math.sin(salt + i * i)));
const labels = tensor(Int32Array.from({ length: 2 * ROWS }, (_, i) => (i * 5) % COLUMNS)).reshape([ROWS, 2]).slice(1, 2, { axis: 1 }).reshape([ROWS]);
const indices = labels as Tensor<readonly number[], 'int32'>;

const scores = values(1, (x) => 4 * x);
const numbers = values(2, (x) => 3 * x);
const shares = values(3, (x) => x * x);
const sides = values(4, (x) => (x > 0 ? 1 : -1));

type Run = (x: Tensor, y: Tensor) => Tensor;
const LOSSES: Readonly<Record<string, readonly [Run, number[]]>> = {
  meanSquaredError: [(x, y) => losses.meanSquaredError(x, y), numbers],
  meanAbsoluteError: [(x, y) => losses.meanAbsoluteError(x, y), numbers],
  huber: [(x, y) => losses.huber(x, y), numbers],
  smoothL1: [(x, y) => losses.smoothL1(x, y), numbers],
  logCosh: [(x, y) => losses.logCosh(x, y), numbers],
  quantile: [(x, y) => losses.quantile(x, y, { quantile: 0.3 }), numbers],
  poissonNll: [(x, y) => losses.poissonNll(x, y), shares],
  gaussianNll: [(x, y) => losses.gaussianNll(x, y, y.mul(y).add(0.5)), numbers],
  binaryCrossEntropy: [(x, y) => losses.binaryCrossEntropy(x, y, { positiveWeight: 2 }), shares],
  multilabelSoftMargin: [(x, y) => losses.multilabelSoftMargin(x, y), shares],
  focal: [(x, y) => losses.focal(x, y), shares],
  dice: [(x, y) => losses.dice(x, y), shares],
  hinge: [(x, y) => losses.hinge(x, y), sides],
  squaredHinge: [(x, y) => losses.squaredHinge(x, y), sides],
  crossEntropy: [(x) => losses.crossEntropy(x, indices), numbers],
  'crossEntropy of probabilities': [(x, y) => losses.crossEntropy(x, y), shares],
  'crossEntropy with all its options': [(x) => losses.crossEntropy(x, indices, { labelSmoothing: 0.1, ignoreIndex: 3, classWeights: tensor([1, 2, 3, 4, 5, 6]) }), numbers],
  negativeLogLikelihood: [(x) => losses.negativeLogLikelihood(x, indices), numbers],
  multiMargin: [(x) => losses.multiMargin(x, indices), numbers],
  klDivergence: [(x, y) => losses.klDivergence(x, y), shares],
  ctc: [(x) => losses.ctc(x.reshape([1, ROWS, COLUMNS]), tensor(Int32Array.of(1, 2), { shape: [1, 2] }), tensor(Int32Array.of(ROWS)), tensor(Int32Array.of(2))), numbers],
  cosineEmbedding: [(x, y) => losses.cosineEmbedding(x, y, tensor([1, -1, 1, -1])), numbers],
  marginRanking: [(x, y) => losses.marginRanking(x, y.mul(2), y), sides],
  tripletMargin: [(x, y) => losses.tripletMargin(x, y, y.mul(-1)), numbers],
  infoNce: [(x, y) => losses.infoNce(x, y), numbers],
};

/** The same values seen as they are, transposed, and as every other column of a wider tensor. */
const VIEWS: Readonly<Record<string, (flat: readonly number[]) => readonly [Tensor, view: (x: Tensor) => Tensor]>> = {
  contiguous: (flat) => [tensor(Float32Array.from(flat), { shape: [ROWS, COLUMNS] }) as Tensor, (x) => x],
  transposed: (flat) => [tensor(Float32Array.from(flat, (_, i) => flat[(i % ROWS) * COLUMNS + Math.floor(i / ROWS)]!), { shape: [COLUMNS, ROWS] }) as Tensor, (x) => x.transpose(0, 1)],
  'a slice': (flat) => [
    tensor(Float32Array.from({ length: 2 * flat.length }, (_, i) => (i % (2 * COLUMNS) < COLUMNS ? 99 : flat[Math.floor(i / (2 * COLUMNS)) * COLUMNS + (i % COLUMNS)]!)), { shape: [ROWS, 2 * COLUMNS] }) as Tensor,
    (x) => x.slice(COLUMNS, 2 * COLUMNS, { axis: 1 }),
  ],
};

async function measured([run, targets]: readonly [Run, number[]], view: string): Promise<number[]> {
  const [base, seen] = VIEWS[view]!(scores);
  const [other, seenToo] = VIEWS[view]!(targets);
  const x = asParameter(base);
  new Holder([x]).parameters();
  const loss = run(seen(x), seenToo(other));
  loss.backward();
  const slopes = tensor(await x.grad!.data(), { shape: base.shape }) as Tensor;
  return [await loss.item(), ...(await seen(slopes).data())];
}

test.each(Object.entries(LOSSES))('%s', async (_name, row) => {
  const wanted = await measured(row, 'contiguous');
  expect(wanted.every(Number.isFinite)).toBe(true);
  expect(await measured(row, 'a slice')).toEqual(wanted);
  // A few units in the last place, of terms that may cancel.
  const transposed = await measured(row, 'transposed');
  transposed.forEach((value, i) => expect(Math.abs(value - wanted[i]!), `${value} instead of ${wanted[i]}`).toBeLessThanOrEqual(4e-7 * Math.max(Math.abs(wanted[i]!), 0.1)));
});

test('there is no loss that is left out', () => {
  const named = Object.keys(LOSSES).map((name) => name.split(' ')[0]);
  expect(Object.keys(losses).filter((name) => !named.includes(name))).toEqual([]);
});
