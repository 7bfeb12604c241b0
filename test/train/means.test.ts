// A mean over batches is the sum of all losses, divided by the sum of what their means were divided by, however the data is cut.
import { beforeEach, describe, expect, test } from 'vitest';
import { adviseBatchSize, data, findLearningRate, losses, metrics, nn, optim, seed, tensor, Trainer, type Tensor } from 'anneal';
import { fails } from '../nn/fails.js';

type Ints = Tensor<readonly number[], 'int32'>;

/** Outputs that are the inputs, whatever the one parameter is trained to, or with zero weights, the bias. */
function identity(size: number) {
  const model = nn.sequential([size], nn.linear(size, size));
  const weight = Float32Array.from({ length: size * size }, (_, i) => (i % (size + 1) === 0 ? 1 : 0));
  return model.loadStateDict({ '0.weight': { shape: [size, size], dtype: 'float32', data: weight }, '0.bias': { shape: [size], dtype: 'float32', data: new Float32Array(size) } }).then(() => model);
}

async function constant(outputs: number) {
  const model = nn.sequential([1], nn.linear(1, outputs));
  await model.loadStateDict({
    '0.weight': { shape: [outputs, 1], dtype: 'float32', data: new Float32Array(outputs) },
    '0.bias': { shape: [outputs], dtype: 'float32', data: new Float32Array(outputs) },
  });
  return model;
}

const labelled = (y: number[], weights?: number[]) => data.fromArrays({ x: new Float32Array(y.length), y, shape: [1], ...(weights === undefined ? {} : { weights }) });
const streamed = (y: number[]) => data.fromIterable(() => y.map((label) => ({ x: [0], y: label })), { shape: [1] });

const ignoring = losses.crossEntropy.with({ ignoreIndex: -1 });
const wrapped = (outputs: Tensor, labels: Tensor): Tensor => losses.crossEntropy(outputs, labels as Ints, { ignoreIndex: -1 });

beforeEach(() => seed(1));

describe('evaluate()', () => {
  // Logits [0, 1]: -log softmax is 1.3133 of label 0, 0.3133 of label 1.
  const four = data.fromArrays({ x: [[0, 1], [0, 1], [0, 1], [0, 1]], y: [0, 0, 1, -1], shape: [2] });
  const right = (2 * Math.log(1 + Math.E) + Math.log(1 + Math.E) - 1) / 3;

  test.each([1, 2, 3, 4])('ignored labels have no part in the mean, in batches of %i', async (batchSize) => {
    const model = await identity(2);
    for (const loss of [ignoring, wrapped]) {
      const trainer = new Trainer(model, { loss, optimizer: optim.sgd(model.parameters(), { lr: 0 }), metrics: [metrics.loss(loss, 'again')] });
      const results = await trainer.evaluate(four, { batchSize });
      expect(results.loss).toBeCloseTo(right, 6);
      expect(right).toBeCloseTo(0.9799, 4);
      expect(results.again).toBeCloseTo(right, 6);
      const [record] = await trainer.fit(four, { batchSize, validation: four });
      expect(record!.loss).toBeCloseTo(right, 6);
      expect(record!.validation!.loss).toBeCloseTo(right, 6);
      expect(record!.examples).toBe(4);
    }
  });

  test.each([1, 2, 4])('class weights of the loss weigh the mean, in batches of %i', async (batchSize) => {
    const model = await identity(2);
    const loss = losses.crossEntropy.with({ classWeights: tensor([1, 3]) });
    const trainer = new Trainer(model, { loss, optimizer: optim.sgd(model.parameters(), { lr: 0 }) });
    const weighed = data.fromArrays({ x: [[0, 1], [0, 1], [0, 1]], y: [0, 0, 1], shape: [2] });
    expect((await trainer.evaluate(weighed, { batchSize })).loss).toBeCloseTo((2 * 1.3132617 + 3 * 0.3132617) / 5, 6);
  });

  test('over nothing is NaN, and so is the loss of a step over nothing', async () => {
    const model = await constant(2);
    const trainer = new Trainer(model, { loss: ignoring, optimizer: optim.sgd(model.parameters(), { lr: 1 }) });
    expect((await trainer.evaluate(labelled([-1, -1]))).loss).toBe(NaN);
    const told: number[] = [];
    const [record] = await trainer.fit(labelled([-1, -1, 0, 0]), { batchSize: 2, callbacks: { passive: true, onStep: ({ loss }) => void told.push(loss) } });
    expect(told).toEqual([NaN, expect.closeTo(Math.LN2, 6)]);
    expect(record!.loss).toBeCloseTo(Math.LN2, 6);
  });
});

describe('accumulate', () => {
  const after = async (y: number[] , options: object, loss: losses.Loss, source: (y: number[]) => never = labelled as never): Promise<number> => {
    const model = await constant(2);
    await new Trainer(model, { loss, optimizer: optim.sgd(model.parameters(), { lr: 1 }) }).fit(source(y), { inspect: false, ...options });
    return (await model.parameters()[1]!.data())[0]!;
  };
  const cuts = [{ batchSize: 4 }, { batchSize: 2, accumulate: 2 }, { batchSize: 1, accumulate: 4 }, { batchSize: 3, accumulate: 2 }, { batchSize: 2, accumulate: 2, inspect: true }];

  test.each(cuts)('gives the step of one large batch where labels are ignored: %o', async (cut) => {
    for (const loss of [ignoring, wrapped]) {
      expect(await after([0, -1, 1, 1], cut, loss)).toBeCloseTo(-1 / 6, 6);
      expect(await after([0, -1, 1, 1], cut, loss, streamed as never)).toBeCloseTo(-1 / 6, 6);
    }
  });

  test.each(cuts)('and where classes weigh: %o', async (cut) => {
    expect(await after([0, 0, 1, 1], cut, losses.crossEntropy.with({ classWeights: tensor([1, 3]) }))).toBeCloseTo(-0.25, 6);
    expect(await after([0, 0, 1, 1], { ...cut, classWeights: [1, 3] }, losses.crossEntropy)).toBeCloseTo(-0.25, 6);
  });

  test('tells the norm of the scaled gradient', async () => {
    const norms = async (cut: object): Promise<number> => {
      const model = await constant(2);
      const trainer = new Trainer(model, { loss: ignoring, optimizer: optim.sgd(model.parameters(), { lr: 1 }) });
      const [record] = await trainer.fit(labelled([0, -1, 1, 1]), { ...cut, inspect: true });
      return record!.layers![0]!.parameters!.gradientNorm;
    };
    expect(await norms({ batchSize: 1, accumulate: 4 })).toBeCloseTo(await norms({ batchSize: 4 }), 6);
  });

  test('of batches of which none counts anything changes nothing', async () => {
    expect(await after([-1, -1, -1, -1], { batchSize: 2, accumulate: 2 }, ignoring)).toBe(0);
  });

  test('of a loss whose divisor depends on the model: sums of losses over sums of weights', async () => {
    const adaptive = (outputs: Tensor, labels: Tensor): Tensor => {
      const score = outputs.slice(0, 1, { axis: 1 }).reshape([labels.shape[0]!]).detach() as Tensor<readonly number[], 'float32'>;
      return losses.crossEntropy(outputs, labels as Ints, { weights: score.add(labels.cast('float32')).add(1) as never });
    };
    expect(await after([0, 1, 1, 1], { batchSize: 1, accumulate: 4 }, adaptive)).toBeCloseTo(await after([0, 1, 1, 1], { batchSize: 4 }, adaptive), 6);
  });

  test('of a loss of one’s own counts by examples', async () => {
    const own = (outputs: Tensor, labels: Tensor): Tensor => losses.crossEntropy(outputs, labels as Ints).mul(1);
    expect(await after([0, 1, 1], { batchSize: 2, accumulate: 2 }, own)).toBeCloseTo(-1 / 6, 6);
  });
});

describe('a batch in which nothing counts', () => {
  const step = async (loss: losses.Loss, y: number[], options: object = {}, weights?: number[]): Promise<number[]> => {
    const model = await constant(2);
    const trainer = new Trainer(model, { loss, optimizer: optim.sgd(model.parameters(), { lr: 1 }) });
    await trainer.fit(labelled(y, weights), { batchSize: 2, ...options });
    return [...(await model.parameters()[1]!.data())];
  };

  test('moves nothing: ignored labels, weights of 0, classes of weight 0', async () => {
    const once = await step(losses.crossEntropy, [1, 1]);
    const apart = [expect.closeTo(once[0]!, 6), expect.closeTo(once[1]!, 6)];
    expect(await step(ignoring, [1, 1, -1, -1])).toEqual(apart);
    expect(await step(ignoring, [-1, -1, 1, 1])).toEqual(apart);
    expect(await step(losses.crossEntropy, [1, 1, 0, 0], {}, [1, 1, 0, 0])).toEqual(apart);
    expect(await step(losses.crossEntropy.with({ classWeights: tensor([0, 1]) }), [1, 1, 0, 0])).toEqual(apart);
    expect(await step(losses.crossEntropy, [1, 1, 0, 0], { classWeights: [0, 1] })).toEqual(apart);
    expect(await step(losses.negativeLogLikelihood.with({ ignoreIndex: -1, checkOutputs: false }), [-1, -1])).toEqual([0, 0]);
  });

  test.each(['meanSquaredError', 'huber', 'binaryCrossEntropy', 'focal', 'dice', 'meanAbsoluteError', 'multilabelSoftMargin', 'logCosh', 'poissonNll', 'quantile', 'klDivergence'] as const)('%s of weights 0 is NaN, with gradient 0', async (name) => {
    const model = nn.sequential([2], nn.linear(2, 2));
    const lossOf = losses[name] as (outputs: Tensor, targets: Tensor, options: object) => Tensor;
    const loss = lossOf(model.forward(tensor([[1, 2], [3, 4]])), tensor([[0, 1], [1, 0]]), { weights: tensor([0, 0]) });
    loss.backward();
    for (const parameter of model.parameters()) expect(await parameter.grad!.data()).toEqual(parameter.shape.length === 2 ? new Float32Array(4) : new Float32Array(2));
    expect(await loss.item()).toBe(NaN);
  });

  test('what weighs 0 may be infinite', async () => {
    expect(await losses.meanSquaredError(tensor([Infinity, 3]), tensor([0, 0]), { weights: tensor([0, 1]) }).item()).toBe(9);
  });

  test('has no part in an evaluation', async () => {
    const model = await constant(2);
    const trainer = new Trainer(model, { loss: losses.crossEntropy, optimizer: optim.sgd(model.parameters(), { lr: 1 }), metrics: [metrics.accuracy()] });
    const results = await trainer.evaluate(labelled([0, 1, 0, 1], [1, 1, 0, 0]), { batchSize: 2 });
    expect(results.loss).toBeCloseTo(Math.LN2, 6);
  });
});

test('a loss that is a sum is refused', async () => {
  const model = await constant(1);
  const points = data.fromArrays({ x: [[0], [0], [0]], y: [[1], [2], [3]], shape: [1], targetShape: [1] });
  const summed = losses.meanSquaredError.with({ reduction: 'sum' });
  const wrappedSum = (outputs: Tensor, targets: Tensor): Tensor => losses.meanSquaredError(outputs, targets, { reduction: 'sum' });
  const optimizer = optim.sgd(model.parameters(), { lr: 0.1 });
  for (const loss of [summed, wrappedSum]) {
    const trainer = new Trainer(model, { loss, optimizer });
    await fails(trainer.fit(points), 'ANNEAL_INVALID_ARGUMENT', /\[Trainer\] the loss is a sum: got reduction 'sum', expected 'mean'/);
    await fails(trainer.evaluate(points), 'ANNEAL_INVALID_ARGUMENT', /the loss is a sum/);
    await fails(metrics.running([metrics.loss(loss, 'error')]).update(tensor([[1]]), tensor([[2]])), 'ANNEAL_INVALID_ARGUMENT', /\[metrics.loss\] the loss is a sum/);
  }
  // Means of any other kind are as good as any.
  const halved = (outputs: Tensor, targets: Tensor): Tensor => losses.meanSquaredError(outputs, targets, { reduction: 'sum' }).div(2);
  await new Trainer(model, { loss: halved, optimizer }).fit(points);
});

describe('fit({ classWeights })', () => {
  test('a label that the loss ignores weighs 0', async () => {
    const run = async (source: unknown, classWeights: number[] | 'balanced', loss: losses.Loss = ignoring): Promise<number> => {
      const model = await constant(2);
      await new Trainer(model, { loss, optimizer: optim.sgd(model.parameters(), { lr: 1 }) }).fit(source as ReturnType<typeof labelled>, { batchSize: 8, classWeights });
      return (await model.parameters()[1]!.data())[0]!;
    };
    // (1 * 0.5 - 2 * 3 * 0.5) / 7 of class 0.
    expect(await run(labelled([0, -1, 1, 1]), [1, 3])).toBeCloseTo((0.5 - 3) / 7, 6);
    expect(await run(streamed([0, -1, 1, 1]), [1, 3])).toBeCloseTo((0.5 - 3) / 7, 6);
    expect(await run(labelled([0, 255, 1, 1]), [1, 3], losses.crossEntropy.with({ ignoreIndex: 255 }))).toBeCloseTo((0.5 - 3) / 7, 6);
    const custom = (outputs: Tensor, labels: Tensor, options?: losses.LossOptions): Tensor => losses.crossEntropy(outputs, labels as Ints, { ...options, ignoreIndex: -1 });
    expect(await run(labelled([0, -1, 1, 1]), [1, 3], custom)).toBeCloseTo((0.5 - 3) / 7, 6);
    // Balanced are the classes that count.
    expect(await run(labelled([0, -1, 1, 1]), 'balanced')).toBeCloseTo(0, 6);
    expect(await run(labelled([0, -1, -1, 1, 1]), 'balanced')).toBeCloseTo(0, 6);
  });

  test('a label that nobody ignores is an error', async () => {
    const model = await constant(2);
    const trainer = new Trainer(model, { loss: losses.crossEntropy, optimizer: optim.sgd(model.parameters(), { lr: 1 }) });
    await fails(trainer.fit(labelled([0, -1]), { classWeights: [1, 3] }), 'ANNEAL_INDEX_OUT_OF_RANGE', /got -1/);
    await fails(trainer.fit(streamed([0, 2]), { classWeights: [1, 3] }), 'ANNEAL_INDEX_OUT_OF_RANGE', /got 2/);
  });

  test('a label of 2e9 makes no array of that length', async () => {
    const model = await constant(2);
    const trainer = new Trainer(model, { loss: losses.crossEntropy, optimizer: optim.sgd(model.parameters(), { lr: 1 }) });
    await fails(trainer.fit(labelled([0, 2e9]), { classWeights: 'balanced' }), 'ANNEAL_INVALID_ARGUMENT', /got the label 2000000000, expected class indices in \[0, 16777216\)/);
    await fails(trainer.fit(labelled([0, 2e9]), { classWeights: [1, 2] }), 'ANNEAL_INVALID_ARGUMENT', /got 2, expected one a class: the data has 2000000001 of them/);
  });
});

describe('questions', () => {
  test('findLearningRate passes over batches in which nothing counts', async () => {
    const y = Array.from({ length: 64 }, (_, i) => (i < 32 ? -1 : i % 2));
    const x = Array.from({ length: 64 }, (_, i) => [i % 2 === 0 ? -1 : 1]);
    const points = data.fromArrays({ x, y, shape: [1] });
    const model = nn.sequential([1], nn.linear(1, 2));
    const options = { loss: ignoring, optimizer: (parameters: nn.Parameter[]) => optim.sgd(parameters, { lr: 1 }), batchSize: 8, shuffle: false, steps: 20 };
    const found = await findLearningRate(model, { ...options, data: points });
    const without = await findLearningRate(model, { ...options, data: points.subset(Array.from({ length: 32 }, (_, i) => 32 + i)) });
    expect(found.curve).toEqual(without.curve);
    const nothing = data.fromArrays({ x, y: y.fill(-1), shape: [1] });
    await fails(findLearningRate(model, { ...options, data: nothing }), 'ANNEAL_INVALID_ARGUMENT', /no example counts in the loss/);
    await fails(adviseBatchSize(model, { loss: ignoring, optimizer: options.optimizer, data: nothing, after: 0 }), 'ANNEAL_INVALID_ARGUMENT', /none counts in the loss/);
  });
});
