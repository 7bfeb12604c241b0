// One rule for all metrics of classes: NaN, labels out of range, ignored labels, activations before them, thresholds, counts of any size.
import { describe, expect, test } from 'vitest';
import { data, full, losses, metrics, nn, optim, sigmoid, softmax, tensor, Trainer, type Tensor } from 'anneal';
import { fails } from '../nn/fails.js';

const ints = (...labels: number[]): Tensor => tensor(labels, { dtype: 'int32' });

async function of<R>(metric: metrics.Metric<string, R>, ...batches: (readonly [Tensor, Tensor])[]): Promise<R> {
  const running = metrics.running([{ ...metric, name: 'it' as const }]);
  for (const [outputs, targets] of batches) await running.update(outputs, targets);
  return running.results().it as R;
}

/** Every metric of class indices, of three classes. */
const all = (ignoreIndex?: number): readonly metrics.AnyMetric[] => {
  const options = ignoreIndex === undefined ? {} : { ignoreIndex };
  return [
    metrics.accuracy(options),
    metrics.topK(1, options),
    metrics.precision({ ...options, average: 'macro' }),
    metrics.recall({ ...options, average: 'micro' }),
    metrics.f1({ ...options, average: 'weighted' }),
    metrics.f1({ ...options, average: 'none', name: 'each' }),
    metrics.confusionMatrix(options),
    metrics.rocAuc(options),
    metrics.rocAuc({ ...options, average: 'none', outputs: 'probabilities', name: 'areas' }),
    metrics.perplexity(options),
    metrics.calibrationError(options),
  ];
};

const scores = [[3, 0, 1], [0, 2, 1], [1, 0, 2], [2, 1, 0]];
const labels = [0, 1, 2, 1];

describe.each(all().map((metric, i) => [metric.name, i] as const))('%s', (_, i) => {
  test.each([-1, 3, 2e9, -2147483648, 2147483647])('the label %i is out of range', async (label) => {
    await fails(of(all()[i]!, [tensor(scores), ints(0, label, 2, 1)]), 'ANNEAL_INDEX_OUT_OF_RANGE', new RegExp(`position 1: got ${label}, expected an integer in \\[0, 3\\)`));
  });

  test('an ignored label is as if it were not there, whatever the outputs beside it', async () => {
    const plain = await of(all()[i]!, [tensor(scores), ints(...labels)]);
    for (const ignored of [-1, 255, 2e9]) {
      const more = [[NaN, 1, 2], ...scores, [0, Infinity, NaN]];
      expect(await of(all(ignored)[i]!, [tensor(more), ints(ignored, ...labels, ignored)])).toEqual(plain);
      expect(await of(all(ignored)[i]!, [tensor([[NaN, 1, 2]]), ints(ignored)], [tensor(scores), ints(...labels)])).toEqual(plain);
    }
    await fails(of(all(-1)[i]!, [tensor(scores), ints(0, -2, 2, 1)]), 'ANNEAL_INDEX_OUT_OF_RANGE', /got -2/);
  });

  test('NaN among the outputs makes all of it NaN', async () => {
    for (const at of [0, 1, 2]) {
      const bad = scores.map((row, k) => (k === 1 ? row.map((x, c) => (c === at ? NaN : x)) : row));
      const result: unknown = await of(all()[i]!, [tensor(bad), ints(...labels)], [tensor(scores), ints(...labels)]);
      const numbers = result instanceof metrics.ConfusionMatrix ? [...result.counts] : [result].flat();
      expect(numbers.length).toBeGreaterThan(0);
      expect(numbers).toEqual(numbers.map(() => NaN));
    }
  });

  test('one output beside class indices is an error', async () => {
    await fails(of(all()[i]!, [tensor([[1], [2]]), ints(0, 1)]), 'ANNEAL_SHAPE_MISMATCH', /got outputs \[2,1\], one for each label.*at least 2 classes.*float32 targets/);
  });
});

describe('yes or no', () => {
  const logits = tensor([[-1], [0.25], [2], [-3]]);
  const yes = tensor([[0], [0], [1], [0]]);
  const decided = () => [metrics.accuracy(), metrics.precision(), metrics.recall(), metrics.f1(), metrics.confusionMatrix()] as metrics.AnyMetric[];

  test('after a sigmoid the threshold is 0.5', async () => {
    for (const metric of decided()) {
      const expected = await of(metric, [logits, yes]);
      expect(await of(metric, [sigmoid(logits), yes])).toEqual(expected);
      expect(await of(metric, [sigmoid(logits).reshape([4]), yes.reshape([4])])).toEqual(expected);
    }
    expect(await of(metrics.accuracy(), [sigmoid(logits), yes])).toBe(0.75);
    // A threshold that is given is meant.
    expect(await of(metrics.accuracy({ threshold: 0.6 }), [sigmoid(logits), yes])).toBe(1);
    const both = tensor([[-1, 2], [3, -2]]);
    const labelled = tensor([[0, 1], [1, 0]]);
    for (const metric of [metrics.accuracy({ multilabel: true }), metrics.f1({ multilabel: true, average: 'micro' })]) expect(await of(metric, [sigmoid(both), labelled])).toBe(1);
  });

  test('of a model that ends with one, in a Trainer', async () => {
    const model = nn.sequential([1], nn.linear(1, 1), nn.sigmoid());
    await model.loadStateDict({ '0.weight': { shape: [1, 1], dtype: 'float32', data: Float32Array.of(1) }, '0.bias': { shape: [1], dtype: 'float32', data: Float32Array.of(0) } });
    const trainer = new Trainer(model, { loss: losses.meanSquaredError, optimizer: optim.sgd(model.parameters(), { lr: 0 }), metrics: [metrics.accuracy(), metrics.precision()] });
    const points = data.fromArrays({ x: [[-1], [-2], [1], [2]], y: [[0], [0], [1], [1]], shape: [1], targetShape: [1] });
    expect(await trainer.evaluate(points)).toMatchObject({ accuracy: 1, precision: 1 });
    expect((await trainer.fit(points))[0]).toMatchObject({ accuracy: 1, precision: 1 });
  });

  test('NaN in outputs or targets makes the result NaN', async () => {
    for (const [outputs, targets] of [[tensor([[NaN], [1]]), tensor([[0], [1]])], [tensor([[1], [1]]), tensor([[NaN], [1]])]] as const) {
      for (const metric of [metrics.accuracy(), metrics.precision(), metrics.rocAuc()]) expect(await of<unknown>(metric, [outputs, targets], [tensor([[0], [1]]), tensor([[0], [1]])])).toBe(NaN);
      for (const metric of [metrics.accuracy({ multilabel: true }), metrics.recall({ multilabel: true, average: 'macro' })]) expect(await of(metric, [outputs, targets])).toBe(NaN);
    }
    expect(await of(metrics.accuracy(), [tensor([[0, 1], [1, 0]]), tensor([[0, NaN], [1, 0]])])).toBe(NaN);
    expect(await of(metrics.rocAuc(), [tensor([[0, 1], [1, 0]]), tensor([[0, NaN], [1, 0]])])).toBe(NaN);
  });

  test('rocAuc takes targets of -1 and 1', async () => {
    expect(await of(metrics.rocAuc(), [tensor([[0], [1], [2]]), tensor([[-1], [1], [1]])])).toBe(1);
  });
});

describe('a threshold', () => {
  test('beside outputs of which the greatest decides is an error', async () => {
    for (const metric of [metrics.precision({ threshold: 5 }), metrics.accuracy({ threshold: 0.5 }), metrics.confusionMatrix({ threshold: 0 })] as metrics.AnyMetric[]) {
      await fails(of(metric, [tensor([[1, 2]]), ints(0)]), 'ANNEAL_INVALID_ARGUMENT', /threshold: got .* beside 2 outputs an example, of which the greatest decides/);
      await fails(of(metric, [tensor([[1, 2]]), tensor([[0, 1]])]), 'ANNEAL_INVALID_ARGUMENT', /beside 2 outputs an example/);
    }
  });

  test('that no probability is above is one, too', async () => {
    const outputs = sigmoid(tensor([[1], [2]]));
    for (const threshold of [5, 1, -0.1]) await fails(of(metrics.precision({ threshold }), [outputs, tensor([[0], [1]])]), 'ANNEAL_INVALID_ARGUMENT', /threshold: got .* beside outputs of sigmoid, expected a probability in \[0, 1\)/);
    expect(await of(metrics.precision({ threshold: 5 }), [tensor([[4], [6]]), tensor([[0], [1]])])).toBe(1);
  });
});

test('ignoreIndex beside targets that are no class indices is an error', async () => {
  const [outputs, targets] = [tensor([[1, 2]]), tensor([[0, 1]])];
  for (const metric of [metrics.accuracy({ ignoreIndex: -1 }), metrics.f1({ ignoreIndex: -1, average: 'macro', multilabel: true }), metrics.rocAuc({ ignoreIndex: 0 })] as metrics.AnyMetric[]) {
    await fails(of(metric, [outputs, targets]), 'ANNEAL_INVALID_ARGUMENT', /ignoreIndex: got .* beside targets that are no class indices/);
  }
});

describe('activations', () => {
  test('rocAuc compares probabilities of softmax as they are', async () => {
    // Class 0 has the probabilities 0.5, 0.49 and 0.2: another softmax would put the second first.
    const logits = tensor([[0.5, 0.5, 1e-9], [0.49, 0.255, 0.255], [0.2, 0.2, 0.6]]).log();
    const right = ints(0, 1, 2);
    expect((await of(metrics.rocAuc({ average: 'none' }), [softmax(logits), right]))[0]).toBe(1);
    expect(await of(metrics.rocAuc({ average: 'none' }), [softmax(logits), right])).toEqual(await of(metrics.rocAuc({ average: 'none', outputs: 'probabilities' }), [softmax(logits), right]));
  });

  test('perplexity refuses what is no logits', async () => {
    await fails(of(metrics.perplexity(), [softmax(tensor(scores)), ints(...labels)]), 'ANNEAL_INVALID_ARGUMENT', /\[perplexity\] the outputs have been through softmax/);
    const plain = await of(metrics.perplexity(), [tensor(scores), ints(...labels)]);
    expect(await of(metrics.perplexity(), [tensor(scores).logSoftmax(), ints(...labels)])).toBeCloseTo(plain, 5);
  });
});

describe('macro averages', () => {
  // Class 2 is predicted once and never right; class 3 occurs nowhere.
  const outputs = tensor([[1, 0, 0, 0], [1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0]]);
  const right = ints(0, 0, 1, 1);

  test.each([
    ['precision', (1 + 1 + 0) / 3],
    ['recall', (1 + 0.5 + 0) / 3],
    ['f1', (1 + 2 / 3 + 0) / 3],
  ] as const)('%s counts a class that is predicted but never right as 0, and leaves out one that occurs nowhere', async (score, expected) => {
    expect(await of(metrics[score]({ average: 'macro' }), [outputs, right])).toBeCloseTo(expected, 14);
  });
});

// The references are too slow for it.
describe.skipIf(process.env['ANNEAL_DEBUG'] === '1')('counts beyond 2^24', () => {
  const M = 2 ** 24 + 1000;

  test('of one batch are exact', async () => {
    const [outputs, yes] = [full([M], 1), full([M], 1)];
    expect((await of(metrics.confusionMatrix(), [outputs, yes])).toJSON()).toEqual([[0, 0], [0, M]]);
    expect(await of(metrics.accuracy(), [outputs, yes])).toBe(1);
  });

  test('precision of one batch in which some are wrong', async () => {
    const wrong = 1001;
    const yes = (await import('anneal')).concat([full([M - wrong], 1), full([wrong], 0)]);
    expect(await of(metrics.precision(), [full([M], 1), yes])).toBe((M - wrong) / M);
    expect(await of(metrics.accuracy({ name: 'right' }), [full([M], 1), yes])).toBe((M - wrong) / M);
  });
});

test('a batch of a Trainer may count in int32', async () => {
  const counted: metrics.Metric<'counted'> = {
    name: 'counted',
    measure: (outputs) => ({ sum: full([2], 16777217, { dtype: 'int32' }), count: outputs.shape[0]! }),
    accumulator: () => {
      let total = 0;
      return { add: (values) => void (total += values[0]! + values[1]!), result: () => total };
    },
  };
  const model = nn.sequential([1], nn.linear(1, 1));
  const trainer = new Trainer(model, { loss: losses.meanSquaredError, optimizer: optim.sgd(model.parameters(), { lr: 0 }), metrics: [metrics.meanAbsoluteError(), counted, metrics.r2()] });
  const points = data.fromArrays({ x: [[0], [1], [2]], y: [[0], [1], [2]], shape: [1], targetShape: [1] });
  const evaluated = await trainer.evaluate(points, { batchSize: 2 });
  expect(evaluated.counted).toBe(4 * 16777217);
  const [record] = await trainer.fit(points, { batchSize: 2 });
  expect(record!.counted).toBe(4 * 16777217);
  expect(record!.meanAbsoluteError).toBeCloseTo(evaluated.meanAbsoluteError, 6);
});
