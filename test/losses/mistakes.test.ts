// Mistakes that have a shape or a graph to be known by are named at the call, with what to do.
import { describe, expect, test } from 'vitest';
import { losses, nn, noGrad, optim, sigmoid, softmax, tensor, Trainer, data, type Tensor } from 'anneal';
import { fails, refuses } from '../nn/fails.js';

const x = tensor([[1, 2, 3], [0, 0, 1]]) as Tensor;
const labels = tensor(Int32Array.of(2, 0));
const shares = tensor([[0, 0, 1], [1, 0, 0]]);
const lengths = tensor(Int32Array.of(2));

const WRONG: [string, () => unknown, RegExp][] = [
  ['softmax before crossEntropy', () => losses.crossEntropy(x.softmax(), labels), /\[crossEntropy\] the outputs have been through softmax: got its result \[2,3\], expected logits.*applies softmax itself.*checkOutputs: false/],
  ['softmax before crossEntropy of probabilities', () => losses.crossEntropy(x.softmax(), shares), /been through softmax/],
  ['logSoftmax before crossEntropy', () => losses.crossEntropy(x.logSoftmax(), labels), /been through logSoftmax.*After logSoftmax comes losses.negativeLogLikelihood/],
  ['sigmoid before crossEntropy', () => losses.crossEntropy(sigmoid(x), labels), /been through sigmoid.*losses.binaryCrossEntropy, without/],
  ['softmax over another axis', () => losses.crossEntropy(softmax(x.t(), 0), labels, { axis: 0 }), /been through softmax/],
  ['softmax seen in another shape', () => losses.crossEntropy(x.softmax().reshape([2, 1, 3]), labels.reshape([2, 1])), /been through softmax/],
  ['softmax without gradients', () => noGrad(() => losses.crossEntropy(x.softmax(), labels)), /been through softmax/],
  ['softmax, detached', () => losses.crossEntropy(x.softmax().detach(), labels), /been through softmax/],
  ['softmax before a loss with options', () => losses.crossEntropy.with({ labelSmoothing: 0.1 })(x.softmax(), labels), /been through softmax/],
  ['sigmoid before binaryCrossEntropy', () => losses.binaryCrossEntropy(sigmoid(x), shares), /\[binaryCrossEntropy\].*been through sigmoid.*applies sigmoid itself/],
  ['softmax before binaryCrossEntropy', () => losses.binaryCrossEntropy(x.softmax(), shares), /been through softmax.*losses.crossEntropy, without softmax/],
  ['sigmoid before multilabelSoftMargin', () => losses.multilabelSoftMargin(sigmoid(x), shares), /been through sigmoid/],
  ['sigmoid before focal', () => losses.focal(sigmoid(x), shares), /been through sigmoid/],
  ['sigmoid before dice', () => losses.dice(sigmoid(x), shares), /been through sigmoid/],
  ['softmax before negativeLogLikelihood', () => losses.negativeLogLikelihood(x.softmax(), labels), /been through softmax: .*expected logarithms.*Take logSoftmax/],
  ['softmax before klDivergence', () => losses.klDivergence(x.softmax(), shares), /been through softmax: .*expected logarithms/],
  ['logarithms as targets of klDivergence', () => losses.klDivergence(x.logSoftmax(), x.logSoftmax()), /the targets have been through logSoftmax: .*expected probabilities\. .*logTargets: true/],
  ['probabilities as targets that should be logarithms', () => losses.klDivergence(x.logSoftmax(), x.softmax(), { logTargets: true }), /the targets have been through softmax: .*expected logarithms/],
  ['softmax before ctc', () => losses.ctc(x.softmax().reshape([1, 2, 3]), tensor(Int32Array.of(1), { shape: [1, 1] }), lengths, lengths), /\[ctc\].*been through softmax/],
];

test.each(WRONG)('%s', (_name, call, message) => refuses(call, 'ANNEAL_INVALID_ARGUMENT', message));

describe('what is meant', () => {
  test('is computed when it is said so', async () => {
    const twice = losses.crossEntropy(x.softmax(), labels, { checkOutputs: false });
    const values = await x.softmax().data();
    const again = tensor(values, { shape: [2, 3] });
    expect(await twice.item()).toBe(await losses.crossEntropy(again, labels).item());
    expect(await losses.crossEntropy.with({ checkOutputs: false })(x.softmax(), labels).item()).toBe(await twice.item());
  });

  test('is not asked about: attention, gates and the right pairs', async () => {
    const attended = x.softmax().matmul(tensor([[1, 2, 3], [4, 5, 6], [7, 8, 9]]));
    expect(await losses.crossEntropy(attended, labels).item()).toBeGreaterThan(0);
    expect(await losses.crossEntropy(x, x.softmax().detach()).item()).toBeGreaterThan(0);
    expect(await losses.meanSquaredError(sigmoid(x), shares).item()).toBeGreaterThan(0);
    expect(await losses.negativeLogLikelihood(x.logSoftmax(), labels).item()).toBeCloseTo(await losses.crossEntropy(x, labels).item(), 6);
  });
});

test('a model that ends with softmax is named by fit', async () => {
  const model = nn.sequential([2], nn.linear(2, 3), nn.softmax());
  const trainer = new Trainer(model, { loss: losses.crossEntropy, optimizer: optim.sgd(model.parameters(), { lr: 0.1 }) });
  const points = data.fromArrays({ x: [[0, 1], [1, 0]], y: [0, 2], shape: [2] });
  await fails(trainer.fit(points, { epochs: 1 }), 'ANNEAL_INVALID_ARGUMENT', /been through softmax/);
});

describe('targets of the wrong kind', () => {
  test('indices where rows are due', () => {
    refuses(() => losses.binaryCrossEntropy(x, labels as never), 'ANNEAL_DTYPE_MISMATCH', /Class indices become rows by oneHot\(targets, 3\)/);
    refuses(() => losses.meanSquaredError(x, labels as never), 'ANNEAL_DTYPE_MISMATCH', /oneHot\(targets, 3\); for class indices take losses.crossEntropy/);
    refuses(() => losses.klDivergence(x.logSoftmax(), labels as never), 'ANNEAL_DTYPE_MISMATCH', /oneHot/);
  });

  test('rows where indices are due', () => {
    refuses(() => losses.negativeLogLikelihood(x.logSoftmax(), shares as never), 'ANNEAL_DTYPE_MISMATCH', /argmax/);
  });

  test('[N] beside [N,1] in regression', () => {
    refuses(() => losses.meanSquaredError(tensor([[1], [2]]), tensor([1, 2])), 'ANNEAL_SHAPE_MISMATCH', /outputs \[2,1\], targets \[2\].*targets\.reshape\(\[2,1\]\), or make the data with targetShape: \[1\]/);
    refuses(() => losses.huber(tensor([1, 2]), tensor([[1], [2]])), 'ANNEAL_SHAPE_MISMATCH', /targets\.reshape\(\[2\]\)\./);
  });
});

describe('what is no tensor', () => {
  const y = tensor([[1, 2, 3], [0, 0, 1]]) as Tensor;
  test.each<[string, () => unknown, RegExp]>([
    ['an array as outputs', () => losses.meanSquaredError([1, 2] as never, y), /\[meanSquaredError\] outputs: got an Array, expected a tensor. Make one: tensor\(values\)/],
    ['no targets', () => (losses.huber as unknown as (a: Tensor) => unknown)(x), /\[huber\] targets: got undefined/],
    ['a typed array as labels', () => losses.crossEntropy(x, Int32Array.of(1, 2) as never), /\[crossEntropy\] targets: got an Int32Array, expected a tensor/],
    ['labels of a loss with options', () => losses.multiMargin.with({ margin: 2 })(x, 1 as never), /\[multiMargin\] targets: got 1, expected a tensor/],
    ['a length', () => losses.ctc(x.reshape([1, 2, 3]), tensor(Int32Array.of(1), { shape: [1, 1] }), 2 as never, lengths), /\[ctc\] inputLengths: got 2, expected a tensor/],
    ['a variance', () => losses.gaussianNll(x, y, 1 as never), /\[gaussianNll\] variances: got 1, expected a tensor/],
    ['a side', () => losses.cosineEmbedding(x, y, 1 as never), /\[cosineEmbedding\] targets: got 1, expected a tensor/],
    ['a negative', () => losses.tripletMargin(x, y, null as never), /\[tripletMargin\] negative: got null/],
    ['a key', () => losses.infoNce(x, [y] as never), /\[infoNce\] keys: got an Array, expected a tensor/],
  ])('%s', (_name, call, message) => refuses(call, 'ANNEAL_INVALID_ARGUMENT', message));
});

test.each<[string, () => unknown, RegExp]>([
  ['multiMargin', () => losses.multiMargin(x, labels, { margin: Number.NaN }), /\[multiMargin\] margin: got NaN, expected a number\./],
  ['poissonNll', () => losses.poissonNll(x, shares, { eps: -1 }), /eps: got -1, expected a number of at least 0/],
  ['tripletMargin', () => losses.tripletMargin(x, x, x, { eps: Number.NaN }), /eps: got NaN/],
  ['infoNce', () => losses.infoNce(x, x, { temperature: 0 }), /temperature: got 0, expected a number above 0/],
  ['focal', () => losses.focal(x, shares, { gamma: '2' as never }), /gamma: got '2', expected a number of at least 0/],
  ['focal', () => losses.focal(x, shares, { alpha: '1' as never }), /alpha: got 1, expected a number in \[0, 1\]/],
  ['dice', () => losses.dice(x, shares, { smooth: -1 }), /smooth: got -1/],
  ['binaryCrossEntropy', () => losses.binaryCrossEntropy(x, shares, { positiveWeight: [1, 2, 3] as never }), /positiveWeight: got an Array, expected a number of at least 0/],
  ['crossEntropy', () => losses.crossEntropy(x, labels, { labelSmoothing: '0.1' as never }), /labelSmoothing: got '0.1'/],
])('%s refuses a number that is none, or out of range', (_name, call, message) => refuses(call, 'ANNEAL_INVALID_ARGUMENT', message));
