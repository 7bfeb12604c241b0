import { add, data, IndexError, losses, mul, nn, optim, Parameter, seed, sum, tensor, Trainer, zeros } from 'anneal';
import { expect, test } from 'vitest';
import { classifier, failure } from './model.js';

test('a label out of range names the example, and leaves the parameters as they were', async () => {
  const { model, optimizer, batch, weights } = classifier();
  const before = await weights();
  const bad = tensor(Int32Array.of(0, 1, 7, 2));
  const error = await failure(() => {
    losses.crossEntropy(model.forward(batch(4).x), bad).backward();
    return optimizer.step();
  });
  expect(error).toBeInstanceOf(IndexError);
  expect(error).toMatchObject({ index: 2, value: 7, limit: 3 });
  expect(await weights()).toEqual(before);
});

test('after a failed step has been reported, the session goes on', async () => {
  const { model, optimizer, batch, lossOn } = classifier();
  const error = await failure(() => {
    losses.crossEntropy(model.forward(batch(4).x), tensor(Int32Array.of(0, 1, -1, 2))).backward();
    return optimizer.step();
  });
  expect(error).toMatchObject({ value: -1 });
  expect(optimizer.steps).toBe(0);
  const loss = lossOn(4);
  loss.backward();
  await optimizer.step();
  expect(Number.isFinite(await loss.item())).toBe(true);
});

test.runIf(process.env['ANNEAL_DEBUG'] !== '1')('steps behind a failed one are refused, with its error as the cause', async () => {
  // Large enough to be queued instead of run at once.
  seed(1);
  const model = nn.sequential([256], nn.linear(256, 2048), nn.relu(), nn.linear(2048, 10));
  const optimizer = optim.sgd(model.parameters(), { lr: 0.1 });
  const x = zeros([64, 256]);
  const step = (label: number): Promise<void> => {
    losses.crossEntropy(model.forward(x), tensor(new Int32Array(64).fill(label))).backward();
    return optimizer.step();
  };
  await step(1);
  const before = await model.parameters()[1]!.data();
  const [first, second] = await Promise.allSettled([step(10), step(1)]);
  expect(first).toMatchObject({ status: 'rejected', reason: { code: 'ANNEAL_INDEX_OUT_OF_RANGE' } });
  expect(second).toMatchObject({ status: 'rejected', reason: { code: 'ANNEAL_SESSION_FAILED', cause: { code: 'ANNEAL_INDEX_OUT_OF_RANGE' } } });
  expect(await model.parameters()[1]!.data()).toEqual(before);
  await step(1);
  expect(optimizer.steps).toBe(2);
});

test('fit names dataset, epoch, step and example', async () => {
  seed(1);
  const y = Int32Array.from({ length: 40 }, (_, i) => (i === 33 ? 9 : i % 3));
  const train = data.fromArrays({ x: new Float32Array(80), y, shape: [2] });
  const model = nn.sequential([2], nn.linear(2, 3));
  const trainer = new Trainer(model, { loss: losses.crossEntropy, optimizer: optim.sgd(model.parameters(), { lr: 0.1 }) });
  const error = await failure(() => trainer.fit(train, { batchSize: 10 }));
  expect(error).toBeInstanceOf(IndexError);
  expect(error.message).toMatch(/example 33 of dataset/);
  expect(error.message).toMatch(/epoch 0, step 3/);
});

test.runIf(process.env['ANNEAL_DEBUG'] !== '1')('a gradient that could not be computed ahead of the step is not taken for zero', async () => {
  const { model, optimizer, batch, lossOn, weights } = classifier();
  const before = await weights();
  const bad = losses.crossEntropy(model.forward(batch(4).x), tensor(Int32Array.of(0, 1, 7, 2)));
  const first = await failure(() => {
    bad.backward();
    // Another backward() over the same parameters has the first one's gradients computed.
    lossOn(4).backward();
  });
  expect(first).toBeInstanceOf(IndexError);
  lossOn(4).backward();
  const second = await failure(() => optimizer.step());
  expect(second).toMatchObject({ code: 'ANNEAL_GRADIENT', cause: { code: 'ANNEAL_INDEX_OUT_OF_RANGE' } });
  expect(await weights()).toEqual(before);
  expect(optimizer.steps).toBe(0);
  optimizer.zeroGrad();
  lossOn(4).backward();
  await optimizer.step();
  expect(optimizer.steps).toBe(1);
});

test('a step that could not begin leaves the gradients to the next one', async () => {
  const trained = async (failing: boolean): Promise<unknown> => {
    const { model, lossOn, weights } = classifier();
    let bad = failing;
    const optimizer = optim.sgd(model.parameters(), { lr: () => (bad ? NaN : 0.1) });
    const other = new Parameter([2], nn.init.zeros());
    other.name = 'other';
    const apart = optim.sgd([other], { lr: 0.1 });
    // Gradients of one backward() for two optimizers: those of the other one wait, too.
    add(lossOn(4), sum(mul(other, 3))).backward();
    if (failing) expect(await failure(() => optimizer.step())).toMatchObject({ code: 'ANNEAL_INVALID_ARGUMENT' });
    bad = false;
    expect(optimizer.steps).toBe(0);
    await optimizer.step();
    await apart.step();
    return [await weights(), await other.data()];
  };
  expect(await trained(true)).toEqual(await trained(false));
});
