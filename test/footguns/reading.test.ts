import { losses, noGrad, ones, StaleTensorError, tensor, zeros, type Tensor } from 'anneal';
import { expect, test } from 'vitest';
import { classifier, failure } from './model.js';

test('scalars of a step stay readable after it', async () => {
  const { model, optimizer, batch } = classifier();
  const { x } = batch(4);
  const output = model.forward(x);
  const loss = output.mul(output).mean();
  const largest = output.max();
  const count = output.greater(0).cast('int32').sum();
  const expected = await noGrad(() => model.forward(x)).data();
  loss.backward();
  await optimizer.step();
  expect(await largest.item()).toBe(Math.max(...expected));
  expect(await count.item()).toBe(expected.filter((value) => value > 0).length);
  expect(await loss.item()).toBeCloseTo(expected.reduce((sum, value) => sum + value * value, 0) / expected.length, 6);
});

test('a loss may be read before its step, whichever operands its ops leave out', async () => {
  const { model, optimizer, batch } = classifier();
  const { x, labels } = batch(4);
  for (const lossOf of [
    (outputs: Tensor) => losses.hinge(outputs, ones([4, 3])),
    (outputs: Tensor) => losses.crossEntropy(outputs, labels, { labelSmoothing: 0.1 }),
    (outputs: Tensor) => losses.binaryCrossEntropy(outputs, zeros([4, 3])),
  ]) {
    const loss = lossOf(model.forward(x));
    loss.backward();
    const before = await loss.item();
    await optimizer.step();
    expect(await loss.item()).toBe(before);
  }
});

test("any other tensor of a finished step is stale, and never shows another step's numbers", async () => {
  const { model, optimizer, batch } = classifier();
  const { x } = batch(4);
  const output = model.forward(x);
  output.mul(output).mean().backward();
  await optimizer.step();
  const error = await failure(() => output.data());
  expect(error).toBeInstanceOf(StaleTensorError);
  expect(error).toMatchObject({ code: 'ANNEAL_STALE_TENSOR', message: expect.stringContaining('keep()') });
  await expect(failure(() => output.add(1).data())).resolves.toBeInstanceOf(StaleTensorError);
});

test('a tensor that the step did not use, but that depends on what it changed, is stale as well', async () => {
  const { model, optimizer, batch } = classifier();
  const unused = model.forward(batch(2).x);
  const output = model.forward(batch(4).x);
  output.mul(output).mean().backward();
  await optimizer.step();
  expect((await failure(() => unused.data())).message).toContain('before parameter');
});

test('a kept tensor outlives its step, and serves in the next', async () => {
  const { model, optimizer, batch } = classifier();
  const { x } = batch(4);
  const expected = await noGrad(() => model.forward(x)).data();
  const output = model.forward(x).keep();
  output.mul(output).mean().backward();
  await optimizer.step();
  expect(await output.data()).toEqual(expected);
  const distance = model.forward(x).sub(output).abs().sum();
  distance.backward();
  await optimizer.step();
  expect(await distance.item()).toBeGreaterThan(0);
});

test('reading in the middle of a step changes nothing', async () => {
  const run = async (reads: boolean): Promise<Float32Array[]> => {
    const { model, optimizer, batch, weights } = classifier();
    for (let step = 0; step < 5; step++) {
      const output = model.forward(batch(4, step).x);
      const loss = output.mul(output).mean();
      if (reads) await output.data();
      if (reads && (await loss.item()) < 0) throw new Error('a square is not negative');
      loss.backward();
      if (reads) await model.parameters()[0]!.grad!.data();
      await optimizer.step();
    }
    return weights();
  };
  expect(await run(true)).toEqual(await run(false));
});

test('a batch can be used in any number of steps', async () => {
  const { model, optimizer, batch } = classifier();
  const { x, labels } = batch(4);
  const values: number[] = [];
  for (let step = 0; step < 20; step++) {
    const loss = model.forward(x).sub(labels.cast('float32').unsqueeze(1)).pow(2).mean();
    loss.backward();
    await optimizer.step();
    values.push(await loss.item());
  }
  expect(values[19]).toBeLessThan(values[0]!);
});

test('an array is copied when it is handed over', async () => {
  const values = Float32Array.of(1, 2, 3);
  const x = tensor(values);
  values.fill(9);
  const sum = x.sum();
  (await x.data()).fill(7);
  expect(await sum.item()).toBe(6);
  expect(Array.from(await x.data())).toEqual([1, 2, 3]);
});

test('a disposed tensor says so', async () => {
  const kept = tensor([1, 2]).mul(2).keep();
  await kept.data();
  kept.dispose();
  kept.dispose();
  expect(await failure(() => kept.data())).toMatchObject({ code: 'ANNEAL_DISPOSED' });
  expect(await failure(() => kept.add(1))).toMatchObject({ code: 'ANNEAL_DISPOSED' });
});

test('item() of more than one element says what to do', async () => {
  expect((await failure(() => tensor([1, 2]).item())).message).toMatch(/\[item\].*\[2\].*data\(\)/);
});

test('noGrad takes synchronous code only', () => {
  expect(() => noGrad(async () => 1)).toThrow(/synchronous/);
});
