// Targets that a loss has no meaning for are errors of the step, as labels out of range are.
import { describe, expect, test } from 'vitest';
import { data, losses, nn, optim, tensor, Trainer, type Tensor } from 'anneal';
import { fails } from '../nn/fails.js';

type Pair = (outputs: Tensor, targets: Tensor) => Tensor;

type Row = readonly [name: string, loss: Pair, domain: string, fine: readonly number[], odd: readonly number[]];

const pairs: readonly Row[] = [
  ...(['binaryCrossEntropy', 'focal', 'dice', 'multilabelSoftMargin'] as const).map((name): Row => [name, losses[name] as Pair, 'numbers in [0, 1]', [0, 0.25, 1, NaN], [2, -1, 1.0001]]),
  ...(['hinge', 'squaredHinge'] as const).map((name): Row => [name, losses[name] as Pair, '-1 or 1', [-1, 1, NaN], [0, 0.5, 2]]),
  ['poissonNll', losses.poissonNll as Pair, 'numbers of at least 0', [0, 0.5, 7], [-1, -1e-6]],
  ['klDivergence', losses.klDivergence as Pair, 'numbers of at least 0', [0, 0.5, 7], [-0.1]],
  ['crossEntropy', losses.crossEntropy as Pair, 'numbers of at least 0', [0, 0.5, 1], [-0.1]],
  ['gaussianNll', (outputs, variances) => losses.gaussianNll(outputs, outputs, variances), 'numbers of at least 0', [0, 1e-9, 5], [-1]],
  ['marginRanking', (a, signs) => losses.marginRanking(a, a, signs), '-1 or 1', [-1, 1], [0]],
  ['cosineEmbedding', (a, signs) => losses.cosineEmbedding(a, a, signs.reshape([2]) as never), '-1 or 1', [-1, 1], [0, 3]],
];

describe.each(pairs)('%s', (name, loss, domain, fine, odd) => {
  // cosineEmbedding has one target a row; the others one an element.
  const outputs = tensor([[0.5], [0.25]]);
  const message = new RegExp(`\\[${name}\\] (targets|variances) are outside of what the loss takes.*expected ${domain.replace(/[[\]]/g, '\\$&')}`);

  test.each(fine)('takes %f', async (value) => {
    await loss(outputs, tensor([[value], [fine[0]!]])).data();
    await loss(outputs, tensor([[value], [fine[0]!]]).mul(1)).data();
  });

  test.each(odd)('refuses %f, given and computed', async (value) => {
    await fails((async () => loss(outputs, tensor([[fine[0]!], [value]])).data())(), 'ANNEAL_DATA', message);
    await fails((async () => loss(outputs, tensor([[fine[0]!], [value]]).mul(1)).data())(), 'ANNEAL_DATA', message);
  });
});

describe('in a Trainer', () => {
  const trainer = () => {
    const model = nn.sequential([1], nn.linear(1, 1));
    return new Trainer(model, { loss: losses.binaryCrossEntropy, optimizer: optim.sgd(model.parameters(), { lr: 1 }) });
  };
  const y = Array.from({ length: 40 }, (_, i) => [i === 33 ? 2 : i % 2]);
  const x = y.map(() => [1]);
  const broken = data.fromArrays({ x, y, shape: [1], targetShape: [1], name: 'broken' });
  const streamed = data.fromIterable(() => x.map((row, i) => ({ x: row, y: y[i]! })), { shape: [1], targetShape: [1], name: 'lines' });

  test('the example is named, and nothing has changed', async () => {
    for (const [source, name] of [[broken, 'broken'], [streamed, 'lines']] as const) {
      for (const batchSize of [4, 40]) {
        const it = trainer();
        const told = new RegExp(`\\[binaryCrossEntropy\\] targets are outside of what the loss takes at example 33 of dataset '${name}'`);
        await fails(it.fit(source, { batchSize }), 'ANNEAL_DATA', told);
        expect(it.optimizer.steps).toBe(batchSize === 4 ? 8 : 0);
        await fails(it.evaluate(source, { batchSize }), 'ANNEAL_DATA', told);
      }
    }
  });

  test('examples that are not used may be anything', async () => {
    const used = broken.subset([0, 1, 2, 3]);
    expect((await trainer().fit(used, { batchSize: 2 }))[0]!.loss).toBeGreaterThan(0);
  });
});

test('gradients flow to targets as before', async () => {
  const model = nn.sequential([1], nn.linear(1, 1));
  const targets = model.forward(tensor([[0.5]])).sigmoid();
  losses.binaryCrossEntropy(tensor([[2]]), targets).backward();
  const [weight] = model.parameters();
  const p = (await model.forward(tensor([[0.5]])).sigmoid().data())[0]!;
  expect((await weight!.grad!.data())[0]).toBeCloseTo(-2 * p * (1 - p) * 0.5, 5);
});
