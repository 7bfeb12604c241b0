import { describe, expect, test } from 'vitest';
import { defineOp, exp, grad, gradcheck, losses, matmul, mul, nn, noGrad, ops, optim, seed, sum, tensor, type Tensor } from './imports.js';

describe('grad()', () => {
  test('gives tensors, of inputs, parameters and values in between', async () => {
    const x = tensor([1, 2, 3], { requiresGrad: true });
    const middle = mul(x, x);
    const loss = sum(mul(middle, middle));
    const [dx, dmiddle] = grad(loss, [x, middle]);
    expect([...(await dx.data())]).toEqual([4, 32, 108]);
    expect([...(await dmiddle.data())]).toEqual([2, 8, 18]);
    expect(dx.requiresGrad).toBe(false);
  });

  test('of gradients, where createGraph says so', async () => {
    const x = tensor([1, 2, 3], { requiresGrad: true });
    const [first] = grad(sum(mul(mul(x, x), x)), [x], { createGraph: true });
    const [second] = grad(sum(first), [x], { createGraph: true });
    const [third] = grad(sum(second), [x]);
    expect([...(await second.data())]).toEqual([6, 12, 18]);
    expect([...(await third.data())]).toEqual([6, 6, 6]);
  });

  test('a gradient penalty trains: the slope of the penalty reaches the parameters', async () => {
    seed(1);
    const model = nn.sequential([2], nn.linear(2, 8), nn.tanh(), nn.linear(8, 1));
    const optimizer = optim.sgd(model.parameters(), { lr: 0.05 });
    const x = tensor([[0.5, -1], [1, 2], [-0.3, 0.7]], { requiresGrad: true });
    const penalties: number[] = [];
    for (let step = 0; step < 60; step++) {
      const [slope] = grad(sum(model.forward(x as never)), [x], { createGraph: true });
      const norms = slope.mul(slope).sum({ axis: 1 }).sqrt();
      const penalty = norms.sub(1).mul(norms.sub(1)).mean();
      penalty.backward();
      await optimizer.step();
      penalties.push(await penalty.item());
    }
    expect(penalties.at(-1)!).toBeLessThan(penalties[0]! * 0.05);
  });

  test('is part of the plan: the same step makes one', async () => {
    const model = nn.sequential([2], nn.linear(2, 1));
    await model.parameters()[0]!.data();
    const x = tensor([[1, 2]], { requiresGrad: true });
    const before = [...(await grad(sum(model.forward(x as never)), [x])[0].data())];
    expect([...(await grad(sum(model.forward(x as never)), [x])[0].data())]).toEqual(before);
    expect(before).toEqual([...(await model.parameters()[0]!.data())]);
  });
});

describe('grad() says what is wrong', () => {
  const x = (): Tensor => tensor([1, 2], { requiresGrad: true });
  test.each<[string, () => unknown, RegExp]>([
    ['a plain input', () => grad(sum(tensor([1])), [tensor([1])]), /input 0, .*does not require a gradient\. Make it with tensor\(values, \{ requiresGrad: true \}\)/],
    ['no scalar', () => { const a = x(); return grad(mul(a, 2), [a]); }, /the loss has the shape \[2\], expected a scalar/],
    ['an unused input', () => { const [a, b] = [x(), x()]; return grad(sum(a), [a, b]); }, /does not depend on input 1/],
    ['one tensor', () => grad(sum(x()), x() as never), /expected an array of tensors/],
    ['an unknown option', () => grad(sum(x()), [x()], { creategraph: true } as never), /createGraph/],
    ['whole numbers', () => tensor([1], { dtype: 'int32', requiresGrad: true }), /Whole numbers have no slopes/],
    ['what noGrad() cut off', () => noGrad(() => exp(x())).requireGrad(), /got the result of exp, whose operands require gradients though it does not.* Call detach\(\) first/],
    ['a loss without parameters', () => sum(x()).backward(), /depends on no parameter, only on tensors that were marked/],
  ])('%s', (_title, call, message) => {
    expect(call).toThrow(message);
    expect(call).toThrow(expect.objectContaining({ code: expect.stringMatching(/^ANNEAL_/) }));
  });

  test('what was computed of constants, or detached, may be marked, and nothing flows behind it', async () => {
    const weight = x();
    const marked = [mul(tensor([1, 2]), 3).requireGrad(), mul(weight, 3).detach().requireGrad(), mul(weight, 3).requireGrad()];
    for (const at of marked) {
      const [slope] = grad(sum(mul(at, at)), [at]);
      expect([...(await slope.data())]).toEqual([6, 12]);
    }
    expect(() => grad(sum(mul(marked[1]!, 2)), [weight])).toThrow(/does not depend on input 0/);
    expect([...(await grad(sum(mul(marked[2]!, 2)), [weight])[0].data())]).toEqual([6, 6]);
  });

  test('an op that nobody has differentiated twice', () => {
    const logits = tensor([[[0.1, 0.2], [0.3, 0.4]]], { requiresGrad: true });
    const int = (values: number[]): Tensor => tensor(values, { dtype: 'int32' });
    const loss = losses.ctc(logits as never, int([1]).reshape([1, 1]) as never, int([2]) as never, int([1]) as never);
    const [first] = grad(loss, [logits], { createGraph: true });
    expect(() => grad(sum(first), [logits])).toThrow(/ctcGrad is not differentiated further/);
  });

  test('inside noGrad() nothing requires a gradient', () => {
    const a = x();
    const loss = noGrad(() => sum(mul(a, a)));
    expect(() => grad(loss, [a])).toThrow(/does not depend on input 0/);
    expect(grad(loss, [a], { allowUnused: true })).toEqual([undefined]);
  });
});

describe('gradcheck()', () => {
  const bad = defineOp({ name: 'bad', forward: (a) => a!.mul(a!), gradient: (dy, [a]) => [dy.mul(a!)] });
  test('finds a wrong rule', () => {
    expect(gradcheck((a) => matmul(a!, a!).tanh(), [tensor([[0.1, 0.2], [0.3, 0.4]])])).toBe(true);
    expect(() => gradcheck(bad, [tensor([1, 2])])).toThrow(/the gradient of input 0 \[2\] is wrong at element 0: got 0\.5/);
  });

  test('of second order', () => {
    // Right at first, wrong afterwards: the slope is taken for a constant.
    const flat = defineOp({ name: 'flat', forward: (a) => a!.mul(a!), gradient: (dy, [a]) => [dy.mul(a!.detach()).mul(2)] });
    expect(gradcheck(flat, [tensor([1, 2])])).toBe(true);
    expect(() => gradcheck(flat, [tensor([1, 2])], { order: 2 })).toThrow(/is wrong at element 0/);
    expect(gradcheck((a) => ops.softmax(a!), [tensor([[0.5, -1, 2]])], { order: 2 })).toBe(true);
  });

  test('refuses what reads parameters', () => {
    const model = nn.sequential([2], nn.linear(2, 1));
    expect(() => gradcheck((a) => model.forward(a as never), [tensor([[1, 2]])])).toThrow(/reads a parameter/);
  });
});
