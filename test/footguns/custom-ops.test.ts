import { configure, defineOp, nn, optim, seed, tensor } from 'anneal';
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
