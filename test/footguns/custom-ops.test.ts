import { configure, defineOp, nn, noGrad, normal, optim, random, seed, tensor, type Tensor } from 'anneal';
import { afterEach, expect, test } from 'vitest';
import { failure } from './model.js';

afterEach(() => configure({ debug: process.env['ANNEAL_DEBUG'] === '1' }));

test('an op with a gradient of its own', async () => {
  const reverse = defineOp({ name: 'gradientReversal', forward: (x) => x.mul(1), gradient: (dy) => [dy.neg()] });
  const gradientThrough = async (op: (x: ReturnType<typeof reverse>) => ReturnType<typeof reverse>): Promise<number[]> => {
    seed(1);
    const layer = nn.linear(2, 1);
    optim.sgd(layer.parameters(), { lr: 1 });
    op(layer.forward(tensor([[1, 2]])) as never).sum().backward();
    return Array.from(await layer.parameters()[0]!.grad!.data());
  };
  expect(await gradientThrough((x) => x)).toEqual([1, 2]);
  expect(await gradientThrough((x) => reverse(x))).toEqual([-1, -2]);
});

test('an op takes what its functions find outside when they are called: numbers, choices, random masks', async () => {
  let strength = 1;
  let doubled = false;
  const scale = defineOp({
    name: 'scale',
    forward: (x) => (doubled ? x!.mul(strength).mul(2) : x!.mul(strength)),
    gradient: (dy) => [doubled ? dy.mul(strength).neg() : dy.mul(strength).add(1)],
  });
  const layer = nn.linear(2, 1, { bias: false });
  const optimizer = optim.sgd(layer.parameters(), { lr: 1 });
  const seen: [value: number, gradient: number[]][] = [];
  for (strength = 1; strength <= 4; strength++) {
    doubled = strength > 2;
    const weight = layer.parameters()[0]!;
    const loss = scale(weight.mul(0).add(1)).sum();
    loss.backward();
    if (strength % 2 === 0) await weight.grad!.data();
    const value = await loss.item();
    await optimizer.step();
    const before = scale(tensor([1]));
    seen.push([value, [...(await before.data())]]);
  }
  expect(seen).toEqual([[2, [1]], [4, [2]], [12, [6]], [16, [8]]]);
});

test('a gradient reversal whose strength grows goes by the strength that it has at backward()', async () => {
  let strength = 0;
  const reverse = defineOp({ name: 'gradientReversal', forward: (x) => x!.mul(1), gradient: (dy) => [dy.mul(-strength)] });
  const moved = async (early: boolean): Promise<number[]> => {
    seed(1);
    const layer = nn.linear(1, 1, { bias: false });
    const optimizer = optim.sgd(layer.parameters(), { lr: 1 });
    const weight = layer.parameters()[0]!;
    const moves: number[] = [];
    for (strength = 0; strength < 4; strength++) {
      const before = weight.detach().keep();
      reverse(layer.forward(tensor([[2]])) as never).sum().backward();
      if (early) await weight.grad!.data();
      await optimizer.step();
      moves.push(Math.round(await weight.sub(before).item()));
    }
    return moves;
  };
  expect(await moved(false)).toEqual([0, 2, 4, 6]);
  expect(await moved(true)).toEqual([0, 2, 4, 6]);
});

test('each backward() through one call of an op has the gradient that is right for it', async () => {
  let strength = 1;
  const scale = defineOp({ name: 'scale', forward: (x) => x!.mul(1), gradient: (dy) => [dy.mul(strength)] });
  const layer = nn.linear(1, 1, { bias: false });
  optim.sgd(layer.parameters(), { lr: 1 });
  const shared = scale(layer.forward(tensor([[1]])) as never).sum();
  shared.mul(1).backward();
  strength = 10;
  shared.mul(1).backward();
  expect(await layer.parameters()[0]!.grad!.item()).toBe(11);
});

test('random numbers in a gradient are drawn anew by each backward()', async () => {
  seed(3);
  const noisy = defineOp({ name: 'noisy', forward: (x) => x!.mul(1), gradient: (dy) => [dy.add(normal(dy.shape, random.key('noise')) as never)] });
  const layer = nn.linear(1, 1, { bias: false });
  const optimizer = optim.sgd(layer.parameters(), { lr: 1 });
  const gradients = new Set<number>();
  for (let i = 0; i < 4; i++) {
    optimizer.zeroGrad();
    noisy(layer.forward(tensor([[1]])) as never).sum().backward();
    gradients.add(await layer.parameters()[0]!.grad!.item());
  }
  expect(gradients.size).toBe(4);
});

test('ops within ops, in both of their functions, of several operands, one of them without gradient', async () => {
  let factor = 2;
  const inner = defineOp({ name: 'inner', forward: (x) => x!.mul(factor), gradient: (dy) => [dy.mul(factor)] });
  const outer = defineOp({ name: 'outer', forward: (x, y) => inner(x!).add(inner(y!)), gradient: (dy, [x]) => [inner(dy).mul(x!), undefined] });
  const layer = nn.linear(1, 1, { bias: false });
  optim.sgd(layer.parameters(), { lr: 1 });
  const weight = layer.parameters()[0]!;
  for (factor = 2; factor < 4; factor++) {
    outer(weight.mul(0).add(3), weight).sum().backward();
    expect(await weight.grad!.item()).toBe(0);
    const three = weight.sub(weight.detach()).add(3);
    outer(three, weight).sum().backward();
    expect(await weight.grad!.item()).toBe(3 * factor);
    layer.parameters().forEach(() => optim.sgd(layer.parameters(), { lr: 1 }).zeroGrad());
  }
});

test('a tensor that requires a gradient and comes from outside is an error, not silently a constant', async () => {
  const layer = nn.linear(2, 2, { bias: false });
  const weight = layer.parameters()[0]!;
  const times = (w: () => Tensor) => defineOp({ name: 'times', forward: (x) => x!.mul(w()), gradient: (dy) => [dy] });
  expect(await failure(() => times(() => weight as Tensor)(tensor([1, 2])))).toMatchObject({ code: 'ANNEAL_GRADIENT', message: expect.stringMatching(/^\[times\] forward depends on Parameter\(weight, \[2,2\]\)/) });
  const doubled = weight.mul(2) as Tensor;
  expect(await failure(() => times(() => doubled)(weight))).toMatchObject({ code: 'ANNEAL_GRADIENT' });
  expect((await times(() => weight.mul(2) as Tensor)(weight).data()).length).toBe(4);
  expect((await times(() => weight.detach() as Tensor)(tensor([1, 2])).data()).length).toBe(4);
  expect((await noGrad(() => times(() => weight as Tensor)(tensor([1, 2]))).data()).length).toBe(4);
  const nothing = defineOp({ name: 'nothing', forward: () => undefined as never, gradient: () => [] });
  expect(await failure(() => nothing(tensor([1])))).toMatchObject({ code: 'ANNEAL_INVALID_ARGUMENT', message: expect.stringContaining('expected a tensor') });
});

test('a gradient of the wrong shape says which', async () => {
  const wrong = defineOp({ name: 'wrong', forward: (x) => x.mul(2), gradient: (dy) => [dy.sum()] });
  const layer = nn.linear(2, 2);
  const optimizer = optim.sgd(layer.parameters(), { lr: 1 });
  const error = await failure(() => {
    wrong(layer.forward(tensor([[1, 2]])) as never).sum().backward();
    return optimizer.step();
  });
  expect(error.message).toMatch(/\[wrong\] the gradient of input 0 .* got \[\], expected \[1,2\]/);
});

test('with debug and checkFinite the first op that gives NaN throws at its call', async () => {
  configure({ debug: true, checkFinite: true });
  const x = tensor([1, -1]);
  const error = await failure(() => x.log().mul(2));
  expect(error).toMatchObject({ code: 'ANNEAL_NON_FINITE', message: expect.stringMatching(/^\[log\] gave NaN at element 1/) });
});
