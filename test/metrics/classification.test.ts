// Metrics of classes: over uneven batches the same as by their definitions over everything at once.
import { describe, expect, test } from 'vitest';
import { metrics, tensor, type Tensor } from 'anneal';
import { argmax, auc, confusion, macro, mean, micro, perClass, softmax, stream, weighted } from './reference.js';
import { fails, refuses } from '../nn/fails.js';

const SIZES = [1, 7, 16, 3, 40];
const TOTAL = SIZES.reduce((sum, size) => sum + size, 0);

/** Runs a metric over rows of outputs and labels, in batches of odd sizes. */
async function over<R>(metric: metrics.Metric<string, R>, outputs: readonly (readonly number[])[], targets: (from: number, to: number) => Tensor): Promise<R> {
  const running = metrics.running([{ ...metric, name: 'it' as const }]);
  let from = 0;
  for (const size of SIZES) {
    await running.update(tensor(outputs.slice(from, from + size).map((row) => [...row])), targets(from, from + size));
    from += size;
  }
  return running.results().it as R;
}

const random = stream(5);
const C = 5;
/** Quarters, so that there are ties; class 4 is never right, and hardly ever predicted. */
const logits = Array.from({ length: TOTAL }, () => Array.from({ length: C }, (_, c) => Math.round(random() * 12) / 4 - (c === 4 ? 9 : 0)));
const labels = Array.from({ length: TOTAL }, () => Math.floor(random() * 4));
const predicted = logits.map(argmax);
const ints = (from: number, to: number): Tensor => tensor(labels.slice(from, to), { dtype: 'int32' });

describe('accuracy', () => {
  test('of class indices, and of one-hot targets', async () => {
    const share = mean(predicted.map((p, i) => (p === labels[i] ? 1 : 0)));
    expect(await over(metrics.accuracy(), logits, ints)).toBe(share);
    const oneHot = (from: number, to: number): Tensor => tensor(labels.slice(from, to).map((label) => Array.from({ length: C }, (_, c) => (c === label ? 1 : 0))));
    expect(await over(metrics.accuracy(), logits, oneHot)).toBe(share);
  });

  test('of yes and no, by the sign of a logit or by a threshold', async () => {
    const single = logits.map(([x]) => [x! - 1.5]);
    const yes = (from: number, to: number): Tensor => tensor(labels.slice(from, to).map((label) => [label > 1 ? 1 : 0]));
    const share = (threshold: number): number => mean(single.map(([x], i) => (x! > threshold === labels[i]! > 1 ? 1 : 0)));
    expect(await over(metrics.accuracy(), single, yes)).toBe(share(0));
    expect(await over(metrics.accuracy({ threshold: 0.5 }), single, yes)).toBe(share(0.5));
  });

  test('of labels that do not exclude each other: all of an example have to be right', async () => {
    const pairs = logits.map(([a, b]) => [a! - 0.5, b! - 2.5]);
    const truths = labels.map((label) => [label % 2, label > 1 ? 1 : 0]);
    const share = mean(pairs.map((row, i) => (row.every((x, k) => x > 0 === (truths[i]![k] === 1)) ? 1 : 0)));
    expect(share).toBeGreaterThan(0);
    expect(await over(metrics.accuracy({ multilabel: true }), pairs, (from, to) => tensor(truths.slice(from, to)))).toBe(share);
  });

  test('without ignored labels, and of nothing', async () => {
    const looked = labels.flatMap((label, i) => (label === 2 ? [] : [predicted[i] === label ? 1 : 0]));
    expect(await over(metrics.accuracy({ ignoreIndex: 2 }), logits, ints)).toBe(mean(looked));
    expect(metrics.running([metrics.accuracy()]).results().accuracy).toBe(NaN);
  });
});

describe('topK', () => {
  test.each([1, 2, 3, C])('%i', async (k) => {
    const rank = (row: readonly number[], label: number): number => row.filter((x, c) => x > row[label]! || (x === row[label] && c < label)).length;
    expect(await over(metrics.topK(k), logits, ints)).toBe(mean(logits.map((row, i) => (rank(row, labels[i]!) < k ? 1 : 0))));
    const looked = logits.flatMap((row, i) => (labels[i] === 1 ? [] : [rank(row, labels[i]!) < k ? 1 : 0]));
    expect(await over(metrics.topK(k, { ignoreIndex: 1 }), logits, ints)).toBe(mean(looked));
  });

  test('of one is the accuracy', async () => {
    expect(await over(metrics.topK(1), logits, ints)).toBe(await over(metrics.accuracy(), logits, ints));
  });

  test('with the classes in front', async () => {
    const running = metrics.running([metrics.topK(2, { axis: 1 }), metrics.accuracy({ axis: 1 })]);
    // [1, 3 classes, 2 places]
    await running.update(tensor([[[1, 5], [2, 6], [3, 4]]]), tensor([[1, 2]], { dtype: 'int32' }));
    expect(running.results()).toEqual({ top2: 0.5, accuracy: 0 });
  });
});

describe('confusionMatrix', () => {
  test('counts each pair of classes', async () => {
    const matrix = await over(metrics.confusionMatrix(), logits, ints);
    const expected = confusion(predicted, labels, C);
    expect(matrix.toJSON()).toEqual(expected);
    expect(matrix.at(2, 0)).toBe(expected[2]![0]);
    expect([matrix.classes, matrix.total]).toEqual([C, TOTAL]);
    expect(JSON.parse(JSON.stringify(matrix))).toEqual(expected);
    const without = await over(metrics.confusionMatrix({ ignoreIndex: 1 }), logits, ints);
    expect(without.toJSON()).toEqual(expected.map((row, label) => (label === 1 ? row.map(() => 0) : row)));
  });

  test('is a table', () => {
    expect(String(new metrics.ConfusionMatrix(Float64Array.of(10, 2, 3, 4)))).toBe('     0   1\n 0  10   2\n 1   3   4');
  });

  test('a label out of range is an error', async () => {
    const running = metrics.running([metrics.confusionMatrix()]);
    for (const label of [3, -1]) await fails(running.update(tensor([[0, 1, 2]]), tensor([label], { dtype: 'int32' })), 'ANNEAL_INDEX_OUT_OF_RANGE', new RegExp(`got ${label}, expected an integer in \\[0, 3\\)`));
  });
});

describe.each(['precision', 'recall', 'f1'] as const)('%s', (score) => {
  const of = metrics[score];

  test('of two classes', async () => {
    const pairs = logits.map(([a, b]) => [a!, b!]);
    const said = pairs.map(argmax);
    const is = labels.map((label) => label % 2);
    const expected = perClass(said, is, 2)[1]![score];
    expect(expected).toBeGreaterThan(0.2);
    expect(await over(of(), pairs, (from, to) => tensor(is.slice(from, to), { dtype: 'int32' }))).toBeCloseTo(expected, 14);
    const single = pairs.map(([a, b]) => [b! - a!]);
    expect(await over(of(), single, (from, to) => tensor(is.slice(from, to).map((one) => [one])))).toBeCloseTo(expected, 14);
  });

  test('of several classes, averaged in each way', async () => {
    const each = perClass(predicted, labels, C);
    expect(await over(of({ average: 'none' }), logits, ints)).toEqual(each.map((one) => expect.closeTo(one[score], 14) as number));
    expect(await over(of({ average: 'macro' }), logits, ints)).toBeCloseTo(macro(score, predicted, labels, C), 14);
    expect(await over(of({ average: 'weighted' }), logits, ints)).toBeCloseTo(weighted(score, predicted, labels, C), 14);
    const decisions = predicted.flatMap((p) => Array.from({ length: C }, (_, c) => p === c));
    const truths = labels.flatMap((label) => Array.from({ length: C }, (_, c) => label === c));
    expect(await over(of({ average: 'micro' }), logits, ints)).toBeCloseTo(micro(score, decisions, truths), 14);
    expect(await over(of({ average: 'micro' }), logits, ints)).toBeCloseTo(await over(metrics.accuracy(), logits, ints), 14);
  });

  test('of labels that do not exclude each other', async () => {
    // The last label is never right and never predicted: it counts as 0 in the macro average.
    const rows = logits.map(([a, b]) => [a! - 1, b! - 2, -1]);
    const truths = labels.map((label) => [label % 2, label > 1 ? 1 : 0, 0]);
    const targets = (from: number, to: number): Tensor => tensor(truths.slice(from, to));
    const each = [0, 1, 2].map((k) => micro(score, rows.map((row) => row[k]! > 0), truths.map((row) => row[k] === 1)));
    const options = { multilabel: true } as const;
    expect(await over(of({ ...options, average: 'none' }), rows, targets)).toEqual(each.map((one) => expect.closeTo(one, 14) as number));
    expect(await over(of({ ...options, average: 'macro' }), rows, targets)).toBeCloseTo(mean(each), 14);
    const whole = micro(score, rows.flatMap((row) => row.map((x) => x > 0)), truths.flatMap((row) => row.map((one) => one === 1)));
    expect(await over(of({ ...options, average: 'micro' }), rows, targets)).toBeCloseTo(whole, 14);
  });

  test('is 0 where it would divide by 0, and NaN of no examples', async () => {
    const none = metrics.running([of()]);
    expect(none.results()).toEqual({ [score]: NaN });
    await none.update(tensor([[1, 0], [1, 0]]), tensor([0, 0], { dtype: 'int32' }));
    expect(none.results()).toEqual({ [score]: 0 });
  });

  test('needs an average for more than two classes', async () => {
    const running = metrics.running([of()]);
    await fails(running.update(tensor([[0, 1, 2]]), tensor([1], { dtype: 'int32' })), 'ANNEAL_INVALID_ARGUMENT', /got 'binary' of 3 classes.*average: 'macro'/);
    refuses(() => of({ multilabel: true }), 'ANNEAL_INVALID_ARGUMENT', /do not exclude each other/);
    refuses(() => of({ average: 'mikro' as never }), 'ANNEAL_INVALID_ARGUMENT', /Did you mean 'micro'/);
  });
});

describe('rocAuc', () => {
  const is = labels.map((label) => label > 1);

  test('of one output and of two, with ties', async () => {
    const score = logits.map(([a, b], i) => a! - b! + (is[i] ? 0.5 : 0));
    expect(new Set(score).size).toBeLessThan(TOTAL / 2);
    const expected = auc(score, is);
    expect(await over(metrics.rocAuc(), score.map((x) => [x]), (from, to) => tensor(is.slice(from, to).map((one) => [one ? 1 : 0])))).toBeCloseTo(expected, 14);
    const pairs = score.map((x) => [0.25, x + 0.25]);
    expect(await over(metrics.rocAuc(), pairs, (from, to) => tensor(is.slice(from, to).map(Number), { dtype: 'int32' }))).toBeCloseTo(expected, 14);
  });

  test('one class against the rest, of logits and of probabilities', async () => {
    const four = logits.map((row) => row.slice(0, 4));
    const probabilities = four.map(softmax);
    const columns = [0, 1, 2, 3].map((c) => auc(probabilities.map((row) => Math.fround(Math.log(row[c]!))), labels.map((label) => label === c)));
    expect(await over(metrics.rocAuc(), four, ints)).toBeCloseTo(mean(columns), 12);
    const raw = [0, 1, 2, 3].map((c) => auc(four.map((row) => row[c]!), labels.map((label) => label === c)));
    expect(await over(metrics.rocAuc({ outputs: 'probabilities', average: 'none' }), four, ints)).toEqual(raw.map((one) => expect.closeTo(one, 14) as number));
    expect(mean(raw)).not.toBeCloseTo(mean(columns), 6);
  });

  test('a class without examples is left out; NaN of no examples, of one class only, and of NaN', async () => {
    const each = await over(metrics.rocAuc({ average: 'none' }), logits, ints);
    expect(each[4]).toBe(NaN);
    expect(await over(metrics.rocAuc(), logits, ints)).toBeCloseTo(mean(each.slice(0, 4)), 14);
    const running = metrics.running([metrics.rocAuc()]);
    expect(running.results().rocAuc).toBe(NaN);
    await running.update(tensor([0.5, 1]), tensor([1, 1]));
    expect(running.results().rocAuc).toBe(NaN);
    await running.update(tensor([0.25]), tensor([0]));
    expect(running.results().rocAuc).toBe(1);
    await running.update(tensor([NaN]), tensor([0]));
    expect(running.results().rocAuc).toBe(NaN);
    running.reset();
    await running.update(tensor([0, 0.5]), tensor([1, 0]));
    expect(running.results().rocAuc).toBe(0);
  });

  test('of labels that do not exclude each other', async () => {
    const rows = logits.map(([a, b]) => [a!, b!]);
    const truths = labels.map((label) => [label % 2, label > 1 ? 1 : 0]);
    const expected = [0, 1].map((k) => auc(rows.map((row) => row[k]!), truths.map((row) => row[k] === 1)));
    expect(await over(metrics.rocAuc({ multilabel: true }), rows, (from, to) => tensor(truths.slice(from, to)))).toBeCloseTo(mean(expected), 14);
  });
});

describe('perplexity', () => {
  test('is e to the mean cross-entropy of all labels', async () => {
    const nats = logits.map((row, i) => -Math.log(softmax(row)[labels[i]!]!));
    expect(await over(metrics.perplexity(), logits, ints)).toBeCloseTo(Math.exp(mean(nats)), 4);
    const looked = nats.filter((_, i) => labels[i] !== 3);
    expect(await over(metrics.perplexity({ ignoreIndex: 3 }), logits, ints)).toBeCloseTo(Math.exp(mean(looked)), 4);
    expect(metrics.running([metrics.perplexity()]).results().perplexity).toBe(NaN);
  });
});

test('shapes that do not fit are named', async () => {
  const three = tensor([[1, 2, 3]]);
  for (const metric of [metrics.accuracy(), metrics.confusionMatrix(), metrics.f1(), metrics.topK(2), metrics.rocAuc()]) {
    await fails(metrics.running([metric]).update(three, tensor([1, 2], { dtype: 'int32' })), 'ANNEAL_SHAPE_MISMATCH', /got outputs \[1,3\], labels \[2\]/);
    if (metric.name !== 'top2') await fails(metrics.running([metric]).update(three, tensor([[1]])), 'ANNEAL_SHAPE_MISMATCH', /got outputs \[1,3\], targets \[1,1\]/);
  }
  refuses(() => metrics.topK(0), 'ANNEAL_INVALID_ARGUMENT', /k: got 0/);
  refuses(() => metrics.accuracy({ threshold: NaN }), 'ANNEAL_INVALID_ARGUMENT', /threshold: got NaN/);
  refuses(() => metrics.f1({ averge: 'macro' } as never), 'ANNEAL_UNKNOWN_OPTION', /Did you mean average/);
});
