import { losses, nn, noGrad, optim, Parameter, seed, tensor, zeros } from 'anneal';
import { expect, test } from 'vitest';
import { classifier, failure } from './model.js';

test('several backward() before one step accumulate', async () => {
  const once = classifier();
  once.lossOn(4, 1).add(once.lossOn(4, 2)).backward();
  const expected = await once.model.parameters()[0]!.grad!.data();
  const twice = classifier();
  twice.lossOn(4, 1).backward();
  twice.lossOn(4, 2).backward();
  const sum = await twice.model.parameters()[0]!.grad!.data();
  sum.forEach((value, i) => expect(value).toBeCloseTo(expected[i]!, 6));
});

test('nothing accumulates across steps', async () => {
  const run = async (zero: boolean) => {
    const { optimizer, lossOn, weights } = classifier();
    for (let step = 0; step < 3; step++) {
      if (zero) optimizer.zeroGrad();
      lossOn(4, step).backward();
      await optimizer.step();
    }
    return weights();
  };
  expect(await run(true)).toEqual(await run(false));
});

test('zeroGrad() forgets what backward() asked for', async () => {
  const { model, optimizer, lossOn } = classifier();
  lossOn(4, 1).backward();
  optimizer.zeroGrad();
  expect(model.parameters()[0]!.grad).toBeUndefined();
  expect(await failure(() => optimizer.step())).toMatchObject({ code: 'ANNEAL_GRADIENT', message: expect.stringContaining('backward()') });
});

test('step() consumes gradients; reading them later throws, unless they are kept', async () => {
  const { model, optimizer, lossOn } = classifier();
  lossOn(4).backward();
  const [kept, lost] = model.parameters().map((parameter) => parameter.grad!);
  kept!.keep();
  const expected = await kept!.data();
  await optimizer.step();
  expect(await kept!.data()).toEqual(expected);
  expect(await failure(() => lost!.data())).toMatchObject({ code: 'ANNEAL_STALE_TENSOR' });
  expect(model.parameters()[0]!.grad).toBeUndefined();
});

test('gradients of parameters of another optimizer wait for it', async () => {
  seed(1);
  const [first, second] = [nn.linear(3, 3), nn.linear(3, 1)];
  const a = optim.sgd(first.parameters(), { lr: 0.1 });
  const b = optim.sgd(second.parameters(), { lr: 0.1 });
  const x = tensor([[1, -2, 3]]);
  const before = await second.parameters()[0]!.data();
  second.forward(first.forward(x)).sum().backward();
  const hidden = await noGrad(() => first.forward(x)).data();
  await a.step();
  expect(await second.parameters()[0]!.data()).toEqual(before);
  await b.step();
  const after = await second.parameters()[0]!.data();
  after.forEach((value, i) => expect(value).toBeCloseTo(before[i]! - 0.1 * hidden[i]!, 6));
});

test('a generator and a discriminator train in turns, as in PyTorch', async () => {
  seed(2);
  const [generator, discriminator] = [nn.linear(2, 3), nn.linear(3, 1)];
  const forG = optim.adam(generator.parameters(), { lr: 0.01 });
  const forD = optim.adam(discriminator.parameters(), { lr: 0.01 });
  const noise = tensor([[0.5, -0.5]]);
  for (let step = 0; step < 3; step++) {
    const fake = generator.forward(noise);
    forD.zeroGrad();
    discriminator.forward(fake.detach()).mean().backward();
    await forD.step();
    forG.zeroGrad();
    const loss = discriminator.forward(fake).mean();
    loss.backward();
    await forG.step();
    expect(Number.isFinite(await loss.item())).toBe(true);
  }
});

test('detach() and noGrad() stop gradients', async () => {
  const { lossOn, model, batch } = classifier();
  expect((await failure(() => noGrad(() => lossOn(4)).backward())).message).toContain('noGrad');
  expect(await failure(() => model.forward(batch(2).x).detach().sum().backward())).toMatchObject({ code: 'ANNEAL_GRADIENT' });
});

test('a loss that is no scalar, a loss of a finished step', async () => {
  const { model, optimizer, lossOn, batch } = classifier();
  expect((await failure(() => model.forward(batch(2).x).backward())).message).toContain('mean()');
  const loss = lossOn(4);
  loss.backward();
  await optimizer.step();
  expect(await failure(() => loss.backward())).toMatchObject({ code: 'ANNEAL_STALE_TENSOR' });
});

test('a trainable parameter that no module registers is an error, not silently left untrained', async () => {
  const stray = new Parameter([3], () => zeros([3]));
  const loss = losses.meanSquaredError(stray.add(1), zeros([3]));
  expect(await failure(() => loss.backward())).toMatchObject({ code: 'ANNEAL_UNREGISTERED_PARAMETER' });
});

test('a loss that depends on a gradient is an error: a penalty on it would do nothing', async () => {
  const { model, lossOn } = classifier();
  lossOn(4).backward();
  const gradient = model.parameters()[0]!.grad!;
  const penalty = gradient.mul(gradient).sum();
  const message = expect.stringContaining('cannot be differentiated');
  expect(await failure(() => lossOn(4).add(penalty).backward())).toMatchObject({ code: 'ANNEAL_GRADIENT', message });
  expect(await failure(() => penalty.backward())).toMatchObject({ code: 'ANNEAL_GRADIENT', message });
  lossOn(4).mul(penalty.detach()).backward();
  lossOn(4).add(noGrad(() => gradient.mul(2).sum())).backward();
  expect(Number.isFinite(await model.parameters()[0]!.grad!.sum().item())).toBe(true);
});
