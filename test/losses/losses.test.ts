// Losses and metrics: values by hand, and what they refuse. Agreement with PyTorch is in test/parity/losses.test.ts; crossEntropy and
// ctc have files of their own.
import { describe, expect, test } from 'vitest';
import { losses, metrics, nn, sub, tensor, zeros, type Tensor } from 'anneal';
import { refuses } from '../nn/fails.js';

const int = (values: number[]): Tensor<[number], 'int32'> => tensor(Int32Array.from(values));

describe('meanSquaredError', () => {
  const outputs = tensor([[1], [2], [4]]);
  const targets = tensor([[1], [0], [1]]);

  test('is the mean, the sum or each', async () => {
    expect(await losses.meanSquaredError(outputs, targets).item()).toBeCloseTo(13 / 3, 6);
    expect(await losses.meanSquaredError(outputs, targets, { reduction: 'sum' }).item()).toBe(13);
    expect([...(await losses.meanSquaredError(outputs, targets, { reduction: 'none' }).data())]).toEqual([0, 4, 9]);
  });

  test('does not broadcast, and takes floats only', () => {
    refuses(() => losses.meanSquaredError(outputs, targets.reshape([3])), 'ANNEAL_SHAPE_MISMATCH', /targets\.reshape\(\[3,1\]\)/);
    refuses(() => losses.meanSquaredError(outputs, zeros([2, 1])), 'ANNEAL_SHAPE_MISMATCH', /as many outputs/);
    refuses(() => losses.meanSquaredError(outputs, int([1, 2, 3]) as never), 'ANNEAL_DTYPE_MISMATCH', /crossEntropy/);
  });
});

describe('weights', () => {
  const outputs = tensor([[1, 2], [3, 5], [0, 0]]);
  const targets = zeros([3, 2]);
  const perExample = tensor([1, 2, 0]);

  test('the mean is the weighted one, whether they are given per example or per element', async () => {
    const mean = (1 * 1 + 1 * 4 + 2 * 9 + 2 * 25) / (2 * (1 + 2 + 0));
    expect(await losses.meanSquaredError(outputs, targets, { weights: perExample }).item()).toBeCloseTo(mean, 6);
    const perElement = tensor([[1, 1], [2, 2], [0, 0]]);
    expect(await losses.meanSquaredError(outputs, targets, { weights: perElement }).item()).toBeCloseTo(mean, 6);
    expect(await losses.meanSquaredError(outputs, targets, { weights: perExample, reduction: 'sum' }).item()).toBe(73);
    expect([...(await losses.meanSquaredError(outputs, targets, { weights: perExample, reduction: 'none' }).data())]).toEqual([1, 4, 18, 50, 0, 0]);
    expect(await losses.crossEntropy(outputs, int([0, 1, 0]), { weights: perExample }).item()).toBeCloseTo((Math.log(1 + Math.E) + 2 * Math.log(1 + Math.exp(-2))) / 3, 6);
  });

  test('of another shape are refused', () => {
    refuses(() => losses.meanSquaredError(outputs, targets, { weights: tensor([1, 2]) }), 'ANNEAL_SHAPE_MISMATCH', /weights.*\[2\], expected \[3\] or \[3,2\]/);
    refuses(() => losses.meanSquaredError(outputs, targets, { weights: [1, 2, 0] as never }), 'ANNEAL_INVALID_ARGUMENT', /expected a tensor/);
  });
});

describe('losses of numbers', () => {
  const column = (...values: number[]): Tensor<[number, 1], 'float32'> => tensor(values.map((value) => [value])) as never;

  test('log cosh is stable far out', async () => {
    const got = [...(await losses.logCosh(column(0, 1, -1, 1000, -1000), zeros([5, 1]), { reduction: 'none' }).data())];
    const small = Math.log(Math.cosh(1));
    [0, small, small, 1000 - Math.LN2, 1000 - Math.LN2].forEach((value, i) => expect(Math.abs(got[i]! - value)).toBeLessThan(1e-7 * Math.max(10, value)));
  });

  test('log cosh keeps its digits near 0', async () => {
    const errors = [1e-4, -3e-3, 0.2, 0.999];
    const got = await losses.logCosh(column(...errors), zeros([4, 1]), { reduction: 'none' }).data();
    errors.forEach((e, i) => expect(got[i]! / Math.log1p(2 * Math.sinh(e / 2) ** 2)).toBeCloseTo(1, 6));
  });

  test('a quantile loss leans to one side', async () => {
    const got = [...(await losses.quantile(column(1, -1), zeros([2, 1]), { quantile: 0.9, reduction: 'none' }).data())];
    [0.1, 0.9].forEach((value, i) => expect(got[i]).toBeCloseTo(value, 6));
  });

  test('refuse numbers out of range', () => {
    refuses(() => losses.huber(column(1), column(1), { delta: 0 }), 'ANNEAL_INVALID_ARGUMENT', /delta: got 0/);
    refuses(() => losses.quantile(column(1), column(1), { quantile: 1 }), 'ANNEAL_INVALID_ARGUMENT', /quantile: got 1/);
    refuses(() => losses.gaussianNll(column(1), column(1), zeros([2])), 'ANNEAL_SHAPE_MISMATCH', /variances.*\[2\], expected \[1,1\]/);
    refuses(() => losses.huber(column(1), int([1]) as never), 'ANNEAL_DTYPE_MISMATCH', /crossEntropy/);
  });

  test('take their options beforehand', async () => {
    const loss = losses.huber.with({ delta: 0.5, reduction: 'sum' });
    expect(await loss(column(1, 0), zeros([2, 1])).item()).toBeCloseTo(0.5 * 0.75, 6);
    expect([loss.name, loss.targets, loss.builtin]).toEqual(['huber', 'float32', true]);
    refuses(() => losses.huber.with({ beta: 1 } as never), 'ANNEAL_UNKNOWN_OPTION', /delta/);
  });
});

describe('losses of classes', () => {
  const logits = tensor([[2, 0], [0, 1], [3, 3]]);
  const p = (right: number, other: number): number => Math.log(1 + Math.exp(other - right));

  test('hinge and its square', async () => {
    const scores = tensor([0.5, -2, 3]);
    const sides = tensor([1, 1, -1]);
    expect([...(await losses.hinge(scores, sides, { reduction: 'none' }).data())]).toEqual([0.5, 3, 4]);
    expect([...(await losses.squaredHinge(scores, sides, { reduction: 'none' }).data())]).toEqual([0.25, 9, 16]);
  });

  test('a certain binary prediction has the small loss that it should, on either side', async () => {
    const x = tensor([10, -10, 30, -30, Infinity, -Infinity, 1e4, -1e4]);
    const y = tensor([1, 0, 1, 0, 1, 0, 1, 0]);
    const want = [10, 10, 30, 30, Infinity, Infinity, 1e4, 1e4].map((size) => Math.log1p(Math.exp(-size)));
    const got = await losses.binaryCrossEntropy(x, y, { reduction: 'none' }).data();
    const weighted = await losses.binaryCrossEntropy(x, y, { positiveWeight: 3, reduction: 'none' }).data();
    want.forEach((value, i) => {
      expect(Math.abs(got[i]! - value)).toBeLessThanOrEqual(1e-6 * value);
      expect(Math.abs(weighted[i]! - (i % 2 === 0 ? 3 : 1) * value)).toBeLessThanOrEqual(3e-6 * value);
    });
    const wrong = await losses.binaryCrossEntropy(x, sub(1, y) as Tensor, { reduction: 'none' }).data();
    expect([...wrong].slice(4)).toEqual([Infinity, Infinity, 1e4, 1e4]);
    const focal = await losses.focal(x, y, { reduction: 'none' }).data();
    want.forEach((value, i) => expect(Math.abs(focal[i]! - (i % 2 === 0 ? 0.25 : 0.75) * (1 - Math.exp(-value)) ** 2 * value)).toBeLessThanOrEqual(3e-6 * value ** 3 + 1e-38));
    expect([...(await losses.focal(x, sub(1, y) as Tensor, { alpha: null, reduction: 'none' }).data())].slice(4)).toEqual([Infinity, Infinity, 1e4, 1e4]);
  });

  test('a divergence counts nothing where there is no probability, whatever the other says', async () => {
    const logs = tensor([[-Infinity, 0]]);
    expect(await losses.klDivergence(logs, tensor([[0, 1]]), { reduction: 'sum' }).item()).toBe(0);
    expect(await losses.klDivergence(logs, logs, { reduction: 'sum', logTargets: true }).item()).toBe(0);
  });

  test('focal loss is the cross-entropy where it does not modulate, and hardly counts easy examples', async () => {
    const x = tensor([3, -3, 0.5]);
    const y = tensor([1, 0, 0]);
    const plain = await losses.binaryCrossEntropy(x, y, { reduction: 'none' }).data();
    const same = await losses.focal(x, y, { gamma: 0, alpha: null, reduction: 'none' }).data();
    plain.forEach((value, i) => expect(same[i]).toBeCloseTo(value, 6));
    const modulated = await losses.focal(x, y, { reduction: 'none' }).data();
    const wrong = 1 / (1 + Math.exp(3));
    expect(modulated[0]).toBeCloseTo(0.25 * wrong ** 2 * plain[0]!, 6);
    expect(modulated[1]).toBeCloseTo(0.75 * wrong ** 2 * plain[1]!, 6);
  });

  test('dice of masks', async () => {
    const [on, off] = [100, -100];
    const masks = tensor([[on, on, off, off], [off, off, off, off]]);
    const truth = tensor([[1, 0, 0, 0], [0, 0, 0, 0]]);
    const got = await losses.dice(masks, truth, { reduction: 'none' }).data();
    expect(got[0]).toBeCloseTo(1 - (2 + 1) / (3 + 1), 6);
    expect(got[1]).toBeCloseTo(0, 6);
  });

  test('class weights divide by the weights that occur, as in torch', async () => {
    const logs = logits.logSoftmax();
    const weights = tensor([1, 3]);
    const mean = (1 * p(2, 0) + 3 * p(1, 0) + 3 * Math.LN2) / 7;
    expect(await losses.negativeLogLikelihood(logs, int([0, 1, 1]), { classWeights: weights }).item()).toBeCloseTo(mean, 6);
    const two = await losses.negativeLogLikelihood(logs, int([0, 9, 1]), { classWeights: weights, ignoreIndex: 9 }).item();
    expect(two).toBeCloseTo((p(2, 0) + 3 * Math.LN2) / 4, 6);
    refuses(() => losses.negativeLogLikelihood(logs, int([0, 1, 1]), { classWeights: tensor([1]) }), 'ANNEAL_SHAPE_MISMATCH', /expected \[2\], one per class/);
  });

  test('class weights of a margin leave the divisor alone, as in torch', async () => {
    const each = await losses.multiMargin(logits, int([1, 1, 0]), { reduction: 'none' }).data();
    const mean = await losses.multiMargin(logits, int([1, 1, 0]), { classWeights: tensor([2, 5]) }).item();
    expect(mean).toBeCloseTo((5 * each[0]! + 5 * each[1]! + 2 * each[2]!) / 3, 6);
  });

  test('a label out of range that nobody speaks of is an error', async () => {
    // In eager mode the call itself throws.
    const value = async (): Promise<number> => losses.negativeLogLikelihood(logits, int([0, -100, 1])).item();
    await expect(value()).rejects.toMatchObject({ code: 'ANNEAL_INDEX_OUT_OF_RANGE', value: -100 });
  });

  test('InfoNCE is least where each query is its own key', async () => {
    const eye = tensor([[1, 0], [0, 2]]);
    expect(await losses.infoNce(eye, eye, { temperature: 0.5 }).item()).toBeCloseTo(Math.log(1 + Math.exp(-2)), 5);
    expect(await losses.infoNce(eye, eye, { temperature: 0.5, symmetric: true }).item()).toBeCloseTo(Math.log(1 + Math.exp(-2)), 5);
    const weighted = losses.infoNce(eye, tensor([[0, 1], [0, 2]]), { temperature: 0.5, weights: tensor([0, 1]) });
    expect(await weighted.item()).toBeCloseTo(Math.LN2, 5);
    refuses(() => losses.infoNce(eye, tensor([[1, 0]])), 'ANNEAL_SHAPE_MISMATCH', /queries .* keys/);
  });
});

describe('metrics', () => {
  test('accuracy over batches of different sizes', async () => {
    const running = metrics.running([metrics.accuracy(), metrics.loss(losses.crossEntropy, 'nats')]);
    await running.update(tensor([[0, 1], [1, 0], [0, 1]]), int([1, 1, 1]));
    await running.update(tensor([[5, 5]]), int([0]));
    expect(running.results().accuracy).toBe(3 / 4);
    const right = Math.log(1 + Math.exp(-1));
    expect(running.results().nats).toBeCloseTo((2 * right + (right + 1) + Math.log(2)) / 4, 6);
    running.reset();
    expect(running.results().accuracy).toBeNaN();
  });

  test('accuracy refuses targets that do not belong to the outputs', () => {
    refuses(() => metrics.accuracy().measure(zeros([3, 2]), zeros([3])), 'ANNEAL_SHAPE_MISMATCH', /expected float32 targets of the outputs.* shape, or int32 labels/);
    refuses(() => metrics.accuracy().measure(zeros([3, 2]), int([0, 1])), 'ANNEAL_SHAPE_MISMATCH', /expected outputs \[\.\.\.,C\]/);
    refuses(() => metrics.accuracy({ dim: 1 } as never), 'ANNEAL_UNKNOWN_OPTION', /axis/);
  });

  test('loss of a module’s outputs', async () => {
    const layer = nn.linear(2, 1);
    await layer.loadStateDict({ weight: Float32Array.of(1, 1), bias: Float32Array.of(0) });
    const { sum, count } = metrics.loss(losses.meanSquaredError, 'error').measure(layer.forward(tensor([[1, 1], [2, 2]])), zeros([2, 1]));
    expect([await sum.item(), count]).toEqual([20, 2]);
  });
});
