// What a user holds is what it was: a step replaces parameters, not what was made of them before.
import { data, defineOp, nn, optim, tensor, Trainer, type Parameter, type Tensor } from 'anneal';
import { expect, test } from 'vitest';
import { pendingOutputs } from '../../src/graph/pending-outputs.js';
import { classifier, failure } from './model.js';

/** A module of parameters with these numbers and shapes. */
class Holder extends nn.Module {
  readonly owns: Parameter[];
  constructor(...owns: [values: readonly number[], shape?: readonly number[]][]) {
    super();
    this.owns = owns.map(([values, shape = [values.length]]) => new nn.Parameter(shape, () => tensor(Float32Array.from(values), { shape }) as Tensor));
    this.parameters();
  }
  get own(): Parameter {
    return this.owns[0]!;
  }
  override forward(x: Tensor): Tensor {
    return x.mul(this.own as Tensor) as Tensor;
  }
}

const squares = (p: Tensor): Tensor => p.mul(p as never).sum() as Tensor;

const views: { readonly [name: string]: (p: Tensor) => Tensor } = {
  detach: (p) => p.detach(),
  t: (p) => p.t() as Tensor,
  reshape: (p) => p.reshape([6]) as Tensor,
  'reshape to its own shape': (p) => p.reshape([2, 3]) as Tensor,
  flatten: (p) => p.flatten() as Tensor,
  'flatten of one dimension': (p) => p.flatten(1) as Tensor,
  slice: (p) => p.slice(0, 1) as Tensor,
  permute: (p) => p.permute([1, 0]) as Tensor,
  expand: (p) => p.expand([2, 2, 3]) as Tensor,
  'expand to its own shape': (p) => p.expand([2, 3]) as Tensor,
  squeeze: (p) => p.squeeze() as Tensor,
  'cast to its own dtype': (p) => p.cast('float32') as Tensor,
};

test.each(Object.keys(views))('a kept view of a parameter is what the parameter was before the step: %s', async (name) => {
  const values = [1, 2, 3, 4, 5, 6];
  const model = new Holder([values, [2, 3]]);
  const optimizer = optim.sgd(model.parameters(), { lr: 1 });
  const expected = await views[name]!(tensor(values).reshape([2, 3]) as Tensor).data();
  const before = views[name]!(model.own as Tensor).keep();
  model.own.mul(model.own).sum().backward();
  await optimizer.step();
  expect(await before.data()).toEqual(expected);
  expect(await model.own.data()).toEqual(Float32Array.from(values, (value) => -value));
});

test('what a step moved is the difference to kept views', async () => {
  const { model, optimizer, lossOn } = classifier();
  const before = model.parameters().map((p) => p.detach().keep());
  lossOn(4).backward();
  await optimizer.step();
  for (const [i, p] of model.parameters().entries()) {
    const moved = await p.sub(before[i]! as never).abs().max().item();
    expect(moved).toBeCloseTo(0.01, 4);
  }
});

test('a scalar that is an element of a parameter is read as it was before the step', async () => {
  const model = new Holder([[3, 4]]);
  const optimizer = optim.sgd(model.parameters(), { lr: 0.5 });
  const first = model.own.slice(0, 1).reshape([]);
  const loss = model.own.slice(1, 2).reshape([]);
  loss.backward();
  await optimizer.step();
  expect([await first.item(), await loss.item()]).toEqual([3, 4]);
  expect(await model.own.data()).toEqual(new Float32Array([3, 3.5]));
});

test('a metric whose sum is a view of a parameter shows what it was before the step', async () => {
  const model = new Holder([[2, 3]]);
  const bias = { name: 'second', measure: () => ({ sum: model.own.slice(1, 2).reshape([]) as Tensor<readonly [], 'float32'>, count: 1 }) };
  const points = data.fromArrays({ x: [[1, 1]], y: [[0, 0]], shape: [2], targetShape: [2] });
  const trainer = new Trainer(model as never, { loss: (outputs: Tensor) => squares(outputs), optimizer: optim.sgd(model.parameters(), { lr: 0.25 }), metrics: [bias] } as never);
  const history = await trainer.fit(points as never, { epochs: 2, batchSize: 1 });
  expect(history.map((record) => (record as unknown as { second: number }).second)).toEqual([3, 1.5]);
});

test.each([[[]], [[1]]])('each of two parameters of shape %j, whose gradients are one another, moves by what the other was', async (shape) => {
  const train = async (make: (model: Holder) => ReturnType<typeof optim.sgd>[]): Promise<number[]> => {
    const model = new Holder([[2], shape], [[3], shape]);
    const optimizers = make(model);
    const loss = model.owns[0]!.mul(model.owns[1]!) as Tensor;
    loss.backward();
    for (const optimizer of optimizers) await optimizer.step();
    return [await model.owns[0]!.item(), await model.owns[1]!.item(), await loss.item()].map((value) => Math.round(value * 1e4) / 1e4);
  };
  const expected = [1.7, 2.8, 6];
  expect(await train((model) => [optim.sgd(model.parameters(), { lr: 0.1 })])).toEqual(expected);
  expect(await train((model) => [optim.sgd(model.parameters(), { lr: 0.1, groups: [{ match: /0$/, lr: 0.1 }] })])).toEqual(expected);
  expect(await train((model) => model.owns.map((own) => optim.sgd([own], { lr: 0.1 })))).toEqual(expected);
  const exchange = defineOp({ name: 'product', forward: (a, b) => a!.mul(b!), gradient: (_, [a, b]) => [b, a] });
  const model = new Holder([[2], shape], [[3], shape]);
  const optimizer = optim.sgd(model.parameters(), { lr: 0.1, groups: [{ match: /0$/, lr: 0.1 }] });
  exchange(model.owns[0]!, model.owns[1]!).backward();
  await optimizer.step();
  expect(await model.owns[1]!.item()).toBeCloseTo(2.8, 6);
});

test('a loss of one element in any shape trains, and is read after its step', async () => {
  for (const lossOf of [(p: Tensor) => p.mul(p as never), (p: Tensor) => p.expand([1, 1]), (p: Tensor) => p] as ((p: Tensor) => Tensor)[]) {
    const model = new Holder([[2]]);
    const optimizer = optim.sgd(model.parameters(), { lr: 0.5 });
    const loss = lossOf(model.own as Tensor);
    const expected = loss === (model.own as Tensor) ? undefined : await loss.item();
    loss.backward();
    await optimizer.step();
    if (expected !== undefined) expect(await loss.item()).toBe(expected);
    expect(await model.own.item()).toBeLessThan(2);
  }
});

test('the memory of an optimizer, seen before a step, is what it was', async () => {
  const model = new Holder([[2, 4]]);
  const optimizer = optim.adam(model.parameters(), { lr: 0.1, clip: { globalNorm: 100 }, average: optim.exponentialMovingAverage() });
  const step = async (): Promise<void> => {
    squares(model.own as Tensor).backward();
    await optimizer.step();
  };
  await step();
  const arrays = [...optimizer.stateDict().values()].filter((state): state is Tensor => 'keep' in state);
  const before = await Promise.all(arrays.map((array) => array.data()));
  const kept = arrays.map((array) => array.detach().keep());
  const sums = arrays.map((array) => array.sum());
  await step();
  expect(arrays.length).toBe(3);
  expect(await Promise.all(kept.map((array) => array.data()))).toEqual(before);
  for (const [i, sum] of sums.entries()) expect(await sum.item()).toBeCloseTo([...before[i]!].reduce((a, b) => a + b, 0), 5);
});

test('loading, and averages in the place of weights, change nothing that was kept or is a scalar', async () => {
  const model = new Holder([[2, 4]]);
  const optimizer = optim.sgd(model.parameters(), { lr: 0.1, average: optim.exponentialMovingAverage({ decay: 0.5 }) });
  const step = async (): Promise<void> => {
    squares(model.own as Tensor).backward();
    await optimizer.step();
  };
  const first = [model.own.detach().keep(), model.own.sum()] as const;
  await model.loadStateDict(new Map([['owns.0', tensor([1, 3])]]));
  expect([[...(await first[0].data())], await first[1].item()]).toEqual([[2, 4], 6]);
  await step();
  await step();
  const now = await model.own.data();
  const second = [model.own.detach().keep(), model.own.sum()] as const;
  await optimizer.withAverage(() => undefined);
  await step();
  expect(await second[0].data()).toEqual(now);
  expect(await second[1].item()).toBeCloseTo(now[0]! + now[1]!, 6);
});

test('a gradient that was looked at stays what it was when another backward() adds to it', async () => {
  const model = new Holder([[2, 4]]);
  const optimizer = optim.sgd(model.parameters(), { lr: 0.5 });
  squares(model.own as Tensor).backward();
  const first = model.own.grad!;
  const sum = first.sum();
  model.own.mul(3).sum().backward();
  const both = model.own.grad!;
  expect([[...(await first.data())], [...(await both.data())]]).toEqual([[4, 8], [7, 11]]);
  const later = both.sum();
  await optimizer.step();
  expect([await sum.item(), await later.item()]).toEqual([12, 18]);
  expect([...(await model.own.data())]).toEqual([-1.5, -1.5]);
  squares(model.own as Tensor).backward();
  const forgotten = model.own.grad!.sum();
  optimizer.zeroGrad();
  expect(await forgotten.item()).toBe(-6);
});

test('keep() and scalars are not forgotten, however many there are in a step', async () => {
  const model = new Holder([[2, 3]]);
  const optimizer = optim.sgd(model.parameters(), { lr: 0.1 });
  const kept = model.own.mul(2).keep();
  const scalars = Array.from({ length: 3000 }, (_, i) => model.own.mul(i).sum());
  squares(model.own as Tensor).backward();
  await optimizer.step();
  expect([...(await kept.data())]).toEqual([4, 6]);
  for (const i of [0, 1, 1023, 1024, 2999]) expect(await scalars[i]!.item()).toBe(5 * i);
});

test('what backward() asked for and zeroGrad() forgot does not come back with the next backward() of the same forward pass', async () => {
  const model = new Holder([[2], []], [[3], []]);
  const [a, b] = model.owns.map((own) => optim.sgd([own], { lr: 0.1 }));
  const product = model.owns[0]!.mul(model.owns[1]!);
  product.mul(10).backward();
  a!.zeroGrad();
  product.mul(1).backward();
  await a!.step();
  await b!.step();
  expect(await model.owns[0]!.item()).toBeCloseTo(2 - 0.1 * 3, 5);
  expect(await model.owns[1]!.item()).toBeCloseTo(3 - 0.1 * (10 + 1) * 2, 5);
});

test('in debug mode, too, a tensor is gone after its step, unless it was kept', async () => {
  const { model, optimizer, batch } = classifier();
  const output = model.forward(batch(4).x);
  output.mul(output).mean().backward();
  expect((await output.data()).length).toBe(12);
  await optimizer.step();
  expect(await failure(() => output.data())).toMatchObject({ code: 'ANNEAL_STALE_TENSOR' });
});

test('scalars of another model, unread for many steps, cost those steps nothing and are what they were when their own model moves', async () => {
  const [one, other] = [new Holder([[1, 2]]), new Holder([[3, 4]])];
  const [first, second] = [one, other].map((model) => optim.sgd(model.parameters(), { lr: 1 }));
  const step = async (model: Holder, optimizer: optim.Optimizer): Promise<void> => {
    optimizer.zeroGrad();
    squares(model.own as Tensor).backward();
    await optimizer.step();
  };
  const read = squares(other.own as Tensor);
  const kept = (other.own as Tensor).mul(10).keep() as Tensor;
  const unread = Array.from({ length: 1500 }, (_, i) => (other.own as Tensor).sum().mul(i) as Tensor);
  for (let i = 0; i < 3; i++) await step(one, first!);
  expect(pendingOutputs()).not.toContain(unread[0]);
  expect(pendingOutputs().length).toBeLessThan(10);
  expect(await read.item()).toBe(25);
  await step(other, second!);
  expect(await Promise.all([unread[0]!, unread[1]!, unread[1499]!].map((scalar) => scalar.item()))).toEqual([0, 7, 7 * 1499]);
  expect([...(await kept.data())]).toEqual([30, 40]);
});
