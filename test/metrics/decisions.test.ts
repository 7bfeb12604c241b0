// Edges and errors of thresholds and calibration; test/parity/decisions.test.ts has the values.
import { describe, expect, it, test } from 'vitest';
import { data, losses, metrics, nn, optim, sigmoid, softmax, tensor, Trainer, type Tensor } from 'anneal';

const { bestThreshold, calibrate, calibrationCurve, precisionRecallCurve, rocCurve } = metrics;

describe('bestThreshold', () => {
  it('lies in the middle of two scores, and takes the highest of equal ones', () => {
    expect(bestThreshold({ scores: [0.1, 0.4, 0.35, 0.8], labels: [0, 0, 1, 1] })).toEqual({ threshold: (0.1 + 0.35) / 2, precision: 2 / 3, recall: 1, value: 0.8 });
    expect(bestThreshold({ scores: [4, 3, 2, 1], labels: [1, 0, 1, 0] }, { costs: { falsePositive: 1, falseNegative: 1 } }).threshold).toBe(3.5);
  });

  it('may take nothing or all', () => {
    const scored = { scores: [0.9, 0.5, 0.2], labels: [0, 1, 1] };
    expect(bestThreshold(scored, { costs: { falsePositive: 10, falseNegative: 1 } })).toEqual({ threshold: 0.9, precision: NaN, recall: 0, value: 2 / 3 });
    // A probability, as all scores are.
    expect(bestThreshold(scored)).toEqual({ threshold: 0.1, precision: 2 / 3, recall: 1, value: 0.8 });
    expect(bestThreshold({ scores: [1, 0], labels: [0, 1] }).threshold).toBe(-Number.MIN_VALUE);
    expect(bestThreshold({ scores: [1, -2], labels: [0, 1] }).threshold).toBe(-4);
  });

  it('stays below the score that it takes, however near the next one is', () => {
    const upper = 1 + Number.EPSILON;
    const { threshold } = bestThreshold({ scores: [upper, 1], labels: [1, 0] });
    expect([upper > threshold, 1 > threshold]).toEqual([true, false]);
  });

  it.each<[object, string]>([
    [{ beta: 0 }, '[metrics.bestThreshold] beta: got 0, expected a number above 0, such as 1, or 2 where recall counts more.'],
    [{ beta: '2' }, "beta: got '2'"],
    [{ costs: { falsePositive: 1, falseNegative: 1 }, beta: 1 }, '[metrics.bestThreshold] beta: got 1 beside costs, expected one of them. Leave one out.'],
    [{ costs: { falsePositive: -1, falseNegative: 1 } }, '[metrics.bestThreshold] costs.falsePositive: got -1, expected a number of at least 0.'],
    [{ costs: { falsePositive: 1 } }, 'costs.falseNegative: got undefined'],
    [{ costs: { fp: 1 } }, '[metrics.bestThreshold costs] unknown option: got fp'],
    [{ betas: 1 }, 'Did you mean beta?'],
  ])('refuses %j', (options, text) => {
    expect(() => bestThreshold({ scores: [1, 2], labels: [0, 1] }, options)).toThrow(text);
  });
});

describe.each([['rocCurve', rocCurve], ['precisionRecallCurve', precisionRecallCurve], ['bestThreshold', bestThreshold]] as const)('%s refuses', (name, curve) => {
  it.each<[unknown, string]>([
    [{ scores: [1, NaN], labels: [0, 1] }, 'scores[1]: got NaN, expected a number.'],
    [{ scores: [1, 2], labels: [0, 2] }, 'labels[1]: got 2, expected 0 or 1. Of several classes compare one with the others.'],
    [{ scores: [1, 2], labels: [1, 1] }, 'labels: got one class only, expected examples with 0 and with 1.'],
    [{ scores: [1, 2], labels: [1] }, 'got 2 scores and 1 labels, expected one label for each score: the column of the positive class.'],
    [[1, 2], 'got no scores, expected { scores, labels }. Read a tensor first: await outputs.data().'],
    [undefined, 'got no scores'],
  ])('%j', (scored, text) => {
    expect(() => curve(scored as never)).toThrow(`[metrics.${name}] ${text}`);
  });
});

describe('calibrate', () => {
  it('makes a model that is too sure less so, and one that is not sure enough more', () => {
    // 3 of 4 right, with logits as if all were.
    const labels = [0, 0, 0, 1];
    const sure = calibrate({ logits: labels.map(() => [5, 0]), labels });
    expect(sure.temperature).toBeCloseTo(5 / Math.log(3), 9);
    expect(sure.error).toEqual({ before: expect.closeTo(1 / (1 + Math.exp(-5)) - 0.75, 9) as number, after: expect.closeTo(0, 9) as number });
    expect(calibrate({ logits: labels.map(() => [0.1, 0]), labels }).temperature).toBeCloseTo(0.1 / Math.log(3), 9);
    expect(calibrate({ logits: Float32Array.of(2, 2, 2, 2), labels: [true, true, true, false] }).temperature).toBeCloseTo(2 / Math.log(3), 9);
  });

  it.each<[unknown, string]>([
    [{ logits: [[1, 0], [0, 1]], labels: [0, 1] }, 'no temperature is the best: got 2 examples that are all classified rightly, expected some that are not. Take more of them, which the model was not trained on.'],
    [{ logits: [[1, 0], [0, 1]], labels: [1, 0] }, 'no temperature is the best: got labels that agree with the logits no more than by chance, expected those of these examples. Check that both are in one order.'],
    [{ logits: [[1, 0], [0, Infinity]], labels: [0, 1] }, 'logits[1]: got [0, Infinity], expected finite numbers, one a class. Probabilities become logits by their logarithm.'],
    [{ logits: [[1, 0], []], labels: [0, 1] }, 'logits[1]: got'],
    [{ logits: [[1, 0]], labels: [2] }, 'labels[0]: got 2, expected an integer in [0, 2).'],
    [{ logits: [[1, 0]], labels: [0, 1] }, 'got 1 logits and 2 labels, expected one label for each.'],
    [{ logits: [], labels: [] }, 'logits: got none, expected those of at least one example.'],
    [{ scores: [1] }, 'got an Object, expected { logits, labels }. Read a tensor first: await outputs.array().'],
    [null, 'got null, expected { logits, labels }'],
  ])('refuses %j', (given, text) => {
    expect(() => calibrate(given as never)).toThrow(`[metrics.calibrate] ${text}`);
  });
});

describe('calibrationCurve', () => {
  it('puts what is at an edge below it, and has bins of nothing', () => {
    const { bins, error } = calibrationCurve({ probabilities: [0, 0.5, 0.51, 1], labels: [false, true, true, true] }, { bins: 2 });
    expect(bins).toEqual([{ low: 0, high: 0.5, count: 2, confidence: 0.25, accuracy: 0.5 }, { low: 0.5, high: 1, count: 2, confidence: 0.755, accuracy: 1 }]);
    expect(error).toBeCloseTo((0.25 + 0.245) / 2, 12);
    expect(calibrationCurve({ probabilities: [0.9], labels: [1] }, { bins: 2 }).bins[0]).toEqual({ low: 0, high: 0.5, count: 0, confidence: NaN, accuracy: NaN });
    expect(calibrationCurve({ probabilities: [], labels: [] }).error).toBeNaN();
  });

  it.each<[unknown, object, string]>([
    [{ probabilities: [1.1], labels: [1] }, {}, 'probabilities[0]: got 1.1, expected a number in [0, 1]. Take those of predictor.classify().'],
    [{ probabilities: [NaN], labels: [1] }, {}, 'probabilities[0]: got NaN'],
    [{ probabilities: [1], labels: [2] }, {}, 'labels[0]: got 2, expected 0 or 1.'],
    [{ probabilities: [1], labels: [] }, {}, 'got 1 probabilities and 0 labels, expected one label for each.'],
    [5, {}, 'got 5, expected { probabilities, labels }'],
    [{ probabilities: [1], labels: [1] }, { bins: 0 }, 'bins: got 0, expected a whole number in [1, 1000000].'],
    [{ probabilities: [1], labels: [1] }, { bin: 1 }, 'unknown option: got bin'],
  ])('refuses %j', (given, options, text) => {
    expect(() => calibrationCurve(given as never, options)).toThrow(`[metrics.calibrationCurve] ${text}`);
  });
});

describe('calibrationError', () => {
  const of = async (outputs: Tensor, targets: Tensor): Promise<number> => {
    const running = metrics.running([metrics.calibrationError()]);
    await running.update(outputs, targets);
    return running.results().calibrationError;
  };
  const sig = (x: number): number => 1 / (1 + Math.exp(-x));

  test('of one output it is that of the class that is predicted, and activations are noticed', async () => {
    const [logits, targets] = [tensor([[2], [-3]]), tensor([[1], [1]])];
    const expected = (1 - sig(2) + sig(3)) / 2;
    expect(await of(logits, targets)).toBeCloseTo(expected, 6);
    expect(await of(sigmoid(logits) as Tensor, targets)).toBeCloseTo(expected, 6);
    const rows = tensor([[0, 2], [0, -3]]);
    const labels = tensor([1, 1], { dtype: 'int32' });
    expect(await of(rows, labels)).toBeCloseTo(expected, 6);
    expect(await of(softmax(rows) as Tensor, labels)).toBeCloseTo(expected, 6);
  });

  test('is a metric like others', async () => {
    const model = nn.sequential([2], nn.linear(2, 3));
    const points = data.fromArrays({ x: Float32Array.from({ length: 40 }, (_, i) => Math.sin(i)), y: Int32Array.from({ length: 20 }, (_, i) => i % 3), shape: [2] });
    const trainer = new Trainer(model, { loss: losses.crossEntropy, optimizer: optim.adam(model.parameters()), metrics: [metrics.calibrationError()] });
    const history = await trainer.fit(points, { batchSize: 7, validation: points });
    expect(history[0]!.validation!.calibrationError).toBe((await trainer.evaluate(points, { batchSize: 3 })).calibrationError);
    expect(() => metrics.calibrationError({ bins: 0 })).toThrow('[metrics.calibrationError] bins: got 0');
    expect(() => metrics.calibrationError({ threshold: 1 } as never)).toThrow('[metrics.calibrationError] unknown option: got threshold');
  });
});
