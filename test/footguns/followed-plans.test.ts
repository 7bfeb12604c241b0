// A step that looks like the last one at first sight, and is another one: it must not get that one's program.
import { add, linear, mul, nn, noGrad, optim, Parameter, sum, synchronize, tensor, Tensor } from 'anneal';
import { expect, test } from 'vitest';

const x = tensor([1, 2, 3, 4], { shape: [2, 2] });
const other = tensor([5, 6, 7, 8], { shape: [2, 2] });

class Pair extends nn.Module {
  readonly a = new Parameter([2, 2], () => tensor([1, 1, 1, 1], { shape: [2, 2] }));
  readonly b = new Parameter([2, 2], () => tensor([2, 2, 2, 2], { shape: [2, 2] }));
  forward(): Tensor {
    return add(this.a, this.b);
  }
}

/** The weights, and the loss, after one of these steps behind the other. */
async function after(...losses: ((pair: Pair) => Tensor)[]): Promise<number[][]> {
  const pair = new Pair();
  const optimizer = optim.sgd(pair.parameters(), { lr: 0.125 });
  const values: number[] = [];
  for (const lossOf of losses) {
    const loss = sum(lossOf(pair));
    optimizer.zeroGrad();
    loss.backward();
    await optimizer.step();
    values.push(await loss.item());
  }
  return [values, [...(await pair.a.data())], [...(await pair.b.data())]];
}

test.each<[what: string, first: (pair: Pair) => Tensor, second: (pair: Pair) => Tensor]>([
  ['one input twice in place of two', ({ a }) => mul(a, add(x, other)), ({ a }) => mul(a, add(x, x))],
  ['two inputs in place of one', ({ a }) => mul(a, add(x, x)), ({ a }) => mul(a, add(x, other))],
  ['one value twice in place of two alike', ({ a }) => add(mul(a, x), mul(a, x)), ({ a }) => ((y) => add(y, y))(mul(a, x))],
  ['two values alike in place of one', ({ a }) => ((y) => add(y, y))(mul(a, x)), ({ a }) => add(mul(a, x), mul(a, x))],
  ['another parameter', ({ a }) => mul(a, x), ({ b }) => mul(b, x)],
  ['operands the other way round', ({ a, b }) => mul(a.mul(a), b), ({ a, b }) => mul(b, a.mul(a))],
  ['the same without a gradient', ({ a, b }) => add(mul(a, x), mul(b, x)), ({ a, b }) => add(mul(a, x), noGrad(() => mul(b, x)))],
  ['other numbers of a shape', ({ a }) => mul(a, tensor([1, 2])), ({ a }) => mul(a, tensor([1, 2], { shape: [2, 1] }))],
  ['one op more', ({ a }) => mul(a, x), ({ a }) => mul(a, x).tanh()],
  ['another option', ({ a }) => mul(a, x).sum({ axis: 0 }), ({ a }) => mul(a, x).sum({ axis: 1 }).mul(tensor([1, 3]))],
  ['a matrix in place of two factors', ({ a, b }) => mul(a, b), ({ a, b }) => linear(a, b)],
])('a step with %s is not the step before', async (_, first, second) => {
  const [[, loss], ...weights] = (await after(first, second)) as [number[], number[], number[]];
  // Times 1, it is like no step before, and has no plan to follow.
  const [[, expected], ...expectedWeights] = (await after(first, (pair) => second(pair).mul(1))) as [number[], number[], number[]];
  expect(loss).toBe(expected);
  expect(weights).toEqual(expectedWeights);
});

test('a value of the step before is refused by a step of the same structure', async () => {
  const pair = new Pair();
  const optimizer = optim.sgd(pair.parameters(), { lr: 0.125 });
  const step = async (of: Tensor): Promise<void> => {
    sum(mul(of, x)).backward();
    await optimizer.step();
  };
  await step(add(pair.a, pair.b));
  const old = add(pair.a, pair.b);
  const loss = sum(mul(old, x));
  await step(add(pair.a, pair.b));
  expect(() => loss.backward()).toThrow(/finished/);
  await step(add(pair.a, pair.b));
});

test('what was recorded before a parameter was overwritten is refused, though its structure is known', async () => {
  const pair = new Pair();
  const optimizer = optim.sgd(pair.parameters(), { lr: 0.125 });
  for (let i = 0; i < 2; i++) {
    sum(mul(add(pair.a, pair.b), x)).backward();
    await optimizer.step();
  }
  const y = mul(add(pair.a, pair.b), x);
  await pair.loadStateDict(new Pair().stateDict());
  sum(y).backward();
  await expect(optimizer.step()).rejects.toMatchObject({ code: 'ANNEAL_STALE_TENSOR' });
});

test('steps whose gradients were looked at, in turn of one parameter, the other, both and none, are those of a loop that does not look', async () => {
  const weights = async (looks: boolean): Promise<unknown> => {
    const pair = new Pair();
    const optimizer = optim.adam(pair.parameters(), { lr: 0.125 });
    const seen: Float32Array[] = [];
    for (let i = 0; i < 12; i++) {
      optimizer.zeroGrad();
      sum(mul(mul(pair.a, pair.b), x)).backward();
      if (looks) for (const parameter of [[pair.a], [pair.b], [pair.b, pair.a], []][(i >> 1) % 4]!) seen.push(await parameter.grad!.data());
      await optimizer.step();
    }
    if (looks) expect(new Set(seen.map(String)).size).toBe(seen.length);
    return [await pair.a.data(), await pair.b.data()];
  };
  expect(await weights(true)).toEqual(await weights(false));
});

test('arrays of an optimizer that were disposed of are refused by the plan that knew them, and no memory of others is written to', async () => {
  const pair = new Pair();
  const optimizer = optim.adam(pair.parameters(), { lr: 0.125 });
  const step = (): Promise<void> => {
    sum(mul(mul(pair.a, pair.b), x)).backward();
    return optimizer.step();
  };
  for (let i = 0; i < 3; i++) await step();
  const before = await pair.a.data();
  for (const array of optimizer.stateDict().values()) if (array instanceof Tensor) array.dispose();
  const others = Array.from({ length: 8 }, () => tensor([0, 0, 0, 0]).mul(1).keep());
  await synchronize();
  await expect(step()).rejects.toMatchObject({ code: 'ANNEAL_DISPOSED' });
  for (const one of others) expect([...(await one.data())]).toEqual([0, 0, 0, 0]);
  expect(await pair.a.data()).toEqual(before);
});
